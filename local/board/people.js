// Names for the ids that the API answers, each asked for once.

import { t } from "./language.js";

export class People {
  #api;
  #users = new Map();
  #clients = new Map();

  constructor(api) {
    this.#api = api;
    this.#users.set(api.user.id, Promise.resolve(fullName(api.user)));
  }

  /** The caregivers whom a visit can be given to. */
  async caregivers() {
    const lists = ["nurse", "care_aide"].map((role) => this.#api.list("/users", { role, status: "active" }));
    const users = (await Promise.all(lists)).flat();
    for (const user of users) this.#users.set(user.id, Promise.resolve(fullName(user)));
    return users;
  }

  /** Takes what an answer told anyway. */
  knowClient(id, name) {
    if (!this.#clients.has(id)) this.#clients.set(id, Promise.resolve(name));
  }

  user(id) {
    return id ? this.#named(this.#users, `/users/${id}`, id, t("somebody")) : Promise.resolve(null);
  }

  client(id) {
    return id ? this.#named(this.#clients, `/clients/${id}`, id, t("unknown_client")) : Promise.resolve(null);
  }

  #named(known, path, id, otherwise) {
    if (!known.has(id)) {
      const asked = this.#api.ask("GET", path).then(fullName);
      known.set(id, asked);
      // What could not be read is asked for again at the next look.
      asked.catch(() => known.delete(id));
    }
    return known.get(id).catch(() => otherwise);
  }
}

export const fullName = ({ first_name, last_name }) => `${first_name} ${last_name}`;
