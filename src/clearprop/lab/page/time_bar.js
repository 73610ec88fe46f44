/** Time: play and step, the phases inside a step, the loss curve, and the branches of the run. */

import { go, pause, run, send, whereInTime } from "./conversation.js";
import { curveSlider, describeSlider, drawCurve, forgetCurveColours } from "./curve_view.js";
import { branchDialog } from "./branch_dialog.js";
import { byId, h } from "./dom.js";
import { icon } from "./icons.js";
import { on, state } from "./store.js";
import { word } from "./words.js";

const RATES = ["1", "5", "20", "100", ""]; // steps a second; "" as fast as it goes
// The part under whose name each kind of phase stands.
const PARTS = { forward: "forward", sum: "forward", added: "forward", joined: "forward", loss: "loss", update: "update", after: "update",
  backward: "backward", split: "backward", handed_on: "backward", parted: "backward", join: "backward", met: "backward" };
const MANY = 24; // phases whose numbers have no room on their buttons
let slider = null;
let speed = "";

export function startTimeBar() {
  slider = curveSlider((step) => { hold(); go(step, state.moment.phase); });
  byId("curve").replaceChildren(slider);
  on(["welcome"], () => { controls(); phases(); });
  on(["network"], phases);
  on(["moment", "running", "branches"], refresh);
  on(["curves", "branches", "moment"], drawSoon);
  new ResizeObserver(() => drawCurve(slider, true)).observe(byId("curve"));
  document.addEventListener("themechange", () => { forgetCurveColours(); drawSoon(); });
}

let due = false;
function drawSoon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; drawCurve(slider); });
}

function hold() {
  if (state.running) pause();
}

/** The ways through time, which the buttons and the keys share. */
export const TIME = {
  play() {
    if (state.running) pause();
    else run(speed === "" ? null : Number(speed));
  },
  phaseNext() {
    const { step, phase, phases: all } = whereInTime();
    hold();
    if (phase < all.length) go(step, phase + 1);
    else go(step + 1, 1);
  },
  phaseBack() {
    const { step, phase, phases: all } = whereInTime();
    hold();
    if (phase > 1 || (phase === 1 && step === 0)) go(step, phase - 1);
    else if (step > 0) go(step - 1, all.length);
  },
  stepNext() {
    const { step, phase } = whereInTime();
    hold();
    go(step + 1, phase);
  },
  stepBack() {
    const { step, phase } = whereInTime();
    hold();
    if (step > 0) go(step - 1, phase);
  },
};

function controls() {
  const button = (name, sign, extra = {}) => h("button", { type: "button", class: "icon", id: `time-${name}`,
    "aria-label": word(`time.${name}`), title: word(`time.${name}`), onclick: () => state.moment && TIME[name](), ...extra }, icon(sign));
  const rates = h("select", { id: "speed", "aria-label": word("time.speed"), title: word("time.speed"), onchange: () => {
    speed = rates.value;
    if (state.running) run(speed === "" ? null : Number(speed));
  } }, RATES.map((rate) => h("option", { value: rate, selected: rate === speed }, rate ? word("time.rate", { rate }) : word("time.fast"))));
  byId("controls").replaceChildren(
    button("stepBack", "stepBack"), button("phaseBack", "back"),
    button("play", "play", { class: "icon play" }),
    button("phaseNext", "next"), button("stepNext", "stepNext"),
    h("div", { class: "now", id: "now" }),
    h("div", { class: "end" }, h("div", { id: "branch-choice" }), h("button", { type: "button", id: "branch-new", title: word("branch.tip"), onclick: branchDialog }, word("branch.button")), rates));
  refresh();
}

/** The phases, those of one part under one name: forward, loss, backward, update. */
function phases() {
  const room = byId("phases");
  room.replaceChildren();
  room.classList.toggle("many", (state.network?.phases.length ?? 0) > MANY);
  (state.network?.phases ?? []).forEach((phase, number) => {
    const part = PARTS[phase.part] ?? "forward";
    if (room.lastChild?.dataset.part !== part)
      room.append(h("div", { class: "part", dataset: { part } }, h("span", { class: "part-name" }, word(`part.${part}`)), h("div", {})));
    room.lastChild.lastChild.append(h("button", { type: "button", role: "radio", class: "phase", "data-phase": number + 1,
      "aria-checked": "false", tabindex: -1, title: phase.title, "aria-label": phase.title,
      onclick: () => { hold(); go(state.moment.step, number + 1); } }, shortly(phase)));
  });
  byId("phases").onkeydown = (event) => {
    const way = { ArrowLeft: "phaseBack", ArrowRight: "phaseNext", ArrowUp: "phaseBack", ArrowDown: "phaseNext" }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    TIME[way]();
    wantsFocus = true;
  };
  refresh();
}

let wantsFocus = false;

/** What a phase's button has room for: the number of its layer. */
function shortly({ part, path }) {
  if (part === "after") return "L′";
  if (part === "loss") return "L";
  return /\[(\d+)\]$/.exec(path)?.[1] ?? path.split(".").at(-1);
}

function refresh() {
  const { moment, running } = state;
  const play = byId("time-play");
  if (!moment || !play) return;
  play.replaceChildren(icon(running ? "pause" : "play", 22));
  play.setAttribute("aria-label", word(running ? "time.pause" : "time.play"));
  const now = [h("span", {}, h("b", {}, word("time.step", { step: moment.step, steps: moment.steps })))];
  if (moment.texts.loss) now.push(h("span", {}, "L = ", h("b", {}, moment.texts.loss)));
  byId("now").replaceChildren(...now);
  byId("phase-title").textContent = running ? "" : moment.title;
  byId("phases").querySelectorAll(".phase").forEach((button, number) => {
    const current = number === moment.phase - 1 && !running;
    button.setAttribute("aria-checked", String(current));
    button.classList.toggle("past", number < moment.phase);
    button.tabIndex = current || (moment.phase === 0 && number === 0) ? 0 : -1;
    if (current && wantsFocus) button.focus();
  });
  wantsFocus = false;
  byId("time-stepBack").disabled = moment.step === 0;
  byId("time-phaseBack").disabled = moment.step === 0 && moment.phase === 0;
  byId("branch-new").disabled = running;
  describeSlider(slider, word("time.scrub"), `${word("time.step", { step: moment.step, steps: moment.steps })}${moment.texts.loss ? `, L = ${moment.texts.loss}` : ""}`);
  branchChoice(moment);
}

function branchChoice(moment) {
  const all = state.branches?.branches ?? [];
  const room = byId("branch-choice");
  if (all.length < 2) {
    room.replaceChildren();
    return;
  }
  const kept = room.firstChild;
  const key = all.map(({ branch, title }) => branch + title).join("|");
  if (kept?.dataset.key === key) {
    kept.value = moment.branch;
    return;
  }
  const choice = h("select", { "aria-label": word("branch.choice"), title: word("branch.choice"), dataset: { key },
    onchange: () => { hold(); send("go", { branch: choice.value, step: state.moment.step, phase: state.moment.phase }); } },
  all.map(({ branch, title }) => h("option", { value: branch }, title)));
  choice.value = moment.branch;
  room.replaceChildren(choice);
}
