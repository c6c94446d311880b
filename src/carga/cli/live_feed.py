"""A coordinator as a client on this machine sees it: its live feed, and the few things one can ask of it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import httpx2
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from carga.errors import CargaError
from carga.wire.live import Live

RECONNECT_S = 0.3
CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 5.0
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""The first message lists all users, 100,000 of them at most."""
_DENIED = {401, 403}


class LiveFeed:
    """`address` is HOST:PORT. Reconnects as long as it takes: a coordinator may be started again in mid-run."""

    def __init__(self, address: str, access_token: str | None) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}

    async def messages(self) -> AsyncGenerator[Live, None]:
        """Every message until the caller has had enough; the last of a run has state "finished"."""
        decoder = msgspec.json.Decoder(Live)
        while True:
            try:
                async with connect(
                    f"ws://{self._address}/api/live",
                    additional_headers=self._headers,
                    max_size=MESSAGE_BYTES_MAX,
                    open_timeout=CONNECT_TIMEOUT_S,
                    proxy=None,
                ) as socket:
                    async for message in socket:
                        yield decoder.decode(message)
            except InvalidStatus as error:
                if error.response.status_code in _DENIED:
                    raise CargaError(f"The coordinator on {self._address} denied access.") from error
            except (OSError, WebSocketException):
                pass
            await asyncio.sleep(RECONNECT_S)

    async def stop(self) -> None:
        """Drains the run; asked again, aborts it."""
        await self._post("/api/stop")

    async def shut_down(self) -> None:
        """Tells a coordinator whose run is finished that nobody will ask it anything more."""
        await self._post("/api/shutdown")

    async def _post(self, path: str) -> None:
        with contextlib.suppress(httpx2.HTTPError):  # dead or about to be: its end is noticed elsewhere
            async with httpx2.AsyncClient(trust_env=False, timeout=REQUEST_TIMEOUT_S) as client:
                await client.post(f"http://{self._address}{path}", headers=self._headers)
