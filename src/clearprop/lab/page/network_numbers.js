/** What stands at each neuron and edge at this moment: every number with its name, as text. */

import { textAt } from "./arrays.js";

/** The lines of a neuron: {name, text, tone}, those that exist by now, forward before backward. */
export function neuronLines(moment, column, index) {
  const lines = [];
  const take = (name, wire, tone) => {
    const text = textAt(wire, index);
    if (text !== null) lines.push({ name, text, tone });
  };
  const { wire, output, kind } = column;
  if (kind === "input") {
    take("x", moment.values[wire] ?? moment.input, "forward");
  } else {
    take(output === wire && kind !== "linear" ? "a" : "z", moment.values[wire], "forward");
    if (output !== wire) take("a", moment.values[output], "forward");
  }
  take(kind === "input" ? "∂C/∂x" : "∂C/∂z", moment.signals[wire], "backward");
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
