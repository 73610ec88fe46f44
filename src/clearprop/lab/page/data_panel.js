/** The data: thumbnails of the sets that are there, one's own table dropped, its columns chosen. */

import { valuesOf } from "./arrays.js";
import { send } from "./conversation.js";
import { byId, colours, h, prepared } from "./dom.js";
import { note } from "./live.js";
import { on, state } from "./store.js";
import { word } from "./words.js";

const LARGEST = 30_000_000; // characters of a table that a message carries
let own = null; // {name, csv} of the person's own table
let palette = null;

export function startData() {
  on(["welcome", "table"], draw);
  on(["recipe"], press);
  document.addEventListener("themechange", () => { palette = null; thumbnails(); });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    byId("drop")?.classList.add("over");
  });
  document.addEventListener("dragleave", () => byId("drop")?.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    byId("drop")?.classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  new ResizeObserver(() => thumbnails(true)).observe(byId("data"));
}

function draw() {
  const { welcome, table } = state;
  if (!welcome) return;
  const file = h("input", { type: "file", id: "data-file", accept: ".csv,.tsv,.txt,text/csv", onchange: () => file.files[0] && take(file.files[0]) });
  byId("data").replaceChildren(
    h("div", { class: "thumbs" }, welcome.presets.map(({ name, title }) => h("button", { type: "button", class: "thumb", id: `preset-${name}`, "data-preset": name,
      "aria-pressed": "false", onclick: () => send("build", { recipe: { preset: name } }) }, h("canvas", { "aria-hidden": "true" }), h("span", {}, title)))),
    h("label", { class: "drop", id: "drop" }, file, word("data.drop")),
    table ? columns(table) : "");
  press();
  thumbnails();
}

function press() {
  const named = JSON.stringify(state.recipe?.data);
  for (const button of document.querySelectorAll("[data-preset]")) {
    const preset = state.welcome.presets.find(({ name }) => name === button.dataset.preset);
    button.setAttribute("aria-pressed", String(JSON.stringify(preset.recipe.data) === named));
  }
}

async function take(file) {
  if (file.size > LARGEST) {
    note("error", word("data.too_large", { most: LARGEST / 1_000_000 }));
    return;
  }
  own = { name: file.name, csv: await file.text() };
  send("data", { ...own, inputs: null, target: null });
}

/** Of a table: which columns the network is given, and which it should give. */
function columns(table) {
  const change = (name, role) => {
    const roles = table.columns.map((column) => (column.name === name ? { ...column, role } : column));
    send("data", { name: table.name, csv: own?.name === table.name ? own.csv : null,
      inputs: roles.filter((one) => one.role === "input").map((one) => one.name),
      target: roles.filter((one) => one.role === "target").map((one) => one.name) });
  };
  const role = ({ name, role: chosen }) => {
    const select = h("select", { "aria-label": word("data.role", { column: name }), onchange: () => change(name, select.value) },
      ["input", "target", "unused"].map((one) => h("option", { value: one, selected: one === chosen }, word(`data.${one}`))));
    return select;
  };
  return h("details", { class: "more", open: own !== null }, h("summary", {}, word("data.table", { name: table.name, rows: table.rows })),
    h("table", { class: "columns" }, h("tbody", {}, table.columns.map((column, at) => h("tr", {}, h("th", { scope: "row" }, column.name),
      h("td", { class: "muted" }, table.head.slice(0, 2).map((row) => row[at]).join(", ")), h("td", {}, role(column)))))),
    table.notes.map((sentence) => h("p", { class: "small muted honest" }, sentence)));
}

/** Every set as a small picture of its samples. */
function thumbnails(resized = false) {
  if (!state.welcome) return;
  palette ??= colours(["series1", "series2", "series3", "series4", "series5", "series6", "ink"]);
  for (const button of document.querySelectorAll("[data-preset]")) {
    const preset = state.welcome.presets.find(({ name }) => name === button.dataset.preset);
    const picture = state.welcome.data_sets.find(({ name }) => name === preset.recipe.data.name)?.picture;
    if (picture) drawThumbnail(button.querySelector("canvas"), picture, resized);
  }
}

function drawThumbnail(canvas, { points, tones, image }, resized) {
  const { pen, width, height } = prepared(canvas, resized);
  if (image) {
    const [rows, across] = image.shape, pixels = valuesOf(image);
    const size = Math.floor(Math.min(width / across, height / rows));
    const left = (width - size * across) / 2, top = (height - size * rows) / 2;
    pen.fillStyle = palette.ink;
    pixels.forEach((value, at) => {
      pen.globalAlpha = Math.min(1, Math.max(0, value));
      pen.fillRect(left + (at % across) * size, top + Math.floor(at / across) * size, size, size);
    });
    pen.globalAlpha = 1;
    return;
  }
  const places = valuesOf(points), kinds = tones ? valuesOf(tones) : null;
  const count = places.length / 2;
  const xs = Array.from({ length: count }, (_, at) => places[2 * at]), ys = Array.from({ length: count }, (_, at) => places[2 * at + 1]);
  const scaled = (values, from, to) => {
    const low = Math.min(...values), span = Math.max(...values) - low || 1;
    return (value) => from + ((value - low) / span) * (to - from);
  };
  const x = scaled(xs, 6, width - 6), y = scaled(ys, height - 6, 6);
  const size = count > 60 ? 1.3 : count > 12 ? 1.8 : 3;
  for (let at = 0; at < count; at += 1) {
    pen.fillStyle = palette[`series${(kinds ? Number(kinds[at]) % 6 : 0) + 1}`];
    pen.beginPath();
    pen.arc(x(xs[at]), y(ys[at]), size, 0, 2 * Math.PI);
    pen.fill();
  }
}
