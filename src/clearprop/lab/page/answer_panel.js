/** The answer: why the selected number is what it is, one step a line. What a line speaks of lights
 * up in the network while it is pointed at, and the other way round. */

import { select } from "./conversation.js";
import { byId, equation, h } from "./dom.js";
import { dragWidget } from "./weight_drag.js";
import { lookInside } from "./inside_tab.js";
import { entryOf, kindOf } from "./selection.js";
import { on, put, state } from "./store.js";
import { word } from "./words.js";

export function startAnswer() {
  on(["why", "welcome", "network", "predicting"], draw);
  on(["pointed"], light);
}

function draw() {
  const { why, welcome } = state;
  if (!welcome) return;
  const answer = byId("answer");
  if (!why?.selection) {
    byId("answer-title").textContent = word("answer.title");
    byId("why").replaceChildren(...nothing());
    return;
  }
  const same = answer.dataset.of === why.title;
  byId("answer-title").replaceChildren(h("span", {}, why.title), h("button", { type: "button", class: "quiet", id: "answer-clear",
    onclick: () => select(null) }, word("answer.clear")));
  byId("why").replaceChildren(
    why.selection.kind === "layer" ? lookInside(why.selection.address) : "",
    dragWidget(why.selection),
    h("ol", { class: "why-steps" }, why.steps.map(step)),
    why.terms.length ? terms(why.terms) : "",
    why.shares.length ? shares(why.shares, why.rest) : "",
    why.mathml.length ? h("details", { class: "more" }, h("summary", {}, word("answer.formulas")), why.mathml.map((one) => h("div", { class: "formula-line" }, equation(one)))) : "",
    why.words ? h("details", { class: "more" }, h("summary", {}, word("answer.words")), h("p", {}, why.words)) : "");
  if (!same) answer.scrollTop = 0;
  answer.dataset.of = why.title;
  light();
}

/** Before anything is selected: what can be done, as things to press. */
function nothing() {
  const { network } = state;
  const first = network?.parameters.find(({ path, shape }) => path.endsWith(".weight") && shape.length > 1) ?? network?.parameters[0];
  const layer = network?.columns.find(({ kind }) => kind === "linear");
  const ideas = [];
  if (first) ideas.push([word("answer.try_weight"), { kind: "weight", address: entryOf(first.path, 0, first.shape), sample: null }]);
  if (layer) ideas.push([word("answer.try_neuron"), { kind: "neuron", address: entryOf(layer.wire, 0, layer.shape), sample: null }]);
  ideas.push([word("answer.try_sample"), { kind: "sample", address: null, sample: 0 }]);
  ideas.push([word("answer.try_loss"), { kind: "loss", address: null, sample: null }]);
  return [h("p", { class: "muted" }, word("answer.nothing")),
    h("div", { class: "ideas" }, ideas.map(([text, selection]) => h("button", { type: "button", onclick: () => select(selection) }, text)))];
}

function lights(addresses) {
  const on = () => put({ pointed: addresses });
  const off = () => put({ pointed: null });
  return { "data-lights": JSON.stringify(addresses), onpointerenter: on, onpointerleave: off, onfocus: on, onblur: off };
}

function step({ says, equations, lights: addresses }) {
  const speaks = addresses.length > 0;
  return h("li", { ...(speaks ? { ...lights(addresses), tabindex: 0, class: "lights" } : {}) },
    h("p", {}, says), equations.map(chain));
}

/** An equation of text, its equals signs under each other. */
function chain(text) {
  const [left, ...right] = text.split(" = ");
  return h("div", { class: "chain" }, h("span", {}, left), h("span", {}, right.map((part) => h("span", { class: "equal" }, part))));
}

function terms(all) {
  const most = Math.max(...all.map(({ value }) => Math.abs(value)));
  return h("div", { class: "terms" }, h("h3", {}, word("answer.terms")), all.map((term) => h("button", { type: "button", class: "bar-row",
    ...lights(term.lights.length ? term.lights : [term.address]), onclick: () => selectTerm(term.address) },
  h("span", {}, term.text), bar(term.value / most))));
}

function selectTerm(address) {
  if (!address) return;
  select({ kind: kindOf(address, state.network.parameters), address, sample: state.selection?.sample ?? null });
}

function shares(all, rest) {
  const most = Math.max(...all.map(({ value }) => Math.abs(value)));
  return h("div", { class: "shares" }, h("h3", {}, word("answer.shares")),
    all.map(({ sample, value, text, percent }) => h("button", { type: "button", class: "bar-row", "aria-pressed": String(state.selection?.sample === sample),
      onclick: () => select({ ...state.selection, sample: state.selection?.sample === sample ? null : sample }) },
    h("span", {}, word("answer.share", { sample, text, percent })), bar(value / most))),
    rest ? h("p", { class: "small muted" }, rest) : "");
}

/** A bar to the right for what is positive, to the left for what is negative. */
function bar(part) {
  const line = h("i", { class: part < 0 ? "negative" : "positive" });
  line.style.width = `${Math.abs(part) * 50}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, line);
}

/** The lines that speak of what is pointed at. */
function light() {
  const pointed = state.pointed ?? [];
  for (const line of byId("why").querySelectorAll("[data-lights]")) {
    const addresses = JSON.parse(line.dataset.lights);
    line.classList.toggle("lit", pointed.length > 0 && addresses.some((address) => pointed.includes(address)));
  }
}
