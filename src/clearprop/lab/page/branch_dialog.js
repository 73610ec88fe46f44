/** Going on from this step with something else: another rate, rule, seed or batch. */

import { pause, send } from "./conversation.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { RATE_MARKS, numberOf } from "./fields.js";
import { state } from "./store.js";
import { word } from "./words.js";

export function branchDialog() {
  if (state.running) pause();
  const { moment, recipe } = state;
  const rate = h("input", { type: "text", inputmode: "decimal", id: "branch-rate", list: "rate-marks", value: recipe.optimizer.learning_rate });
  const rule = h("select", { id: "branch-rule" }, state.welcome.kinds.optimizers.map(({ name, title }) => h("option", { value: name, selected: name === recipe.optimizer.kind }, title)));
  const seed = h("input", { type: "text", inputmode: "numeric", id: "branch-seed", value: recipe.seed });
  const field = (label, input) => h("div", { class: "field" }, h("label", { for: input.id }, label), input);
  const submit = (event) => {
    event.preventDefault();
    const changes = {};
    if (rule.value !== recipe.optimizer.kind) changes.optimizer = { kind: rule.value, learning_rate: numberOf(rate.value) };
    else changes.learning_rate = numberOf(rate.value);
    if (seed.value.trim() !== String(recipe.seed)) changes.seed = numberOf(seed.value);
    send("branch", { branch: moment.branch, step: moment.step, changes });
    dialog.close();
  };
  const dialog = openDialog(word("branch.title", { step: moment.step }),
    h("form", { onsubmit: submit },
      h("p", { class: "muted" }, word("branch.says")),
      h("datalist", { id: "rate-marks" }, RATE_MARKS.map((value) => h("option", { value }))),
      h("div", { class: "fields" }, field(word("recipe.rate"), rate), field(word("recipe.optimizer"), rule), field(word("recipe.seed"), seed)),
      h("p", {}, h("button", { class: "strong", id: "branch-go" }, word("branch.go")))));
  rate.select();
}
