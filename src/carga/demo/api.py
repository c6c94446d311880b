"""The JSON API of the guide."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carga.demo.identity import identity_of
from carga.demo.stats import Stats
from carga.demo.store import GuideEntry, Settings, SettingsChange, Store
from carga.demo.symptoms import Database

HOURS_DEFAULT, HOURS_MAX = 6, 24
BODY_BYTES_MAX = 16_384
WORDS_LENGTH_MAX = 80
SESSION_IDLE_S = 10.0
"""A session without a WebSocket ends after so long, which matters only to the illness session-limit."""
SESSIONS_MAX = 100_000
_NOBODY = "nobody"
_NO_STORE = {"Cache-Control": "no-store"}


class SessionAnswer(msgspec.Struct, frozen=True):
    subscriber: str
    visits: int
    now_s: float
    settings: Settings


class GuideAnswer(msgspec.Struct, frozen=True):
    from_s: int
    to_s: int
    programmes: list[GuideEntry]


class SearchAnswer(msgspec.Struct, frozen=True):
    q: str
    hits: list[GuideEntry]


class Api:
    """Handlers; `routes` is what they hang on."""

    def __init__(
        self,
        store: Store,
        database: Database,
        stats: Stats,
        *,
        session_limit: int | None,
        require_identity: bool,
    ) -> None:
        self._store = store
        self._database = database
        self._stats = stats
        self._session_limit = session_limit
        self._require_identity = require_identity
        self._sessions: dict[str, float] = {}
        self._channels = msgspec.json.encode({"channels": store.channels})

    def routes(self) -> list[Route]:
        return [
            Route("/api/session", self._session, methods=["POST"]),
            Route("/api/channels", self._list_channels),
            Route("/api/guide", self._guide),
            Route("/api/programme/{id:int}", self._programme),
            Route("/api/search", self._search),
            Route("/api/settings", self._get_settings),
            Route("/api/settings", self._put_settings, methods=["PUT"]),
            Route("/api/telemetry", self._telemetry, methods=["POST"]),
        ]

    async def _session(self, request: Request) -> Response:
        subscriber = _subscriber(request)
        if self._require_identity and subscriber == _NOBODY:
            return _problem(401, "Say who you are: serial=…;mac=…; in the user agent, or in the address.")
        if not self._let_in(subscriber):
            self._stats.sessions_refused += 1
            return _problem(503, "Too many viewers. Try again later.")
        now_s = time.time()
        visits = await self._database.ask(lambda: self._store.begin_session(subscriber, int(now_s)))
        settings = await self._database.ask(lambda: self._store.settings(subscriber))
        return _json(SessionAnswer(subscriber, visits, now_s, settings))

    def _let_in(self, subscriber: str) -> bool:
        """Whether there is a place, which is then taken."""
        if self._session_limit is None:
            return True
        now = time.monotonic()
        if subscriber not in self._sessions and len(self._sessions) >= self._session_limit:
            self._sessions = {
                key: now if self._stats.has_socket(key) else seen
                for key, seen in self._sessions.items()
                if self._stats.has_socket(key) or now - seen < SESSION_IDLE_S
            }
            if len(self._sessions) >= min(self._session_limit, SESSIONS_MAX):
                return False
        self._sessions[subscriber] = now
        return True

    async def _list_channels(self, _: Request) -> Response:
        body = await self._database.ask(lambda: self._channels)
        return Response(body, media_type="application/json", headers=_NO_STORE)

    async def _guide(self, request: Request) -> Response:
        query = request.query_params
        try:
            from_s = int(query.get("from", int(time.time())))
            hours = int(query.get("hours", HOURS_DEFAULT))
            channel = int(query["channel"]) if "channel" in query else None
        except ValueError:
            return _problem(400, "from (Unix time in seconds), hours and channel are whole numbers.")
        if not 1 <= hours <= HOURS_MAX or not 0 <= from_s < 2**40:
            return _problem(400, f"hours goes from 1 to {HOURS_MAX}, and from is Unix time in seconds.")
        to_s = from_s + hours * 3600
        found = await self._database.ask(lambda: self._store.guide(from_s, to_s, channel))
        return _json(GuideAnswer(from_s, to_s, found))

    async def _programme(self, request: Request) -> Response:
        programme_id = request.path_params["id"]
        again = "again" in request.query_params
        if programme_id >= 2**62:
            return _problem(404, "There is no such programme.")
        found = await self._database.ask(lambda: self._store.programme(programme_id, again=again))
        return _json(found) if found else _problem(404, "There is no such programme.")

    async def _search(self, request: Request) -> Response:
        words = request.query_params.get("q", "").strip()[:WORDS_LENGTH_MAX]
        if not words:
            return _json(SearchAnswer("", []))
        hits = await self._database.ask(lambda: self._store.search(words, int(time.time())))
        return _json(SearchAnswer(words, hits))

    async def _get_settings(self, request: Request) -> Response:
        return _json(await self._database.ask(lambda: self._store.settings(_subscriber(request))))

    async def _put_settings(self, request: Request) -> Response:
        try:
            change = msgspec.json.decode(await _body(request), type=SettingsChange)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _problem(400, f"These are no settings: {error}.")
        query: Callable[[], Settings] = lambda: self._store.change_settings(_subscriber(request), change)  # noqa: E731
        return _json(await self._database.ask(query))

    async def _telemetry(self, request: Request) -> Response:
        try:
            msgspec.json.decode(await _body(request), type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _problem(400, "Telemetry is a JSON object.")
        return Response(status_code=204, headers=_NO_STORE)


async def _body(request: Request) -> bytes:
    """At most BODY_BYTES_MAX; what is longer is cut, and so no JSON any more."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return body[:BODY_BYTES_MAX]
    return body


def _subscriber(request: Request) -> str:
    identity = identity_of(request.scope["headers"], request.scope["query_string"])
    return identity.key if identity else _NOBODY


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json", headers=_NO_STORE)


def _problem(status: int, text: str) -> Response:
    body = msgspec.json.encode({"error": text})
    return Response(body, status, media_type="application/json", headers=_NO_STORE)
