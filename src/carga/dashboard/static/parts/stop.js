// Ends the run before its time: once to drain it, again to abort it. Both only after a question.

import { signal } from "@preact/signals";
import { ask } from "../feed.js";
import { connection, finished, state } from "../store.js";
import { html, useRef } from "../ui.js";

const problem = signal("");
const waiting = signal(false);

const WORDS = {
  drain: {
    title: "Stop this run?",
    text: "Users finish what they do and stop. The results so far are judged and written to a report.",
    button: "Stop the run",
  },
  abort: {
    title: "Abort this run?",
    text: "It is stopping already. Aborting ends every user at once; the report holds what was measured until now.",
    button: "Abort the run",
  },
};

export function StopButton() {
  const dialog = useRef(null);
  const draining = state.value === "draining";
  const words = WORDS[draining ? "abort" : "drain"];
  const open = () => {
    problem.value = "";
    dialog.current.showModal();
  };
  const stop = async () => {
    waiting.value = true;
    try {
      await ask("/api/stop", { method: "POST" });
      dialog.current.close();
    } catch (error) {
      problem.value = `${error.problem ?? "The coordinator does not answer."} ${error.remedy ?? ""}`;
    } finally {
      waiting.value = false;
    }
  };
  const off = finished.value || connection.value.state !== "open";
  return html`
    <button type="button" class="stop" onClick=${open} disabled=${off}>${draining ? "Abort" : "Stop"}</button>
    <dialog ref=${dialog} class="confirm" aria-labelledby="stop-title">
      <h2 id="stop-title">${words.title}</h2>
      <p>${words.text}</p>
      <p class="problem" role="alert">${problem.value}</p>
      <div class="buttons">
        <button type="button" autofocus onClick=${() => dialog.current.close()}>Keep running</button>
        <button type="button" class="danger" disabled=${waiting.value} onClick=${stop}>${words.button}</button>
      </div>
    </dialog>
  `;
}
