// What phones sent and the server could not take: accepted, corrected where it must be, or dismissed with a reason.

import { act } from "./acts.js";
import { announce, button, el } from "./dom.js";
import { openForm } from "./dialog.js";
import { moment, t, word } from "./language.js";
import { Section } from "./section.js";

// What no person corrects: ids, and the phone's own notes.
const TECHNICAL = /^_|^id$|_id$|^(created_at|updated_at|written_by)$/;

export class Refusals extends Section {
  #api;
  #people;

  constructor(api, people) {
    super({
      name: "refusals", kinds: ["refusal", "untold"], load: () => this.#load(), make: (refusal) => this.#make(refusal),
    });
    this.#api = api;
    this.#people = people;
  }

  async #load() {
    const refusals = await this.#api.list("/refusals");
    return Promise.all(refusals.map(async (refusal) => ({
      ...refusal,
      key: refusal.id,
      who: await this.#people.user(refusal.written_by ?? refusal.user_id),
      client: await this.#people.client(refusal.client_id),
    })));
  }

  #make(refusal) {
    const { who, client } = refusal;
    const table = word("table", refusal.table);
    return el("li", { class: "card" },
      el("h3", {}, t("refusal_from", { who, table })),
      client && el("p", { class: "who" }, client),
      el("p", {}, t("refusal_why", { reason: refusal.reason })),
      el("p", { class: "meta" }, moment(refusal.created_at)),
      el("div", { class: "buttons" },
        button(t("accept"), () => this.#accept(refusal),
          { action: "accept", style: "main", label: t("accept_label", { who }) }),
        button(t("dismiss"), () => this.#dismiss(refusal),
          { action: "dismiss", label: t("dismiss_label", { who }) })));
  }

  /** Reads it first, which notes who has looked at it; then asks for what is to be stored instead. */
  async #accept({ id }) {
    let refusal;
    try {
      refusal = await this.#api.ask("GET", `/refusals/${id}`);
    } catch {
      return act(this, () => this.#api.ask("GET", `/refusals/${id}`), "");
    }
    const columns = Object.entries(refusal.record ?? {}).filter(([name]) => !TECHNICAL.test(name));
    const values = typeof refusal.record === "object" ? columns : [];
    const done = await openForm({
      title: t("accept_title"),
      intro: [t("refusal_why", { reason: refusal.reason }), t("accept_intro")],
      fields: [
        ...values.map(([name, value]) => ({
          name, label: word("column", name), type: "text", value: value === null ? "" : String(value),
        })),
        { name: "_reason", label: t("accept_reason"), type: "text", maxlength: 1000, hint: t("accept_reason_hint") },
      ],
      confirm: t("accept").replace(" …", ""),
      submit: (given) => {
        const changed = values.filter(([name, value]) => given[name] !== (value === null ? "" : String(value)));
        const record = Object.fromEntries(changed.map(([name, value]) => [name, typed(given[name], value)]));
        const body = { ...(changed.length && { record }), ...(given._reason && { reason: given._reason }) };
        return this.#api.ask("POST", `/refusals/${id}/accept`, body);
      },
    });
    if (!done) return;
    announce(t("accepted"));
    await this.refresh();
  }

  async #dismiss({ id, reason: why }) {
    const done = await openForm({
      title: t("dismiss_title"),
      intro: [t("refusal_why", { reason: why })],
      fields: [{
        name: "reason", label: t("reason"), type: "textarea", required: true, maxlength: 1000, hint: t("dismiss_hint"),
      }],
      confirm: t("dismiss").replace(" …", ""),
      danger: true,
      submit: ({ reason }) => this.#api.ask("POST", `/refusals/${id}/dismiss`, { reason }),
    });
    if (!done) return;
    announce(t("dismissed"));
    await this.refresh();
  }
}

/** What was typed, as the kind of value that the phone sent. */
function typed(text, before) {
  if (text === "") return null;
  if (typeof before === "number" && !Number.isNaN(Number(text))) return Number(text);
  if (typeof before === "boolean") return text === "true";
  return text;
}
