// Records that a phone and somebody else changed at once, where a machine may not choose.

import { act } from "./acts.js";
import { button, el } from "./dom.js";
import { moment, t, word } from "./language.js";
import { Section } from "./section.js";

export class Conflicts extends Section {
  #api;
  #people;

  constructor(api, people) {
    super({
      name: "conflicts", kinds: ["conflict"], load: () => this.#load(), make: (conflict) => this.#make(conflict),
    });
    this.#api = api;
    this.#people = people;
  }

  async #load() {
    const conflicts = await this.#api.list("/conflicts");
    return Promise.all(conflicts.map(async (conflict) => ({
      ...conflict,
      key: conflict.id,
      client: await this.#people.client(conflict.client_id),
      server: await this.#people.user(conflict.server_user_id),
      device: await this.#people.user(conflict.device_user_id),
    })));
  }

  #make(conflict) {
    const column = word("column", conflict.column);
    const keep = (choice, style) => {
      const text = t(`keep_${choice}`);
      return button(text,
        () => act(this, () => this.#api.ask("POST", `/conflicts/${conflict.id}/resolve`, { keep: choice }), t("kept")),
        { action: `keep-${choice}`, style, label: t("keep_label", { what: text, column }) });
    };
    const side = (name, title, who, value) => el("div", { class: "side" },
      el("dt", {}, who ? t("conflict_by", { side: title, who }) : title, conflict.stored_side === name
        && [" ", el("span", { class: "chip" }, word("side", name))]),
      el("dd", {}, readable(value)));
    const deleted = conflict.stored_side === "deleted";
    return el("li", { class: "card" },
      el("h3", {}, t("conflict_of", { column, record: word("table", conflict.table) })),
      el("p", { class: "who" }, conflict.client),
      el("p", { class: "meta" }, moment(conflict.created_at), deleted && ` · ${word("side", "deleted")}`),
      el("dl", { class: "sides" },
        side("server", t("conflict_server"), conflict.server, conflict.server_value),
        side("device", t("conflict_device"), conflict.device, conflict.device_value)),
      el("div", { class: "buttons" }, !deleted && [keep("server", "main"), keep("device", "main")],
        keep("current", "quiet")));
  }
}

/** A value of any column as a person reads it. */
function readable(value) {
  if (value === null || value === "") return t("none");
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (typeof value === "object") {
    return Object.entries(value).map(([name, one]) => `${word("column", name)}: ${measured(one)}`).join("; ");
  }
  return String(value);
}

function measured(value) {
  if (value === null || typeof value !== "object") return String(value);
  const { unit, ...numbers } = value;
  return [Object.values(numbers).join("/"), unit].filter(Boolean).join(" ");
}
