// The live page of a run.

import { render } from "preact";
import { connect } from "./feed.js";
import { announcement } from "./store.js";
import { html } from "./ui.js";
import { Connection } from "./parts/connection.js";
import { Generator, Workers } from "./parts/generator.js";
import { Groups } from "./parts/groups.js";
import { Header } from "./parts/header.js";
import { Throughput, UsersOverTime, WebSockets } from "./parts/load.js";
import { Screen } from "./parts/screen.js";
import { Steps } from "./parts/steps.js";
import { Tiles, Verdict } from "./parts/summary.js";
import { Causes, Messages, Requests, Thresholds } from "./parts/tables.js";
import { Users } from "./parts/users.js";

const Page = () => html`
  <a class="skip" href="#user-list">To the list of users</a>
  <${Header} />
  <main>
    <${Verdict} />
    <${Tiles} />
    <div class="grid">
      <${UsersOverTime} />
      <${Throughput} />
      <${Steps} />
      <${Requests} />
      <${Causes} />
      <${WebSockets} />
      <${Generator} />
      <${Thresholds} />
      <${Messages} />
      <${Workers} />
      <${Groups} />
      <${Users} />
    </div>
  </main>
  <${Screen} />
  <${Connection} />
  <div class="hidden" role="status" aria-live="polite">${announcement.value}</div>
`;

render(html`<${Page} />`, document.querySelector("#page"));
connect();
