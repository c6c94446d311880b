// What every part of the page is made of.

import { h } from "preact";
import htm from "htm";

export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export const html = htm.bind(h);

/** A titled area. `extra` stands at the right of the title. */
export const Panel = ({ id, title, note, extra, children, wide }) => html`
  <section id=${id} class=${wide ? "panel wide" : "panel"} aria-labelledby=${`${id}-title`}>
    <header class="panel-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${note && html`<span class="note">${note}</span>`}
      <div class="extra">${extra}</div>
    </header>
    ${children}
  </section>
`;

/** A choice of one of a few. */
export const Segmented = ({ label, options, value, onChange }) => html`
  <div class="segmented" role="group" aria-label=${label}>
    ${options.map(
      (option) => html`
        <button type="button" aria-pressed=${option === value} onClick=${() => onChange(option)}>${option}</button>
      `,
    )}
  </div>
`;

/** Name and value, in a row of such. */
export const Fact = ({ name, value, tone, title }) => html`
  <div class="fact" title=${title}>
    <dt>${name}</dt>
    <dd class=${tone ?? ""}>${value}</dd>
  </div>
`;

/** Passed or not: never by colour alone. */
export const Mark = ({ good, words }) => html`
  <span class=${good ? "mark good" : "mark bad"} role="img" aria-label=${words ?? (good ? "holds" : "does not hold")}
    >${good ? "✓" : "✕"}</span
  >
`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;
