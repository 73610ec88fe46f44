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

/** The texts of one card. */
export function written(lines, { rows, split, size }, height) {
  if (!rows) return [];
  const shown = lines.slice(-rows).flatMap((line) => (split ? [{ ...line, text: "" }, { ...line, name: "" }] : [line]));
  const step = Math.min(18, (height - 6) / shown.length);
  return shown.map(({ name, text, tone }, row) => s("text", { x: 3, y: (row - (shown.length - 1) / 2) * step, "font-size": size, class: tone },
    name ? s("tspan", { class: "name" }, name) : "", name && text ? ` ${text}` : text));
}
