/** Exercise: the lines of this phase; with the switch on, the numbers of the next one are to be
 * predicted before they are seen. */

import { send } from "./conversation.js";
import { h } from "./dom.js";
import { state } from "./store.js";
import { word } from "./words.js";

export const exerciseTab = {
  shows: ["moment", "blanks", "marks", "predicting"],
  draw(room) {
    const { moment, blanks, marks, marked, predicting, running } = state;
    if (!moment || running) {
      room.replaceChildren(h("p", { class: "muted" }, word("exercise.running")));
      return;
    }
    const focused = document.activeElement?.id, typed = typedSoFar(room);
    const last = [...marks.values()].at(-1);
    room.replaceChildren(
      h("h3", {}, moment.title),
      h("p", { class: "small muted" }, moment.says),
      h("div", { class: "worked" }, moment.lines.filter(({ text }) => text).map(({ kind, text }) => h("p", { class: `line-${kind}` }, text))),
      predicting ? h("div", { class: "blanks" }, h("h3", {}, word("exercise.next")), (blanks?.blanks ?? []).map((blank, number) => question(blank, number, marks.get(blank.name), typed))) : h("p", { class: "small muted" }, word("exercise.off")),
      predicting && !(blanks?.blanks ?? []).length ? h("p", { class: "muted" }, word("exercise.none")) : "",
      marked ? h("p", { class: `mark ${marked.outcome}`, role: "status" }, marked.says, marked.mistake ? h("span", { class: "mistake" }, ` ${marked.mistake}`) : "") : "",
      last ? h("p", { class: "small muted" }, word("exercise.score", { right: last.right, asked: last.asked })) : "");
    if (focused?.startsWith("blank-")) document.getElementById(focused)?.focus();
  },
};

const typedSoFar = (room) => new Map([...room.querySelectorAll(".blank input")].map((input) => [input.dataset.name, input.value]));

function question({ name, symbol, says, equation }, number, mark, typed) {
  const id = `blank-${number}`;
  const input = h("input", { type: "text", inputmode: "text", id, autocomplete: "off", value: typed.get(name) ?? "", dataset: { name }, "aria-describedby": `${id}-says` });
  const answer = (event) => {
    event.preventDefault();
    send("answer", { blank: name, text: input.value });
  };
  return h("form", { class: `blank ${mark?.outcome ?? ""}`, onsubmit: answer },
    h("label", { for: id }, `${symbol} =`), input, h("button", {}, word("exercise.answer")),
    h("p", { id: `${id}-says`, class: "small muted" }, says, equation ? h("span", { class: "equation" }, ` ${equation}`) : ""));
}
