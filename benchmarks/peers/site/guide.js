// A small single-page application: a grid of programmes, one of them focused. Every arrow key asks the server over the
// WebSocket what is there and shows the answer; only then has the action happened. Nothing is animated.
// `document.body.dataset`: ready is "1" once the grid and the socket are there, shown is the number of the last action
// whose answer the page shows.
"use strict";

const user = new URLSearchParams(location.search).get("user") ?? "nobody";
const grid = document.getElementById("grid");
const begun = new Map(); // when the key of each unanswered action was pressed
let cells = [];
let focused = 0;
let pressed = 0;
let latency = null; // of the last action, told to the server with the next one

async function build() {
  const guide = await (await fetch("guide.json")).json();
  for (const channel of guide) {
    const name = grid.appendChild(document.createElement("b"));
    name.textContent = channel.name;
    for (const programme of channel.programmes) {
      const cell = grid.appendChild(document.createElement("div"));
      cell.textContent = programme;
      cells.push(cell);
    }
  }
}

function connect() {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/socket?user=${encodeURIComponent(user)}`);
  socket.onopen = () => {
    document.getElementById("state").textContent = "connected";
    document.body.dataset.shown = "0";
    document.body.dataset.ready = "1";
  };
  socket.onclose = () => {
    document.getElementById("state").textContent = "offline";
    delete document.body.dataset.ready;
  };
  socket.onmessage = (message) => show(JSON.parse(message.data));
  addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    pressed += 1;
    begun.set(pressed, moment(event));
    socket.send(JSON.stringify({ action: pressed, key: event.key, ms: latency }));
  });
}

// The browser's own moment of the key, so that waiting for the page's main thread counts; an engine whose events carry
// another clock gives the moment at which the page heard of it.
function moment(event) {
  const now = performance.now();
  return event.timeStamp > 0 && event.timeStamp <= now && now - event.timeStamp < 60_000 ? event.timeStamp : now;
}

function show(answer) {
  cells[focused].classList.remove("focused");
  focused = answer.action % cells.length;
  cells[focused].classList.add("focused");
  document.getElementById("title").textContent = answer.title;
  document.getElementById("text").textContent = answer.text;
  document.body.dataset.shown = String(answer.action);
  latency = performance.now() - begun.get(answer.action);
  begun.delete(answer.action);
}

build().then(connect);
