// The list of all users: filtered, quick with 100,000 of them, usable with the keyboard alone.

import { computed, signal } from "@preact/signals";
import { whole } from "../lib/format.js";
import { groupName } from "../lib/users.js";
import { rowAfterKey, scrollTo, visibleRows } from "../lib/window.js";
import { openUser, run, users, usersVersion } from "../store.js";
import { Panel, html, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";

const ROW_HEIGHT = 28; // as in users.css; 100,000 rows stay far below the height that browsers can scroll
const ROWS_MIN = 3; // room for a sentence when there is nothing to list

const state = signal(-1);
const worker = signal(-1);
const text = signal("");
const current = signal(0); // the row that the keyboard is on

const groupOf = (index) => groupName(run.value?.groups ?? [], index);

const found = computed(() => {
  usersVersion.value;
  return users.value.filter({ state: state.value, worker: worker.value, text: text.value }, groupOf);
});

export function Users() {
  return html`
    <${Panel} id="users" title="Users" wide note=${`${whole(found.value.length)} of ${whole(users.value.count)}`}
      extra=${html`<span class="keys"><kbd>/</kbd> filter <kbd>↑</kbd><kbd>↓</kbd> move <kbd>Enter</kbd> screen</span>`}>
      <${Filters} />
      <${List} />
    <//>
  `;
}

function Filters() {
  const input = useRef(null);
  usersVersion.value;
  useEffect(() => {
    const focus = (event) => {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      input.current.focus();
      input.current.select();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  const counts = users.value.counts();
  return html`
    <div class="filters">
      <input ref=${input} type="search" placeholder="Index, range 100-199, group or problem" aria-label="Filter users"
        value=${text.value} onInput=${(event) => (text.value = event.currentTarget.value)}
        onKeyDown=${(event) => {
          if (event.key !== "Escape") return;
          text.value = "";
          event.currentTarget.blur();
        }} />
      <div class="chips" role="group" aria-label="State">
        <button type="button" aria-pressed=${state.value < 0} onClick=${() => (state.value = -1)}>all</button>
        ${users.value.states.map(
          (name, at) => html`
            <button type="button" key=${name} class=${name} aria-pressed=${state.value === at}
              onClick=${() => (state.value = state.value === at ? -1 : at)}>
              <span class=${`dot ${name}`}>${name}</span> <b>${whole(counts[at])}</b>
            </button>
          `,
        )}
      </div>
      <select aria-label="Worker" value=${worker.value} onChange=${(event) => (worker.value = Number(event.currentTarget.value))}>
        <option value="-1">all workers</option>
        ${users.value.workers.map((id, at) => html`<option key=${id} value=${at}>${id}</option>`)}
      </select>
    </div>
  `;
}

function List() {
  const box = useRef(null);
  const [view, setView] = useState({ scrollTop: 0, height: 0 });
  usersVersion.value;
  const rows = found.value;
  const row = Math.min(current.value, Math.max(0, rows.length - 1));
  useLayoutEffect(() => {
    const read = () => setView({ scrollTop: box.current.scrollTop, height: box.current.clientHeight });
    const watch = new ResizeObserver(read);
    watch.observe(box.current);
    read();
    return () => watch.disconnect();
  }, []);

  const go = (to) => {
    current.value = to;
    const { scrollTop, clientHeight: height } = box.current;
    box.current.scrollTop = scrollTo({ row: to, scrollTop, height, rowHeight: ROW_HEIGHT });
    if (openUser.value !== null) openUser.value = rows[to];
  };
  const onKey = (event) => {
    const to = rowAfterKey(event.key, row, rows.length, Math.floor(view.height / ROW_HEIGHT));
    if (to !== null) go(to);
    else if (event.key === "Enter" && rows.length) openUser.value = rows[row];
    else return;
    event.preventDefault();
  };
  const { first, end } = visibleRows({ ...view, rowHeight: ROW_HEIGHT, count: rows.length });
  return html`
    <div class="list-head" aria-hidden="true">
      <span>User</span><span class="group">Group</span><span>State</span><span class="worker">Worker</span><span>Problem</span>
    </div>
    <div ref=${box} class="list" id="user-list" tabindex="0" role="listbox" aria-label="Users"
      aria-activedescendant=${rows.length ? `user-${rows[row]}` : undefined}
      onScroll=${(event) => setView({ scrollTop: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
      onKeyDown=${onKey} style=${{ "--rows": `${Math.max(ROWS_MIN, users.value.count) * ROW_HEIGHT}px` }}>
      <div class="list-space" style=${{ height: `${rows.length * ROW_HEIGHT}px` }}>
        ${Array.from(rows.subarray(first, end), (index, at) => html`
          <${Row} key=${index} index=${index} place=${first + at} count=${rows.length} active=${first + at === row} />
        `)}
      </div>
      ${rows.length === 0 && html`<p class="empty">${users.value.count ? "No user matches the filter." : "No users yet."}</p>`}
    </div>
  `;
}

function Row({ index, place, count, active }) {
  const user = users.value.row(index);
  const open = () => {
    current.value = place;
    openUser.value = index;
  };
  const classes = ["row", active && "active", openUser.value === index && "open"].filter(Boolean).join(" ");
  return html`
    <div class=${classes} id=${`user-${index}`} role="option" aria-selected=${openUser.value === index}
      aria-posinset=${place + 1} aria-setsize=${count} style=${{ top: `${place * ROW_HEIGHT}px` }} onClick=${open}>
      <span class="index">${index}</span>
      <span class="group">${groupOf(index)}</span>
      <span class=${`dot ${user.state}`}>${user.state}</span>
      <span class="worker">${user.worker}</span>
      <span class="detail" title=${user.detail}>${user.detail}</span>
    </div>
  `;
}
