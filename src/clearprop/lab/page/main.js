/** The page's start: its panels, then the talk with the session. */

import { startAnswer } from "./answer_panel.js";
import { select, talk } from "./conversation.js";
import { startData } from "./data_panel.js";
import { startLesson } from "./lesson.js";
import { startNetwork } from "./network_view.js";
import { startWalk } from "./network_walk.js";
import { startRecipe } from "./recipe_panel.js";
import { startSamples } from "./samples.js";
import { readHash, selectionOf } from "./selection.js";
import { startShell } from "./shell.js";
import { startStates } from "./states.js";
import { on, state } from "./store.js";
import { startTabs } from "./tabs.js";
import { startTimeBar } from "./time_bar.js";
import { websocket } from "./transport.js";
import { startDrag } from "./weight_drag.js";
import { worker } from "./worker_transport.js";

for (const start of [startShell, startStates, startData, startRecipe, startNetwork, startWalk, startSamples, startTimeBar, startAnswer, startDrag, startTabs, startLesson]) start();

// The selection of the link is asked for once there is a network to select in.
let asked = false;
on(["network"], () => {
  const wanted = asked ? state.selection : selectionOf(readHash().selection);
  asked = true;
  if (wanted) select(wanted);
});
addEventListener("hashchange", () => {
  const { recipe } = readHash();
  if (recipe) location.reload();
});

// A page that brings a recording brings its session too.
talk(document.getElementById("recorded") ? worker : websocket);
