/** The network: its neurons as drawn things over the canvas of its edges. */

import { largest, textAt, valuesOf } from "./arrays.js";
import { byId, s, still } from "./dom.js";
import { animate, drawEdges, forgetColours } from "./network_canvas.js";
import { columnOf, edgeOf, geometry, stripPlace } from "./network_geometry.js";
import { arrangement, writeCard } from "./network_cards.js";
import { bubble, edgeBubble, edgeLabels, paintLabels } from "./network_labels.js";
import { neuronLines } from "./network_numbers.js";
import { drawStrip } from "./network_strips.js";
import { numberOf, parted } from "./selection.js";
import { on, state } from "./store.js";
import { word } from "./words.js";

let places = null;
let parts = []; // {column, index, group, texts, meter}
let labels = [];
let stop = null;
let motion = 1;

export const currentPlaces = () => places;

export function startNetwork() {
  on(["network"], rebuild);
  on(["moment"], () => { moved(); paint(); });
  on(["selection", "pointed", "why"], paint);
  on(["welcome"], rebuild);
  // The legend takes more lines in one language than in the other.
  const room = new ResizeObserver(rebuild);
  for (const id of ["network", "legend"]) room.observe(byId(id));
  document.addEventListener("themechange", () => { forgetColours(); paint(); });
}

function rebuild() {
  const { network } = state;
  const { width, height } = byId("network").getBoundingClientRect();
  if (!network || width < 40) return;
  places = geometry(network, width, height, byId("legend").offsetHeight + 16);
  const svg = byId("neurons");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  parts = [];
  labels = edgeLabels(places);
  svg.replaceChildren(...places.columns.map(drawnColumn), drawnLoss(),
    s("g", { id: "edge-labels" }, labels.map(({ group }) => group)), s("g", { id: "callout" }));
  paint(true);
}

function drawnColumn(column) {
  const group = s("g", { "data-column": column.number }, columnTitle(column));
  if (column.places) {
    const { x, y } = column.units[0];
    const maps = s("g", { class: "maps", "data-unit": `${column.number} 0`, role: "img", "aria-label": word("network.maps", { layer: column.title, shape: column.shape.join(" × ") }) },
      s("rect", { x: x - column.width / 2, y: y - column.height / 2, width: column.width, height: column.height }),
      s("text", { x, y: y + column.height / 2 + 13, class: "count" }, column.shape.join("×")));
    parts.push({ column, index: null, group: maps });
    group.append(maps);
    return group;
  }
  if (column.strip) {
    const { x, y } = column.units[0];
    const strip = s("g", { class: "strip", "data-unit": `${column.number} 0` },
      s("rect", { x: x - column.width / 2, y: y - column.height / 2, width: column.width, height: column.height, rx: 4 }),
      s("g", {}), s("text", { x, y: y + column.height / 2 + 14, class: "count" }, `× ${column.count}`));
    parts.push({ column, index: null, group: strip });
    group.append(strip);
    return group;
  }
  for (const unit of column.units) group.append(drawnNeuron(column, unit));
  return group;
}

/** What the column is: on one line, on two where its neighbours are near, else only when pointed at. */
function columnTitle({ x, number, path, title }) {
  const near = places.columns.filter((other) => Math.abs(other.number - number) === 1).map((other) => Math.abs(other.x - x));
  const room = Math.min(...near, 2 * x, places.width) - 8;
  const fits = (words) => Math.min(12, room / (Math.max(...words.map(({ length }) => length)) * 0.6));
  const words = title.split(/(?<=\)) /);
  const lines = fits([title]) >= 10 ? [title] : words;
  const size = fits(lines);
  const shown = size < 8 ? [] : lines;
  return s("text", { x, y: shown.length > 1 ? 13 : 20, class: "column-title", "font-size": size, "data-layer": path }, s("title", {}, title),
    shown.map((line, row) => s("tspan", { x, dy: row * 13 }, line)));
}

function drawnNeuron(column, { index, x, y }) {
  const { width, height } = column;
  const round = Math.min(height / 2, 13);
  const texts = s("g", {});
  const meter = s("rect", { class: "meter", x: 5 - width / 2, width: 3, rx: 1.5, height: 0 });
  const group = s("g", { class: "neuron", id: `unit-${column.number}-${index}`, transform: `translate(${x} ${y})`,
    "data-unit": `${column.number} ${index}` },
  s("rect", { class: "body", x: -width / 2, y: -height / 2, width, height, rx: round }), meter, texts);
  parts.push({ column, index, group, texts, meter });
  return group;
}

function drawnLoss() {
  const { x, y, width, height } = places.loss;
  const named = state.recipe?.loss?.kind ?? word("network.loss");
  return s("g", { class: "neuron loss", id: "unit-loss", "data-loss": "", transform: `translate(${x} ${y})` },
    s("text", { y: -height / 2 - 8, class: "column-title", "font-size": Math.min(12, width / (named.length * 0.62)) }, named),
    s("rect", { class: "body", x: -width / 2, y: -height / 2, width, height, rx: 8 }), s("g", {}));
}

/** Numbers run along the edges when the next phase of the same step has been computed. */
let before = null;
function moved() {
  const { moment } = state;
  stop?.();
  motion = 1;
  const next = before && moment && !moment.running && moment.step === before.step && moment.phase === before.phase + 1;
  before = moment;
  if (!next || still()) return;
  motion = 0;
  stop = animate((progress) => { motion = progress; edgesOnly(); });
}

function moving() {
  const { moment } = state;
  const phase = moment?.phases[moment.phase - 1];
  return phase ? { wire: phase.path, back: phase.part === "backward" } : null;
}

const reached = (wire) => Boolean(state.moment && (wire in state.moment.values));

function edgesOnly(resized = false) {
  if (places) drawEdges(byId("edges"), places, { resized, moment: state.moment, reached, lit: litEdges(), marked: markedCells(), motion, moving: moving() });
}

/** What is lit: the selection first, then what is pointed at. */
export function litAddresses() {
  const chosen = state.selection?.address ? [state.selection.address] : [];
  return { chosen, pointed: state.pointed ?? [] };
}

/** The cells of maps that are lit. */
function markedCells() {
  const { chosen, pointed } = litAddresses();
  const cell = (address, isChosen) => {
    const { path, index } = parted(address);
    const column = columnOf(places, path), number = column?.places ? numberOf(index, column.shape) : null;
    return number === null ? [] : [{ column, index: number, chosen: isChosen }];
  };
  return [...pointed.flatMap((one) => cell(one, false)), ...chosen.flatMap((one) => cell(one, true))];
}

function litEdges() {
  const { chosen, pointed } = litAddresses();
  const edge = (address) => {
    const { path, index } = parted(address);
    return edgeOf(places, path, index);
  };
  const all = [...pointed.map((one) => [edge(one), false]), ...chosen.map((one) => [edge(one), true])];
  return all.filter(([one]) => one).map(([one, isChosen]) => ({ ...one, chosen: isChosen }));
}

function paint(resized = false) {
  if (!places) return;
  edgesOnly(resized === true);
  const { moment } = state;
  if (!moment) return;
  const { chosen, pointed } = litAddresses();
  const edges = litEdges();
  const at = (column, index, addresses) => addresses.some((address) => {
    const found = parted(address);
    return (column.wire === found.path || column.output === found.path || (column.bias ?? biasOf(column)) === found.path)
      && found.index.at(-1) === index;
  });
  const phase = moment.phases[moment.phase - 1];
  const forms = new Map(places.columns.map((column) => [column, arrangement(unitLines(moment, column), column)]));
  for (const part of parts) {
    const { column, index, group } = part;
    const exists = reached(column.wire) || column.kind === "input";
    group.classList.toggle("exists", exists);
    group.classList.toggle("back", column.wire in moment.signals);
    group.classList.toggle("now", Boolean(phase) && (phase.path === column.wire || phase.path === column.output));
    if (index === null) {
      if (!column.places) drawStrip(part, moment);
      continue;
    }
    group.classList.toggle("chosen", at(column, index, chosen));
    group.classList.toggle("pointed", at(column, index, pointed)
      || edges.some(({ link, i, j }) => (link.source === column && i === index) || (link.target === column && j === index)));
    paintNeuron(part, moment, exists, forms.get(column));
  }
  paintLoss(moment);
  paintLabels(labels, moment);
  paintCallout(moment, chosen.length ? chosen : pointed, edges);
}

const unitLines = (moment, column) => column.units.map(({ index }) => (column.strip ? [] : neuronLines(moment, column, index)));

const biasOf = (column) => state.network.biases.find((bias) => bias.column === column.number)?.path;

function paintNeuron({ column, index, group, texts, meter }, moment, exists, form) {
  const lines = neuronLines(moment, column, index);
  const shown = writeCard(texts, lines, form, column.height);
  const values = valuesOf(moment.values[column.output] ?? moment.values[column.wire] ?? (column.kind === "input" ? moment.input : null));
  const part = exists && values ? values[index] / largest(values) : 0;
  const level = Math.min(5, Math.max(1, Math.ceil(Math.abs(part) * 5)));
  group.dataset.tone = !exists || part === 0 || shown ? "" : `${part < 0 ? "negative" : "positive"}${level}`;
  const length = shown && Number.isFinite(part) ? Math.abs(part) * (column.height - 14) : 0;
  meter.setAttribute("height", length);
  meter.setAttribute("y", column.height / 2 - 7 - length);
  meter.dataset.sign = part < 0 ? "negative" : "positive";
  group.setAttribute("role", "img");
  group.setAttribute("aria-label", neuronName(column, index, lines));
}

/** What a screen reader is told of a neuron: where it is and all that is known of it. */
export function neuronName(column, index, lines) {
  const numbers = lines.map(({ name, text }) => `${name} = ${text}`).join(", ");
  return `${word(`network.${column.kind === "input" ? "input" : "neuron"}`, { number: index + 1, layer: column.title })}${numbers ? `: ${numbers}` : ""}`;
}

function paintLoss(moment) {
  const group = byId("unit-loss");
  const { width, height } = places.loss;
  const lines = [];
  for (const [key, name] of [["cost", "C"], ["loss", "L"], ["loss_after", "L′"]])
    if (moment[key] !== null && moment.texts[key]) lines.push({ name, text: moment.texts[key], tone: key === "loss_after" ? "accent" : "ink" });
  group.classList.toggle("exists", moment.loss !== null);
  group.classList.toggle("chosen", state.selection?.kind === "loss");
  const target = moment.loss === null && textAt(moment.target, 0) !== null && moment.target.shape.at(-1) === 1
    ? [{ name: "t", text: textAt(moment.target, 0), tone: "muted" }] : [];
  const all = [...target, ...lines];
  writeCard(group.lastChild, all, arrangement([all], { width: width + 6, height }), height);
  group.setAttribute("role", "img");
  group.setAttribute("aria-label", `${word("network.loss")}${lines.map(({ name, text }) => `, ${name} = ${text}`).join("")}`);
}

/** The numbers of a chosen neuron whose card has no room for all of them. */
function paintCallout(moment, addresses, edges) {
  const callout = byId("callout");
  callout.replaceChildren(...edges.filter(({ link }) => !link.labelled).map((edge) => edgeBubble(places, moment, edge)));
  for (const address of addresses.slice(0, 1)) {
    const { path, index } = parted(address);
    const column = columnOf(places, path);
    const unit = column ? numberOf(index, column.shape) : null;
    if (unit === null) continue;
    const place = column.strip ? stripPlace(column, unit) : column.units[unit];
    const lines = neuronLines(moment, column, unit);
    const readable = !column.strip && arrangement(unitLines(moment, column), column).rows === lines.length;
    if (!lines.length || readable) continue;
    const side = column.number === places.columns.length - 1 ? -1 : 1;
    callout.append(bubble(places, place.x + side * (column.width / 2 + 62), place.y, lines));
  }
}
