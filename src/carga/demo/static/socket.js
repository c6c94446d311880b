// The connection that never closes: clock and news come in, presence and zaps go out. Lost, it is made again.

import { addressed } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export class Connection {
  #socket = null;
  #losses = 0;
  #listeners;
  reconnects = 0;

  /** `listeners`: functions by message type, and `online(boolean)`. */
  constructor(listeners) {
    this.#listeners = listeners;
  }

  open() {
    const url = new URL(addressed("/ws"), location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => this.#listeners.online(true);
    socket.onmessage = ({ data }) => {
      this.#losses = 0; // only a connection that says something counts as good again
      const message = JSON.parse(data);
      this.#listeners[message.type]?.(message);
    };
    socket.onclose = () => {
      this.#listeners.online(false);
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#losses);
      this.#losses += 1;
      this.reconnects += 1;
      setTimeout(() => this.open(), pause * (0.5 + Math.random() / 2));
    };
  }

  /** What is said while there is no connection is lost, as old presence is worth nothing. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
