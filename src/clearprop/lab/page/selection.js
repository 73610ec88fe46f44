/** The one selection: as an object of the messages, and as it stands in the address bar. */

/** A selection as short text: "weight:layers[0].weight[0,3]@5"; empty for none. */
export function selectionText(selection) {
  if (!selection) return "";
  const { kind, address, sample } = selection;
  return `${kind}:${address ?? ""}${Number.isInteger(sample) ? `@${sample}` : ""}`;
}

/** The selection that the text stands for; null for none. */
export function selectionOf(text) {
  const found = /^(\w+):([^@]*)(?:@(\d+))?$/.exec(text ?? "");
  if (!found) return null;
  const [, kind, address, sample] = found;
  return { kind, address: address || null, sample: sample === undefined ? null : Number(sample) };
}

/** What the address bar says: {recipe, selection}, as text. */
export function readHash() {
  const fields = new URLSearchParams(location.hash.slice(1));
  return { recipe: fields.get("r"), selection: fields.get("s") };
}

/** Writes the selection into the address bar beside the recipe that stands there. */
export function writeHash({ recipe, selection }) {
  const fields = new URLSearchParams();
  if (recipe) fields.set("r", recipe);
  if (selection) fields.set("s", selection);
  const text = fields.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

/** Entry `number`, counted through all of them, of a wire whose samples have this shape: its address. */
export function entryOf(wire, number, shape) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(number % size);
    number = Math.floor(number / size);
  }
  return `${wire}[${index.join(",")}]`;
}

/** The number of an entry among all of a sample's; null for an index of another shape. */
export function numberOf(index, shape) {
  if (index.length !== shape.length || index.some((at, axis) => at >= shape[axis])) return null;
  return index.reduce((number, at, axis) => number * shape[axis] + at, 0);
}

/** What an address is of, by the parameters of the network: weight, bias, input or neuron. */
export function kindOf(address, parameters) {
  const { path } = parted(address);
  if (parameters.some((one) => one.path === path)) return path.endsWith(".bias") ? "bias" : "weight";
  return path === "input" ? "input" : "neuron";
}

/** {path, index} of an address: "layers[0].weight[0,3]" is entry [0, 3] of "layers[0].weight". */
export function parted(address) {
  const found = /^(.*)\[([\d,]+)\]$/.exec(address ?? "");
  return found ? { path: found[1], index: found[2].split(",").map(Number) } : { path: address, index: [] };
}
