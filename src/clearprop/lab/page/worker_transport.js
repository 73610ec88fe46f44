/** To a session in a worker of this page. Until Python has started there, questions are answered from
 * what was recorded when the page was written; everything else waits. */

import { judgeOf, started } from "./worker_judge.js";

async function unpacked(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** The files behind the page, as they came; taken out of it, so that they are held once. */
function carried() {
  const packed = {};
  for (const element of document.querySelectorAll("script[data-file]")) {
    packed[element.dataset.file] = new Blob([element.textContent]);
    element.remove();
  }
  return packed;
}

const read = new Promise((done) => {
  if (document.readyState !== "loading") done();
  else addEventListener("DOMContentLoaded", done, { once: true });
});

/** What a question is called in the recording: all that it says but who asks, and when. */
function name({ type, ...fields }) {
  const kept = Object.entries(fields)
    .filter(([field, value]) => !["id", "resume"].includes(field) && value !== null && value !== undefined)
    .map(([field, value]) => [field, field === "selection" ? named(value) : value]);
  return JSON.stringify([type, ...kept.sort(([one], [other]) => (one < other ? -1 : 1))]);
}

// The sample that is shown at first is that of the recording.
const named = ({ kind, address, sample }) => (sample ? [kind, address, sample] : [kind, address]);

// Of these the newest one alone says what stands; the session hears of them when it lives.
const STANDING = ["hello", "language", "lesson", "blank", "go", "select"];

export const worker = {
  connect({ onMessage, onState }) {
    let told, language, packed, session, live = false, quiet = false, closed = false;
    const books = {}; // language -> what a question is called -> its answers
    const waiting = [];
    const standing = new Map();
    const note = (level, key, fields = {}) => onMessage({ type: "sentence", id: 0, answers: fields.answers ?? null, level,
      text: told.words[language][key].replace(/\{(\w+)\}/g, (whole, field) => fields[field] ?? whole) });
    const pass = (message) => session.postMessage({ message: JSON.stringify(message) });
    const judge = judgeOf({ pass, onMessage, note, language: () => language, verdict: (outcome) => session.postMessage({ verdict: outcome }),
      start: () => started({ packed, source: told.worker }) });

    const hear = ({ data }) => {
      if (data.live) begin();
      else if (data.quiet === false) quiet = false;
      else if (data.fault) note("error", "fault", { problem: data.fault });
      else if (data.problem) note("error", "failed", { problem: data.problem });
      else if (data.message && !quiet) {
        const message = JSON.parse(data.message);
        if (!judge.takes(message)) onMessage(message);
      }
    };

    const begin = () => {
      live = quiet = true;
      for (const type of STANDING) if (standing.has(type)) pass(standing.get(type));
      session.postMessage({ quiet: false });
      waiting.splice(0).forEach(send);
      document.documentElement.dataset.session = "live";
      note("note", "live");
    };

    const start = async () => {
      told = await unpacked(document.getElementById("recorded"));
      language = told.language;
      for (const [one, recording] of Object.entries(told.recordings))
        books[one] = new Map(recording.map(([question, answers]) => [name(question), answers]));
      if (closed) return;
      onState("open");
      await read;
      if (typeof WebAssembly !== "object") return note("error", "no_webassembly");
      note("note", "starting");
      packed = carried();
      session = started({ packed, source: told.worker });
      session.onmessage = hear;
      session.onerror = (event) => note("error", "failed", { problem: event.message });
      session.postMessage({ opening: told.opening });
    };
    start();

    /** What was recorded for a question; a change of language is answered as the first hello. */
    const recorded = (message) => {
      const hello = books[language].keys().next().value;
      return books[language].get(message.type === "language" ? hello : name(message));
    };

    const send = (message) => {
      if (message.language in books) language = message.language;
      if (live) return message.type === "check" && message.code !== null ? judge.ask(message) : pass(message);
      const found = recorded(message);
      if (!found) return waiting.push(message);
      if (STANDING.includes(message.type)) standing.set(message.type, message);
      for (const one of found) onMessage("answers" in one ? { ...one, answers: message.id } : one);
    };
    return {
      send,
      close() {
        closed = true;
        session?.terminate();
        judge.close();
      },
    };
  },
};
