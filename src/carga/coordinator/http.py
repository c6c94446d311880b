"""The coordinator's web side: the API of wire/live.py, the live page, the workers' endpoint."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from carga.coordinator.answers import json_response, problem_response
from carga.coordinator.endpoint import Endpoints
from carga.coordinator.events import StopRequested
from carga.coordinator.hub import Hub
from carga.coordinator.pictures import AT_ONCE_MAX
from carga.coordinator.security import WORKER_PATH, Guard
from carga.dashboard import CSP, STATIC

_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_CACHE = {"Cache-Control": "no-cache"}


def make_app(hub: Hub, *, out: Path, access_token: str | None) -> ASGIApp:
    endpoints, api = Endpoints(hub), _Api(hub, out)
    app = Starlette(
        routes=[
            Route("/", _index),
            Route("/api/run", api.run),
            Route("/api/history", api.history),
            Route("/api/users", api.users),
            Route("/api/users/{index:int}/picture", api.picture),
            Route("/api/evidence", api.evidence),
            Route("/api/evidence/{file}", api.evidence_file),
            Route("/api/stop", api.stop, methods=["POST"]),
            Route("/api/shutdown", api.shutdown, methods=["POST"]),
            WebSocketRoute("/api/live", endpoints.live),
            WebSocketRoute(WORKER_PATH, endpoints.worker),
            Mount("/static", _Static(directory=STATIC)),
        ],
        exception_handlers={404: _not_found, 405: _wrong_method},
    )
    return Guard(app, access_token=access_token, headers=_HEADERS)


class _Static(StaticFiles):
    """The files change with every version of carga and have no version in their names: browsers ask each time."""

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers.update(_NO_CACHE)
        return response


class _Api:
    def __init__(self, hub: Hub, out: Path) -> None:
        self._hub = hub
        self._out = out

    async def run(self, _: Request) -> Response:
        return json_response(self._hub.view.run_info())

    async def history(self, _: Request) -> Response:
        return json_response(self._hub.view.history())

    async def users(self, _: Request) -> Response:
        return json_response(self._hub.view.user_list())

    async def evidence(self, _: Request) -> Response:
        return json_response(self._hub.view.evidence())

    async def evidence_file(self, request: Request) -> Response:
        file = request.path_params["file"]
        if all(stored.file != file for stored in self._hub.coordinator.evidence.stored):
            return problem_response(404, "no-evidence", f"There is no evidence {file!r}.")
        return FileResponse(self._out / "evidence" / file)

    async def picture(self, request: Request) -> Response:
        if self._hub.pictures_in_progress >= AT_ONCE_MAX:
            return problem_response(
                429, "too-many-pictures", f"{AT_ONCE_MAX} pictures are being taken.", "Try again in a moment."
            )
        try:
            taken = await self._hub.take_picture(request.path_params["index"])
        except TimeoutError:
            return problem_response(504, "picture-late", "The picture took too long.", "The browser may be too busy.")
        if taken.problem:
            return problem_response(404, "no-picture", taken.problem, "Choose a user that runs.")
        kind = "image/png" if taken.image.startswith(b"\x89PNG") else "image/jpeg"
        return Response(taken.image, media_type=kind, headers={"Cache-Control": "no-store"})

    async def stop(self, _: Request) -> Response:
        self._hub.feed(StopRequested("somebody asked for it"))
        return json_response({}, 202)

    async def shutdown(self, _: Request) -> Response:
        """Only a coordinator whose run is finished can go."""
        if self._hub.coordinator.end is None:
            return problem_response(409, "not-finished", "The run is not finished.", "Stop it first: POST /api/stop.")
        self._hub.shutdown.set()
        return json_response({}, 202)


async def _index(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers=_NO_CACHE)


async def _not_found(request: Request, _: Exception) -> Response:
    return problem_response(404, "not-found", f"There is nothing at {request.url.path}.")


async def _wrong_method(request: Request, _: Exception) -> Response:
    return problem_response(405, "method", f"{request.method} is not for {request.url.path}.")
