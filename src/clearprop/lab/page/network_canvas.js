/** The edges of the network, on a canvas: thousands of them are drawn within a frame.
 *
 * An edge is green for a positive weight, purple for a negative one, the thicker the larger it is
 * within its layer; orange, by the size of its gradient, from when that exists until the update.
 * Grey: not computed yet.
 */

import { largest, valuesOf } from "./arrays.js";
import { colours, prepared } from "./dom.js";
import { along, ends, trace } from "./network_geometry.js";
import { MAP_ROLES, drawMaps } from "./network_maps.js";

const ROLES = [...MAP_ROLES, "grid", "muted", "ink", "paper", "forward", "backward", "accent"];
const LEVELS = 6; // widths that edges are sorted into
const MOVES = 260; // ms of the motion that shows where numbers go
let palette = null;

export const forgetColours = () => { palette = null; };

/** Draws all edges, and the maps of columns that are drawn as such; `lit` are those that stand out, `motion` 0 to 1 is how far numbers have come. */
export function drawEdges(canvas, places, view) {
  palette ??= colours(ROLES);
  const { pen } = prepared(canvas, view.resized);
  pen.lineCap = "round";
  for (const link of places.links) {
    if (link.dense) drawDense(pen, link, view);
    else if (link.source.maps || link.target.maps) drawBand(pen, link, view.reached(link.target.wire), link.target.wire in (view.moment?.signals ?? {}));
    else drawPassing(pen, link, view);
  }
  drawToLoss(pen, places, view);
  drawMaps(pen, places.columns, view, palette);
  for (const edge of view.lit) drawLit(pen, edge, view);
  if (view.motion < 1) drawMotion(pen, places, view);
}

function drawDense(pen, link, { moment, reached }) {
  const { weight, shape, source, target } = link;
  const exists = reached(target.wire);
  const updated = moment?.updated[weight];
  const weights = valuesOf(updated ?? moment?.parameters[weight]);
  const slopes = updated ? null : valuesOf(moment?.gradients[weight]);
  if (source.strip || target.strip) return drawBand(pen, link, exists, Boolean(slopes));
  const many = shape[0] * shape[1];
  const most = largest(weights), steepest = largest(slopes);
  const bold = link.labelled ? 2.2 : many > 1500 ? 1.4 : many > 300 ? 2.4 : 5;
  const groups = new Map();
  for (let i = 0; i < shape[0]; i += 1) {
    for (let j = 0; j < shape[1]; j += 1) {
      const line = ends(link, i, j), at = i * shape[1] + j;
      const value = weights ? weights[at] : 0;
      if (slopes) collect(groups, "slope", Math.abs(slopes[at]) / steepest, line);
      else collect(groups, exists ? (value < 0 ? "negative" : "positive") : "none", Math.abs(value) / most, line);
    }
  }
  const tones = { none: palette.grid, positive: palette.positive4, negative: palette.negative4, slope: palette.backward };
  for (const [key, path] of groups) {
    const [kind, level] = key.split(" ");
    const size = (Number(level) + 0.5) / LEVELS;
    pen.strokeStyle = tones[kind];
    pen.globalAlpha = kind === "none" ? 0.9 : (0.3 + 0.65 * size) * (many > 1500 ? 0.6 : 1);
    pen.lineWidth = kind === "none" ? 1 : 0.6 + bold * size;
    pen.stroke(path);
  }
  pen.globalAlpha = 1;
}

function collect(groups, kind, size, line) {
  const level = Number.isFinite(size) ? Math.min(LEVELS - 1, Math.floor(size * LEVELS)) : LEVELS - 1;
  const key = `${kind} ${level}`;
  if (!groups.has(key)) groups.set(key, new Path2D());
  trace(groups.get(key), line);
}

/** Too many edges to be told apart: one band between the two columns. */
function drawBand(pen, { source, target }, exists, back) {
  const half = (column) => column.strip ? column.height / 2
    : (column.units.at(-1).y - column.units[0].y + column.height) / 2;
  const middle = (column) => (column.units[0].y + column.units.at(-1).y) / 2;
  const x1 = source.x + source.width / 2, x2 = target.x - target.width / 2;
  pen.beginPath();
  pen.moveTo(x1, middle(source) - half(source));
  pen.lineTo(x2, middle(target) - half(target));
  pen.lineTo(x2, middle(target) + half(target));
  pen.lineTo(x1, middle(source) + half(source));
  pen.closePath();
  pen.globalAlpha = 0.16;
  pen.fillStyle = back ? palette.backward : exists ? palette.forward : palette.muted;
  pen.fill();
  pen.globalAlpha = 1;
}

/** What goes on as it is: from unit to unit, or from a column to a whole one. */
function drawPassing(pen, { source, target }, { reached }) {
  pen.strokeStyle = reached(target.wire) ? palette.forward : palette.grid;
  pen.globalAlpha = 0.7;
  pen.lineWidth = 1.5;
  pen.beginPath();
  const rows = Math.max(source.units.length, target.units.length);
  for (let row = 0; row < rows; row += 1) {
    const from = source.units[Math.min(row, source.units.length - 1)];
    const to = target.units[Math.min(row, target.units.length - 1)];
    const x2 = to.x - target.width / 2;
    trace(pen, { x1: from.x + source.width / 2, y1: from.y, x2, y2: to.y, turn: x2 });
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

function drawToLoss(pen, places, { moment }) {
  const { last, loss } = places;
  const back = moment && last.output in moment.signals;
  pen.strokeStyle = back ? palette.backward : moment?.loss === null ? palette.grid : palette.muted;
  pen.lineWidth = 1.2;
  pen.beginPath();
  for (const unit of last.units) {
    const x2 = loss.x - loss.width / 2;
    trace(pen, { x1: unit.x + last.width / 2, y1: unit.y, x2, y2: loss.y, turn: x2 });
  }
  pen.stroke();
}

function drawLit(pen, { link, i, j, chosen }) {
  const line = ends(link, i, j);
  pen.beginPath();
  trace(pen, line);
  pen.strokeStyle = palette.paper;
  pen.lineWidth = chosen ? 7 : 6;
  pen.stroke();
  pen.strokeStyle = chosen ? palette.ink : palette.accent;
  pen.lineWidth = chosen ? 3.2 : 2.6;
  pen.stroke();
}

/** Numbers on their way: dots along the edges of the part that was just computed. */
function drawMotion(pen, places, { motion, moving }) {
  if (!moving) return;
  const t = moving.back ? 1 - motion : motion;
  pen.fillStyle = moving.back ? palette.backward : palette.forward;
  for (const link of places.links) {
    if (link.target.wire !== moving.wire && link.target.output !== moving.wire) continue;
    if (!link.dense || link.source.strip || link.target.strip) continue;
    const thin = Math.max(1, Math.ceil((link.shape[0] * link.shape[1]) / 240));
    let turn = 0;
    for (let i = 0; i < link.shape[0]; i += 1) {
      for (let j = 0; j < link.shape[1]; j += 1) {
        turn += 1;
        if (turn % thin) continue;
        const { x, y } = along(ends(link, i, j), t);
        pen.beginPath();
        pen.arc(x, y, 3.2, 0, 2 * Math.PI);
        pen.fill();
      }
    }
  }
}

/** Calls `draw(progress)` with 0 to 1 over the time of a motion; returns what stops it. */
export function animate(draw) {
  const start = performance.now();
  let asked = 0;
  const turn = (now) => {
    const progress = Math.min(1, (now - start) / MOVES);
    draw(progress);
    if (progress < 1) asked = requestAnimationFrame(turn);
  };
  asked = requestAnimationFrame(turn);
  return () => cancelAnimationFrame(asked);
}
