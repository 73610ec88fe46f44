/* A session within the page: Python in a worker, started from files that came with the page.
 *
 * In:  {packed: {name: Blob of base64 of gzip}, opening: JSON text} once, then {message: JSON text};
 *      {quiet} comes back when everything before it was answered.
 * Out: {stage: "unpacked" | "runtime" | "live"}, {message: JSON text}, {quiet}; {problem: text} where
 *      Python does not start, {fault: text} where something in it went wrong later.
 *
 * Nothing is fetched: the runtime asks for its files by name and gets them from memory.
 */
"use strict";

const START = `
import sys
sys.path.insert(0, "/lab")
from clearprop.lab.in_page import SessionInPage
SessionInPage(opening, post)
`;
const files = new Map();
let session = null;
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

async function begin({ packed, opening }) {
  for (const [name, blob] of Object.entries(packed)) files.set(name, await unpacked(blob));
  postMessage({ stage: "unpacked" });
  run("pyodide.asm.js");
  run("pyodide.js");
  // The address is never asked for: `fetch` looks at the last part of it.
  const python = await loadPyodide({ indexURL: "https://runtime.invalid/", checkIntegrity: false });
  postMessage({ stage: "runtime" });
  await python.loadPackage("numpy", { messageCallback() {}, checkIntegrity: false });
  python.unpackArchive(files.get("clearprop.zip"), "zip", { extractDir: "/lab" });
  files.clear();
  python.globals.set("post", (text) => postMessage({ message: text }));
  python.globals.set("opening", opening);
  session = python.runPython(START);
  postMessage({ stage: "live" });
  waiting.splice(0).forEach(take);
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
  if ("quiet" in data) return postMessage({ quiet: data.quiet });
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
  if (data.packed) begin(data).catch((problem) => postMessage({ problem: String(problem) }));
  else if (session) take(data);
  else waiting.push(data);
};
