// What a family member sees: the visits of whom they follow, what was done and shared, and who looked.

import { el } from "./dom.js";
import { clockTime, dayAndTime, language, longDay, t, timeSpan, word } from "./language.js";
import { Section } from "./section.js";

export class Family {
  #api;
  #clients = [];
  #isRead = false;
  #title = el("h1", {});
  #note = el("p", { class: "empty" });
  #parts = el("div", { class: "clients" });
  element = el("div", { class: "family" }, this.#title, this.#note, this.#parts);

  constructor(api) {
    this.#api = api;
  }

  get title() {
    const names = this.#clients.map((client) => client.name);
    return names.length === 1 ? t("family_of", { name: names[0] }) : t("family");
  }

  show() {
    this.#title.textContent = this.title;
    this.#note.textContent = t(this.#isRead ? "family_nobody" : "reading");
    this.#note.hidden = this.#clients.length > 0;
    for (const client of this.#clients) client.show();
  }

  onchange(kinds) {
    if (kinds === null) return this.#load();
    for (const client of this.#clients) client.refresh(kinds);
  }

  async #load() {
    try {
      const clients = await this.#api.list("/family/clients");
      const known = new Map(this.#clients.map((client) => [client.id, client]));
      this.#clients = clients.map((one) => known.get(one.id) ?? new Followed(this.#api, one, clients.length > 1));
      this.#isRead = true;
      this.#parts.replaceChildren(...this.#clients.map((client) => client.element));
      for (const client of this.#clients) client.refresh(null);
      this.show();
    } catch (problem) {
      if (problem.status === undefined) throw problem;
    }
  }
}

/** One client whom the family follows. */
class Followed {
  #api;
  #view;
  #sections;

  constructor(api, { id, first_name }, hasHeading) {
    this.#api = api;
    this.id = id;
    this.name = first_name;
    const level = hasHeading ? 3 : 2;
    // What comes soonest, or was last, stands first.
    const visits = (name, later, shows) => new Section({
      name, kinds: ["visit"], level, make: makeVisit, load: async () => (await this.#read()).visits.filter(shows)
        .sort((one, other) => later * one.scheduled_start.localeCompare(other.scheduled_start))
        .map((visit) => ({ ...visit, key: visit.id })),
    });
    const isToCome = ({ status }) => ["scheduled", "in_progress"].includes(status);
    const coming = visits("coming", 1, isToCome);
    const past = visits("past", -1, (visit) => !isToCome(visit));
    const photos = new Section({
      name: "photos", kinds: ["visit"], level, make: makePhoto, load: () => this.#photos(),
    });
    const looked = new Section({
      name: "looked", kinds: [], level, make: makeLine,
      load: async () => {
        const path = `/family/clients/${id}/access-log?limit=10&locale=${language()}`;
        return (await api.ask("GET", path)).items.map((line, place) => ({ ...line, key: `${line.at}-${place}` }));
      },
    });
    this.#sections = [coming, past, photos, looked];
    this.element = el("div", { class: "client" }, hasHeading && el("h2", {}, first_name),
      el("div", { class: "columns" },
        el("div", { class: "column" }, coming.element, looked.element),
        el("div", { class: "column" }, photos.element, past.element)));
  }

  show() {
    for (const section of this.#sections) section.show();
    // Who looked is told by the API in words of that language.
    if (this.language && this.language !== language()) this.#sections.at(-1).refresh();
    this.language = language();
  }

  refresh(kinds) {
    this.#view = undefined;
    for (const section of this.#sections) if (section.concerns(kinds)) section.refresh();
  }

  /** Read once for all sections. */
  #read() {
    this.#view ??= this.#api.ask("GET", `/family/clients/${this.id}`);
    return this.#view;
  }

  async #photos() {
    const { photos } = await this.#read();
    return Promise.all(photos.map(async (photo) => {
      const { download } = await this.#api.ask("GET", `/photos/${photo.id}?size=thumbnail`);
      return { ...photo, key: photo.id, url: download?.url };
    }));
  }
}

function makeVisit(visit) {
  const times = timeSpan(visit.scheduled_start, visit.scheduled_end);
  const started = visit.status === "in_progress" && visit.actual_start;
  return el("li", { class: `card visit-card ${visit.status}` },
    el("h3", {}, longDay(visit.scheduled_start), " ", el("span", { class: `chip ${visit.status}` },
      word("visit_status", visit.status))),
    el("p", { class: "who" }, `${times} · ${visit.caregiver_first_name}`),
    started && el("p", { class: "meta" }, t("there_since", { at: clockTime(visit.actual_start) })),
    visit.family_note && el("blockquote", {}, visit.family_note),
    visit.tasks_done.length > 0 && el("p", { class: "meta" }, t("done_there", { tasks: visit.tasks_done.join(", ") })));
}

function makePhoto({ url, caption, taken_at }) {
  return el("li", { class: "card" },
    el("figure", {}, url && el("img", { src: url, alt: caption || t("photo_alt"), loading: "lazy" }),
      el("figcaption", {}, [caption, taken_at && dayAndTime(taken_at)].filter(Boolean).join(", "))));
}

function makeLine({ who, what, at }) {
  return el("li", { class: "line" }, el("time", { datetime: at }, dayAndTime(at)), " ",
    t("looked_line", { who, what }));
}
