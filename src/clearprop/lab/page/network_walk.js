/** Pointing at the network: by mouse and touch, and by keyboard along its edges.
 *
 * The keyboard has one cursor, on a neuron, an edge or the loss. Up and down go through a column, or
 * through the edges that leave the same neuron; right goes from a neuron to an edge and on to where
 * the edge ends, left the other way round.
 */

import { byId, s } from "./dom.js";
import { select } from "./conversation.js";
import { say } from "./live.js";
import { edgeOf, ends, nearestEdge, stripPlace, trace } from "./network_geometry.js";
import { neuronLines, parameterLines } from "./network_numbers.js";
import { currentPlaces, neuronName } from "./network_view.js";
import { cellAt } from "./network_maps.js";
import { entryOf, numberOf, parted } from "./selection.js";
import { on, put, state } from "./store.js";
import { word } from "./words.js";

const REACH = 9; // px within which an edge is meant
let cursor = null; // {kind: unit, column, index} | {kind: edge, link, i, j} | {kind: loss}

export function startWalk() {
  const svg = byId("neurons");
  svg.tabIndex = 0;
  svg.addEventListener("click", (event) => choose(under(event)));
  svg.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") point(under(event)); });
  svg.addEventListener("pointerleave", () => point(null));
  svg.addEventListener("keydown", onKey);
  svg.addEventListener("focus", () => { if (svg.matches(":focus-visible")) place(cursor ?? firstItem()); });
  svg.addEventListener("blur", () => mark(null));
  on(["network"], () => { cursor = null; });
}

/** The selection that an item of the network stands for. */
export function selectionFor(item) {
  if (!item) return null;
  const sample = state.selection?.sample ?? null;
  if (item.kind === "loss") return { kind: "loss", address: null, sample };
  if (item.kind === "edge") return { kind: "weight", address: `${item.link.weight}[${item.i},${item.j}]`, sample };
  if (item.kind === "address") return { kind: item.address.includes(".bias") ? "bias" : "weight", address: item.address, sample };
  if (item.kind === "layer") return { kind: "layer", address: item.path, sample };
  const { column, index } = item;
  return { kind: column.kind === "input" ? "input" : "neuron", address: entryOf(column.wire, index, column.shape), sample };
}

function choose(item) {
  if (item) select(selectionFor(item));
}

function point(item) {
  const address = item ? selectionFor(item).address : null;
  const pointed = address && item.kind !== "layer" ? [address] : null;
  if (pointed?.[0] !== state.pointed?.[0]) put({ pointed });
  byId("neurons").style.cursor = item ? "pointer" : "";
}

/** What lies under the pointer: a neuron, an edge with its number, an edge, a title, the loss. */
function under(event) {
  const places = currentPlaces();
  if (!places) return null;
  const label = event.target.closest("[data-address]");
  if (label) return { kind: "address", address: label.dataset.address };
  const layer = event.target.closest("[data-layer]");
  if (layer) return layer.dataset.layer ? { kind: "layer", path: layer.dataset.layer } : null;
  if (event.target.closest("[data-loss]")) return { kind: "loss" };
  const box = byId("neurons").getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  const unit = event.target.closest("[data-unit]");
  if (unit) {
    const [number, index] = unit.dataset.unit.split(" ").map(Number);
    const column = places.columns[number];
    if (!column.strip) return { kind: "unit", column, index };
    if (column.places) {
      const cell = cellAt(column.places, x, y);
      return cell === null ? { kind: "layer", path: column.path } : { kind: "unit", column, index: cell };
    }
    const top = column.units[0].y - column.height / 2;
    const within = Math.floor(((y - top) / column.height) * column.count);
    return { kind: "unit", column, index: Math.min(column.count - 1, Math.max(0, within)) };
  }
  const edge = nearestEdge(places, x, y, event.pointerType === "mouse" ? REACH : 2 * REACH);
  return edge ? { kind: "edge", ...edge } : null;
}

/** The item of the selection, so that the walk begins there; otherwise the first neuron. */
function firstItem() {
  const places = currentPlaces();
  if (!places) return null;
  const { path, index } = parted(state.selection?.address);
  const edge = state.selection?.kind === "weight" ? edgeOf(places, path, index) : null;
  if (edge) return { kind: "edge", ...edge };
  const column = places.columns.find((one) => one.wire === path && numberOf(index, one.shape) !== null);
  return { kind: "unit", column: column ?? places.columns[0], index: column ? numberOf(index, column.shape) : 0 };
}

const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter") {
    choose(cursor);
  } else if (event.key === "b" && cursor?.kind === "unit") {
    const bias = state.network.biases.find((one) => one.column === cursor.column.number);
    if (bias) select({ kind: "bias", address: `${bias.path}[0,${cursor.index}]`, sample: state.selection?.sample ?? null });
  } else if (event.key in STEPS && !event.shiftKey) {
    const places = currentPlaces();
    const [across, down] = STEPS[event.key];
    const item = cursor ?? firstItem();
    place(withinMap(item, across, down) ?? (down ? beside(item, down) : across > 0 ? after(item, places) : ahead(item, places)));
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

/** The cell beside one of a map, up to the map's edge; up and down go on through all of its column. */
function withinMap(item, across, down) {
  if (item.kind !== "unit" || !item.column.places) return null;
  const { column, index } = item, wide = column.maps[1];
  if (down) return { ...item, index: turned(index + down * wide, column.count) };
  const at = (index % wide) + across;
  return at >= 0 && at < wide ? { ...item, index: index + across } : null;
}

const turned = (value, count) => (value + count) % count;

function beside(item, down) {
  if (item.kind === "unit") return { ...item, index: turned(item.index + down, item.column.count) };
  if (item.kind === "edge") {
    const { link, i, j } = item;
    return item.back ? { ...item, i: turned(i + down, link.shape[0]) } : { ...item, j: turned(j + down, link.shape[1]) };
  }
  return item;
}

function after(item, places) {
  if (item.kind === "edge") return { kind: "unit", column: item.link.target, index: item.j };
  if (item.kind !== "unit") return item;
  const link = places.links.find((one) => one.source === item.column);
  if (!link) return { kind: "loss" };
  if (!link.dense) return { kind: "unit", column: link.target, index: Math.min(item.index, link.target.count - 1) };
  return { kind: "edge", link, i: item.index, j: Math.min(item.index, link.shape[1] - 1) };
}

function ahead(item, places) {
  if (item.kind === "loss") return { kind: "unit", column: places.last, index: 0 };
  if (item.kind === "edge") return { kind: "unit", column: item.link.source, index: item.i };
  const link = places.links.find((one) => one.target === item.column);
  if (!link) return item;
  if (!link.dense) return { kind: "unit", column: link.source, index: Math.min(item.index, link.source.count - 1) };
  return { kind: "edge", link, i: Math.min(item.index, link.shape[0] - 1), j: item.index, back: true };
}

/** Moves the cursor and says where it is. */
function place(item) {
  cursor = item;
  if (!item) return;
  mark(item);
  put({ pointed: item.kind === "loss" ? null : [selectionFor(item).address] });
  say(itemName(item));
}

function mark(item) {
  const svg = byId("neurons");
  for (const old of svg.querySelectorAll(".cursor")) old.classList.remove("cursor");
  byId("focus-edge")?.remove();
  svg.removeAttribute("aria-activedescendant");
  if (!item) return;
  if (item.kind === "edge") {
    const path = new TracedPath();
    trace(path, ends(item.link, item.i, item.j));
    svg.prepend(s("path", { id: "focus-edge", d: path.text, role: "img", "aria-label": itemName(item) }));
    svg.setAttribute("aria-activedescendant", "focus-edge");
    return;
  }
  const id = item.kind === "loss" ? "unit-loss" : `unit-${item.column.number}-${item.index}`;
  if (item.column?.strip) {
    const { x, y } = stripPlace(item.column, item.index), half = item.column.places ? item.column.places.side / 2 + 3 : item.column.width / 2 + 5;
    svg.prepend(s("path", { id: "focus-edge", d: item.column.places ? `M${x - half} ${y - half}h${2 * half}v${2 * half}h${-2 * half}z` : `M${x - half} ${y}H${x + half}`, role: "img", "aria-label": itemName(item) }));
    return;
  }
  byId(id)?.classList.add("cursor");
  svg.setAttribute("aria-activedescendant", id);
}

function itemName(item) {
  if (item.kind === "loss") return byId("unit-loss").getAttribute("aria-label");
  if (item.kind === "unit") return neuronName(item.column, item.index, neuronLines(state.moment, item.column, item.index));
  const { link, i, j } = item;
  const lines = parameterLines(state.moment, link.weight, i * link.shape[1] + j, "w");
  const numbers = lines.map(({ name, text }) => `${name} = ${text}`).join(", ");
  return `${word("network.edge", { address: `${link.weight}[${i},${j}]`, from: i + 1, to: j + 1 })}${numbers ? `: ${numbers}` : ""}`;
}

/** What `trace` draws on, kept as the text of an SVG path. */
class TracedPath {
  text = "";
  moveTo(x, y) { this.text += `M${x} ${y}`; }
  lineTo(x, y) { this.text += `L${x} ${y}`; }
  bezierCurveTo(...places) { this.text += `C${places.join(" ")}`; }
}
