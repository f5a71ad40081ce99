// Elements, made without markup: whatever the API answers is text and stays text.

/** An element: properties that begin with `on` are listeners, the others attributes; children are nodes or text. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A button that does `act` and can't be pressed again before that is over. */
export function button(text, act, { action, style = "quiet", label } = {}) {
  const node = el("button", { type: "button", class: style, "data-action": action, "aria-label": label }, text);
  node.addEventListener("click", async () => {
    if (node.getAttribute("aria-disabled") === "true") return;
    // Not `disabled`, which would drop the focus.
    node.setAttribute("aria-disabled", "true");
    try {
      await act(node);
    } finally {
      node.removeAttribute("aria-disabled");
    }
  });
  return node;
}

// By element: the text of what it shows.
const shown = new WeakMap();

/**
 * Brings `list` to show `items`: each has a `key` and is shown by `make(item)`. What did not change is left alone, and
 * the keyboard stays where it was: on the same button, on the item, or on the list's heading where the item is gone.
 */
export function showList(list, items, make, heading) {
  const active = list.contains(document.activeElement) ? document.activeElement : null;
  const focused = active && { key: active.closest("[data-key]")?.dataset.key, action: active.dataset.action };
  const before = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const text = document.documentElement.lang + JSON.stringify(item);
    const known = before.get(item.key);
    if (known && shown.get(known) === text) return known;
    const node = make(item);
    node.dataset.key = item.key;
    shown.set(node, text);
    return node;
  });
  // Each is moved only where it isn't yet: an element that is moved loses the focus.
  nodes.forEach((node, place) => {
    if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
  });
  while (list.children.length > nodes.length) list.lastElementChild.remove();
  if (focused && !list.contains(document.activeElement)) {
    const item = list.querySelector(`[data-key="${focused.key}"]`);
    const same = item?.querySelector(`[data-action="${focused.action}"]`);
    (same ?? item?.querySelector("button") ?? heading).focus();
  }
}

// How long a message stays.
const SHOWN_MS = 12_000;
let fading;

/** Says something to who can't see the screen; at once, and to everybody, where it is urgent. */
export function announce(text, { urgent = false } = {}) {
  const regions = { polite: document.getElementById("polite"), urgent: document.getElementById("urgent") };
  // What was said before is over; and the same words again are news only where they were gone in between.
  for (const region of Object.values(regions)) region.textContent = "";
  clearTimeout(fading);
  setTimeout(() => (regions[urgent ? "urgent" : "polite"].textContent = text), 50);
  fading = setTimeout(() => (regions.urgent.textContent = ""), SHOWN_MS);
}
