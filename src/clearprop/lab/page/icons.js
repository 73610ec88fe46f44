/** The few signs of the page's buttons. */

import { s } from "./dom.js";

const PATHS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M7 5h4v14H7zM13.5 5h4v14h-4z",
  next: "M9 5l7 7-7 7",
  back: "M15 5l-7 7 7 7",
  stepNext: "M6 5l7 7-7 7M17 5v14",
  stepBack: "M18 5l-7 7 7 7M7 5v14",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M4.9 4.9l1.8 1.8M17.3 17.3l1.8 1.8M4.9 19.1l1.8-1.8M17.3 6.7l1.8-1.8",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  close: "M6 6l12 12M18 6L6 18",
};
const FILLED = new Set(["play", "pause"]);

export function icon(name, size = 20) {
  const full = FILLED.has(name);
  return s("svg", { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true",
    fill: full ? "currentColor" : "none", stroke: full ? "none" : "currentColor",
    "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" },
  s("path", { d: PATHS[name] }));
}
