/** What the page rounds, samples or leaves out at this moment, in one table behind one small mark. */

import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { CELLS } from "./network_strips.js";
import { state } from "./store.js";
import { word } from "./words.js";

/** The mark ≈, which opens the table. */
export const honestyMark = () => h("button", { type: "button", class: "quiet", id: "honesty", title: word("honest.title"), "aria-label": word("honest.title"), onclick: showHonesty }, "≈");

function showHonesty() {
  const { network, curves, branch, output, table, moment } = state;
  const rows = [["numbers", word("honest.numbers_says")], ["pictures", word("honest.pictures_says")]];
  const stride = curves.get(branch)?.stride ?? 1;
  if (stride > 1) rows.push(["curve", word("honest.curve_says", { stride })]);
  if (network?.columns.some(({ strip, maps }) => strip && !maps)) rows.push(["strips", word("honest.strips_says", { most: CELLS })]);
  if (network?.columns.some(({ maps }) => maps)) rows.push(["maps", word("honest.maps_says")]);
  if (Object.values(moment?.parameters ?? {}).some(({ text }) => text === null)) rows.push(["edges", word("honest.edges_says")]);
  if (output?.says) rows.push(["output", output.says]);
  for (const sentence of table?.notes ?? []) rows.push(["data", sentence]);
  openDialog(word("honest.title"), h("table", { class: "honest-table" }, h("tbody", {}, rows.map(([key, says]) => h("tr", {}, h("th", { scope: "row" }, word(`honest.${key}`)), h("td", {}, says))))));
}
