/** The tabs of the tools: output, health, check, exercise, inside. */

import { checkTab } from "./check_tab.js";
import { byId, h } from "./dom.js";
import { exerciseTab } from "./exercise_tab.js";
import { healthTab } from "./health_tab.js";
import { insideTab } from "./inside_tab.js";
import { outputTab } from "./output_tab.js";
import { on, put, state } from "./store.js";
import { word } from "./words.js";

// Each has the names that it shows, `draw(room)`, and may have `opened()` for when it comes up.
const TABS = { output: outputTab, health: healthTab, check: checkTab, exercise: exerciseTab, inside: insideTab };

export function startTabs() {
  on(["welcome"], draw);
  on(["findings"], counts);
  for (const [name, tab] of Object.entries(TABS)) {
    on(tab.shows, () => { if (name === state.tab && state.welcome) tab.draw(byId("tab")); });
    tab.start?.();
  }
}

function draw() {
  byId("tabs").replaceChildren(...Object.keys(TABS).map((name) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "tab",
    "aria-selected": String(name === state.tab), tabindex: name === state.tab ? 0 : -1, onclick: () => openTab(name) }, h("span", {}, word(`tabs.${name}`)))));
  byId("tabs").onkeydown = (event) => {
    const names = Object.keys(TABS), way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    openTab(names[(names.indexOf(state.tab) + way + names.length) % names.length]);
    byId(`tab-${state.tab}`).focus();
  };
  counts();
  openTab(state.tab);
}

export function openTab(name) {
  put({ tab: name });
  for (const button of byId("tabs").children) {
    const chosen = button.id === `tab-${name}`;
    button.setAttribute("aria-selected", String(chosen));
    button.tabIndex = chosen ? 0 : -1;
  }
  byId("tab").setAttribute("aria-labelledby", `tab-${name}`);
  byId("tab").replaceChildren();
  TABS[name].draw(byId("tab"));
  TABS[name].opened?.();
}

/** How many findings wait behind the tab. */
function counts() {
  const button = byId("tab-health");
  if (!button) return;
  button.querySelector(".count")?.remove();
  const found = (state.findings?.findings ?? []).filter(({ severity }) => severity !== "note");
  if (found.length) button.append(h("span", { class: "count" }, String(found.length)));
}
