// One user's screen as it is now, beside the list.

import { signal } from "@preact/signals";
import { ask } from "../feed.js";
import { groupOf } from "../lib/users.js";
import { finished, openUser, run, users, usersVersion } from "../store.js";
import { runsIn } from "./groups.js";
import { html, useEffect, useRef } from "../ui.js";

const REFRESH_MS = 2000; // from one picture to the next request: a picture costs the browser a frame
const PICTURE_MS = 15_000;

const picture = signal(null); // {user, source, at}
const problem = signal("");
const automatic = signal(true);
const loading = signal(false);

export function Screen() {
  return openUser.value === null ? null : html`<${Drawer} index=${openUser.value} />`;
}

function Drawer({ index }) {
  const refresh = useRef(() => {});
  usersVersion.value;
  useEffect(() => {
    refresh.current = () => {};
    const ended = new AbortController();
    let timer = 0;
    const take = async () => {
      clearTimeout(timer);
      if (loading.value === index) return;
      if (finished.value) {
        problem.value = "The run is over: its users have no screens any more.";
        return;
      }
      loading.value = index;
      await takePicture(index, ended.signal);
      if (ended.signal.aborted) return;
      loading.value = false;
      timer = setTimeout(next, REFRESH_MS);
    };
    const next = () => {
      if (automatic.value && !document.hidden) take();
      else timer = setTimeout(next, REFRESH_MS);
    };
    refresh.current = take;
    take();
    return () => {
      ended.abort();
      clearTimeout(timer);
      loading.value = false;
    };
  }, [index]);
  useEffect(() => {
    const onKey = (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) close();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const user = users.value.row(index);
  const group = groupOf(run.value?.groups ?? [], index);
  const shown = picture.value?.user === index ? picture.value : null;
  return html`
    <aside class="drawer" role="dialog" aria-label=${`Screen of user ${index}`}>
      <header class="panel-head">
        <h2>User ${index}</h2>
        <span class=${`dot ${user.state}`}>${user.state}</span>
        <div class="extra"><button type="button" class="quiet" onClick=${close} aria-label="Close">✕</button></div>
      </header>
      <div class="screen" aria-busy=${loading.value !== false}>
        ${shown && html`<img src=${shown.source} alt=${`Screen of user ${index} at ${shown.at}`} />`}
        ${!shown && html`<p class="empty">${problem.value ? "" : "Taking a picture …"}</p>`}
        ${problem.value && html`<p class="problem" role="alert">${problem.value}</p>`}
      </div>
      <div class="drawer-tools">
        <button type="button" onClick=${() => refresh.current()}>Refresh</button>
        <label><input type="checkbox" checked=${automatic.value} onChange=${(event) => (automatic.value = event.currentTarget.checked)} /> every 2 s</label>
        <span class="faint">${shown ? `taken ${shown.at}` : ""}</span>
      </div>
      <dl class="facts">
        <div class="fact"><dt>Group</dt><dd>${group?.name ?? "–"}</dd></div>
        <div class="fact"><dt>Runs in</dt><dd>${group ? runsIn(group) : "–"}</dd></div>
        <div class="fact"><dt>Worker</dt><dd>${user.worker || "–"}</dd></div>
      </dl>
      <p class="detail">${user.detail}</p>
    </aside>
  `;
}

async function takePicture(index, ended) {
  try {
    const signals = AbortSignal.any([ended, AbortSignal.timeout(PICTURE_MS)]);
    const image = await (await ask(`/api/users/${index}/picture`, { signal: signals })).blob();
    if (ended.aborted) return;
    drop();
    picture.value = { user: index, source: URL.createObjectURL(image), at: new Date().toLocaleTimeString() };
    problem.value = "";
  } catch (error) {
    if (ended.aborted) return;
    problem.value = words(error);
  }
}

function words(error) {
  if (error.problem) return `${error.problem} ${error.remedy}`.trim();
  if (error.name === "TimeoutError") return "The picture did not come in time. The browser may be busy.";
  return "The coordinator does not answer.";
}

function drop() {
  if (picture.value) URL.revokeObjectURL(picture.value.source);
  picture.value = null;
}

function close() {
  drop();
  problem.value = "";
  openUser.value = null;
  document.querySelector("#user-list").focus({ preventScroll: true });
}
