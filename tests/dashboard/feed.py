"""Plays a run to the live page, without coordinator, workers or browsers.

python -m tests.dashboard.feed --port 8912
"""

import argparse
import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from carga.dashboard import CSP, STATIC
from carga.wire import live as wire
from tests.dashboard.fake_run import REPLY_DELAY_S, FakeRun, picture


def as_json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def problem(status: int, code: str, words: str, remedy: str) -> Response:
    return as_json({"code": code, "problem": words, "remedy": remedy}, status)


def make_app(run: FakeRun) -> Starlette:
    """The part of the API that the page uses, and the page itself with its policy."""

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": CSP})

    async def info(_: Request) -> Response:
        if run.access_denied:
            return problem(
                401, "access-token", "This address needs the run's access token.", "Open the URL that carga printed."
            )
        return as_json(run.info())

    async def history(_: Request) -> Response:
        return as_json(run.history())

    async def users(_: Request) -> Response:
        rows = run.rows(max(0, int(run.elapsed) - REPLY_DELAY_S))
        names = [f"worker-{number}" for number in range(1, run.workers + 1)]
        return as_json(wire.UserList(wire.USER_STATES, names, rows))

    async def user_picture(request: Request) -> Response:
        index = int(request.path_params["index"])
        state = run.rows(max(0, int(run.elapsed) - REPLY_DELAY_S))[index][1]
        if wire.USER_STATES[state] != "running":
            return problem(404, "not-running", f"User {index} does not run now.", "Choose a user that runs.")
        return Response(picture(index, int(run.elapsed)), media_type="image/png")

    async def evidence(_: Request) -> Response:
        words = "timed out after 5s waiting for #results .row"
        return as_json(
            [wire.EvidenceInfo(f"{user}.png", user, 40 + user, "step search", words) for user in (3, 71, 940)]
        )

    async def evidence_file(request: Request) -> Response:
        return Response(picture(int(request.path_params["index"]), 3), media_type="image/png")

    async def stop(_: Request) -> Response:
        run.stopped_at = run.elapsed if run.stopped_at is None else run.elapsed - REPLY_DELAY_S
        return Response(status_code=202)

    async def live(socket: WebSocket) -> None:
        await socket.accept()
        before = -1
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = run.live(before)
                before = message.second
                await socket.send_text(msgspec.json.encode(message).decode())
                if message.state == "finished":
                    await socket.receive()
                    return
                await asyncio.sleep(run.interval_s)

    return Starlette(
        routes=[
            Route("/", page),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/api/run", info),
            Route("/api/history", history),
            Route("/api/users", users),
            Route("/api/users/{index:int}/picture", user_picture),
            Route("/api/evidence", evidence),
            Route("/api/evidence/{index:int}.png", evidence_file),
            Route("/api/stop", stop, methods=["POST"]),
            WebSocketRoute("/api/live", live),
        ],
    )


@contextlib.asynccontextmanager
async def served(run: FakeRun, *, port: int = 0) -> AsyncIterator[str]:
    """The address of the page of `run`. Leaving cuts every connection, as the death of a coordinator does."""
    with socket.create_server(("127.0.0.1", port), reuse_port=False) as listening:
        server = uvicorn.Server(uvicorn.Config(make_app(run), log_level="error", timeout_graceful_shutdown=0))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            await serving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8912)
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--duration", type=int, default=600, help="seconds")
    parser.add_argument("--elapsed", type=float, default=0.0, help="seconds that have passed already")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of the run a second")
    parser.add_argument("--empty", action="store_true", help="nothing has started yet")
    parser.add_argument("--verdict", default="failed", choices=["passed", "failed", "untrusted", "interrupted"])
    options = parser.parse_args()
    run = FakeRun(
        users=options.users,
        workers=options.workers,
        duration_s=options.duration,
        elapsed_s=options.elapsed,
        speed=options.speed,
        empty=options.empty,
        verdict=options.verdict,
    )
    uvicorn.run(make_app(run), host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
