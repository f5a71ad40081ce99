// The page to sign in: as somebody of the demo agency by one click, or by email and password.

import { button, el } from "./dom.js";
import { t, word } from "./language.js";
import { sentence } from "./problems.js";

export class SignIn {
  #api;
  #configuration;
  #notice;
  #onsignin;
  element = el("div", { class: "sign-in" });

  constructor(api, configuration, { notice = "", onsignin }) {
    this.#api = api;
    this.#configuration = configuration;
    this.#notice = notice;
    this.#onsignin = onsignin;
  }

  show() {
    const { people, password } = this.#configuration;
    const fault = el("p", { class: "fault", role: "alert" });
    const enter = async (credentials) => {
      fault.textContent = "";
      try {
        await this.#api.signIn(credentials);
      } catch (problem) {
        fault.textContent = sentence(problem);
        return;
      }
      this.#onsignin();
    };
    const demo = people.map((one) =>
      el("li", {}, button(`${one.first_name} ${one.last_name}, ${word("role", one.role)}`,
        () => enter({ email: one.email, password }), { action: one.email, style: "main wide" })));
    this.element.replaceChildren(
      el("h1", {}, t("board")),
      this.#notice ? el("p", { class: "notice", role: "status" }, this.#notice) : "",
      el("p", { class: "intro" }, t("intro")),
      el("section", { "aria-labelledby": "play" }, el("h2", { id: "play" }, t("play")),
        el("ul", { class: "people" }, demo)),
      el("section", { "aria-labelledby": "own" }, el("h2", { id: "own" }, t("or")), this.#form(enter)),
      fault,
    );
  }

  #form(enter) {
    const field = (name, type, autocomplete, hint) => {
      const input = el("input", {
        id: `own-${name}`, name, type, autocomplete, required: name !== "totp",
        "aria-describedby": hint && `${name}-hint`,
      });
      const label = el("label", { for: input.id }, t(name === "totp" ? "code" : name));
      return el("div", { class: "field" }, label, input, hint && el("p", { class: "hint", id: `${name}-hint` }, hint));
    };
    const form = el("form", {}, field("email", "email", "username"), field("password", "password", "current-password"),
      field("totp", "text", "one-time-code", t("code_hint")),
      el("button", { type: "submit", class: "quiet" }, t("sign_in")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      enter(Object.fromEntries(new FormData(form)));
    });
    return form;
  }
}
