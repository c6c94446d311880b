// The guide: knows where the focus is, turns keys into movement, and asks the server about what is in focus.

import { api, ApiError } from "./api.js";
import { startAutopilot } from "./autopilot.js";
import { begin, during } from "./busy.js";
import { openDetails } from "./details.js";
import { hourOf, one, toast } from "./elements.js";
import { floorToHalfHour, hours, Schedule } from "./schedule.js";
import { openSearch } from "./search.js";
import { louder, openSettings } from "./settings.js";
import { Connection } from "./socket.js";
import { GridView, showDetails, showEntry, WINDOW_S } from "./view.js";

const DIAL_MS = 1200; // after the last digit
const DIGITS_MAX = 2;
const VOLUME_SHOWN_MS = 1500;
const RETRY_MS = 2000;
const REPORT_EVERY_MS = 60_000;
const NOW_LINE_EVERY_MS = 15_000;
const PAGE_ROWS = 10;
const AHEAD_HOURS = 24;

const schedule = new Schedule();
const settings = { volume: 40, audio: "original", subtitles: "off" };
const facts = { keys: 0, failures: 0 };
let channels = [];
let grid = null;
let overlay = null;
let row = 0;
let timeS = 0; // where the focus is in time; stays while one goes up and down
let windowS = 0; // where the grid begins
let beginsS = 0; // before it there is nothing to see
let clockAheadS = 0; // of the server, compared with this box
let moves = 0;
let dialled = "";
let dialTimer = 0;
let endDial = null;
let volumeTimer = 0;

const nowS = () => Date.now() / 1000 + clockAheadS;
const channelName = (number) => channels[number - 1]?.name ?? "";
const focused = () => schedule.at(channels[row].number, timeS);

function failed(error) {
  facts.failures += 1;
  toast(error instanceof ApiError ? error.message : "The server does not answer.");
}

const connection = new Connection({
  online: (is) => {
    document.body.dataset.online = is ? "1" : "0";
    if (is) connection.send({ type: "presence", channel: channels[row]?.number });
  },
  clock: ({ now_s: serverS, viewers }) => {
    clockAheadS = serverS - Date.now() / 1000;
    one("#clock time").textContent = hourOf(serverS);
    one("#viewers").textContent = viewers === 1 ? "1 viewer" : `${viewers} viewers`;
  },
  notification: ({ text }) => toast(text),
});

// --- moving -------------------------------------------------------------------------------------------------------

/** Shows the focus where it is now, and asks the server about the programme in it. One request. */
function look() {
  const channel = channels[row];
  const programme = focused();
  moves += 1;
  const mine = moves;
  grid.show(row, windowS, programme);
  showEntry(channel, programme, nowS());
  if (!programme) return;
  during(async () => {
    try {
      const details = await api.programme(programme.id);
      if (mine === moves) showDetails(channel, details);
    } catch (error) {
      failed(error);
    }
  });
}

function moveToRow(wanted) {
  row = (wanted + channels.length) % channels.length;
  connection.send({ type: "zap", channel: channels[row].number });
  look();
}

/** To the programme before or after the focused one; the window follows, and more is fetched where it ends. */
async function moveInTime(forward) {
  const programme = focused();
  const wantedS = forward ? programme.endsS : programme.startsS - 1;
  if (wantedS < beginsS || wantedS >= beginsS + hours(AHEAD_HOURS)) return;
  await moveToTime(wantedS);
}

async function moveToTime(wantedS) {
  const end = begin();
  try {
    await schedule.reach(beginsS, wantedS + WINDOW_S);
  } catch (error) {
    failed(error);
    return;
  } finally {
    end();
  }
  timeS = Math.max(wantedS, beginsS);
  if (timeS < windowS || timeS >= windowS + WINDOW_S) {
    windowS = Math.max(beginsS, floorToHalfHour(timeS) - WINDOW_S / 2);
  }
  grid.showNow(nowS());
  look();
}

// --- keys ---------------------------------------------------------------------------------------------------------

function dial(digit) {
  endDial ??= begin();
  dialled += digit;
  one("#dial").textContent = dialled.padEnd(DIGITS_MAX, "–");
  one("#dial").hidden = false;
  clearTimeout(dialTimer);
  if (dialled.length >= DIGITS_MAX) tuneToDialled();
  else dialTimer = setTimeout(tuneToDialled, DIAL_MS);
}

function tuneToDialled() {
  const index = channels.findIndex(({ number }) => number === Number(dialled));
  if (index < 0) toast(`There is no channel ${Number(dialled)}.`);
  else moveToRow(index);
  dialled = "";
  one("#dial").hidden = true;
  endDial();
  endDial = null;
}

function changeVolume(steps) {
  settings.volume = louder(settings.volume, steps);
  const bar = one("#volume");
  one("i", bar).style.width = `${settings.volume}%`;
  one("b", bar).textContent = settings.volume;
  bar.hidden = false;
  clearTimeout(volumeTimer);
  volumeTimer = setTimeout(() => (bar.hidden = true), VOLUME_SHOWN_MS);
  during(() => api.changeSettings({ volume: settings.volume }).catch(failed));
}

function watch() {
  connection.send({ type: "zap", channel: channels[row].number, watch: true });
  toast(`You are watching ${channels[row].name}.`);
}

async function goTo([, channelNumber, , , startsS]) {
  row = channels.findIndex(({ number }) => number === channelNumber);
  await moveToTime(startsS);
}

const KEYS = {
  ArrowDown: () => moveToRow(row + 1),
  ArrowUp: () => moveToRow(row - 1),
  ArrowRight: () => moveInTime(true),
  ArrowLeft: () => moveInTime(false),
  PageDown: () => moveToRow(row + PAGE_ROWS),
  PageUp: () => moveToRow(row - PAGE_ROWS),
  Enter: () => {
    const programme = focused();
    if (programme) overlay = openDetails({ channel: channels[row], programme, channelName, tune: watch, failed });
  },
  s: () => (overlay = openSearch({ channelName, choose: goTo, failed })),
  o: () => (overlay = openSettings({ known: settings, failed })),
  "+": () => changeVolume(1),
  "-": () => changeVolume(-1),
};
for (const digit of "0123456789") KEYS[digit] = () => dial(digit);

/** Gives whether the key meant something, so that the browser does nothing else with it. */
function press(key) {
  facts.keys += 1;
  if (overlay) {
    const open = overlay;
    const outcome = open.key(key);
    if (outcome === "close") {
      open.close();
      overlay = null;
    }
    return outcome !== "typed";
  }
  const action = KEYS[key.length === 1 ? key.toLowerCase() : key];
  action?.();
  return Boolean(action);
}

// --- beginning ----------------------------------------------------------------------------------------------------

/** Tries `action` until it works: without it there is no guide. */
async function untilDone(action) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      failed(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.75 + Math.random() / 2)));
    }
  }
}

async function start() {
  const end = begin();
  const session = await untilDone(() => api.beginSession());
  Object.assign(settings, session.settings);
  clockAheadS = session.now_s - Date.now() / 1000;
  timeS = nowS();
  beginsS = windowS = floorToHalfHour(timeS);
  const [list] = await Promise.all([
    untilDone(() => api.channels()),
    untilDone(() => schedule.reach(beginsS, beginsS + WINDOW_S)),
  ]);
  channels = list.channels;
  grid = new GridView(channels, schedule);
  look();
  grid.showNow(nowS());
  setInterval(() => grid.showNow(nowS()), NOW_LINE_EVERY_MS);
  connection.open();
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (press(event.key)) event.preventDefault();
  });
  if (new URLSearchParams(location.search).get("profile_test") === "guide") startAutopilot(press);
  const report = () => api.report({ ...facts, reconnects: connection.reconnects }).catch(() => (facts.failures += 1));
  setInterval(report, REPORT_EVERY_MS);
  end();
}

start();
