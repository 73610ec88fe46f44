/** How the numbers of a neuron are written on its card: all cards of a column alike. */

import { s } from "./dom.js";

const LINE = 13; // px of a line, at least
const SMALLEST = 8; // px of a legible letter
const LETTER = 0.61; // width of a letter by the size of the font
const MARGIN = 14; // px of a card's width that no letter stands on

/** How the lines of all cards of a column are written, `{rows, split, size}`: so many of the latest
 * ones, each on one line or its name above its number. Of size 0 where none would be legible. */
export function arrangement(cards, { width, height }) {
  const room = Math.max(0, Math.floor((height - 4) / LINE));
  const most = Math.max(0, ...cards.map(({ length }) => length));
  const inline = sized(cards, Math.min(room, most), width, ({ name, text }) => name.length + text.length + 1);
  if (inline.size) return { ...inline, split: false };
  const above = sized(cards, Math.min(Math.floor(room / 2), most), width, ({ name, text }) => Math.max(name.length, text.length));
  return { ...above, split: true };
}

function sized(cards, rows, width, length) {
  if (!rows) return { rows: 0, size: 0 };
  const letters = Math.max(1, ...cards.flatMap((lines) => lines.slice(-rows).map(length)));
  const size = Math.min(12.5, (width - MARGIN) / (letters * LETTER));
  return size < SMALLEST ? { rows: 0, size: 0 } : { rows, size };
}

/** Writes the lines on one card. */
export function writeCard(group, lines, { rows, split, size }, height) {
  const shown = rows ? lines.slice(-rows).flatMap((line) => (split ? [{ ...line, text: "" }, { ...line, name: "" }] : [line])) : [];
  const step = Math.min(18, (height - 6) / shown.length);
  writeTexts(group, shown.map((line, row) => ({ ...line, x: 3, y: (row - (shown.length - 1) / 2) * step, size })));
  return shown.length > 0;
}

/** Makes the texts of a group these: {name, text, tone, x, y, size}. A run changes them thirty times a
 * second, so what stands there already is kept, and only what differs is touched. */
export function writeTexts(group, texts) {
  while (group.childElementCount > texts.length) group.lastChild.remove();
  texts.forEach(({ name, text, tone, x, y, size }, at) => {
    const element = group.children[at] ?? group.appendChild(s("text", {}, s("tspan", { class: "name" }), document.createTextNode("")));
    const [named, said] = element.childNodes;
    if (named.textContent !== name) named.textContent = name;
    const written = name && text ? ` ${text}` : text;
    if (said.data !== written) said.data = written;
    const form = `${x} ${y} ${size} ${tone}`;
    if (element.form === form) return;
    element.form = form;
    for (const [attribute, value] of Object.entries({ x, y, "font-size": size, class: tone })) element.setAttribute(attribute, value);
  });
}
