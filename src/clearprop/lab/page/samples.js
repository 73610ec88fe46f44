/** The sample whose numbers are shown: its place in this step's batch, and its row in the data. */

import { valuesOf } from "./arrays.js";
import { select } from "./conversation.js";
import { byId, h } from "./dom.js";
import { icon } from "./icons.js";
import { on, state } from "./store.js";
import { word } from "./words.js";

/** How many samples take part in the step that is shown. */
export const sampleCount = () => state.moment?.batch?.shape[0] ?? state.network?.samples ?? 0;

/** The row in the data of a place in the batch. */
export function rowOf(place) {
  const batch = valuesOf(state.moment?.batch);
  return batch ? batch[place] : place;
}

/** The place in the batch of a row of the data; null where this step goes without it. */
export function placeInBatch(row) {
  const batch = valuesOf(state.moment?.batch);
  if (!batch) return row;
  const place = batch.indexOf(row);
  return place < 0 ? null : place;
}

/** Selects the sample at a place; what else is selected stays so. */
export function selectSample(place) {
  select({ ...(state.selection ?? { kind: "sample", address: null }), sample: place });
}

/** The buttons over the network that go from sample to sample. */
export function startSamples() {
  on(["moment", "welcome", "network"], draw);
}

function draw() {
  const { moment, welcome } = state;
  if (!moment || !welcome) return;
  const count = sampleCount(), room = byId("sample");
  const focused = document.activeElement?.id;
  const button = (id, sign, way) => h("button", { type: "button", class: "quiet icon", id, "aria-label": word(`sample.${way > 0 ? "next" : "back"}`), disabled: count < 2,
    onclick: () => selectSample((moment.sample + way + count) % count) }, icon(sign, 16));
  room.replaceChildren(button("sample-back", "back", -1),
    h("span", {}, word("sample.shown", { sample: rowOf(moment.sample) })), button("sample-next", "next", 1));
  if (focused?.startsWith("sample-")) byId(focused)?.focus();
}
