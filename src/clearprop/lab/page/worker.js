/* A session within the page: Python in a worker, started from files that came with the page.
 *
 * In:  {packed: {name: Blob of base64 of gzip}} once; {opening: JSON text} makes the session, and
 *      again makes another one; {message: JSON text} is for it; {verdict} is what was said elsewhere
 *      of pasted code; {quiet} comes back when everything before it was answered.
 * Out: {live} when there is a session, {message: JSON text}, {quiet}, {calling} before and behind
 *      pasted code; {problem: text} where Python does not start, {fault: text} where something in it
 *      went wrong later.
 *
 * Nothing is fetched: the runtime asks for its files by name and gets them from memory.
 */
"use strict";

const OPEN = `
import sys
if "/lab" not in sys.path:
    sys.path.insert(0, "/lab")
from clearprop.lab.in_page import SessionInPage
SessionInPage(opening, post, calling)
`;
const files = new Map();
let python = null;
let session = null;
let ready = false;
let working = false;
const waiting = [];

self.fetch = async (request) => {
  const name = String(request.url ?? request).split("/").pop();
  if (!files.has(name)) return new Response(null, { status: 404 });
  const type = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
  return new Response(files.get(name), { headers: { "Content-Type": type } });
};

async function unpacked(blob) {
  const characters = atob(await blob.text());
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = characters.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function run(name) {
  const address = URL.createObjectURL(new Blob([files.get(name)], { type: "text/javascript" }));
  importScripts(address);
  URL.revokeObjectURL(address);
}

async function begin(packed) {
  for (const [name, blob] of Object.entries(packed)) files.set(name, await unpacked(blob));
  run("pyodide.asm.js");
  run("pyodide.js");
  // The address is never asked for: `fetch` looks at the last part of it.
  python = await loadPyodide({ indexURL: "https://runtime.invalid/", checkIntegrity: false });
  await python.loadPackage("numpy", { messageCallback() {}, checkIntegrity: false });
  python.unpackArchive(files.get("clearprop.zip"), "zip", { extractDir: "/lab" });
  files.clear();
  python.globals.set("post", (text) => postMessage({ message: text }));
  python.globals.set("calling", (calls) => postMessage({ calling: calls }));
  ready = true;
  waiting.splice(0).forEach(take);
}

function open(opening) {
  python.globals.set("opening", opening);
  session?.destroy();
  session = python.runPython(OPEN);
  postMessage({ live: true });
}

/** What `called` returns. A fault in the program is told, and the session goes on. */
function guarded(called) {
  try {
    return called();
  } catch (problem) {
    postMessage({ fault: String(problem.message).trim().split("\n").at(-1) });
    return undefined;
  }
}

function take(data) {
  if (data.opening) return guarded(() => open(data.opening));
  if ("quiet" in data) return postMessage({ quiet: data.quiet });
  if (data.verdict) return guarded(() => session.take_verdict(data.verdict));
  guarded(() => session.receive(data.message));
  if (!working) {
    working = true;
    later.port2.postMessage(null);
  }
}

// A turn of its own between two slices, in which a message can come in.
const later = new MessageChannel();
later.port1.onmessage = () => {
  working = guarded(() => session.work()) ?? false;
  if (working) later.port2.postMessage(null);
};

self.onmessage = ({ data }) => {
  if (data.packed) begin(data.packed).catch((problem) => postMessage({ problem: String(problem) }));
  else if (ready) take(data);
  else waiting.push(data);
};
