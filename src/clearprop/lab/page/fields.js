/** Fields that ask for the settings of a kind, as the session tells them. */

import { h } from "./dom.js";
import { word } from "./words.js";

/** The marks of the rate's ruler: 1, 2 and 5 of each power of ten. */
export const RATE_MARKS = ["0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05",
  "0.1", "0.2", "0.5", "1", "2", "5", "10"];

/** A number as it was typed; what is none goes on as text, and the session says what is wrong. */
export function numberOf(text) {
  const typed = text.trim().replace(/^[−–]/, "-");
  return typed !== "" && Number.isFinite(Number(typed)) ? Number(typed) : text;
}

/** What a field's setting is called: by the page's words where they have it, else by its own name. */
export function settingTitle(name) {
  const key = `setting.${name}`;
  const found = word(key);
  return found === key ? name.replaceAll("_", " ") : found;
}

/** The fields of a kind's settings; `changed(name, value)` is called after each change. */
export function settingFields(kind, values, prefix, changed) {
  return kind.fields.map((field) => {
    const id = `${prefix}-${field.name}`;
    const value = values[field.name] ?? field.default;
    if (field.kind === "flag") {
      const box = h("input", { type: "checkbox", id, role: "switch", onchange: () => changed(field.name, box.checked) });
      box.checked = Boolean(value);
      return h("label", { class: "switch" }, box, h("i", { "aria-hidden": "true" }), settingTitle(field.name));
    }
    const input = h("input", { type: field.kind === "whole" ? "number" : "text", inputmode: field.kind === "whole" ? "numeric" : "decimal",
      id, value: value ?? "", min: field.least, max: field.most, onchange: () => changed(field.name, numberOf(input.value)) });
    return h("div", { class: "field" }, h("label", { for: id }, settingTitle(field.name)), input);
  });
}
