// Alerts that are not over: whoever takes one stops the phones from ringing.

import { act } from "./acts.js";
import { announce, button, el } from "./dom.js";
import { moment, t, word } from "./language.js";
import { Section } from "./section.js";

const NOT_OVER = ["open", "calling", "expired", "acknowledged"];
const WORST_FIRST = ["critical", "high", "medium", "low"];

export class Alerts extends Section {
  #api;
  #people;
  // Those heard of, so that only news is told aloud.
  #known = null;

  constructor(api, people) {
    super({
      name: "alerts", kinds: ["alert"], load: () => this.#load(), make: (alert) => this.#make(alert),
      onload: (alerts) => this.#tell(alerts),
    });
    this.#api = api;
    this.#people = people;
  }

  async #load() {
    // One after the other, in the order in which an alert moves: one that moves meanwhile is on two lists, not on none.
    const known = new Map();
    for (const status of NOT_OVER) {
      for (const alert of await this.#api.list("/alerts", { status })) known.set(alert.id, alert);
    }
    const alerts = [...known.values()];
    const named = alerts.map(async (alert) => ({
      ...alert,
      key: alert.id,
      client: await this.#people.client(alert.client_id),
      raiser: await this.#people.user(alert.raised_by),
      taker: await this.#people.user(alert.acknowledged_by),
    }));
    return (await Promise.all(named)).sort(byUrgency);
  }

  #tell(alerts) {
    const waiting = alerts.filter((alert) => alert.status !== "acknowledged");
    const news = this.#known ? waiting.filter((alert) => !this.#known.has(alert.id)) : [];
    this.#known = new Set(alerts.map((alert) => alert.id));
    const texts = news.map((alert) => t("alert_new", { reason: reasonOf(alert), client: alert.client }));
    if (texts.length) announce(texts.join(". "), { urgent: true });
  }

  #make(alert) {
    const { client, taker } = alert;
    const path = `/alerts/${alert.id}`;
    const take = button(t("take"),
      () => act(this, () => this.#api.ask("POST", `${path}/acknowledge`), t("taken")),
      { action: "take", style: "main", label: t("take_label", { client }) });
    const resolve = button(t("resolve"),
      () => act(this, () => this.#api.ask("POST", `${path}/resolve`), t("resolved")),
      { action: "resolve", label: t("resolve_label", { client }) });
    return el("li", { class: `card alert ${alert.severity} ${alert.status}` },
      el("h3", {}, reasonOf(alert), " ", el("span", { class: `chip ${alert.severity}` },
        word("severity", alert.severity))),
      el("p", { class: "who" }, client),
      alert.message && el("p", {}, alert.message),
      el("p", { class: "meta" },
        t("alert_from", { who: alert.raiser ?? t("role.family"), at: moment(alert.created_at) }), " · ",
        alert.status === "acknowledged"
          ? t("alert_taken", { who: taker, at: moment(alert.acknowledged_at) })
          : word("alert_status", alert.status)),
      el("div", { class: "buttons" }, alert.status !== "acknowledged" && take, resolve));
  }
}

const reasonOf = ({ reason }) => (reason === "family_call" ? t("alert_reason.family_call") : reason);

/** What waits for somebody, the worst first, then the oldest; last what somebody has taken. */
function byUrgency(one, other) {
  const taken = (alert) => Number(alert.status === "acknowledged");
  return taken(one) - taken(other)
    || WORST_FIRST.indexOf(one.severity) - WORST_FIRST.indexOf(other.severity)
    || one.created_at.localeCompare(other.created_at);
}
