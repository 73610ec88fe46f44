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

/** {path, index} of an address: "layers[0].weight[0,3]" is entry [0, 3] of "layers[0].weight". */
export function parted(address) {
  const found = /^(.*)\[([\d,]+)\]$/.exec(address ?? "");
  return found ? { path: found[1], index: found[2].split(",").map(Number) } : { path: address, index: [] };
}
