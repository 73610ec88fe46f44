/** The network: its neurons as drawn things over the canvas of its edges. */

import { largest, textAt, valuesOf } from "./arrays.js";
import { byId, s, still } from "./dom.js";
import { animate, drawEdges, forgetColours } from "./network_canvas.js";
import { columnOf, edgeOf, ends, geometry, stripPlace } from "./network_geometry.js";
import { arrangement, written } from "./network_cards.js";
import { neuronLines, parameterLines } from "./network_numbers.js";
import { drawStrip } from "./network_strips.js";
import { parted } from "./selection.js";
import { on, state } from "./store.js";
import { word } from "./words.js";

const LETTER = 0.57; // width of a letter by the size of the font

let places = null;
let parts = []; // {column, index, group, texts, meter}
let stop = null;
let motion = 1;

export const currentPlaces = () => places;

export function startNetwork() {
  on(["network"], rebuild);
  on(["moment"], () => { moved(); paint(); });
  on(["selection", "pointed", "why"], paint);
  on(["welcome"], rebuild);
  new ResizeObserver(rebuild).observe(byId("network"));
  document.addEventListener("themechange", () => { forgetColours(); paint(); });
}

function rebuild() {
  const { network } = state;
  const { width, height } = byId("network").getBoundingClientRect();
  if (!network || width < 40) return;
  places = geometry(network, width, height);
  const svg = byId("neurons");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  parts = [];
  svg.replaceChildren(...places.columns.map(drawnColumn), drawnLoss(),
    s("g", { id: "edge-labels" }), s("g", { id: "callout" }));
  paint();
}

function drawnColumn(column) {
  const group = s("g", { "data-column": column.number }, columnTitle(column));
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
  return s("g", { class: "neuron loss", id: "unit-loss", "data-loss": "", transform: `translate(${x} ${y})` },
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

function edgesOnly() {
  if (places) drawEdges(byId("edges"), places, { moment: state.moment, reached, lit: litEdges(), motion, moving: moving() });
}

/** What is lit: the selection first, then what is pointed at. */
export function litAddresses() {
  const chosen = state.selection?.address ? [state.selection.address] : [];
  return { chosen, pointed: state.pointed ?? [] };
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

export function paint() {
  if (!places) return;
  edgesOnly();
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
      drawStrip(part, moment);
      continue;
    }
    group.classList.toggle("chosen", at(column, index, chosen));
    group.classList.toggle("pointed", at(column, index, pointed)
      || edges.some(({ link, i, j }) => (link.source === column && i === index) || (link.target === column && j === index)));
    paintNeuron(part, moment, exists, forms.get(column));
  }
  paintLoss(moment);
  paintLabels(moment, edges);
  paintCallout(moment, chosen.length ? chosen : pointed);
}

const unitLines = (moment, column) => column.units.map(({ index }) => (column.strip ? [] : neuronLines(moment, column, index)));

const biasOf = (column) => state.network.biases.find((bias) => bias.column === column.number)?.path;

function paintNeuron({ column, index, group, texts, meter }, moment, exists, form) {
  const lines = neuronLines(moment, column, index);
  texts.replaceChildren(...written(lines, form, column.height));
  const values = valuesOf(moment.values[column.output] ?? moment.values[column.wire] ?? (column.kind === "input" ? moment.input : null));
  const part = exists && values ? values[index] / largest(values) : 0;
  const level = Math.min(5, Math.max(1, Math.ceil(Math.abs(part) * 5)));
  const shown = texts.childElementCount > 0;
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
  const named = state.recipe?.loss?.kind ?? word("network.loss");
  const title = s("text", { y: -height / 2 - 8, class: "column-title", "font-size": Math.min(12, width / (named.length * 0.62)) }, named);
  const target = moment.loss === null && textAt(moment.target, 0) !== null && moment.target.shape.at(-1) === 1
    ? [{ name: "t", text: textAt(moment.target, 0), tone: "muted" }] : [];
  const all = [...target, ...lines];
  group.lastChild.replaceChildren(title, ...written(all, arrangement([all], { width: width + 6, height }), height));
  group.setAttribute("role", "img");
  group.setAttribute("aria-label", `${word("network.loss")}${lines.map(({ name, text }) => `, ${name} = ${text}`).join("")}`);
}

/** The numbers at the edges, where each has a line of its own; the chosen edge's always. */
function paintLabels(moment, lit) {
  const labels = [];
  for (const link of places.links.filter((one) => one.labelled)) {
    for (let i = 0; i < link.shape[0]; i += 1)
      for (let j = 0; j < link.shape[1]; j += 1) labels.push(edgeLabel(moment, link, i, j));
    labels.push(...biasLabels(moment, link));
  }
  for (const { link, i, j } of lit) if (!link.labelled) labels.push(pill(moment, link, i, j));
  byId("edge-labels").replaceChildren(...labels.filter(Boolean));
}

function edgeLabel(moment, link, i, j) {
  const { turn, y2 } = ends(link, i, j);
  return stubLabel(parameterLines(moment, link.weight, i * link.shape[1] + j, "w"), turn, y2, `${link.weight}[${i},${j}]`);
}

function biasLabels(moment, link) {
  const path = biasOf(link.target);
  if (!path) return [];
  return link.target.units.map(({ index, y }) => {
    const order = link.fan - (link.fan - 1) / 2;
    const x2 = link.target.x - link.target.width / 2, there = y + order * link.portGap;
    const label = stubLabel(parameterLines(moment, path, index, "b"), x2 - link.stub, there, `${path}[0,${index}]`);
    label?.prepend(s("path", { class: "bias-stub", d: `M${x2 - link.stub} ${there}H${x2}` }));
    return label;
  });
}

function stubLabel(lines, x, y, address) {
  const shown = lines.at(-1);
  if (!shown) return null;
  const line = lines.find(({ tone }) => tone === "accent") ?? shown;
  const fits = (text) => Math.min(11.5, 82 / ((line.name.length + text.length + 1) * 0.6));
  // Where both numbers of an update would be too small to read, the new one stands alone.
  const text = fits(line.text) < 8.5 ? line.text.replace(/^.*→/, "→") : line.text;
  const size = fits(text);
  const chosen = state.selection?.address === address;
  return s("g", { class: `edge-label${chosen ? " chosen" : ""}`, "data-address": address },
    s("text", { x: x + 2, y: y - 4.5, "font-size": size, class: line.tone }, s("tspan", { class: "name" }, line.name), ` ${text}`));
}

function pill(moment, link, i, j) {
  const lines = parameterLines(moment, link.weight, i * link.shape[1] + j, "w");
  const line = ends(link, i, j);
  if (!lines.length) return null;
  const x = (line.x1 + line.x2) / 2;
  const y = (line.y1 + line.y2) / 2;
  return bubble(x, y, lines);
}

/** A small card with numbers, kept within the picture. */
function bubble(x, y, lines) {
  const width = Math.max(...lines.map(({ name, text }) => (name.length + text.length + 3) * 12 * LETTER)) + 12;
  const height = lines.length * 16 + 8;
  const left = Math.min(Math.max(x, width / 2 + 4), places.width - width / 2 - 4);
  const top = Math.min(Math.max(y, height / 2 + 28), places.height - height / 2 - 26);
  return s("g", { class: "bubble", transform: `translate(${left} ${top})` },
    s("rect", { x: -width / 2, y: -height / 2, width, height, rx: 7 }),
    ...lines.map(({ name, text, tone }, row) => s("text", { x: 3, y: (row - (lines.length - 1) / 2) * 16, "font-size": 12, class: tone },
      s("tspan", { class: "name" }, `${name} =`), ` ${text}`)));
}

/** The numbers of a chosen neuron whose card has no room for all of them. */
function paintCallout(moment, addresses) {
  const callout = byId("callout");
  callout.replaceChildren();
  for (const address of addresses.slice(0, 1)) {
    const { path, index } = parted(address);
    const column = columnOf(places, path);
    const unit = index.at(-1);
    if (!column || unit === undefined || unit >= column.count) continue;
    const place = column.strip ? stripPlace(column, unit) : column.units[unit];
    const lines = neuronLines(moment, column, unit);
    const readable = !column.strip && arrangement(unitLines(moment, column), column).rows === lines.length;
    if (!lines.length || readable) continue;
    const side = column.number === places.columns.length - 1 ? -1 : 1;
    callout.append(bubble(place.x + side * (column.width / 2 + 62), place.y, lines));
  }
}
