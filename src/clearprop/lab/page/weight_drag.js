/** A weight under one's finger: the loss that the gradient predicts, a straight line, beside the loss
 * that it really is; let go, it is put back or the run goes on from there. */

import { valuesOf } from "./arrays.js";
import { send } from "./conversation.js";
import { byId, colours, h, prepared } from "./dom.js";
import { numberOf } from "./fields.js";
import { note } from "./live.js";
import { parted } from "./selection.js";
import { on, put, state } from "./store.js";
import { word } from "./words.js";

const MOVABLE = new Set(["weight", "bias"]);
let dragged = null; // {what, address}
let waiting = false;
let next = null;

export function startDrag() {
  on(["moved"], showMoved);
  document.addEventListener("themechange", () => drawLines());
}

/** What drags the selected weight or bias; nothing for what cannot be dragged. */
export function dragWidget(selection) {
  if (!MOVABLE.has(selection.kind) || !state.moment) return "";
  const { path, index } = parted(selection.address);
  const wire = state.moment.parameters[path];
  if (!wire || index.length !== wire.shape.length) return "";
  const at = index.reduce((place, one, axis) => place * wire.shape[axis] + one, 0);
  const value = valuesOf(wire)[at];
  dragged = { what: selection.kind, address: selection.address, value };
  const reach = Math.max(1, 2 * Math.abs(value));
  const slider = h("input", { type: "range", id: "drag", min: value - reach, max: value + reach, step: "any", value, "aria-label": word("drag.slider", { address: selection.address }),
    oninput: () => move(Number(slider.value)),
    onkeydown: (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        event.preventDefault();
        event.stopPropagation();
        slider.value = Number(slider.value) + (event.key === "ArrowLeft" ? -1 : 1) * (reach / (event.shiftKey ? 10 : 50));
        move(Number(slider.value));
      }
    } });
  const typed = h("input", { type: "text", inputmode: "decimal", id: "drag-value", "aria-label": word("drag.value"), onchange: () => {
    const wanted = numberOf(typed.value);
    if (typeof wanted === "number") move(wanted);
    else note("error", word("drag.no_number", { text: wanted }));
  } });
  return h("details", { class: "drag", open: Boolean(state.moved) }, h("summary", {}, word("drag.title")),
    h("canvas", { id: "drag-lines", "aria-hidden": "true" }), slider,
    h("p", { id: "drag-says", class: "small" }, word("drag.how")),
    h("div", { class: "row" }, typed,
      h("button", { type: "button", id: "drag-back", disabled: true, onclick: putBack }, word("drag.back")),
      h("button", { type: "button", id: "drag-settle", disabled: true, onclick: settle }, word("drag.settle"))));
}

/** One question at a time: of all places of a drag the newest is asked for next. */
function move(value) {
  next = value;
  if (waiting) return;
  waiting = true;
  const { what, address } = dragged;
  send("move", { what, address, sample: null, value: next, settled: false });
  next = null;
}

function showMoved() {
  waiting = false;
  const { moved } = state;
  if (!moved || !byId("drag-says")) return;
  if (next !== null) move(next);
  byId("drag-says").replaceChildren(
    h("span", { class: "pair" }, h("b", {}, word("drag.now")), ` ${moved.texts.loss}`),
    h("span", { class: "pair predicted" }, h("b", {}, word("drag.predicted")), ` ${moved.texts.predicted}`),
    h("span", { class: "pair true" }, h("b", {}, word("drag.true")), ` ${moved.texts.true}`),
    h("span", { class: "unseen" }, moved.says));
  byId("drag-value").value = moved.texts.value.replace("−", "-");
  byId("drag-back").disabled = byId("drag-settle").disabled = false;
  drawLines();
}

function putBack() {
  const { value } = dragged;
  byId("drag").value = value;
  byId("drag-says").textContent = word("drag.how");
  byId("drag-back").disabled = byId("drag-settle").disabled = true;
  byId("drag-value").value = "";
  put({ moved: null });
  byId("drag").focus();
  drawLines();
}

function settle() {
  const { what, address } = dragged;
  send("move", { what, address, sample: null, value: state.moved.value, settled: true });
}

function drawLines() {
  const canvas = byId("drag-lines");
  if (!canvas) return;
  const { pen, width, height } = prepared(canvas);
  const { moved } = state;
  if (!moved) return;
  const tone = colours(["grid", "ink", "accent", "backward", "muted"]);
  const table = valuesOf(moved.line);
  const rows = table.length / 3;
  let low = Math.min(moved.true, moved.predicted, moved.loss), high = Math.max(moved.true, moved.predicted, moved.loss);
  let first = Math.min(moved.value, table[0]), last = Math.max(moved.value, table[3 * (rows - 1)]);
  for (let row = 0; row < rows; row += 1) {
    const truth = table[3 * row + 2];
    if (Number.isFinite(truth)) [low, high] = [Math.min(low, truth), Math.max(high, truth)];
  }
  const x = (value) => 8 + ((value - first) / (last - first || 1)) * (width - 16);
  const y = (loss) => height - 10 - ((loss - low) / (high - low || 1)) * (height - 20);
  const line = (column, colour, dash) => {
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.setLineDash(dash);
    pen.beginPath();
    for (let row = 0; row < rows; row += 1) {
      const loss = table[3 * row + column];
      if (Number.isFinite(loss)) pen.lineTo(x(table[3 * row]), y(loss));
    }
    pen.stroke();
    pen.setLineDash([]);
  };
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, width, height);
  pen.clip();
  line(1, tone.backward, [6, 4]);
  line(2, tone.ink, []);
  pen.restore();
  const dot = (loss, colour) => {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(x(moved.value), y(loss), 5, 0, 2 * Math.PI);
    pen.fill();
  };
  pen.strokeStyle = tone.muted;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x(moved.value), y(moved.predicted));
  pen.lineTo(x(moved.value), y(moved.true));
  pen.stroke();
  dot(moved.predicted, tone.backward);
  dot(moved.true, tone.ink);
}
