/** A column whose numbers have rows and columns: an image for every channel, or positions by features.
 * Its cells are drawn on the canvas of the edges, coloured as those of the diagrams. */

import { largest, valuesOf } from "./arrays.js";

const GAP = 5; // px between two maps
const MOST_CELL = 30; // px of a cell
const LEVELS = 5; // tones of either sign

/** The maps of a column in a box of `width` × `height` pixels around (x, y): {side, rows, columns,
 * corners: [{left, top}], width, height}. As many stand side by side as give the largest cells. */
export function mapPlaces({ count, maps: [rows, columns] }, x, y, width, height) {
  const many = Math.max(1, Math.round(count / (rows * columns)));
  let best = null;
  for (let across = 1; across <= many; across += 1) {
    const down = Math.ceil(many / across);
    const side = Math.min(MOST_CELL, (width - (across - 1) * GAP) / across / columns, (height - (down - 1) * GAP) / down / rows);
    if (!best || side > best.side) best = { side, across, down };
  }
  const side = Math.max(0.5, best.side), wide = side * columns, tall = side * rows;
  const all = { width: best.across * (wide + GAP) - GAP, height: best.down * (tall + GAP) - GAP };
  const corners = Array.from({ length: many }, (_, at) => ({
    left: x - all.width / 2 + (at % best.across) * (wide + GAP), top: y - all.height / 2 + Math.floor(at / best.across) * (tall + GAP) }));
  return { side, rows, columns, corners, ...all };
}

/** The upper left corner of a cell. */
export function cellCorner({ side, rows, columns, corners }, index) {
  const within = index % (rows * columns), { left, top } = corners[Math.floor(index / (rows * columns))];
  return { left: left + (within % columns) * side, top: top + Math.floor(within / columns) * side };
}

/** The number of the cell under a point; null between the maps. */
export function cellAt({ side, rows, columns, corners }, x, y) {
  for (let map = 0; map < corners.length; map += 1) {
    const column = Math.floor((x - corners[map].left) / side), row = Math.floor((y - corners[map].top) / side);
    if (row >= 0 && row < rows && column >= 0 && column < columns) return map * rows * columns + row * columns + column;
  }
  return null;
}

/** The colours that `drawMaps` takes, by role. */
export const MAP_ROLES = ["positive", "negative"].flatMap((sign) => [1, 2, 3, 4, 5].map((level) => `${sign}${level}`));

/** Draws the maps of all columns; `marked` are {column, index, chosen} of the cells that stand out. */
export function drawMaps(pen, columns, { moment, marked }, palette) {
  for (const column of columns) {
    if (!column.places) continue;
    const values = valuesOf(moment?.values[column.output] ?? moment?.values[column.wire] ?? (column.kind === "input" ? moment?.input : null));
    drawCells(pen, column.places, values, palette);
  }
  for (const { column, index, chosen } of marked) {
    const { left, top } = cellCorner(column.places, index), { side } = column.places;
    pen.strokeStyle = chosen ? palette.ink : palette.accent;
    pen.lineWidth = chosen ? 3 : 2.5;
    pen.strokeRect(left - 1, top - 1, side + 2, side + 2);
  }
}

/** The cells of maps whose values may not be there yet. */
export function drawCells(pen, places, values, palette) {
  const { side, rows, columns, corners } = places, most = largest(values);
  pen.fillStyle = palette.paper;
  for (const { left, top } of corners) pen.fillRect(left, top, side * columns, side * rows);
  const count = values ? rows * columns * corners.length : 0, air = side > 6 ? 0.5 : 0;
  for (let at = 0; at < count; at += 1) {
    const value = Number(values[at]) / most, level = Math.min(LEVELS, Math.ceil(Math.abs(value) * LEVELS));
    if (!level || !Number.isFinite(value)) continue;
    const { left, top } = cellCorner(places, at);
    pen.fillStyle = palette[`${value < 0 ? "negative" : "positive"}${level}`];
    pen.fillRect(left, top, side - air, side - air);
  }
  pen.strokeStyle = palette.grid;
  pen.lineWidth = 1;
  for (const { left, top } of corners) pen.strokeRect(left - 0.5, top - 0.5, side * columns + 1, side * rows + 1);
}
