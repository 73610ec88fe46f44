/** The recipe: layers as a row of chips, loss, rule, the rate on its ruler, batch, start and seed. */

import { send } from "./conversation.js";
import { byId, h } from "./dom.js";
import { RATE_MARKS, numberOf, settingFields } from "./fields.js";
import { on, state } from "./store.js";
import { word } from "./words.js";

let edited = null; // the number of the layer whose chip is open
let adding = false;

export function startRecipe() {
  on(["welcome", "recipe"], draw);
  on(["findings"], drawUnsafe);
}

/** Builds anew with some parts of the recipe changed. */
export function build(changes) {
  send("build", { recipe: { ...state.recipe, ...changes } });
}

const kindOf = (group, name) => state.welcome.kinds[group].find((kind) => kind.name === name);

function draw() {
  const { recipe, welcome } = state;
  if (!recipe || !welcome) return;
  const focused = document.activeElement?.id;
  // A network out of a file that no recipe says keeps its layers; nothing of it can be built anew.
  if (recipe.layers === null) {
    byId("recipe").replaceChildren(h("p", { class: "muted" }, word("recipe.of_file")));
    return;
  }
  if (edited !== null && edited >= recipe.layers.length) edited = null;
  byId("recipe").replaceChildren(chips(), rateRuler(), h("div", { class: "fields" },
    choice("loss", "losses"), choice("optimizer", "optimizers"), choice("start", "starts"),
    whole("batch", recipe.batch ?? "", word("recipe.all")), whole("seed", recipe.seed)),
  ...more("loss", "losses"), ...more("optimizer", "optimizers"), ...more("start", "starts"));
  if (focused?.startsWith("recipe-")) byId(focused)?.focus();
  drawUnsafe();
}

function chips() {
  const { layers } = state.recipe;
  const row = h("div", { class: "chips", role: "group", "aria-label": word("recipe.layers") }, h("span", { class: "chip end" }, word("recipe.input")));
  layers.forEach((layer, number) => {
    const last = layer.kind === "Linear" && !layers.slice(number + 1).some(({ kind }) => kind === "Linear");
    const text = layer.kind === "Linear" ? (last ? `Linear` : `Linear ${layer.units}`) : layer.kind;
    row.append(h("button", { type: "button", id: `recipe-layer-${number}`, class: `chip${layer.kind === "Linear" ? "" : " shape"}`,
      "aria-expanded": String(edited === number), onclick: () => { edited = edited === number ? null : number; adding = false; draw(); } }, text));
    if (edited === number) row.append(layerEdit(number, layer, last));
  });
  row.append(h("button", { type: "button", id: "recipe-add", class: "chip add", "aria-expanded": String(adding), "aria-label": word("recipe.add"), title: word("recipe.add"),
    onclick: () => { adding = !adding; edited = null; draw(); } }, "+"));
  if (adding) row.append(layerAdd());
  return row;
}

function layerEdit(number, layer, last) {
  const { layers } = state.recipe;
  const replace = (one) => build({ layers: layers.map((old, at) => (at === number ? one : old)) });
  const kinds = kindChoice(`recipe-kind-${number}`, layer.kind, (kind) => replace(fresh(kind)));
  const kind = kindOf("layers", layer.kind);
  const settings = settingFields({ ...kind, fields: kind.fields.filter(({ name }) => !(last && name === "units")) }, layer, `recipe-set-${number}`,
    (name, value) => replace({ ...layer, [name]: value }));
  const swap = (way) => {
    const moved = [...layers];
    [moved[number], moved[number + way]] = [moved[number + way], moved[number]];
    edited = number + way;
    build({ layers: moved });
  };
  return h("div", { class: "chip-edit" },
    h("div", { class: "field" }, h("label", { for: `recipe-kind-${number}` }, word("recipe.kind")), kinds),
    ...settings,
    last ? h("p", { class: "small muted" }, word("recipe.last")) : null,
    h("div", { class: "row" },
      h("button", { type: "button", id: `recipe-left-${number}`, disabled: number === 0, onclick: () => swap(-1), "aria-label": word("recipe.left") }, "←"),
      h("button", { type: "button", id: `recipe-right-${number}`, disabled: number === layers.length - 1, onclick: () => swap(1), "aria-label": word("recipe.right") }, "→"),
      h("button", { type: "button", id: `recipe-remove-${number}`, disabled: layers.length === 1, onclick: () => { edited = null; build({ layers: layers.filter((_, at) => at !== number) }); } }, word("recipe.remove"))));
}

/** A layer of a kind with the settings that it begins with. */
const fresh = (kind) => (kind === "Linear" ? { kind, units: 8 } : { kind });

function layerAdd() {
  const kinds = kindChoice("recipe-add-kind", "ReLU", () => {});
  // Before the last layer that has weights, which gives what the target has.
  const put = () => {
    const { layers } = state.recipe;
    const end = layers.findLastIndex((layer) => layer.kind === "Linear");
    const at = end < 0 ? layers.length : end;
    adding = false;
    edited = at;
    build({ layers: [...layers.slice(0, at), fresh(kinds.value), ...layers.slice(at)] });
  };
  return h("div", { class: "chip-edit" }, h("div", { class: "field" }, h("label", { for: "recipe-add-kind" }, word("recipe.kind")), kinds),
    h("button", { type: "button", id: "recipe-add-go", onclick: put }, word("recipe.add")));
}

function kindChoice(id, current, chosen) {
  const select = h("select", { id, onchange: () => select.value && chosen(select.value) },
    state.welcome.kinds.layers.map(({ name, title }) => h("option", { value: name, selected: name === current }, title)));
  return select;
}

function choice(part, group) {
  const select = h("select", { id: `recipe-${part}`, onchange: () => {
    const kept = part === "optimizer" ? { learning_rate: state.recipe.optimizer.learning_rate } : {};
    build({ [part]: { kind: select.value, ...kept } });
  } }, state.welcome.kinds[group].map(({ name, title }) => h("option", { value: name, selected: name === state.recipe[part].kind }, title)));
  return h("div", { class: "field" }, h("label", { for: `recipe-${part}` }, word(`recipe.${part}`)), select);
}

function whole(part, value, empty = "") {
  const input = h("input", { type: "text", inputmode: "numeric", id: `recipe-${part}`, value, placeholder: empty,
    onchange: () => build({ [part]: input.value.trim() === "" ? null : numberOf(input.value) }) });
  return h("div", { class: "field" }, h("label", { for: `recipe-${part}` }, word(`recipe.${part}`)), input);
}

/** The further settings of the loss, the rule and the start, folded away. */
function more(part, group) {
  const given = state.recipe[part];
  const kind = kindOf(group, given.kind);
  const fields = (kind?.fields ?? []).filter(({ name }) => name !== "learning_rate");
  if (!fields.length) return [];
  return [h("details", { class: "more" }, h("summary", {}, word("recipe.more", { kind: kind.title })),
    h("div", { class: "fields" }, settingFields({ fields }, given, `recipe-${part}-set`, (name, value) => build({ [part]: { ...given, [name]: value } }))))];
}

function rateRuler() {
  const rate = state.recipe.optimizer.learning_rate;
  const typed = h("input", { type: "text", inputmode: "decimal", id: "recipe-rate", value: rate, onchange: () => setRate(numberOf(typed.value)) });
  const ruler = h("input", { type: "range", id: "recipe-ruler", min: 0, max: RATE_MARKS.length - 1, step: 1, value: nearestMark(rate), "aria-label": word("recipe.ruler"),
    "aria-valuetext": String(rate),
    oninput: () => { typed.value = RATE_MARKS[ruler.value]; ruler.setAttribute("aria-valuetext", typed.value); },
    onchange: () => setRate(Number(RATE_MARKS[ruler.value])) });
  return h("div", { class: "rate" },
    h("div", { class: "row rate-head" }, h("label", { for: "recipe-rate", class: "small muted" }, word("recipe.rate")), typed),
    h("div", { class: "ruler" }, h("div", { class: "unsafe", hidden: true }), ruler),
    h("div", { class: "ruler-marks", "aria-hidden": "true" }, ["0.0001", "0.01", "1", "10"].map((mark) => h("span", {}, mark))),
    h("p", { class: "small muted", id: "safe-rate" }));
}

function setRate(rate) {
  build({ optimizer: { ...state.recipe.optimizer, learning_rate: rate } });
}

function nearestMark(rate) {
  const above = RATE_MARKS.findIndex((mark) => Number(mark) >= rate);
  return above < 0 ? RATE_MARKS.length - 1 : above;
}

/** Where on the ruler the training is unstable, as the last examination found. */
function drawUnsafe() {
  const { findings } = state;
  const band = document.querySelector(".ruler .unsafe");
  if (!band) return;
  const safe = findings?.safe_rate ?? null;
  band.hidden = safe === null || safe > Number(RATE_MARKS.at(-1));
  const above = RATE_MARKS.findIndex((mark) => Number(mark) > safe);
  // Between the last stable mark and the first unstable one.
  if (!band.hidden) band.style.left = `${(100 * Math.max(0, above - 0.5)) / (RATE_MARKS.length - 1)}%`;
  byId("safe-rate").textContent = findings?.safe_rate_text ?? "";
}
