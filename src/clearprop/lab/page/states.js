/** What is shown where there is nothing to show, or where something broke. */

import { build } from "./recipe_panel.js";
import { byId, h } from "./dom.js";
import { TIME } from "./time_bar.js";
import { on, state } from "./store.js";
import { word } from "./words.js";

const LATE = 600; // ms after which a break of the connection is spoken of

export function startStates() {
  on(["connection", "welcome", "network", "moment"], draw);
}

let late = 0;

function draw() {
  const { connection, network, moment } = state;
  clearTimeout(late);
  if (connection === "closed" && state.welcome) {
    late = setTimeout(() => show(h("h2", {}, word("states.closed")), h("p", {}, word("states.closed_says"))), LATE);
    return;
  }
  if (!network || !moment) {
    show(h("span", { class: "spinner", "aria-hidden": "true" }), state.welcome ? h("p", {}, word("states.starting")) : "");
    return;
  }
  if (moment.diverged && !moment.running) {
    banner(moment.diverged);
    return;
  }
  byId("diverged")?.remove();
  byId("empty").hidden = true;
}

function show(...children) {
  byId("empty").replaceChildren(...children);
  byId("empty").hidden = false;
}

/** The run has diverged: where, why, and what would hold; its numbers stay to be looked at. */
function banner(sentence) {
  byId("empty").hidden = true;
  for (const told of byId("told").children) if (told.dataset.text === sentence) told.remove();
  if (byId("diverged")?.dataset.says === sentence) return;
  byId("diverged")?.remove();
  const safe = state.findings?.safe_rate ?? null;
  byId("network").append(h("div", { id: "diverged", role: "alert", dataset: { says: sentence } }, h("p", {}, sentence),
    h("div", { class: "row" }, h("button", { type: "button", onclick: TIME.stepBack }, word("states.back")),
      safe === null ? "" : h("button", { type: "button", class: "strong", onclick: () => build({ optimizer: { ...state.recipe.optimizer, learning_rate: safe } }) }, word("states.safe")))));
}
