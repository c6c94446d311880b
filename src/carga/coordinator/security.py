"""Who may talk to the coordinator.

On the loopback address anybody on this machine may, but no web page may make a browser do it: the Host must be a
loopback name (a page whose name is rebound to 127.0.0.1 sends its own name), and an Origin, where there is one, must
be this server's. On other addresses an access token is needed instead: `?token=` once, which sets a cookie, or
`Authorization: Bearer`. Workers show their own token in Hello, so their endpoint is only closed to browsers.
"""

import hashlib
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from carga.coordinator.answers import problem_response

WORKER_PATH = "/worker"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_POLICY_VIOLATION = 1008


class Guard:
    """ASGI middleware. `access_token` None: loopback only."""

    def __init__(self, app: ASGIApp, *, access_token: str | None, headers: Mapping[str, str]) -> None:
        self._app = app
        self._access_token = access_token
        self._headers = headers
        """Added to every answer."""
        digest = hashlib.sha256((access_token or "").encode()).hexdigest()
        self._cookie = f"carga-{digest[:8]}"
        """Browsers share cookies between the ports of a host: each run has a name of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._objection(scope, headers)
        if refusal is not None:
            await self._refuse(refusal, scope, receive, send)
            return
        token = _query_token(scope)
        set_cookie = token is not None and self._is_right(token)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    answer[name] = value
                if set_cookie:
                    answer.append("Set-Cookie", f"{self._cookie}={token}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _objection(self, scope: Scope, headers: Headers) -> Response | None:
        origin, host = headers.get("origin"), headers.get("host", "")
        if scope["path"] == WORKER_PATH:
            if origin is not None:
                return problem_response(403, "origin", "Browsers do not speak to this address.", "Start a worker.")
            return None
        if self._access_token is None and _name_of(host) not in _LOOPBACK_NAMES:
            return problem_response(
                403,
                "host",
                f"The host {host!r} is not this machine's own.",
                "Use 127.0.0.1 and the same port.",
            )
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return problem_response(403, "origin", "Another web page sent this request.", "Open the live page itself.")
        if self._access_token is not None and not self._is_known(scope, headers):
            return problem_response(
                401, "access-token", "This address needs the run's access token.", "Open the URL that carga printed."
            )
        return None

    def _is_known(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        candidates = [_query_token(scope), bearer if scheme.lower() == "bearer" else None]
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        if self._cookie in cookies:
            candidates.append(cookies[self._cookie].value)
        return any(candidate is not None and self._is_right(candidate) for candidate in candidates)

    def _is_right(self, token: str) -> bool:
        return self._access_token is not None and secrets.compare_digest(token.encode(), self._access_token.encode())

    async def _refuse(self, refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            await refusal(scope, receive, send)
        else:
            await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)


def _name_of(host: str) -> str:
    """Without the port; an IPv6 address keeps its brackets."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


def _query_token(scope: Scope) -> str | None:
    values = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=100).get("token")
    return values[0] if values else None
