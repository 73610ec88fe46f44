/** The loss curve: the time axis of everything. Dragged, it goes to any step of the run. */

import { whereInTime } from "./conversation.js";
import { colours, h, prepared } from "./dom.js";
import { state } from "./store.js";

const ROLES = ["ink", "muted", "grid", "paper", "accent", "backward", "series1", "series2", "series3", "series4", "series5", "series6"];
const EDGE = { left: 8, right: 8, top: 8, bottom: 16 };
let palette = null;
export const forgetCurveColours = () => { palette = null; };

/** How many steps the axis reaches: the longest run, and a little room for one that goes on. */
function reach() {
  const longest = Math.max(1, ...(state.branches?.branches ?? []).map(({ steps }) => steps), state.moment?.steps ?? 0);
  return longest;
}

/** The step under a place of the curve. */
export function stepAt(canvas, clientX) {
  const box = canvas.getBoundingClientRect();
  const part = (clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
  return Math.round(Math.min(1, Math.max(0, part)) * reach());
}

/** Draws the curves of all branches, the shown one in front, and where in time we are. */
export function drawCurve(canvas, resized = false) {
  palette ??= colours(ROLES);
  const { pen, width, height } = prepared(canvas, resized);
  const { moment, curves } = state;
  if (!moment) return;
  const most = reach();
  const lines = [...curves.values()];
  const scale = heights(lines, height);
  const x = (step) => EDGE.left + (step / most) * (width - EDGE.left - EDGE.right);
  pen.strokeStyle = palette.grid;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(EDGE.left, height - EDGE.bottom + 0.5);
  pen.lineTo(width - EDGE.right, height - EDGE.bottom + 0.5);
  pen.stroke();
  lines.sort((one, other) => (one.branch === moment.branch) - (other.branch === moment.branch));
  for (const line of lines) drawLine(pen, line, x, scale, line.branch === moment.branch);
  drawNow(pen, x(moment.step), height, width);
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = palette.muted;
  pen.textAlign = "left";
  if (moment.step > most / 30) pen.fillText("0", EDGE.left, height - 3);
  pen.textAlign = "right";
  if (moment.step < 0.96 * most) pen.fillText(String(most), width - EDGE.right, height - 3);
}

/** Places of losses on the screen: by their logarithm where they are all above zero. */
function heights(lines, height) {
  let low = Infinity, high = -Infinity;
  for (const { values } of lines) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const form = low > 0 ? Math.log : (value) => value;
  const bottom = form(low), span = form(high) - bottom || 1;
  return (value) => height - EDGE.bottom - 4 - ((form(value) - bottom) / span) * (height - EDGE.bottom - EDGE.top - 4);
}

function drawLine(pen, { start, stride, values }, x, scale, shown) {
  pen.strokeStyle = shown ? palette.ink : palette.muted;
  pen.globalAlpha = shown ? 1 : 0.5;
  pen.lineWidth = shown ? 2 : 1.5;
  pen.setLineDash(shown ? [] : [5, 3]);
  pen.lineJoin = "round";
  pen.beginPath();
  const skip = Math.max(1, Math.floor(values.length / 3000));
  let begun = false;
  for (let at = 0; at < values.length; at += skip) {
    if (!Number.isFinite(values[at])) break;
    if (begun) pen.lineTo(x(start + at * stride), scale(values[at]));
    else pen.moveTo(x(start + at * stride), scale(values[at]));
    begun = true;
  }
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  if (values.length === 1 && Number.isFinite(values[0])) {
    pen.fillStyle = palette.ink;
    pen.beginPath();
    pen.arc(x(start), scale(values[0]), 3, 0, 2 * Math.PI);
    pen.fill();
  }
}

function drawNow(pen, x, height, width) {
  pen.strokeStyle = palette.accent;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x, 3);
  pen.lineTo(x, height - EDGE.bottom);
  pen.stroke();
  pen.fillStyle = palette.accent;
  pen.beginPath();
  pen.arc(Math.min(Math.max(x, 6), width - 6), height - EDGE.bottom, 6, 0, 2 * Math.PI);
  pen.fill();
}

/** The canvas with the slider's ways: pointer and keys. `go` is called with a step. */
export function curveSlider(go) {
  const canvas = h("canvas", { tabindex: 0, role: "slider", id: "scrub" });
  const drag = (event) => go(stepAt(canvas, event.clientX));
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drag(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) drag(event);
  });
  canvas.addEventListener("keydown", (event) => {
    if (!state.moment) return;
    const { step } = whereInTime();
    const far = Math.max(1, Math.round(reach() / 20));
    const to = { ArrowLeft: step - 1, ArrowDown: step - 1, ArrowRight: step + 1, ArrowUp: step + 1, PageDown: step - far, PageUp: step + far, Home: 0, End: reach() }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    go(Math.min(reach(), Math.max(0, to)));
  });
  return canvas;
}

/** What the slider says of itself. */
export function describeSlider(canvas, label, text) {
  canvas.setAttribute("aria-label", label);
  canvas.setAttribute("aria-valuemin", "0");
  canvas.setAttribute("aria-valuemax", String(reach()));
  canvas.setAttribute("aria-valuenow", String(state.moment?.step ?? 0));
  canvas.setAttribute("aria-valuetext", text);
}
