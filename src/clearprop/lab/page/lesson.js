/** A lesson beside the network: one part at a time, to read, to look at, to predict or to do. What a
 * lesson says is text; its code is shown, and goes into the editor only when it is asked to. */

import { go, select, send } from "./conversation.js";
import { byId, h } from "./dom.js";
import { say } from "./live.js";
import { on, state } from "./store.js";
import { openTab } from "./tabs.js";
import { word } from "./words.js";

const DRAFT = "clearprop-lab-code"; // where the editor keeps what is written in it
let current = 0;
let shown = null;
let marks = new Map();

export function startLesson() {
  on(["welcome", "lesson"], draw);
  on(["lessonMark"], mark);
  on(["moment", "verdict", "found", "why"], look);
}

function draw() {
  const { welcome, lesson } = state;
  if (!welcome) return;
  const choice = h("select", { id: "lesson-name", onchange: () => send("lesson", { name: choice.value || null }) },
  h("option", { value: "" }, word("lesson.free")),
  welcome.lessons.map(({ name, title }) => h("option", { value: name }, title)));
  choice.value = lesson?.name ?? "";
  byId("lesson").hidden = !welcome.lessons.length;
  byId("lesson-choice").replaceChildren(h("label", { for: "lesson-name", id: "lesson-title" }, word("lesson.choose")), choice);
  if (lesson?.name !== shown) {
    shown = lesson?.name ?? null;
    current = 0;
    marks = new Map();
  }
  panel();
}

function panel() {
  const room = byId("lesson-room"), { lesson } = state;
  if (!lesson) return room.replaceChildren();
  const { parts } = lesson.content, part = parts[current];
  const typed = room.querySelector("#lesson-number")?.value ?? "", focused = document.activeElement?.id;
  room.replaceChildren(
    h("ol", { class: "lesson-parts", "aria-label": word("lesson.parts") }, parts.map((one, number) => h("li", {}, h("button", {
      type: "button", class: `lesson-dot ${one.kind} ${marks.get(number)?.outcome === "right" ? "done" : ""}`,
      "aria-current": number === current ? "step" : null, "aria-label": word("lesson.part", { number: number + 1, kind: word(`lesson.${one.kind}`) }),
      onclick: () => turn(number) }, String(number + 1))))),
    h("p", { class: "lesson-kind small" }, word(`lesson.${part.kind}`)),
    h("div", { class: "lesson-text" }, part.paragraphs.map(paragraph),
      part.formulas.map((one) => h("p", { class: "lesson-formula" }, one)),
      part.code ? code(part.code) : ""),
    showable(part) ? h("div", { class: "row" }, h("button", { type: "button", id: "lesson-show", class: part.kind === "step" ? "strong" : "", onclick: () => show(part) }, word("lesson.show"))) : "",
    part.asks ? question(typed) : "",
    part.goal ? h("div", { class: "row" }, h("button", { type: "button", id: "lesson-done", onclick: () => task(null) }, word("lesson.done"))) : "",
    told(marks.get(current)),
    h("div", { class: "row lesson-ways" },
      h("button", { type: "button", id: "lesson-back", disabled: current === 0, onclick: () => turn(current - 1) }, word("lesson.back")),
      current + 1 < parts.length
        ? h("button", { type: "button", id: "lesson-next", class: part.kind === "read" || marks.has(current) ? "strong" : "", onclick: () => turn(current + 1) }, word("lesson.next"))
        : following()));
  if (focused && room.querySelector(`#${CSS.escape(focused)}`)) byId(focused).focus();
}

/** The lesson behind this one; nothing behind the last. */
function following() {
  const names = state.welcome.lessons.map(({ name }) => name);
  const next = names[names.indexOf(state.lesson.name) + 1];
  if (!next || !names.includes(state.lesson.name)) return "";
  return h("button", { type: "button", id: "lesson-following", class: "strong", onclick: () => send("lesson", { name: next }) }, word("lesson.following"));
}

/** A number that is to be predicted is shown behind the answer. */
const showable = ({ kind, at, select: selection }) => (at || selection) && (kind !== "predict" || marks.has(current));

function turn(number) {
  current = number;
  const before = byId("lesson-number");
  if (before) before.value = "";
  panel();
  const { parts } = state.lesson.content, { kind, at } = parts[number];
  if (kind === "predict" && at && !marks.has(number)) {
    select(null);
    go(at.step, at.phase);
  }
  say(word("lesson.part", { number: number + 1, kind: word(`lesson.${kind}`) }));
  look();
}

/** A paragraph, with `code` and **bold** in it. */
function paragraph(text) {
  return h("p", {}, text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((one) => {
    if (one.startsWith("`") && one.length > 1) return h("code", {}, one.slice(1, -1));
    return one.startsWith("**") && one.length > 4 ? h("b", {}, one.slice(2, -2)) : one;
  }));
}

function code(text) {
  return h("div", {}, h("pre", { class: "lesson-code", tabindex: 0, "aria-label": word("lesson.code") }, text),
    h("div", { class: "row" }, h("button", { type: "button", id: "lesson-edit", onclick: () => edit(text) }, word("lesson.edit"))));
}

function edit(text) {
  sessionStorage.setItem(DRAFT, text);
  openTab("check");
  openPlace("tools", "answers");
  byId("own").open = true;
  byId("own-code").value = text;
  byId("own-code").focus();
}

function show({ kind, at, select: selection }) {
  if (at) go(at.step, kind === "predict" ? null : at.phase);
  if (selection) select({ address: null, sample: null, ...selection });
  openPlace("network");
}

/** On a small screen, the first of these pages that it has. */
function openPlace(...names) {
  const buttons = names.map((name) => byId("pages").querySelector(`[data-to=${name}]`));
  buttons.find((button) => button?.getClientRects().length)?.click();
}

function question(typed) {
  const input = h("input", { type: "text", id: "lesson-number", autocomplete: "off", "aria-label": word("lesson.number"), value: typed });
  const answer = (event) => {
    event.preventDefault();
    task(input.value);
  };
  return h("form", { class: "row lesson-answer", onsubmit: answer }, input, h("button", { class: "strong" }, word("lesson.answer")));
}

const told = (found) => (found?.says ? h("p", { class: `mark ${found.outcome}`, role: "status" }, found.says) : "");

function task(text) {
  send("task", { part: current, text });
}

/** Whether what is to be done is done by now; asked quietly. */
function look() {
  const { lesson, moment } = state, part = lesson?.content.parts[current];
  if (part?.goal && !moment?.running && marks.get(current)?.outcome !== "right") task(null);
}

function mark() {
  const { lessonMark } = state, number = Number(lessonMark.name);
  const before = marks.get(number)?.outcome;
  marks.set(number, lessonMark);
  if (lessonMark.outcome !== "missing" && lessonMark.outcome !== before) say(lessonMark.says);
  panel();
}
