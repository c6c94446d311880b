// The groups of users: what each runs in, and how its users are doing.

import { whole } from "../lib/format.js";
import { countsOf } from "../lib/users.js";
import { run, users, usersVersion } from "../store.js";
import { Panel, html } from "../ui.js";

const percent = (share) => `${+(share * 100).toPrecision(3)}%`;

/** `light, own context, frames none`. */
export const runsIn = ({ engine, isolation, rendering, full_sample: sample }) =>
  `${engine}, own ${isolation}, frames ${rendering}${sample ? `, full for ${percent(sample)}` : ""}`;

export function Groups() {
  const groups = run.value?.groups ?? [];
  usersVersion.value;
  return html`
    <${Panel} id="groups" title="Groups" wide note=${groups.length ? whole(groups.length) : ""}>
      <div class="scroll" tabindex="0">
        <table>
          <thead>
            <tr>
              <th>Group</th><th>Runs in</th><th>Behaves by</th>
              <th class="n">Users</th><th class="n">Running</th><th class="n">Failed</th><th class="n">Lost</th>
            </tr>
          </thead>
          <tbody>
            ${groups.map((group) => html`<${Row} key=${group.name} group=${group} />`)}
          </tbody>
        </table>
      </div>
    <//>
  `;
}

function Row({ group }) {
  const counts = countsOf(users.value, group);
  return html`
    <tr>
      <th scope="row">${group.name}</th>
      <td>${runsIn(group)}</td>
      <td>${group.behaviour || "the page itself"}</td>
      <td class="n">${whole(group.count)}</td>
      <td class="n">${whole(counts.running ?? 0)}</td>
      <td class="n">${whole(counts.failed ?? 0)}</td>
      <td class="n">${whole(counts.lost ?? 0)}</td>
    </tr>
  `;
}
