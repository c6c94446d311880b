// Says that the page does not hear from the coordinator, and when it tries again.

import { connectNow } from "../feed.js";
import { connection } from "../store.js";
import { html, useEffect, useState } from "../ui.js";

export function Connection() {
  const { state, retryAt, problem, remedy } = connection.value;
  if (state === "lost") {
    return html`
      <div class="toast bad" role="status">
        <span><b>Connection lost.</b> ${problem} The numbers are those of the last message.</span>
        ${retryAt && html`<${Countdown} until=${retryAt} />`}
        <button type="button" onClick=${connectNow}>Try now</button>
      </div>
    `;
  }
  if (state === "refused") {
    return html`
      <div class="toast bad" role="alert">
        <span><b>${problem}</b> ${remedy || "Open the address that carga printed when the run started; it holds the token."}</span>
        <button type="button" onClick=${connectNow}>Try again</button>
      </div>
    `;
  }
  if (state === "ended") {
    return html`<div class="toast" role="status"><span>The run is over and its coordinator has ended. This page keeps the last numbers.</span></div>`;
  }
  return null;
}

function Countdown({ until }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, []);
  return html`<span class="faint" aria-hidden="true">Trying again in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s</span>`;
}
