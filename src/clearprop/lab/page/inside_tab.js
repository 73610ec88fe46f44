/** What is inside a layer: patches and channels, gates at every time, heads: stage by stage forward and
 * back, every number of it one that can be asked why. */

import { send } from "./conversation.js";
import { byId, h } from "./dom.js";
import { icon } from "./icons.js";
import { say } from "./live.js";
import { forgetMatrixColours, lightMatrices, matrix } from "./inside_matrix.js";
import { on, put, state } from "./store.js";
import { word } from "./words.js";

let looked = { layer: null, stage: null }; // what is asked for

function ask() {
  if (state.moment && !state.running) send("inside", looked);
}

export const insideTab = {
  shows: ["inside", "running"],
  start() {
    on(["network"], () => { looked = { layer: null, stage: null }; put({ inside: null }); });
    on(["moment", "running", "network"], () => { if (state.tab === "inside") ask(); });
    on(["selection", "pointed"], lightMatrices);
    document.addEventListener("themechange", () => { forgetMatrixColours(); if (state.tab === "inside") insideTab.draw(byId("tab")); });
  },
  opened: ask,
  draw(room) {
    const { inside, running } = state;
    if (running || !inside) {
      room.replaceChildren(h("p", { class: "muted" }, word(running ? "exercise.running" : "health.waiting")));
      return;
    }
    if (inside.layer === null) {
      room.replaceChildren(h("p", { class: "muted" }, inside.says));
      return;
    }
    const focused = document.activeElement?.id;
    room.replaceChildren(...choices(inside),
      h("div", { class: "worked" }, inside.lines.map(({ kind, text }) => h("p", { class: `line-${kind}` }, text))),
      h("div", { class: "matrices" }, inside.matrices.map(matrix)),
      h("p", { class: "small muted" }, inside.says), h("p", { class: "small muted" }, word("inside.how")));
    if (focused?.startsWith("inside-")) byId(focused)?.focus();
    lightMatrices();
  },
};

function choices({ layer, layers, stages, stage }) {
  const layerChoice = h("select", { id: "inside-layer", class: "grow", onchange: () => look({ layer: layerChoice.value, stage: null }) },
    layers.map(({ path, title }) => h("option", { value: path, selected: path === layer }, title)));
  const stageChoice = h("select", { id: "inside-stage", class: "grow", "aria-label": word("inside.stage"), onchange: () => look({ layer, stage: Number(stageChoice.value) }) },
    stages.map(({ title }, at) => h("option", { value: at, selected: at === stage }, title)));
  const button = (id, sign, way) => h("button", { type: "button", class: "quiet icon", id, "aria-label": word(`inside.${sign}`), title: word(`inside.${sign}`),
    disabled: !(stage + way in stages), onclick: () => nextInside(way) }, icon(sign, 16));
  return [h("div", { class: "row" }, h("label", { for: "inside-layer", class: "small muted" }, word("inside.layer")), layerChoice),
    h("div", { class: "row" }, button("inside-back", "back", -1), stageChoice, button("inside-next", "next", 1))];
}

function look(where) {
  looked = where;
  ask();
}

/** One stage on or back inside the layer that is looked into. */
export function nextInside(way) {
  if (!state.inside?.layer) return;
  const { layer, stage, stages } = state.inside, to = stage + way;
  if (!(to in stages)) return;
  look({ layer, stage: to });
  say(stages[to].title);
}

/** A button that opens a layer, where it has something inside. */
export function lookInside(layer) {
  if (!state.network.opened.includes(layer)) return "";
  return h("button", { type: "button", id: "look-inside", onclick: () => {
    looked = { layer, stage: null };
    document.dispatchEvent(new CustomEvent("lookinside"));
  } }, word("inside.look", { layer }));
}
