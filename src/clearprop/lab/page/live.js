/** What a person hears and is told: the live region, and the notes over the network. */

import { byId, h } from "./dom.js";
import { icon } from "./icons.js";
import { word } from "./words.js";

/** Says one sentence to a screen reader. */
export function say(sentence) {
  if (!sentence) return;
  const live = byId("live");
  live.replaceChildren(h("span", {}, sentence));
}

const STAYS = 9000; // ms for a note that is no error; an error stays until it is closed

/** Shows a sentence of the session until it is closed; the same sentence stands there once. */
export function note(level, text) {
  const told = byId("told");
  for (const old of told.children) if (old.dataset.text === text) old.remove();
  const close = h("button", { class: "quiet icon", type: "button", "aria-label": word("close"),
    onclick: () => shown.remove() }, icon("close", 16));
  const shown = h("div", { class: `note ${level}`, dataset: { text } }, h("span", {}, text), close);
  told.append(shown);
  while (told.children.length > 3) told.firstChild.remove();
  if (level !== "error") setTimeout(() => shown.remove(), STAYS);
}
