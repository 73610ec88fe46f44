/** The numbers at the edges, where each has a line of its own, and in a bubble beside what is chosen. */

import { s } from "./dom.js";
import { writeTexts } from "./network_cards.js";
import { ends } from "./network_geometry.js";
import { parameterLines } from "./network_numbers.js";
import { state } from "./store.js";

const LETTER = 0.57; // width of a letter by the size of the font
const ROOM = 82; // px that a label has before its neuron
const READABLE = 8.5; // px of a letter

/** The labels of all edges and biases that have a line of their own: elements that wait for numbers. */
export function edgeLabels(places) {
  const labels = [];
  for (const link of places.links.filter((one) => one.labelled)) {
    for (let i = 0; i < link.shape[0]; i += 1) {
      for (let j = 0; j < link.shape[1]; j += 1) {
        const { turn, y2 } = ends(link, i, j);
        labels.push(label(link.weight, `[${i},${j}]`, i * link.shape[1] + j, "w", turn, y2));
      }
    }
    const bias = state.network.biases.find((one) => one.column === link.target.number);
    if (!bias) continue;
    for (const { index, y } of link.target.units) {
      const order = link.fan - (link.fan - 1) / 2, there = y + order * link.portGap;
      const x2 = link.target.x - link.target.width / 2;
      const stub = s("path", { class: "bias-stub", d: `M${x2 - link.stub} ${there}H${x2}` });
      labels.push(label(bias.path, `[0,${index}]`, index, "b", x2 - link.stub, there, stub));
    }
  }
  return labels;
}

function label(path, index, at, letter, x, y, stub = null) {
  const address = `${path}${index}`, texts = s("g", {});
  return { path, at, letter, x, y, address, texts, group: s("g", { class: "edge-label", "data-address": address }, stub, texts) };
}

/** Writes this moment's number at every edge: its weight, its gradient, or old and new. */
export function paintLabels(labels, moment) {
  for (const { path, at, letter, x, y, address, texts, group } of labels) {
    const lines = parameterLines(moment, path, at, letter);
    const line = lines.find(({ tone }) => tone === "accent") ?? lines.at(-1);
    group.classList.toggle("chosen", state.selection?.address === address);
    if (!line) {
      writeTexts(texts, []);
      continue;
    }
    const fits = (text) => Math.min(11.5, ROOM / ((line.name.length + text.length + 1) * 0.6));
    // Where both numbers of an update would be too small to read, the new one stands alone.
    const text = fits(line.text) < READABLE ? line.text.replace(/^.*→/, "→") : line.text;
    writeTexts(texts, [{ ...line, text, x: x + 2, y: y - 4.5, size: fits(text) }]);
  }
}

/** A bubble with the numbers of an edge that has no label. */
export function edgeBubble(places, moment, { link, i, j }) {
  const lines = parameterLines(moment, link.weight, i * link.shape[1] + j, "w");
  const { x1, x2, y1, y2 } = ends(link, i, j);
  return lines.length ? bubble(places, (x1 + x2) / 2, (y1 + y2) / 2, lines) : "";
}

/** A small card with numbers, kept within the picture. */
export function bubble(places, x, y, lines) {
  const width = Math.max(...lines.map(({ name, text }) => (name.length + text.length + 3) * 12 * LETTER)) + 12;
  const height = lines.length * 16 + 8;
  const left = Math.min(Math.max(x, width / 2 + 4), places.width - width / 2 - 4);
  const top = Math.min(Math.max(y, height / 2 + 28), places.height - height / 2 - 26);
  return s("g", { class: "bubble", transform: `translate(${left} ${top})` },
    s("rect", { x: -width / 2, y: -height / 2, width, height, rx: 7 }),
    ...lines.map(({ name, text, tone }, row) => s("text", { y: (row - (lines.length - 1) / 2) * 16, "font-size": 12, class: tone },
      s("tspan", { class: "name" }, `${name} =`), ` ${text}`)));
}
