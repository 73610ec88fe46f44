/** What stands around the panels: the top, the three pages of a small screen, the keys. */

import { select, send } from "./conversation.js";
import { openDialog } from "./dialog.js";
import { byId, h } from "./dom.js";
import { honestyMark } from "./honesty.js";
import { icon } from "./icons.js";
import { nextInside } from "./inside_tab.js";
import { selectionText, readHash, writeHash } from "./selection.js";
import { on, put, state } from "./store.js";
import { openTab } from "./tabs.js";
import { takeAway } from "./take_away.js";
import { TIME } from "./time_bar.js";
import { relabel, word } from "./words.js";

const THEME = "clearprop-lab-theme";
const PAGES = ["network", "build", "answers", "tools"];
const OTHER = { en: ["zh-TW", "中文"], "zh-TW": ["en", "English"] };

export function startShell() {
  setTheme(localStorage.getItem(THEME));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);
  byId("theme").onclick = () => setTheme(isDark() ? "light" : "dark");
  byId("keys").onclick = showKeys;
  byId("take").onclick = takeAway;
  byId("language").onclick = () => {
    const [other] = OTHER[state.welcome.language];
    localStorage.setItem("clearprop-lab-language", other);
    send("language", { language: other });
  };
  byId("predict").onchange = (event) => {
    put({ marks: new Map() });
    send("blank", { on: event.target.checked });
    if (event.target.checked) openTab("exercise");
  };
  on(["welcome"], speak);
  on(["predicting"], () => { byId("predict").checked = state.predicting; });
  on(["network"], () => { byId("subject").textContent = byId("subject").title = state.network.title; });
  on(["selection"], () => writeHash({ recipe: readHash().recipe, selection: selectionText(state.selection) }));
  // On a small screen the answer waits on another page: its button says so.
  on(["why"], () => document.querySelector("#pages [data-to=answers]")?.classList.toggle("fresh",
    Boolean(state.why.selection) && document.documentElement.dataset.page !== "answers"));
  document.addEventListener("keydown", onKey);
  document.addEventListener("lookinside", showInside);
}

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setTheme(theme) {
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME, theme);
  }
  themed();
}

function themed() {
  byId("theme").replaceChildren(icon(isDark() ? "sun" : "moon"));
  document.dispatchEvent(new Event("themechange"));
}

function speak() {
  const { language } = state.welcome;
  relabel();
  document.title = word("title");
  const [other, name] = OTHER[language];
  byId("language").textContent = name;
  byId("language").lang = other;
  byId("pages").replaceChildren(...PAGES.map((page) => h("button", { type: "button", "data-to": page, onclick: () => openPage(page) }, word(`pages.${page}`))));
  openPage(document.documentElement.dataset.page);
  legend();
}

function openPage(page) {
  document.documentElement.dataset.page = page;
  for (const button of byId("pages").children) {
    if (button.dataset.to === page) {
      button.setAttribute("aria-current", "page");
      button.classList.remove("fresh");
    } else button.removeAttribute("aria-current");
  }
}

/** What the colours mean, under the network. */
function legend() {
  const entry = (role, key) => {
    const line = h("i", {});
    line.style.background = `var(--cp-${role})`;
    return h("span", {}, line, word(key));
  };
  byId("legend").replaceChildren(entry("forward", "legend.forward"), entry("backward", "legend.backward"), entry("positive4", "legend.positive"), entry("negative4", "legend.negative"));
  byId("honest").replaceChildren(honestyMark());
}

/** Opens what is inside a layer. On a small screen the tools are a page of their own, or stand on that
 * of the answers. */
function showInside() {
  const own = byId("pages").querySelector("[data-to=tools]")?.offsetParent;
  openPage(own ? "tools" : "answers");
  openTab("inside");
}

const walkInside = (way) => (state.tab === "inside" ? nextInside(way) : showInside());

const KEYS = [["→ ←", "keys.phase"], ["Shift → ←", "keys.step"], ["Space", "keys.play"], ["Enter", "keys.select"], ["↑ ↓ → ←", "keys.walk"], ["b", "keys.bias"], ["Esc", "keys.back"],
  ["1 2 3 4 5", "keys.tabs"], [", .", "keys.inside"], ["n", "keys.network"], ["p", "keys.predict"], ["t", "keys.take"], ["?", "keys.keys"]];

function showKeys() {
  openDialog(word("keys.title"), h("dl", {}, KEYS.flatMap(([keys, says]) => [h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, word(says))])));
}

const WRITES = "input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]";
const PRESSED = "button, summary, a, input, [role=tab], [role=radio]";
const SHORTCUTS = {
  ArrowRight: () => TIME.phaseNext(),
  ArrowLeft: () => TIME.phaseBack(),
  "Shift+ArrowRight": () => TIME.stepNext(),
  "Shift+ArrowLeft": () => TIME.stepBack(),
  "1": () => openTab("output"),
  "2": () => openTab("health"),
  "3": () => openTab("check"),
  "4": () => openTab("exercise"),
  "5": () => openTab("inside"),
  ",": () => walkInside(-1),
  ".": () => walkInside(1),
  n: () => { openPage("network"); byId("neurons").focus(); },
  p: () => byId("predict").click(),
  t: takeAway,
  "?": showKeys,
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("dialog").open) return;
  if (event.key === "Escape") {
    if (state.selection) select(null);
    document.activeElement?.blur();
    return;
  }
  if (event.target.closest(WRITES) || !state.moment) return;
  if (event.key === " ") {
    if (event.target.closest(PRESSED)) return;
    event.preventDefault();
    TIME.play();
    return;
  }
  const arrows = event.key.startsWith("Arrow");
  if (arrows && event.target.closest("input[type=range]")) return;
  const action = SHORTCUTS[arrows && event.shiftKey ? `Shift+${event.key}` : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}
