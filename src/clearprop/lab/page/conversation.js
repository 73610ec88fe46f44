/** The talk with the session: what is sent, what the page keeps of what comes, what is dropped. */

import { fromLink, valuesOf } from "./arrays.js";
import { note, say } from "./live.js";
import { readHash, selectionText } from "./selection.js";
import { put, state } from "./store.js";
import { learn } from "./words.js";

const VERSION = 1;
const KEY = "clearprop-lab-session";
const LINK = "clearprop-lab-link";

let line = null;
let count = 0;
// The newest message of each kind whose older answers are no longer of interest.
const newest = new Map();
const ONE_ANSWER = new Set(["go", "select", "move", "output", "health", "check", "inside"]);
const fileTakers = new Map();

/** Sends a message of `type`; returns its id. */
export function send(type, fields = {}) {
  const id = ++count;
  if (ONE_ANSWER.has(type)) newest.set(type, id);
  line.send({ type, id, ...fields });
  return id;
}

/** Asks for a file; `take` is called with the message that brings it. */
export function ask(what, take) {
  fileTakers.set(send("export", { what }), take);
}

/** Starts the talk over one of the transports. */
export function talk(transport) {
  line = transport.connect({ onMessage: receive, onState });
}

function onState(connection) {
  put({ connection, running: false });
  if (connection !== "open") return;
  const link = readHash();
  // A session goes on where its page is loaded again; another link begins another one.
  const again = sessionStorage.getItem(LINK) === (link.recipe ?? "");
  sessionStorage.setItem(LINK, link.recipe ?? "");
  send("hello", {
    version: VERSION,
    language: state.welcome?.language ?? preferredLanguage(),
    recipe: link.recipe ? fromLink(link.recipe) : null,
    resume: again ? sessionStorage.getItem(KEY) : null,
  });
}

function preferredLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  const known = asked ?? localStorage.getItem("clearprop-lab-language") ?? document.documentElement.lang;
  return known.toLowerCase().startsWith("zh") ? "zh-TW" : "en";
}

const stale = (kind, message) => message.answers && newest.has(kind) && message.answers < newest.get(kind);

/** What each message changes of what the page knows. */
const HANDLERS = {
  welcome(message) {
    learn(message.words);
    sessionStorage.setItem(KEY, message.session);
    document.documentElement.lang = message.language;
    put({ welcome: message, recipe: message.recipe });
  },
  network(message) {
    const other = state.network?.title !== message.title;
    put({ network: message, recipe: message.recipe, verdict: null, moved: null, output: null, curves: new Map(),
      ...(other ? { outputOf: null, moment: null } : {}) });
  },
  moment(message) {
    if (stale("go", message)) return;
    state.aim = null;
    put({ moment: message, running: message.running, marked: null, ...(message.branch === state.branch ? {} : { branch: message.branch }) });
    if (message.running) requestAnimationFrame(() => send("frame"));
    else say(message.says);
  },
  curve(message) {
    const { branch, start, stride, first } = message;
    const curves = new Map(state.curves);
    const values = valuesOf(message.losses);
    const known = first > 0 ? curves.get(branch)?.values.slice(0, first) : null;
    curves.set(branch, { branch, start, stride, values: known ? joined(known, values) : values });
    put({ curves });
  },
  branches: (message) => put({ branches: message }),
  why(message) {
    if (stale("select", message)) return;
    put({ why: message });
    say(message.title);
  },
  moved(message) {
    if (!stale("move", message)) put({ moved: message });
  },
  planted(message) {
    put({ planted: message });
    note("note", message.says);
  },
  verdict: (message) => put({ verdict: message }),
  blanks: (message) => put({ blanks: message, predicting: message.on }),
  mark(message) {
    if (message.of === "lesson") return put({ lessonMark: message });
    if (message.of === "find") put({ found: message });
    else put({ marks: new Map(state.marks).set(message.name, message), marked: message });
    say(message.says);
  },
  output(message) {
    if (!stale("output", message)) put({ output: message });
  },
  table: (message) => put({ table: message }),
  findings: (message) => put({ findings: message }),
  inside(message) {
    if (!stale("inside", message)) put({ inside: message });
  },
  file(message) {
    const take = fileTakers.get(message.answers);
    fileTakers.delete(message.answers);
    take?.(message);
  },
  lesson: (message) => put({ lesson: message.name === null ? null : message }),
  running: () => put({ running: true }),
  paused({ says }) {
    put({ running: false });
    // Where the run broke, its moment says so over the network.
    if (says && says !== state.moment?.diverged) note("note", says);
  },
  sentence(message) {
    state.aim = null;
    note(message.level, message.text);
    fileTakers.delete(message.answers);
    put({ refused: message });
  },
};

function joined(first, second) {
  const all = new Float64Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** The types that the page handles, for the test that compares them with the table of messages. */
export const HANDLED = Object.keys(HANDLERS);

function receive(message) {
  HANDLERS[message.type]?.(message);
}

/** Makes `selection` the one selection of all panels and of the address bar. */
export function select(selection) {
  if (selectionText(selection) === selectionText(state.selection)) return;
  put({ selection, moved: null });
  send("select", { selection });
}

/** Goes to a step and so many of its phases; within the branch that is shown. */
export function go(step, phase) {
  state.aim = { step, phase };
  send("go", { branch: state.moment.branch, step, phase });
}

/** Where in time the person is: where was asked for last, before its moment has come. */
export const whereInTime = () => ({ phases: state.moment.phases, ...(state.aim ?? { step: state.moment.step, phase: state.moment.phase }) });

export function run(rate) {
  send("run", { rate });
  put({ running: true });
  send("frame");
}

export function pause() {
  send("pause");
}
