// Pictures of failures: what a user's screen showed when a step failed.

import { signal } from "@preact/signals";
import { ask } from "../feed.js";
import { clock } from "../lib/format.js";
import { Empty, html, useRef } from "../ui.js";

const list = signal(null); // [EvidenceInfo], null while it loads
const problem = signal("");

async function fetchList() {
  list.value = null;
  problem.value = "";
  try {
    list.value = await (await ask("/api/evidence")).json();
  } catch (error) {
    problem.value = error.problem ?? "The coordinator does not answer.";
  }
}

export function EvidenceButton() {
  const dialog = useRef(null);
  const open = () => {
    fetchList();
    dialog.current.showModal();
  };
  return html`
    <button type="button" class="quiet" onClick=${open}>Pictures</button>
    <dialog ref=${dialog} class="evidence" aria-labelledby="evidence-title">
      <header class="panel-head">
        <h2 id="evidence-title">Pictures of failures</h2>
        <div class="extra"><button type="button" class="quiet" onClick=${() => dialog.current.close()}>Close</button></div>
      </header>
      ${problem.value && html`<p class="problem" role="alert">${problem.value}</p>`}
      ${list.value?.length === 0 && html`<${Empty}>No picture was taken: no step has failed on a screen.<//>`}
      <div class="evidence-list">
        ${(list.value ?? []).map(
          ({ file, user, second, name, message }) => html`
            <figure key=${file}>
              <a href=${address(file)} target="_blank" rel="noopener"><img src=${address(file)} alt=${`Screen of user ${user}`} loading="lazy" /></a>
              <figcaption><b>${name}</b> ${message}<span class="faint">user ${user} · ${clock(second)}</span></figcaption>
            </figure>
          `,
        )}
      </div>
    </dialog>
  `;
}

const address = (file) => `/api/evidence/${encodeURIComponent(file)}`;
