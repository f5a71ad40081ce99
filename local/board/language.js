// The two languages of the board, and how each writes times and names.

import { en } from "./texts/en.js";
import { fr } from "./texts/fr.js";

const LANGUAGES = { "en-CA": en, "fr-CA": fr };
const KEPT = "board-language";

let zone = "America/Toronto";
let tag = localStorage.getItem(KEPT) ?? (navigator.language.startsWith("fr") ? "fr-CA" : "en-CA");

export const language = () => tag;
export const otherLanguage = () => (tag === "en-CA" ? "fr-CA" : "en-CA");
export const timeZone = () => zone;

export function setTimeZone(name) {
  zone = name;
}

/** Changes the language; `keep` also for the next visit. */
export function setLanguage(wanted, { keep = false } = {}) {
  if (!keep && localStorage.getItem(KEPT)) return;
  tag = wanted in LANGUAGES ? wanted : "en-CA";
  if (keep) localStorage.setItem(KEPT, tag);
}

/** The text of that name, with `{word}` replaced by `values.word`; the name itself where there is none. */
export function t(name, values = {}, inLanguage = tag) {
  const text = LANGUAGES[inLanguage][name];
  return text === undefined ? name : text.replace(/{(\w+)}/g, (_, word) => String(values[word] ?? ""));
}

/** The text for a value of the API, such as a status; the value itself where the board doesn't know it. */
export function word(kind, value) {
  const text = LANGUAGES[tag][`${kind}.${value}`];
  return text ?? String(value).replaceAll("_", " ");
}

/** Fills in what stands in the page itself. */
export function translatePage() {
  document.documentElement.lang = tag;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
}

const format = (options) => new Intl.DateTimeFormat(tag, { timeZone: zone, ...options });

export const clockTime = (at) => format({ hour: "numeric", minute: "2-digit" }).format(new Date(at));
export const timeSpan = (from, to) =>
  format({ hour: "numeric", minute: "2-digit" }).formatRange(new Date(from), new Date(to));
export const longDay = (at) => format({ weekday: "long", day: "numeric", month: "long" }).format(new Date(at));
export const dayAndTime = (at) =>
  format({ weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" }).format(new Date(at));

/** Today's time where it is of today, else the day with it. */
export const moment = (at) => (day(at) === day(Date.now()) ? clockTime(at) : dayAndTime(at));

/** The day of a moment in the agency's time zone: 2026-11-20. */
export function day(at) {
  return fields(at).slice(0, 10);
}

/** A moment as a field for date and time takes it, in the agency's time zone: 2026-11-20T14:00. */
export function fields(at) {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    second: "2-digit", hourCycle: "h23",
  }).formatToParts(new Date(at));
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}`;
}

/** The moment that such a field means. */
export function instant(text) {
  const wanted = Date.parse(`${text}Z`);
  // What the zone shows then differs by its offset, which the guess may have from the other side of a change of clocks.
  let guess = wanted;
  for (let tries = 0; tries < 2; tries += 1) guess += wanted - Date.parse(`${fields(guess)}Z`);
  return new Date(guess);
}

/** The moments between which that day lies, the second one outside. */
export function bounds(text) {
  const next = new Date(Date.parse(`${text}T12:00Z`) + 86_400_000).toISOString().slice(0, 10);
  return { from: instant(`${text}T00:00`).toISOString(), to: instant(`${next}T00:00`).toISOString() };
}
