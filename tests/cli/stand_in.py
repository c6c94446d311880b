"""Stands in for a coordinator: `python stand_in.py FD MODE`. Says that a run goes on until it is stopped.

Modes: `stoppable`, `deaf` (ignores that it is stopped), `dies` (at once), `gives-up` (at once, for good).
"""

import asyncio
import socket
import sys

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from carga.model.summary import GeneratorSummary
from carga.wire.live import Live, RunState, UserCounts


def live(state: RunState) -> str:
    message = Live(
        type="live",
        state=state,
        second=1,
        elapsed_s=1.0,
        users=UserCounts(planned=1, total=1, running=1),
        actions_per_s=1.0,
        requests_per_s=1.0,
        bytes_per_s=1.0,
        websockets_open=1,
        metrics={},
        totals={},
        counters={},
        causes=[],
        generator=GeneratorSummary(trusted=True),
        workers=[],
        thresholds=[],
        changed=[],
        messages=[],
    )
    return msgspec.json.encode(message).decode()


def main(fd: int, mode: str) -> None:
    if mode == "dies":
        sys.exit("no space left on device")
    if mode == "gives-up":
        print("a run of another plan", file=sys.stderr)
        sys.exit(2)
    stopped = asyncio.Event()

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(live("running"))
        await stopped.wait()
        await websocket.send_text(live("finished"))

    async def stop(request: Request) -> Response:
        if mode != "deaf":
            stopped.set()
        return Response(status_code=202)

    async def shut_down(request: Request) -> Response:
        server.should_exit = True
        return Response(status_code=202)

    app = Starlette(
        routes=[
            WebSocketRoute("/api/live", feed),
            Route("/api/stop", stop, methods=["POST"]),
            Route("/api/shutdown", shut_down, methods=["POST"]),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    asyncio.run(server.serve([socket.socket(fileno=fd)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
