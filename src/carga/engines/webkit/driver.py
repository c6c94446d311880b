"""Classic WebDriver, for what only it can do: trusted input, pictures, cookies, the window.

Source: W3C "WebDriver". One driver process has one session.
"""

from typing import Any

import httpx2

from carga.errors import BrowserFailed, PageFailed

COMMAND_TIMEOUT_S = 30.0


class Driver:
    def __init__(self, port: int) -> None:
        self._client = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=COMMAND_TIMEOUT_S, trust_env=False
        )
        self._session = ""

    async def start_session(self) -> None:
        """Raises PageFailed with the driver's words, BrowserFailed when it is gone."""
        wanted = {"pageLoadStrategy": "none", "unhandledPromptBehavior": "accept"}
        answer = await self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    async def post(self, command: str, body: dict[str, Any]) -> Any:
        return await self._ask("POST", f"{self._session}/{command}", body)

    async def get(self, command: str) -> Any:
        return await self._ask("GET", f"{self._session}/{command}", None)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            response = await self._client.request(method, path, json=body)
            value = response.json()["value"]
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            raise BrowserFailed(f"The browser's driver did not answer {path}: {type(error).__name__}.") from error
        if response.is_error:
            raise PageFailed(f"The browser refused a command: {value.get('message') or value.get('error')}.")
        return value

    async def close(self) -> None:
        await self._client.aclose()
