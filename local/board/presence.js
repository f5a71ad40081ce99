// Which colleagues are online.

import { el } from "./dom.js";
import { word } from "./language.js";
import { Section } from "./section.js";

export class Presence extends Section {
  constructor(api, people) {
    super({
      name: "presence", kinds: ["presence", "untold"],
      load: async () => {
        const online = await api.list("/presence");
        const others = online.filter((one) => (one.user_id ?? one.id) !== api.user.id);
        return Promise.all(others.map(async (one) => ({
          ...one, key: one.user_id ?? one.id, name: await people.user(one.user_id ?? one.id),
        })));
      },
      make: ({ name, role }) => el("li", { class: "colleague" },
        el("span", { class: "dot", "aria-hidden": "true" }), name, role && `, ${word("role", role)}`),
    });
  }
}
