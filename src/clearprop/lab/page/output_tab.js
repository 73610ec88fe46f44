/** The output of the network or of one neuron: as a curve, a plane or a map of classes. */

import { send } from "./conversation.js";
import { byId, h } from "./dom.js";
import { drawOutput, forgetOutputColours, nudged, placeOf, sampleAt } from "./output_view.js";
import { note } from "./live.js";
import { placeInBatch, rowOf, selectSample } from "./samples.js";
import { on, put, state } from "./store.js";
import { word } from "./words.js";

const EVERY = 400; // ms between two pictures of a run
let asked = 0;
let drag = null;
let drawn = null;

function request() {
  asked = performance.now();
  send("output", { of: state.outputOf, resolution: null });
}

/** Asks anew where another moment is shown; of a run now and then. */
function follow() {
  if (state.tab !== "output" || !state.moment || drag) return;
  if (!state.running || performance.now() - asked > EVERY) request();
}

export const outputTab = {
  shows: ["output", "moment", "outputOf"],
  start() {
    on(["moment", "running"], follow);
    document.addEventListener("themechange", () => { forgetOutputColours(); redraw(); });
    new ResizeObserver(() => redraw(true)).observe(byId("tab"));
  },
  opened: () => { if (state.moment) request(); },
  draw(room) {
    if (!byId("output-of")) room.replaceChildren(...skeleton());
    const { output } = state;
    // A run changes the moment far more often than the output.
    if (state.running && output === drawn) return;
    drawn = output;
    fillChoice();
    if (!output) return;
    byId("output-title").textContent = output.title;
    byId("output-says").textContent = output.says;
    byId("output-says").hidden = !output.says;
    byId("output-how").hidden = output.x === null || output.form === "bars" || output.form === "none";
    redraw();
  },
};

function skeleton() {
  const canvas = h("canvas", { id: "output-picture", tabindex: 0, role: "img" });
  canvas.addEventListener("pointerdown", grab);
  canvas.addEventListener("pointermove", pull);
  canvas.addEventListener("pointerup", drop);
  canvas.addEventListener("pointercancel", drop);
  canvas.addEventListener("keydown", byKey);
  return [h("div", { class: "row" }, h("label", { class: "small muted", for: "output-of" }, word("output.of")),
    h("select", { id: "output-of", class: "grow", onchange: (event) => { put({ outputOf: event.target.value || null }); request(); } })),
  h("p", { id: "output-title", class: "small" }), canvas,
  h("p", { id: "output-how", class: "small muted" }, word("output.how")), h("p", { id: "output-says", class: "small muted honest" })];
}

/** The network, and every neuron that can be looked at. */
function fillChoice() {
  const choice = byId("output-of");
  const chosen = state.selection?.kind === "neuron" ? state.selection.address : null;
  const addresses = [];
  for (const column of state.network?.columns ?? [])
    if (column.kind !== "input" && !column.strip)
      for (let unit = 0; unit < column.count; unit += 1) addresses.push(`${column.output}[${unit}]`);
  if (chosen && !addresses.includes(chosen)) addresses.push(chosen);
  const key = addresses.join();
  if (choice.dataset.key !== key) {
    choice.replaceChildren(h("option", { value: "" }, word("output.network")), ...addresses.map((value) => h("option", { value }, value)));
    choice.dataset.key = key;
  }
  choice.value = state.outputOf ?? "";
}

function redraw(resized = false) {
  const canvas = byId("output-picture");
  if (!canvas || !state.output) return;
  drawOutput(canvas, state.output, state.moment ? rowOf(state.moment.sample) : null, resized);
  canvas.setAttribute("aria-label", `${state.output.title}. ${state.output.says}`);
}

function grab(event) {
  const canvas = event.currentTarget;
  const sample = sampleAt(canvas, state.output, event);
  if (sample === null) return;
  canvas.setPointerCapture(event.pointerId);
  drag = { sample, moved: false, x: event.clientX, y: event.clientY };
}

function pull(event) {
  if (!drag || (!drag.moved && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < 4)) return;
  drag.moved = true;
  if (placeInBatch(drag.sample) !== null) movePoint(placeOf(event.currentTarget, state.output, event), false);
}

function drop() {
  if (!drag) return;
  const { sample, moved, last } = drag;
  drag = null;
  if (moved) for (const part of last ?? []) send("move", { ...part, settled: true });
  else choose(sample);
}

/** Moves the point that is dragged to a place in the units of the data: one number at a time. */
function movePoint(place, settled) {
  const { form } = state.output;
  const part = (address, value) => ({ what: "point", address, sample: placeInBatch(drag.sample), value });
  drag.last = form === "curve" ? [part("target[0]", place.y)] : [part("input[0]", place.x), part("input[1]", place.y)];
  for (const one of drag.last.slice(0, settled ? undefined : 1)) send("move", { ...one, settled });
}

function byKey(event) {
  const { output, moment } = state;
  const count = output?.t?.shape[0] ?? 0;
  if (!count || !["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  const sample = rowOf(moment.sample);
  if (event.shiftKey) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    drag = { sample };
    movePoint(nudged(event.currentTarget, output, sample, dx, dy), true);
    drag = null;
    return;
  }
  const way = event.key === "ArrowLeft" || event.key === "ArrowUp" ? -1 : 1;
  choose((sample + way + count) % count);
}

/** Follows the sample of a row, where this step's batch has it. */
function choose(row) {
  const place = placeInBatch(row);
  if (place === null) note("note", word("output.not_in_batch", { sample: row }));
  else selectSample(place);
}
