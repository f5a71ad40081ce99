// A day's visits by caregiver; those that have not begun can be moved, given to somebody else, or cancelled.

import { announce, button, el } from "./dom.js";
import { openForm } from "./dialog.js";
import { bounds, clockTime, day, fields, instant, longDay, t, timeSpan, timeZone, word } from "./language.js";
import { fullName } from "./people.js";
import { Section } from "./section.js";

export class Visits extends Section {
  #api;
  #people;
  #day = day(Date.now());
  #caption = el("p", { class: "meta", "aria-live": "polite" });
  #days = el("div", { class: "buttons" });

  constructor(api, people) {
    super({
      name: "visits", kinds: ["visit"], load: () => this.#load(), make: (caregiver) => this.#makeCaregiver(caregiver),
      count: (caregivers) => caregivers.reduce((sum, { visits }) => sum + visits.length, 0),
    });
    this.#api = api;
    this.#people = people;
    this.title.after(el("div", { class: "days" }, this.#caption, this.#days));
  }

  show() {
    this.#caption.textContent = t("visits_of", { day: longDay(instant(`${this.#day}T12:00`)) });
    this.#days.replaceChildren(
      button("←", () => this.#go(-1), { label: t("earlier_day") }),
      button(t("this_day"), () => this.#go(0)),
      button("→", () => this.#go(1), { label: t("later_day") }),
    );
    super.show();
  }

  #go(days) {
    const noon = instant(`${this.#day}T12:00`).getTime() + days * 86_400_000;
    this.#day = day(days ? noon : Date.now());
    this.#caption.textContent = t("visits_of", { day: longDay(instant(`${this.#day}T12:00`)) });
    return this.refresh();
  }

  async #load() {
    const visits = await this.#api.list("/visits", bounds(this.#day));
    for (const { client, client_id } of visits) this.#people.knowClient(client_id, fullName(client));
    const caregivers = new Map();
    for (const visit of visits) {
      const known = caregivers.get(visit.user_id);
      const entry = known ?? { key: visit.user_id, name: fullName(visit.caregiver), visits: [] };
      entry.visits.push(visit);
      caregivers.set(visit.user_id, entry);
    }
    return [...caregivers.values()].sort((one, other) => one.name.localeCompare(other.name));
  }

  #makeCaregiver({ key, name, visits }) {
    const id = `caregiver-${key}`;
    return el("li", { class: "caregiver" },
      el("h3", { id }, name, " ", el("span", { class: "count" }, visits.length)),
      el("ul", { class: "visits-of", "aria-labelledby": id }, visits.map((visit) => this.#makeVisit(visit))));
  }

  #makeVisit(visit) {
    const client = fullName(visit.client);
    const at = clockTime(visit.scheduled_start);
    const acts = visit.status === "scheduled" && el("div", { class: "buttons" },
      button(t("move"), () => this.#move(visit.id), { action: "move", label: t("move_label", { client, at }) }),
      button(t("cancel"), () => this.#cancel(visit), { action: "cancel", label: t("cancel_label", { client, at }) }));
    return el("li", { class: `visit ${visit.status}`, "data-key": visit.id },
      el("p", { class: "times" }, timeSpan(visit.scheduled_start, visit.scheduled_end)),
      el("div", {},
        el("p", { class: "who" }, client),
        el("p", { class: "meta" },
          el("span", { class: `chip ${visit.status}` }, word("visit_status", visit.status)), " ",
          visit.flags.flatMap((flag) => [el("span", { class: "chip flag" }, word("flag", flag)), " "]),
          details(visit).join(" · "))),
      acts);
  }

  /** Reads the visit first: the change is made to what was read, or not at all. */
  async #move(id) {
    const path = `/visits/${id}`;
    let read;
    let caregivers;
    try {
      [read, caregivers] = await Promise.all([this.#api.read("GET", path), this.#people.caregivers()]);
    } catch {
      return this.refresh();
    }
    const visit = read.body;
    const before = asFields(visit);
    const zone = t("time_zone", { zone: timeZone() });
    const done = await openForm({
      title: t("move_title", { client: fullName(visit.client) }),
      fields: [
        {
          name: "user_id", label: t("caregiver"), type: "select", value: before.user_id,
          options: caregivers.map((one) => ({ value: one.id, text: `${fullName(one)}, ${word("role", one.role)}` })),
        },
        { name: "start", label: t("start"), type: "datetime-local", value: before.start, required: true },
        { name: "end", label: t("end"), type: "datetime-local", value: before.end, required: true, hint: zone },
      ],
      confirm: t("move").replace(" …", ""),
      submit: async ({ user_id, start, end, allow_overlap }) => {
        const body = {
          user_id, scheduled_start: instant(start).toISOString(), scheduled_end: instant(end).toISOString(),
          ...(allow_overlap && { allow_overlap }),
        };
        try {
          await this.#api.read("PATCH", path, { body, ifMatch: read.etag });
        } catch (problem) {
          // Who has seen what it was changed to may change it again.
          if (problem.status === 412) {
            read = await this.#api.read("GET", path);
            problem.values = asFields(read.body);
          }
          if (problem.type.endsWith("overlap")) {
            problem.fields = [{ name: "allow_overlap", label: t("allow_overlap"), type: "checkbox" }];
          }
          throw problem;
        }
      },
    });
    if (!done) return;
    announce(t("moved"));
    await this.refresh();
  }

  async #cancel({ id, client }) {
    const done = await openForm({
      title: t("cancel_title", { client: fullName(client) }),
      fields: [{ name: "reason", label: t("reason"), type: "textarea", required: true, maxlength: 500 }],
      confirm: t("cancel_confirm"),
      danger: true,
      submit: ({ reason }) => this.#api.ask("POST", `/visits/${id}/cancel`, { reason }),
    });
    if (!done) return;
    announce(t("cancelled"));
    await this.refresh();
  }
}

const asFields = ({ user_id, scheduled_start, scheduled_end }) =>
  ({ user_id, start: fields(scheduled_start), end: fields(scheduled_end) });

function details({ status, tasks, actual_start, actual_end, cancel_reason }) {
  const done = tasks.filter((task) => task.completed).length;
  return [
    status === "cancelled" && cancel_reason && t("because", { reason: cancel_reason }),
    status === "in_progress" && t("there_since", { at: clockTime(actual_start) }),
    status === "completed" && actual_start && actual_end
      && t("was_there", { span: timeSpan(actual_start, actual_end) }),
    tasks.length > 0 && status !== "cancelled" && t(status === "scheduled" ? "tasks" : "to_do",
      { done, all: tasks.length }),
  ].filter(Boolean);
}
