"""The application that every tool loads: some static files and a WebSocket, and a log of what reached it.

    python -m benchmarks.peers.server --log FILE

Prints its port, serves until it is ended. The log has a line for each thing that happened, times in seconds of the
wall clock:

    open TIME USER AGENT          a WebSocket opened; AGENT is the handshake's user agent, quoted
    close TIME USER
    act TIME USER NUMBER MS       an action; MS is what the page measured for its action before this one, or -

It has to carry thousands of sockets with little CPU beside the tool that is measured, so it is one asyncio protocol
without a framework: no task and no stream for each connection, no compression, no pings.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import TextIO
from urllib.parse import parse_qs, quote, urlsplit

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

STATIC = Path(__file__).parent / "site"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".json": "application/json"}
FLUSH_EVERY_S = 0.2
BACKLOG = 4096
"""Users that start together connect together."""
OPEN_FILES = 65_536
CHANNELS, PROGRAMMES = 7, 5


class Site:
    """What the connections share: the files, the answers, the log."""

    def __init__(self, log: TextIO) -> None:
        self.files = {f"/{path.name}": (TYPES[path.suffix], path.read_bytes()) for path in STATIC.iterdir()}
        self.files["/"] = self.files["/index.html"]
        self.files["/guide.json"] = (TYPES[".json"], json.dumps(guide()).encode())
        self._log = log
        self._lines: list[str] = []

    def note(self, kind: str, *words: object) -> None:
        self._lines.append(f"{kind} {time.time():.4f} {' '.join(map(str, words))}\n")

    async def keep_log(self) -> None:
        try:
            while True:
                await asyncio.sleep(FLUSH_EVERY_S)
                self._flush()
        finally:
            self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        self._log.write("".join(lines))
        self._log.flush()


class Connection(asyncio.Protocol):
    """One connection: a file and its end, or a WebSocket."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.protocol = ServerProtocol(extensions=None, max_size=4096)
        self.user = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self._asked(event)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._acted(json.loads(event.data))
        self._send()

    def eof_received(self) -> None:
        self.protocol.receive_eof()
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if self.user:
            self.site.note("close", self.user)

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.path)
        if url.path == "/socket":
            response = self.protocol.accept(request)
            if response.status_code == 101:
                self.user = quote(parse_qs(url.query).get("user", ["nobody"])[0])
                self.site.note("open", self.user, quote(request.headers.get("User-Agent", "-")))
        else:
            response = self._file(url.path)
        self.protocol.send_response(response)

    def _file(self, path: str) -> Response:
        kind, body = self.site.files.get(path, ("text/plain", b""))
        status, reason = (200, "OK") if path in self.site.files else (404, "Not Found")
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
        return Response(status, reason, Headers(headers), body)

    def _acted(self, message: dict) -> None:
        number = message["action"]
        self.site.note("act", self.user, number, "-" if message["ms"] is None else f"{message['ms']:.2f}")
        answer = {"action": number, "title": f"Programme {number}", "text": f"{message['key']} led here. " * 4}
        self.protocol.send_text(json.dumps(answer).encode())

    def _send(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()


def guide() -> list[dict[str, object]]:
    return [
        {"name": f"Channel {channel}", "programmes": [f"Programme {channel}.{one}" for one in range(PROGRAMMES)]}
        for channel in range(CHANNELS)
    ]


def raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    raise_file_limit()
    with options.log.open("w") as log:
        site = Site(log)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(site), "127.0.0.1", 0, backlog=BACKLOG)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await site.keep_log()


if __name__ == "__main__":
    asyncio.run(main())
