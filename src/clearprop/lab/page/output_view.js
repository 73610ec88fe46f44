/** Draws an output: a curve over one input, a plane over two, a map of classes, or bars. */

import { largest, valuesOf } from "./arrays.js";
import { colours, prepared } from "./dom.js";

const SERIES = ["series1", "series2", "series3", "series4", "series5", "series6"];
const ROLES = ["ink", "muted", "grid", "paper", "forward", "backward", "accent", ...SERIES];
const EDGE = { left: 40, right: 10, top: 10, bottom: 26 };
const FINGER = 16; // px around a point that mean it
let palette = null;
export const forgetOutputColours = () => { palette = null; };

/** Where data stands on the canvas: {x, y} to pixels and back. */
function frame({ width, height }, output) {
  const [first, second] = output.axes;
  const across = width - EDGE.left - EDGE.right, high = height - EDGE.top - EDGE.bottom;
  const vertical = output.form === "curve" ? spread(output) : second;
  const part = (value, { low, high: top }) => (value - low) / (top - low || 1);
  return {
    width, height, across, high, vertical,
    x: (value) => EDGE.left + part(value, first) * across,
    y: (value) => EDGE.top + (1 - part(value, vertical)) * high,
    back: (x, y) => ({ x: first.low + ((x - EDGE.left) / across) * (first.high - first.low),
      y: vertical.low + (1 - (y - EDGE.top) / high) * (vertical.high - vertical.low) }),
  };
}

/** The heights that a curve and its samples need. */
function spread({ values, t, title }) {
  let low = Infinity, high = -Infinity;
  for (const list of [valuesOf(values), t ? valuesOf(t) : []]) {
    for (const raw of list ?? []) {
      const value = Number(raw);
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const room = (high - low || 1) * 0.06;
  return { name: title, low: low - room, high: high + room };
}

export function drawOutput(canvas, output, chosen, resized) {
  palette ??= colours(ROLES);
  const { pen, width, height } = prepared(canvas, resized);
  if (output.form === "none") return;
  if (output.form === "bars") return drawBars(pen, output, width, height);
  const place = frame({ width, height }, output);
  if (output.form === "curve") drawCurveOf(pen, output, place);
  else drawPlane(pen, output, place);
  drawAxes(pen, output, place);
  drawSamples(pen, output, place, chosen);
}

function drawAxes(pen, { axes, form }, { x, y, width, height, vertical }) {
  pen.strokeStyle = palette.grid;
  pen.lineWidth = 1;
  pen.strokeRect(EDGE.left + 0.5, EDGE.top + 0.5, width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom);
  pen.fillStyle = palette.muted;
  pen.font = "11px system-ui, sans-serif";
  const [first] = axes;
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillText(first.low_text, EDGE.left, height - 8);
  pen.textAlign = "right";
  pen.fillText(first.high_text, width - EDGE.right, height - 8);
  pen.textAlign = "center";
  pen.fillText(first.name, (EDGE.left + width - EDGE.right) / 2, height - 8);
  if (form === "curve" && vertical.low < 0 && vertical.high > 0) line(pen, EDGE.left, y(0), width - EDGE.right, y(0));
  if (first.low < 0 && first.high > 0) line(pen, x(0), EDGE.top, x(0), height - EDGE.bottom);
  const second = axes[1];
  pen.textAlign = "right";
  if (second) {
    pen.fillText(second.low_text, EDGE.left - 4, height - EDGE.bottom);
    pen.fillText(second.high_text, EDGE.left - 4, EDGE.top + 10);
    pen.fillText(second.name, EDGE.left - 4, (EDGE.top + height - EDGE.bottom) / 2);
  } else pen.fillText("y", EDGE.left - 6, (EDGE.top + height - EDGE.bottom) / 2);
}

function line(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function drawCurveOf(pen, { values, axes }, { x, y }) {
  const heights = valuesOf(values);
  const [{ low, high }] = axes;
  pen.strokeStyle = palette.forward;
  pen.lineWidth = 2.5;
  pen.lineJoin = "round";
  pen.beginPath();
  heights.forEach((height, at) => pen.lineTo(x(low + (at / (heights.length - 1)) * (high - low)), y(height)));
  pen.stroke();
}

/** Blue and orange by sign for numbers; each class in its colour, the paler the less sure. */
function drawPlane(pen, { values, form, sure, axes }, { x, y }) {
  const cells = valuesOf(values), shares = form === "classes" && sure ? valuesOf(sure) : null;
  const [rows, across] = values.shape;
  const most = largest(cells);
  const image = new ImageData(across, rows);
  const tones = Object.fromEntries([...SERIES, "forward", "backward"].map((role) => [role, palette[role].match(/[\d.]+/g).slice(0, 3).map(Number)]));
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < across; column += 1) {
      const at = row * across + column, value = cells[at];
      const tone = form === "classes" ? tones[SERIES[value % 6]] : tones[value < 0 ? "backward" : "forward"];
      const strength = form === "classes" ? 0.18 + 0.3 * (shares ? shares[at] : 1) : 0.75 * Math.min(1, Math.abs(value) / most);
      // A picture begins at its top, the data's second axis at its bottom.
      image.data.set([...tone, 255 * strength], 4 * ((rows - 1 - row) * across + column));
    }
  }
  const small = document.createElement("canvas");
  Object.assign(small, { width: across, height: rows });
  small.getContext("2d").putImageData(image, 0, 0);
  const left = x(axes[0].low), top = y(axes[1].high);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(small, left, top, x(axes[0].high) - left, y(axes[1].low) - top);
}

function drawSamples(pen, output, { x, y }, chosen) {
  const places = points(output);
  const size = places.length > 150 ? 2.2 : places.length > 60 ? 3 : 4.5;
  const many = new Set(places.map(({ tone }) => tone)).size > 6;
  places.forEach((point, at) => {
    pen.fillStyle = output.form === "curve" ? palette.ink : many ? palette.ink : palette[SERIES[point.tone % 6]];
    pen.strokeStyle = palette.paper;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.arc(x(point.x), y(point.y), at === chosen ? size + 3 : size, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
    if (at === chosen) {
      pen.strokeStyle = palette.accent;
      pen.lineWidth = 2.5;
      pen.stroke();
    }
  });
}

/** The samples where they are drawn. */
function points({ form, x, t }) {
  if (!x || !t) return [];
  const inputs = valuesOf(x), targets = valuesOf(t), across = x.shape[1];
  return Array.from({ length: x.shape[0] }, (_, at) => (form === "curve"
    ? { x: inputs[at * across], y: Number(targets[at]), tone: 0 }
    : { x: inputs[at * across], y: inputs[at * across + 1], tone: Math.round(Number(targets[at])) & 7 }));
}

function drawBars(pen, { values, classes }, width, height) {
  const sizes = valuesOf(values), most = largest(sizes);
  const wide = (width - 20) / sizes.length;
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  sizes.forEach((size, at) => {
    const tall = (Math.abs(size) / most) * (height - 40);
    pen.fillStyle = size < 0 ? palette.backward : palette.forward;
    pen.fillRect(10 + at * wide + 2, height - 22 - tall, wide - 4, tall);
    pen.fillStyle = palette.muted;
    pen.fillText(classes[at] ?? String(at), 10 + (at + 0.5) * wide, height - 8);
  });
}

function within(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** The sample under the pointer; null for none. */
export function sampleAt(canvas, output, event) {
  if (!output?.x || !["curve", "plane", "classes"].includes(output.form)) return null;
  const [px, py] = within(canvas, event);
  const { x, y } = frame(canvas.getBoundingClientRect(), output);
  let best = null, least = FINGER;
  points(output).forEach((point, at) => {
    const distance = Math.hypot(x(point.x) - px, y(point.y) - py);
    if (distance < least) [best, least] = [at, distance];
  });
  return best;
}

/** The place under the pointer in the units of the data. */
export function placeOf(canvas, output, event) {
  return frame(canvas.getBoundingClientRect(), output).back(...within(canvas, event));
}

/** The place of a sample a fiftieth of the picture further on. */
export function nudged(canvas, output, sample, dx, dy) {
  const place = frame(canvas.getBoundingClientRect(), output), point = points(output)[sample];
  return place.back(place.x(point.x) + (dx * place.across) / 50, place.y(point.y) - (dy * place.high) / 50);
}
