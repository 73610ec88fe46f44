/** A layer too wide for neurons: a strip whose cells are coloured as those of the diagrams. */

import { largest, valuesOf } from "./arrays.js";
import { s } from "./dom.js";

export const CELLS = 160; // that a strip shows; of more units every so-manyth is left out, and said

export function drawStrip({ column, group }, moment) {
  const values = valuesOf(moment.values[column.output] ?? moment.values[column.wire] ?? (column.kind === "input" ? moment.input : null));
  const cells = group.children[1];
  if (!values) {
    cells.replaceChildren();
    return;
  }
  const shown = Math.min(CELLS, column.count), most = largest(values);
  const { x, y } = column.units[0];
  const high = column.height / shown;
  while (cells.childElementCount > shown) cells.lastChild.remove();
  while (cells.childElementCount < shown) cells.append(s("rect", {}));
  for (let row = 0; row < shown; row += 1) {
    const value = values[Math.floor((row * column.count) / shown)] / most;
    const level = Math.min(5, Math.ceil(Math.abs(value) * 5));
    const cell = cells.children[row];
    cell.setAttribute("x", x - column.width / 2);
    cell.setAttribute("y", y - column.height / 2 + row * high);
    cell.setAttribute("width", column.width);
    cell.setAttribute("height", high + 0.3);
    cell.setAttribute("class", level ? `tone ${value < 0 ? "negative" : "positive"}${level}` : "tone");
  }
}
