// Forms in a dialog: the browser keeps the keyboard inside it and gives the focus back at its end.

import { el } from "./dom.js";
import { t } from "./language.js";
import { sentence } from "./problems.js";

let number = 0;

/**
 * Asks for the values of `fields`, each `{name, label, type, value, options, required, hint}`, and gives them to
 * `submit`, until that succeeds. A problem is told in the dialog; one thrown may bring `fields` to ask for from then
 * on, and `values` for those there are. Answers whether it was done.
 */
export function openForm({ title, intro = [], fields, confirm, danger = false, submit }) {
  number += 1;
  const id = `dialog-${number}`;
  const opener = document.activeElement;
  const fault = el("p", { class: "fault", role: "alert" });
  const inputs = el("div", { class: "fields" });
  const form = el(
    "form",
    { novalidate: true },
    el("h2", { id }, title),
    intro.map((text) => el("p", {}, text)),
    inputs,
    fault,
    el(
      "div",
      { class: "buttons" },
      el("button", { type: "submit", class: danger ? "danger" : "main" }, confirm),
      el("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t("back")),
    ),
  );
  const dialog = el("dialog", { "aria-labelledby": id }, form);
  addFields(inputs, fields, id);

  return new Promise((resolve) => {
    let done = false;
    let busy = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy || !complete(inputs, fault)) return;
      busy = true;
      fault.textContent = "";
      try {
        await submit(values(inputs));
        done = true;
        dialog.close();
      } catch (problem) {
        addFields(inputs, problem.fields ?? [], id);
        for (const [name, value] of Object.entries(problem.values ?? {})) form.elements[name].value = value;
        fault.textContent = sentence(problem);
      } finally {
        busy = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      // Its card may have been drawn anew meanwhile: the same button of the same card is as good.
      restoreFocus(opener);
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
    inputs.querySelector("input, select, textarea")?.focus();
  });
}

function restoreFocus(opener) {
  if (opener?.isConnected) return opener.focus();
  const key = opener?.closest("[data-key]")?.dataset.key;
  const action = opener?.dataset.action;
  const again = key && document.querySelector(`[data-key="${key}"] [data-action="${action}"]`);
  (again || document.getElementById("main")).focus();
}

function addFields(inputs, fields, prefix) {
  for (const field of fields) {
    if (inputs.querySelector(`[name="${field.name}"]`)) continue;
    const id = `${prefix}-${field.name}`;
    const hint = field.hint && el("p", { class: "hint", id: `${id}-hint` }, field.hint);
    const common = {
      id, name: field.name, required: field.required, "aria-describedby": hint && hint.id, maxlength: field.maxlength,
      autocomplete: field.autocomplete ?? "off",
    };
    const input = inputOf(field, common);
    const label = el("label", { for: id }, field.label);
    inputs.append(
      el("div", { class: field.type === "checkbox" ? "field check" : "field" },
        field.type === "checkbox" ? [input, label] : [label, input], hint),
    );
  }
}

function inputOf({ type, value, options = [] }, common) {
  if (type === "select") {
    const choices = options.map((option) => el("option", { value: option.value }, option.text));
    const select = el("select", common, choices);
    select.value = value ?? options[0]?.value ?? "";
    return select;
  }
  if (type === "textarea") return el("textarea", { ...common, rows: 3 }, value ?? "");
  const input = el("input", { ...common, type });
  if (type !== "checkbox") input.value = value ?? "";
  return input;
}

/** Whether every field has what it must; the first that doesn't gets the focus. */
function complete(inputs, fault) {
  const all = [...inputs.querySelectorAll("input, select, textarea")];
  for (const input of all) input.toggleAttribute("aria-invalid", false);
  const lacking = all.find((input) => !input.checkValidity() || (input.required && !input.value.trim()));
  if (!lacking) return true;
  lacking.setAttribute("aria-invalid", "true");
  fault.textContent = t("fill_in", { field: lacking.labels[0].textContent });
  lacking.focus();
  return false;
}

function values(inputs) {
  const all = [...inputs.querySelectorAll("input, select, textarea")];
  return Object.fromEntries(
    all.map((input) => [input.name, input.type === "checkbox" ? input.checked : input.value.trim()]),
  );
}
