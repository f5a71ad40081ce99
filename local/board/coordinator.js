// A coordinator's day: what needs somebody, today's visits, who is online.

import { Alerts } from "./alerts.js";
import { Conflicts } from "./conflicts.js";
import { el } from "./dom.js";
import { t } from "./language.js";
import { People } from "./people.js";
import { Presence } from "./presence.js";
import { Refusals } from "./refusals.js";
import { Replies } from "./replies.js";
import { Visits } from "./visits.js";

export class Coordinator {
  #parts;
  #title = el("h1", { class: "unseen" });

  constructor(api) {
    const people = new People(api);
    const visits = new Visits(api, people);
    const inboxes = [Alerts, Refusals, Conflicts, Replies].map((Inbox) => new Inbox(api, people));
    const presence = new Presence(api, people);
    this.#parts = [visits, ...inboxes, presence];
    this.element = el("div", { class: "day" },
      this.#title,
      el("div", { class: "inboxes" }, inboxes.map((inbox) => inbox.element)),
      el("div", { class: "plan" }, visits.element),
      el("aside", { class: "colleagues", "aria-labelledby": "section-presence" }, presence.element));
  }

  get title() {
    return t("today");
  }

  /** Draws everything in the language of the moment. */
  show() {
    this.#title.textContent = t("today");
    for (const part of this.#parts) part.show();
  }

  onchange(kinds) {
    for (const part of this.#parts) if (part.concerns(kinds)) part.refresh();
  }
}
