// What a person does to a record: told when it is done, or why it is not; either way the list is read anew.

import { announce } from "./dom.js";
import { sentence } from "./problems.js";

/** Does `work`, says `done`, and reads `section` anew. */
export async function act(section, work, done) {
  try {
    await work();
    announce(done);
  } catch (problem) {
    announce(sentence(problem), { urgent: true });
  }
  await section.refresh();
}
