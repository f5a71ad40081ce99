// Starts the board: who is signed in sees their view, everybody else the page to sign in.

import { Api } from "./api.js";
import { Coordinator } from "./coordinator.js";
import { announce, el } from "./dom.js";
import { Family } from "./family.js";
import { language, otherLanguage, setLanguage, setTimeZone, t, translatePage, word } from "./language.js";
import { Live } from "./live.js";
import { SignIn } from "./sign_in.js";

const VIEWS = { coordinator: Coordinator, admin: Coordinator, family: Family };

const configuration = await (await fetch("configuration.json")).json();
setTimeZone(configuration.time_zone);

const api = new Api(configuration.api);
const main = document.getElementById("main");
const connection = document.getElementById("connection");
const person = document.getElementById("person");
const out = document.getElementById("sign-out");
const switcher = document.getElementById("language");
let view;
let live;
let state = "connecting";

function open(made, { focus = true } = {}) {
  view = made;
  main.replaceChildren(view.element);
  show();
  if (focus) main.focus();
}

function show() {
  translatePage();
  document.title = view.title ? `${view.title} – ${t("board")}` : t("board");
  switcher.textContent = t("other_language");
  switcher.lang = otherLanguage();
  const user = api.user;
  for (const node of [person, out, connection]) node.hidden = !user;
  person.textContent = user ? `${user.first_name} ${user.last_name}, ${word("role", user.role)}` : "";
  showState(state);
  view.show();
}

function showState(now) {
  if (now !== state && api.user) announce(t(`state_long.${now}`));
  state = now;
  connection.className = `connection ${now}`;
  connection.replaceChildren(el("span", { class: "dot", "aria-hidden": "true" }), t(`state.${now}`));
  connection.title = t(`state_long.${now}`);
}

function enter({ focus } = {}) {
  const user = api.user;
  setLanguage(user.locale);
  const View = VIEWS[user.role];
  if (!View) {
    // A caregiver works on the phone.
    api.signOut().catch(() => {});
    return leave(t("not_for_you"));
  }
  open(new View(api), { focus });
  live = new Live(api, {
    onready: () => view.onchange(null), onchange: (kinds) => view.onchange(kinds), onstate: showState,
  });
  live.start();
}

function leave(notice) {
  live?.stop();
  live = undefined;
  state = "connecting";
  open(new SignIn(api, configuration, { notice, onsignin: () => enter() }));
}

api.onended = () => leave(t("session_ended"));

out.addEventListener("click", async () => {
  live?.stop();
  await api.signOut().catch(() => {});
  leave(t("signed_out"));
});

switcher.addEventListener("click", () => {
  setLanguage(otherLanguage(), { keep: true });
  show();
  announce(language() === "fr-CA" ? "Français" : "English");
});

if (api.user) enter({ focus: false });
else open(new SignIn(api, configuration, { onsignin: () => enter() }), { focus: false });
