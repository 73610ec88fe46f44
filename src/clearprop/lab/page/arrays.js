/** Arrays as they travel: base64 of their bytes, with dtype and shape. */

const KINDS = { float64: Float64Array, float32: Float32Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array };

/** {values, shape} of a wire array; the values in the order of NumPy's C layout. */
export function unpacked(wire) {
  const bytes = Uint8Array.from(atob(wire.base64), (character) => character.charCodeAt(0));
  return { values: new KINDS[wire.dtype](bytes.buffer), shape: wire.shape };
}

/** Text as base64url, and back: how a recipe travels in a link. */
export function toLink(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const characters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(characters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** What a link carries; null where it is no such thing. */
export function fromLink(text) {
  try {
    const characters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(characters, (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

const opened = new WeakMap();

/** The values of a wire array that may be missing; unpacked once. */
export function valuesOf(wire) {
  if (!wire) return null;
  if (!opened.has(wire)) opened.set(wire, unpacked(wire).values);
  return opened.get(wire);
}

/** Entry `index` of a wire array as the session writes it; null where it does not exist (yet), or
 * where there are so many that none is written. */
export const textAt = (wire, index) => wire?.text?.[index] ?? null;

/** The largest size among the values, by which a drawing scales them; 1 where all are zero. */
export function largest(values) {
  let most = 0;
  for (const value of values ?? []) if (Math.abs(value) > most) most = Math.abs(value);
  return most > 0 && Number.isFinite(most) ? most : 1;
}
