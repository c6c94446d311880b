"""A small application to test: a list of things to do for each person, behind a sign-in.

    python3 server.py [PORT]

Needs nothing but Python. What people write is kept in memory.
"""

import contextlib
import json
import sys
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

FOLDER = Path(__file__).parent
FILES = {"/": "index.html", "/login": "login.html", "/app.js": "app.js", "/style.css": "style.css"}
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
PEOPLE_MAX = 10_000
THINGS_MAX = 50
BODY_BYTES_MAX = 10_000

things: dict[str, list[str]] = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/api/things":
            self.answer_things()
        elif path == "/" and not self.person():
            self.answer(HTTPStatus.SEE_OTHER, headers={"Location": "/login"})
        elif path in FILES:
            file = FOLDER / FILES[path]
            self.answer(HTTPStatus.OK, file.read_bytes(), {"Content-Type": TYPES[file.suffix]})
        else:
            self.answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX)).decode()
        if self.path == "/login":
            person = parse_qs(body).get("person", [""])[0]
            self.answer(HTTPStatus.SEE_OTHER, headers={"Location": "/", "Set-Cookie": f"person={person}; Path=/"})
        elif self.path == "/api/things":
            if len(things) < PEOPLE_MAX or self.person() in things:
                mine = things.setdefault(self.person(), [])
                mine.append(json.loads(body)["text"])
                del mine[:-THINGS_MAX]
            self.answer_things()
        else:
            self.answer(HTTPStatus.NOT_FOUND)

    def person(self) -> str:
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("person")
        return cookie.value if cookie else ""

    def answer_things(self) -> None:
        if not self.person():
            self.answer(HTTPStatus.UNAUTHORIZED)
            return
        body = json.dumps(things.get(self.person(), [])).encode()
        self.answer(HTTPStatus.OK, body, {"Content-Type": "application/json", "Cache-Control": "no-store"})

    def answer(self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with Server(("127.0.0.1", port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
