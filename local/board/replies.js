// What families wrote by SMS and a person has to read: answered, or closed.

import { act } from "./acts.js";
import { announce, button, el } from "./dom.js";
import { openForm } from "./dialog.js";
import { moment, t, word } from "./language.js";
import { Section } from "./section.js";

export class Replies extends Section {
  #api;
  #people;
  #known = null;

  constructor(api, people) {
    super({
      name: "replies", kinds: ["reply"], load: () => this.#load(), make: (reply) => this.#make(reply),
      onload: (replies) => this.#tell(replies),
    });
    this.#api = api;
    this.#people = people;
  }

  async #load() {
    const replies = await this.#api.list("/replies");
    const open = replies.filter(({ status }) => status !== "closed");
    return Promise.all(open.map(async (reply) => ({
      ...reply,
      key: reply.id,
      who: (await this.#people.user(reply.user_id)) ?? reply.sender,
      client: await this.#people.client(reply.client_id),
      answerer: await this.#people.user(reply.answered_by),
    })));
  }

  #tell(replies) {
    const news = this.#known ? replies.filter((reply) => !this.#known.has(reply.id)) : [];
    this.#known = new Set(replies.map((reply) => reply.id));
    if (news.length) announce(news.map(({ who }) => t("reply_new", { who })).join(". "));
  }

  #make(reply) {
    const { who, client } = reply;
    // An API that doesn't know yet whether a message was dealt with can't close it either.
    const acts = reply.status !== undefined && el("div", { class: "buttons" },
      !reply.answer && button(t("answer"), () => this.#answer(reply),
        { action: "answer", style: "main", label: t("answer_label", { who }) }),
      button(t("close"), () => act(this, () => this.#api.ask("POST", `/replies/${reply.id}/close`), t("closed")),
        { action: "close", label: t("close_label", { who }) }));
    return el("li", { class: "card" },
      el("h3", {}, who, " ", el("span", { class: "chip" }, word("intent", reply.intent))),
      client && el("p", { class: "who" }, client),
      el("blockquote", {}, reply.body),
      el("p", { class: "meta" }, moment(reply.received_at)),
      reply.answer && el("p", {}, t("answer_of", { who: reply.answerer, answer: reply.answer })),
      acts);
  }

  async #answer({ id, who, body }) {
    const done = await openForm({
      title: t("answer_title", { who }),
      intro: [`“${body}”`],
      fields: [{
        name: "text", label: t("answer_text"), type: "textarea", required: true, maxlength: 300, hint: t("answer_hint"),
      }],
      confirm: t("send"),
      submit: ({ text }) => this.#api.ask("POST", `/replies/${id}/answer`, { text }),
    });
    if (!done) return;
    announce(t("answered"));
    await this.refresh();
  }
}
