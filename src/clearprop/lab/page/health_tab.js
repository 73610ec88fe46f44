/** Health: what the examination of this moment found, how large the signals are, which rate is safe. */

import { select, send } from "./conversation.js";
import { h } from "./dom.js";
import { kindOf, parted } from "./selection.js";
import { on, put, state } from "./store.js";
import { word } from "./words.js";

function examine() {
  if (state.moment && !state.running) send("health");
}

export const healthTab = {
  shows: ["findings", "running"],
  // What comes is told as it comes: after each stop, whichever tab is open.
  start() {
    let last = "";
    on(["network"], () => { last = ""; });
    on(["moment", "running"], () => {
      const { moment, running } = state;
      const now = moment && !running ? `${moment.branch} ${moment.step}` : "";
      if (!now || (now === last && state.tab !== "health")) return;
      if (now !== last) {
        last = now;
        examine();
      }
    });
  },
  opened: examine,
  draw(room) {
    const { findings, running } = state;
    if (!findings) {
      room.replaceChildren(h("p", { class: "muted" }, word(running ? "health.running" : "health.waiting")));
      return;
    }
    room.replaceChildren(
      h("p", { class: "small muted" }, findings.says),
      findings.findings.length ? h("ul", { class: "findings" }, findings.findings.map(finding)) : h("p", { class: "good" }, word("health.nothing")),
      findings.safe_rate_text ? h("p", {}, findings.safe_rate_text) : "",
      findings.signals.length ? sizes(word("health.signals"), findings.signals) : "",
      findings.gradients.length ? sizes(word("health.gradients"), findings.gradients) : "");
  },
};

function finding({ severity, says, advice, places }) {
  return h("li", { class: `severity-${severity}`, onpointerenter: () => put({ pointed: places }), onpointerleave: () => put({ pointed: null }) },
    h("p", {}, says), advice ? h("p", { class: "muted" }, advice) : "",
    places.length ? h("p", { class: "row" }, places.slice(0, 6).map((address) => h("button", { type: "button", class: "place", onclick: () => select(selectionAt(address)) }, address))) : "");
}

function selectionAt(address) {
  const { columns, parameters } = state.network, kind = kindOf(address, parameters), { path } = parted(address);
  if (kind !== "neuron" || columns.some(({ wire, output }) => wire === path || output === path)) return { kind, address, sample: null };
  // A channel, a head or a unit at all times is no one number: the layer that it is in.
  const layer = columns.map(({ wire }) => wire).find((wire) => address === wire || address.startsWith(`${wire}.`));
  return { kind: "layer", address: layer ?? address, sample: null };
}

/** Derivatives layer by layer, each as a bar by its order of magnitude: the drawing's scale alone. */
function sizes(title, all) {
  const orders = all.map(({ rms }) => (rms > 0 ? Math.log10(rms) : null));
  const known = orders.filter((size) => size !== null);
  const low = Math.min(...known, Math.max(...known) - 4), span = Math.max(...known) - low || 1;
  return h("div", { class: "terms" }, h("h3", {}, title), all.map(({ path, text }, at) => {
    const line = h("i", { class: "signal" });
    line.style.width = orders[at] === null ? "0" : `${8 + (92 * (orders[at] - low)) / span}%`;
    return h("div", { class: "bar-row plain" }, h("span", {}, `${path}: ${text}`), h("span", { class: "bar whole", "aria-hidden": "true" }, line));
  }));
}
