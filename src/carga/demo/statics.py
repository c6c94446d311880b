"""Files of the page, from memory: entity tags, caching, and pictures that are made when first asked for."""

import hashlib
import mimetypes
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carga.demo.artwork import logo_png, title_png
from carga.demo.content import channels, people_module, titles

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
PEOPLE = "people.js"
_FILE_CACHE = "public, max-age=600"
_ART_CACHE = "public, max-age=86400, immutable"
_PAGE_CACHE = "no-cache"


class _File(msgspec.Struct, frozen=True):
    body: bytes
    media_type: str
    cache: str
    etag: str


class Statics:
    """Reads the files once. At most as many pictures are kept as there are titles and channels."""

    def __init__(self) -> None:
        self._files = {
            path.name: _file(path.read_bytes(), mimetypes.guess_type(path.name)[0] or "text/plain", _FILE_CACHE)
            for path in STATIC.iterdir()
            if path.name != INDEX
        }
        self._files[PEOPLE] = _file(people_module().encode(), "text/javascript", _FILE_CACHE)
        self._page = _file((STATIC / INDEX).read_bytes(), "text/html; charset=utf-8", _PAGE_CACHE)
        self._titles = {title.id: title for title in titles()}
        self._channels = {channel.number: channel for channel in channels()}
        self._art: dict[tuple[str, int], _File] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/guide/", self._document),
            Route("/static/{name}", self._static),
            Route("/art/{kind}/{number:int}.png", self._picture),
        ]

    async def _document(self, request: Request) -> Response:
        return _answer(request, self._page)

    async def _static(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        return _answer(request, file) if file else Response("Not found\n", 404)

    async def _picture(self, request: Request) -> Response:
        key = (request.path_params["kind"], request.path_params["number"])
        if key not in self._art:
            body = self._drawn(*key)
            if body is None:
                return Response("Not found\n", 404)
            self._art[key] = _file(body, "image/png", _ART_CACHE)
        return _answer(request, self._art[key])

    def _drawn(self, kind: str, number: int) -> bytes | None:
        """Takes some milliseconds, once for each picture."""
        if kind == "title" and number in self._titles:
            return title_png(self._titles[number])
        if kind == "channel" and number in self._channels:
            return logo_png(self._channels[number])
        return None


def _file(body: bytes, media_type: str, cache: str) -> _File:
    return _File(body, media_type, cache, f'"{hashlib.sha256(body).hexdigest()[:16]}"')


def _answer(request: Request, file: _File) -> Response:
    headers = {"ETag": file.etag, "Cache-Control": file.cache}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)
