// A list of the board with its heading: it reads itself anew when told, and says when it can't.

import { button, el, showList } from "./dom.js";
import { t } from "./language.js";
import { sentence } from "./problems.js";

export class Section {
  #options;
  #items = [];
  #isRead = false;
  #loading;
  #again = false;
  #heading;
  #count;
  #list;
  #empty;
  #fault;

  /** `load()` answers items with a `key`, `make(item)` shows one, `kinds` are the events that mean a change here. */
  constructor({ name, kinds, load, make, onload = () => {}, count = (items) => items.length, level = 2 }) {
    this.#options = { name, kinds, load, make, onload, count };
    const id = `section-${name}`;
    this.#heading = el("span", {}, t(name));
    this.#count = el("span", { class: "count" });
    this.#list = el("ul", { class: "cards" });
    this.#empty = el("p", { class: "empty" }, t("reading"));
    this.#fault = el("p", { class: "fault", hidden: true });
    const title = el(`h${level}`, { id, tabindex: "-1" }, this.#heading, " ", this.#count);
    this.element = el("section", { class: `panel ${name}`, "aria-labelledby": id }, title, this.#empty, this.#fault,
      this.#list);
    this.title = title;
  }

  get items() {
    return this.#items;
  }

  /** Whether one of these events, or anything, changes what is shown. */
  concerns(kinds) {
    return kinds === null || this.#options.kinds.some((kind) => kinds.has(kind));
  }

  /** Reads it anew; once more where it was asked for meanwhile. */
  refresh() {
    if (this.#loading) {
      this.#again = true;
      return this.#loading;
    }
    this.#loading = this.#load().finally(() => {
      this.#loading = undefined;
      if (this.#again) {
        this.#again = false;
        return this.refresh();
      }
    });
    return this.#loading;
  }

  async #load() {
    try {
      const items = await this.#options.load();
      const before = this.#items;
      this.#items = items;
      this.#isRead = true;
      this.#fault.hidden = true;
      this.element.hidden = false;
      this.show();
      this.#options.onload(items, before);
    } catch (problem) {
      // A path that this release of the API doesn't have: nothing to show, and no fault of anybody's.
      if (problem.status === 404) {
        this.element.hidden = true;
        return;
      }
      if (problem.status === 401) return;
      this.#fault.replaceChildren(
        t("not_read", { reason: sentence(problem) }), " ", button(t("again"), () => this.refresh()),
      );
      this.#fault.hidden = false;
    }
  }

  /** Draws what is known, in the language of the moment. */
  show() {
    this.#heading.textContent = t(this.#options.name);
    this.#count.textContent = String(this.#options.count(this.#items) || "");
    this.#empty.textContent = t(this.#isRead ? `${this.#options.name}_none` : "reading");
    this.#empty.hidden = this.#items.length > 0;
    showList(this.#list, this.#items, this.#options.make, this.title);
  }
}
