/** Check: a mistake planted and found, and one's own backward judged. */

import { send } from "./conversation.js";
import { h } from "./dom.js";
import { state } from "./store.js";
import { word } from "./words.js";

const DRAFT = "clearprop-lab-code";
let waiting = null;

export const checkTab = {
  shows: ["planted", "verdict", "found", "branch", "branches", "network", "refused"],
  draw(room) {
    if (state.verdict || state.refused) waiting = null;
    const open = [...room.querySelectorAll("details[open]")].map(({ id }) => id);
    const focused = document.activeElement?.id;
    const code = sessionStorage.getItem(DRAFT) ?? state.network.starter;
    room.replaceChildren(planting(), finding(), judging(), verdict(), own(code, open.includes("own")));
    if (focused && room.contains(document.getElementById(focused))) document.getElementById(focused).focus();
  },
};

/** The branch that is shown, as the list of branches has it. */
const shown = () => state.branches?.branches.find(({ branch }) => branch === state.branch);

function planting() {
  const choice = h("select", { id: "mistake", class: "grow", "aria-label": word("check.mistake") },
    h("option", { value: "random" }, word("check.random")), state.network.mistakes.map(({ name, title }) => h("option", { value: name }, title)));
  return h("div", { class: "block" }, h("h3", {}, word("check.plant_title")), h("p", { class: "small muted" }, word("check.plant_says")),
    h("div", { class: "row" }, choice, h("button", { type: "button", id: "plant", onclick: () => send("plant", { mistake: choice.value, branch: null }) }, word("check.plant"))));
}

/** Where a mistake runs: the line that is said to be wrong. */
function finding() {
  const { planted, found, branch, network } = state;
  if (!planted || planted.branch !== branch) return "";
  const places = network.phases.filter(({ part }) => part === "backward");
  const place = h("select", { id: "find-place", "aria-label": word("check.place") }, places.map(({ path, title }) => h("option", { value: path }, title)));
  const lines = ["", "∂C/∂x", "weight", "bias"];
  const line = h("select", { id: "find-line", "aria-label": word("check.line") }, lines.map((one) => h("option", { value: one }, one || word("check.any_line"))));
  return h("div", { class: "block planted" }, h("p", {}, planted.says), h("h3", {}, word("check.find_title")),
    h("div", { class: "row" }, place, line, h("button", { type: "button", id: "find", onclick: () => send("find", { place: place.value, line: line.value || null }) }, word("check.find"))),
    found ? h("p", { class: `mark ${found.outcome}`, role: "status" }, found.says) : "",
    h("div", { class: "row" }, h("button", { type: "button", id: "unplant", onclick: () => send("plant", { mistake: null, branch: null }) }, word("check.unplant"))));
}

function judging() {
  return h("div", { class: "block" }, h("h3", {}, word("check.judge_title")),
    h("div", { class: "row" }, h("button", { type: "button", id: "judge", disabled: waiting === "running", onclick: () => ask(null, "running") }, word(shown()?.mistake ? "check.judge_planted" : "check.judge"))));
}

function own(code, open) {
  const area = h("textarea", { id: "own-code", rows: 12, spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-label": word("check.code"),
    oninput: () => keep(area.value),
    onkeydown: (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(area.value, "own");
    } });
  area.value = code;
  return h("details", { class: "more", id: "own", open }, h("summary", {}, word("check.own_title")), h("p", { class: "small muted" }, word("check.own_says")), area,
    h("div", { class: "row" }, h("button", { type: "button", class: "strong", id: "judge-own", disabled: waiting === "own", onclick: () => ask(area.value, "own") }, word("check.judge_own"))));
}

/** What was written is kept until the tab is closed; an empty editor begins anew. */
function keep(code) {
  if (code.trim()) sessionStorage.setItem(DRAFT, code);
  else sessionStorage.removeItem(DRAFT);
}

function ask(code, kind) {
  state.verdict = null;
  waiting = kind;
  send("check", { code });
  checkTab.draw(document.getElementById("tab"));
}

function verdict() {
  const { verdict: found } = state;
  if (waiting) return h("p", { class: "muted", role: "status" }, word("check.waiting"));
  if (!found) return "";
  const [head, ...rows] = found.table;
  return h("div", { class: `block verdict ${found.outcome}`, role: "status" }, h("p", { class: "headline" }, found.headline),
    found.mistake ? h("p", {}, h("b", {}, word("check.probably")), ` ${found.mistake}`) : "",
    found.mend ? h("div", {}, h("p", { class: "small muted" }, word("check.mend")), h("pre", { class: "mend" }, found.mend)) : "",
    rows.length ? h("div", { class: "sideways" }, h("table", {}, h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))))) : "",
    h("details", { class: "more" }, h("summary", {}, word("check.all")), found.lines.map((line) => h("p", { class: "small" }, line))));
}
