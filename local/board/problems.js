// What a person is told where something did not work.

import { t } from "./language.js";

/** The problem in a sentence: ours where the board knows better what to do, else what the API said. */
export function sentence(problem) {
  if (problem.status === undefined) throw problem;
  if (problem.status === 0) return t("problem.offline");
  if (problem.status === 412) return t("problem.changed");
  if (problem.status === 429) return t("problem.limited", { seconds: problem.retryAfter || 60 });
  const details = problem.errors.map((one) => [place(one), one.detail].filter(Boolean).join(": "));
  return details.length ? details.join(" ") : problem.message || t("problem.other");
}

function place({ pointer, parameter }) {
  return parameter ?? pointer?.replace(/^\//, "");
}
