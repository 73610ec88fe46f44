/** What stands at each neuron and edge at this moment: every number with its name, as text. */

import { textAt, valuesOf } from "./arrays.js";
import { state } from "./store.js";

const isBlank = (address) => state.predicting
  && state.blanks?.blanks.some((blank) => blank.place === address);

/** The lines of a neuron: {name, text, tone}, those that exist by now, forward before backward. */
export function neuronLines(moment, column, index) {
  const lines = [];
  const take = (name, wire, tone, address) => {
    if (!wire) return;
    const text = isBlank(address) ? "?" : textAt(wire, index);
    if (text !== null) lines.push({ name, text, tone });
  };
  const { wire, output, kind } = column;
  if (kind === "input") {
    take("x", moment.values[wire] ?? moment.input, "forward", `${wire}[${index}]`);
  } else {
    take(output === wire && kind !== "linear" ? "a" : "z", moment.values[wire], "forward", `${wire}[${index}]`);
    if (output !== wire) take("a", moment.values[output], "forward", `${output}[${index}]`);
  }
  take(kind === "input" ? "∂C/∂x" : "∂C/∂z", moment.signals[wire], "backward", `∂${wire}[${index}]`);
  return lines;
}

/** The lines of a parameter's entry: its value, its gradient, and old and new in the update. */
export function parameterLines(moment, path, at, letter) {
  const lines = [];
  const value = textAt(moment.parameters[path], at);
  const slope = textAt(moment.gradients[path], at);
  const renewed = textAt(moment.updated[path], at);
  if (value !== null)
    lines.push({ name: letter, text: renewed === null ? value : `${value} → ${renewed}`, tone: renewed === null ? "ink" : "accent" });
  if (slope !== null) lines.push({ name: `∂L/∂${letter}`, text: slope, tone: "backward" });
  return lines;
}

/** How large a neuron's number is beside the others of its column, −1 to 1; null before it exists. */
export function fullness(moment, column, most) {
  const values = valuesOf(moment.values[column.output] ?? moment.values[column.wire]);
  return (index) => (values ? values[index] / most : null);
}
