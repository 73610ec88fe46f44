/** The one dialog of the page: a title, what stands in it, and a way out. */

import { byId, h } from "./dom.js";
import { word } from "./words.js";

/** Opens the dialog with these children; returns it. */
export function openDialog(title, ...children) {
  const dialog = byId("dialog");
  dialog.replaceChildren(h("h2", { id: "dialog-title" }, title), ...children,
    h("p", { class: "row" }, h("button", { type: "button", onclick: () => dialog.close() }, word("close"))));
  if (!dialog.open) dialog.showModal();
  return dialog;
}
