/** What the page knows: the last message of every kind, the one selection, and how it is looked at.
 *
 * A panel listens to the names that it shows; several changes of one turn are told once, before the
 * next picture is painted.
 */

const listeners = new Map();
const changed = new Set();

export const state = {
  connection: "starting", // starting, open, closed
  welcome: null,
  recipe: null,
  network: null,
  moment: null,
  aim: null, // {step, phase} that was asked for and has not come
  branch: "main", // the one that is shown
  curves: new Map(), // branch -> its curve
  branches: null,
  why: null,
  moved: null,
  planted: null,
  verdict: null,
  blanks: null,
  marks: new Map(), // blank -> its mark
  marked: null, // the last of them, while its moment is shown
  found: null, // the mark of a line that a person says is wrong
  output: null,
  outputOf: null,
  table: null,
  findings: null,
  inside: null, // what is inside the layer that is looked into
  lesson: null,
  lessonMark: null, // the mark of the part of it that was answered or done last
  running: false,
  selection: null,
  pointed: null, // the addresses that a pointer or the keyboard rests on
  predicting: false,
  tab: "output",
  refused: null, // the last sentence of the session
};

/** Sets some of the state and tells who listens to it. */
export function put(changes) {
  if (!changed.size) queueMicrotask(tell);
  for (const [name, value] of Object.entries(changes)) {
    state[name] = value;
    changed.add(name);
  }
}

function tell() {
  const names = [...changed];
  changed.clear();
  const due = new Set(names.flatMap((name) => [...(listeners.get(name) ?? [])]));
  for (const listener of due) listener(state);
}

/** Calls `listener` after a change of any of the names. */
export function on(names, listener) {
  for (const name of names) {
    if (!listeners.has(name)) listeners.set(name, new Set());
    listeners.get(name).add(listener);
  }
}
