/** Pasted code is judged in a second worker, that is thrown away where the code does not come to an
 * end. It opens the network as the session saves it, so it sees what is running and nothing else. */

const SECONDS = 2; // for each call of the code
const OWN = -1; // the id of what is asked for here and not by the page
const VERSION = 1;

/** A worker that starts Python out of the files that the page has brought. */
export function started({ packed, source }) {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(address);
  worker.postMessage({ packed });
  return worker;
}

/** `pass` reaches the session, `start` makes a second worker, `verdict` tells the session an outcome. */
export function judgeOf({ pass, onMessage, note, language, verdict, start }) {
  let worker = null, asked = null, timer = 0;

  const end = () => {
    clearTimeout(timer);
    worker?.terminate();
    worker = asked = null;
  };

  /** Says why there will be no verdict. */
  const giveUp = (key, fields) => {
    const { id } = asked ?? {};
    end();
    note("error", key, { ...fields, answers: id });
  };

  const answer = (message) => {
    if (message.answers !== OWN || !["verdict", "sentence"].includes(message.type)) return;
    onMessage({ ...message, answers: asked.id });
    if (message.type === "verdict") verdict(message.outcome);
    asked = null;
  };

  const hear = ({ data }) => {
    clearTimeout(timer);
    if (data.calling) timer = setTimeout(() => giveUp("stopped", { seconds: SECONDS }), 1000 * SECONDS);
    else if (data.message && asked) answer(JSON.parse(data.message));
    else if (data.fault || data.problem) giveUp("fault", { problem: data.fault ?? data.problem });
  };

  return {
    /** Judge the code of a message: the session saves its network first. */
    ask(message) {
      if (asked) end();
      asked = message;
      pass({ type: "export", id: OWN, what: "safetensors" });
    },
    /** Whether a message of the session was meant for the judge. */
    takes(message) {
      if (message.answers !== OWN) return false;
      if (!asked) return true;
      if (message.type !== "file") {
        onMessage({ ...message, answers: asked.id });
        asked = null;
        return true;
      }
      if (!worker) {
        note("note", "checking");
        worker = start();
        worker.onmessage = hear;
      }
      worker.postMessage({ opening: JSON.stringify({ file: [message.name, message.base64] }) });
      for (const one of [{ type: "hello", id: 0, version: VERSION, language: language() }, { type: "check", id: OWN, code: asked.code }])
        worker.postMessage({ message: JSON.stringify(one) });
      return true;
    },
    close: end,
  };
}
