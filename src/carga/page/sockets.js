// Counts the page's WebSockets. The application gets real ones: the constructor is a proxy of the browser's own.

const NORMAL_CLOSES = new Set([1000, 1001, 1005]);
let openSockets = 0;

function bytesOf(data) {
  if (typeof data === "string") {
    let bytes = data.length;
    for (let i = 0; i < data.length; i++) {
      const unit = data.charCodeAt(i);
      if (unit >= 0x80) bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1; // a surrogate pair: 4
    }
    return bytes;
  }
  return data.byteLength ?? data.size ?? 0;
}

function watchSocket(socket) {
  const asked = clock();
  let opened = false;
  socket.addEventListener("open", () => {
    opened = true;
    openSockets += 1;
    count("websockets_opened");
    value("websocket.open", clock() - asked);
  });
  socket.addEventListener("message", (event) => {
    count("websocket_messages_received");
    count("websocket_bytes_received", bytesOf(event.data));
  });
  socket.addEventListener("close", (event) => {
    if (!opened) {
      failure("websocket.open");
      pend("o", short(socket.url));
      return;
    }
    openSockets -= 1;
    count("websockets_closed");
    if (!NORMAL_CLOSES.has(event.code)) {
      count("websockets_closed_abnormally");
      cause("websocket", `closed ${event.code}`, event.reason, socket.url);
    }
  });
}

function measureSockets() {
  const Native = window.WebSocket;
  if (!Native) return;
  const nativeSend = Native.prototype.send;
  Native.prototype.send = function send(data) {
    apply(nativeSend, this, [data]);
    if (this.readyState === 1) {
      count("websocket_messages_sent");
      count("websocket_bytes_sent", bytesOf(data));
    }
  };
  const Watched = new Proxy(Native, {
    construct(target, parameters, newTarget) {
      const socket = construct(target, parameters, newTarget === Watched ? target : newTarget);
      watchSocket(socket);
      return socket;
    },
  });
  Native.prototype.constructor = Watched;
  window.WebSocket = Watched;
}
