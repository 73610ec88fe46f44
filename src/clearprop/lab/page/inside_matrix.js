/** A matrix whose entries are numbers with addresses: as a table where they can be read, as cells of
 * colour where there are too many. The arrows go from entry to entry, Enter asks why. */

import { largest, valuesOf } from "./arrays.js";
import { select } from "./conversation.js";
import { colours, h, prepared } from "./dom.js";
import { say } from "./live.js";
import { MAP_ROLES, cellAt, cellCorner, drawCells, mapPlaces } from "./network_maps.js";
import { kindOf } from "./selection.js";
import { put, state } from "./store.js";

const WIDEST = 12; // columns of numbers that a table still shows
const HIGH = 240; // px of a picture
let palette = null;
export const forgetMatrixColours = () => { palette = null; };

/** One matrix of the message `inside`, as an element. */
export function matrix(told) {
  const [rows, columns] = told.values.shape;
  const titled = h("h3", { class: told.role }, told.title, " ", h("span", { class: "muted" }, `${rows} × ${columns}`));
  const drawn = told.values.text && columns <= WIDEST ? numberTable(told) : cellPicture(told);
  return h("section", { class: "matrix" }, titled, drawn);
}

const addressOf = ({ address, rows }, row, column) => address.replace("{row}", rows[row]).replace("{column}", column);

function choose(address) {
  select({ kind: kindOf(address, state.network.parameters), address, sample: state.selection?.sample ?? null });
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Where an arrow leads from an entry; null for another key or beyond the edge. */
function stepped(event, row, column, [rows, columns]) {
  const step = event.shiftKey || event.ctrlKey || event.altKey || event.metaKey ? null : STEPS[event.key];
  if (!step) return null;
  event.preventDefault();
  event.stopPropagation();
  const to = [row + step[0], column + step[1]];
  return to[0] >= 0 && to[0] < rows && to[1] >= 0 && to[1] < columns ? to : null;
}

function numberTable(told) {
  const { values, rows, axes, title } = told, [height, width] = values.shape;
  const numbers = valuesOf(values), most = largest(numbers);
  const cell = (row, column) => {
    const at = row * width + column, address = addressOf(told, row, column), size = Math.min(5, Math.ceil((Math.abs(numbers[at]) / most) * 5));
    const button = h("button", { type: "button", "data-number": address, tabindex: at === 0 ? 0 : -1, title: address,
      "data-tone": size ? `${numbers[at] < 0 ? "negative" : "positive"}${size}` : null,
      onclick: () => choose(address), onfocus: () => put({ pointed: [address] }), onblur: () => put({ pointed: null }),
      onpointerenter: () => put({ pointed: [address] }), onpointerleave: () => put({ pointed: null }) }, values.text[at]);
    return h("td", { "data-at": `${row} ${column}` }, button);
  };
  const head = h("tr", {}, h("th", { scope: "col" }, axes.filter(Boolean).join(" \\ ")), Array.from({ length: width }, (_, column) => h("th", { scope: "col" }, column)));
  const body = Array.from({ length: height }, (_, row) => h("tr", {}, axes[0] ? h("th", { scope: "row" }, rows[row]) : h("td"),
    Array.from({ length: width }, (_, column) => cell(row, column))));
  return h("div", { class: "sideways" }, h("table", { class: "entries", "aria-label": title, onkeydown: (event) => {
    const place = event.target.closest("[data-at]");
    if (!place) return;
    const to = stepped(event, ...place.dataset.at.split(" ").map(Number), values.shape);
    const next = to && event.currentTarget.querySelector(`[data-at="${to.join(" ")}"] button`);
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  } }, h("thead", {}, head), h("tbody", {}, body)));
}

/** Too many numbers to be read side by side: cells of colour, and the number where one points. */
function cellPicture(told) {
  const { values, axes, title } = told, [rows, columns] = values.shape, numbers = valuesOf(values);
  const canvas = h("canvas", { "aria-hidden": "true" });
  const shown = h("p", { class: "small cell-number" });
  let at = null, places = null;
  const marked = () => {
    const known = state.selection?.address, first = told.address.indexOf("{");
    if (at === null && !known?.startsWith(told.address.slice(0, first))) return [];
    const found = at ?? Array.from({ length: rows * columns }, (_, cell) => cell).find((cell) => addressOf(told, Math.floor(cell / columns), cell % columns) === known);
    return found === undefined ? [] : [found];
  };
  const draw = (resized = false) => {
    palette ??= colours([...MAP_ROLES, "grid", "ink", "paper", "accent"]);
    const { pen, width } = prepared(canvas, resized);
    if (width < 10) return;
    places = mapPlaces({ count: rows * columns, maps: [rows, columns] }, width / 2, HIGH / 2, width - 4, HIGH - 4);
    const high = Math.ceil(places.height + 4);
    if (canvas.style.height !== `${high}px`) canvas.style.height = `${high}px`;
    const moved = { ...places, corners: places.corners.map(({ left }) => ({ left, top: 2 })) };
    places = moved;
    drawCells(pen, moved, numbers, palette);
    for (const cell of marked()) {
      const { left, top } = cellCorner(moved, cell);
      pen.strokeStyle = palette.ink;
      pen.lineWidth = 2;
      pen.strokeRect(left - 1, top - 1, moved.side + 2, moved.side + 2);
    }
  };
  const addressAt = (cell) => addressOf(told, Math.floor(cell / columns), cell % columns);
  const go = (cell) => {
    at = cell;
    const address = cell === null ? null : addressAt(cell);
    if (address) shown.textContent = `${address}${values.text ? ` = ${values.text[cell]}` : ""}`;
    put({ pointed: address ? [address] : null });
    draw();
  };
  const under = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return places ? cellAt(places, clientX - box.left, clientY - box.top) : null;
  };
  const room = h("div", { class: "cells", role: "application", tabindex: 0, "aria-label": `${title}, ${axes.filter(Boolean).join(" × ")}, ${rows} × ${columns}`, "data-cells": told.address,
    onpointermove: (event) => { const cell = under(event); if (cell !== at) go(cell); },
    onpointerleave: () => go(null), onblur: () => go(null),
    onclick: (event) => { const cell = under(event); if (cell !== null) choose(addressAt(cell)); },
    onkeydown: (event) => {
      if (event.key === "Enter" && at !== null) {
        event.preventDefault();
        choose(addressAt(at));
        return;
      }
      const to = at === null ? (event.key in STEPS ? stepped(event, 0, 0, [1, 1]) ?? [0, 0] : null) : stepped(event, Math.floor(at / columns), at % columns, [rows, columns]);
      if (!to) return;
      go(to[0] * columns + to[1]);
      say(shown.textContent);
    } }, canvas);
  room.redraw = () => draw();
  new ResizeObserver(() => draw(true)).observe(canvas);
  return h("div", {}, room, shown);
}

/** Marks the entries that are selected or pointed at. */
export function lightMatrices() {
  const chosen = state.selection?.address, pointed = state.pointed ?? [];
  for (const button of document.querySelectorAll("[data-number]")) {
    const address = button.dataset.number;
    button.classList.toggle("chosen", address === chosen);
    button.classList.toggle("pointed", pointed.includes(address));
    button.setAttribute("aria-pressed", String(address === chosen));
  }
  for (const room of document.querySelectorAll("[data-cells]")) room.redraw();
}
