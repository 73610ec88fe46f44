/** Taking it away: a link, a program, the network, a picture, the answers; and printing. */

import { ask } from "./conversation.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { note } from "./live.js";
import { state } from "./store.js";
import { word } from "./words.js";

const WHAT = ["link", "program", "safetensors", "svg", "png", "answers"];

export function takeAway() {
  const missing = new Map(state.welcome.missing.map(({ name, sentence }) => [name, sentence]));
  const tile = (name) => h("button", { type: "button", class: "tile", id: `take-${name}`, disabled: missing.has(name), onclick: () => ask(name, name === "link" ? linked : save) },
    h("b", {}, word(`take.${name}`)), h("small", {}, missing.get(name) ?? word(`take.${name}_says`)));
  const dialog = openDialog(word("take.title"), h("div", { class: "grid" }, WHAT.map(tile),
    h("button", { type: "button", class: "tile", id: "take-print", onclick: () => { dialog.close(); window.print(); } },
      h("b", {}, word("take.print")), h("small", {}, word("take.print_says")))), h("div", { id: "taken" }));
}

/** Saves a file that the session made. */
function save(message) {
  const content = message.text ?? Uint8Array.from(atob(message.base64), (character) => character.charCodeAt(0));
  const address = URL.createObjectURL(new Blob([content], { type: message.media_type }));
  h("a", { href: address, download: message.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  note("note", word("take.saved", { name: message.name }));
}

/** Shows the link, marked so that it can be copied. */
async function linked({ text }) {
  const link = new URL(`#${text.replace(/^.*#/, "")}`, location.href);
  const shown = h("input", { type: "text", readonly: true, id: "link", value: link.href, "aria-label": word("take.link") });
  document.getElementById("taken").replaceChildren(shown);
  shown.select();
  try {
    await navigator.clipboard.writeText(link.href);
    note("note", word("take.copied"));
  } catch {
    // Where the clipboard is not to be had, the link stands there, marked.
  }
}
