"""Who is let in, over real HTTP and WebSockets."""

from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.coordinator.served import Served, joined, served

SECRET = "access-secret"


async def status(run: Served, path: str = "/api/run", **headers: str) -> int:
    async with httpx2.AsyncClient(base_url=f"http://{run.address}", trust_env=False) as http:
        return (await http.get(path, headers=headers)).status_code


async def socket_status(run: Served, path: str, *, origin: str | None = None, **headers: str) -> int:
    try:
        async with connect(
            f"ws://{run.address}{path}",
            origin=Origin(origin) if origin else None,
            additional_headers=headers,
            proxy=None,
        ):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def test_on_loopback_only_loopback_names_and_the_own_origin_are_let_in(tmp_path: Path) -> None:
    async with served(tmp_path) as run:
        assert await status(run) == 200
        assert await status(run, host=f"localhost:{run.port}") == 200
        assert await status(run, host="[::1]:1") == 200
        assert await status(run, host="evil.example") == 403
        assert await status(run, host=f"127.0.0.1.evil.example:{run.port}") == 403
        assert await status(run, host="") in (400, 403)
        assert await status(run, origin=f"http://{run.address}") == 200
        assert await status(run, origin="http://evil.example") == 403
        assert await status(run, origin="null") == 403
        stop = await run.http.post("/api/stop", headers={"Origin": "http://evil.example"})
        assert (stop.status_code, stop.json()["code"]) == (403, "origin")
        assert await run.state() == "starting"
        assert await socket_status(run, "/api/live") == 101
        assert await socket_status(run, "/api/live", origin=f"http://{run.address}") == 101
        assert await socket_status(run, "/api/live", origin="http://evil.example") == 403


async def test_with_an_access_token_nothing_is_told_without_it(tmp_path: Path) -> None:
    async with served(tmp_path, access_token=SECRET) as run:
        for path in ("/", "/api/run", "/api/users", "/static/app.js", "/api/run?token=", "/api/run?token=wrong"):
            assert await status(run, path) == 401
        assert await status(run, authorization="Bearer wrong") == 401
        assert await status(run, authorization=f"Bearer {SECRET}") == 200
        assert await status(run, host="carga.internal:8911", authorization=f"Bearer {SECRET}") == 200
        assert await socket_status(run, "/api/live") == 401
        assert await socket_status(run, f"/api/live?token={SECRET}") == 101
        assert await socket_status(run, f"/api/live?token={SECRET}", origin="http://evil.example") == 403
        assert await status(run, "/api/run", cookie='carga="') == 401


async def test_the_token_in_the_address_is_exchanged_for_a_cookie(tmp_path: Path) -> None:
    async with (
        served(tmp_path, access_token=SECRET) as run,
        httpx2.AsyncClient(base_url=f"http://{run.address}", trust_env=False) as http,
    ):
        page = await http.get(f"/?token={SECRET}")
        assert page.status_code == 200
        cookie = page.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert (await http.get("/api/run")).status_code == 200
        assert "set-cookie" not in (await http.get("/api/run")).headers


async def test_the_workers_address_is_closed_to_browsers_and_open_to_workers(tmp_path: Path) -> None:
    async with served(tmp_path, access_token=SECRET) as run:
        assert await socket_status(run, "/worker", origin=f"http://{run.address}") == 403
        async with joined(run) as (_, welcome):
            assert welcome.run


async def test_every_answer_carries_the_policy_of_the_page(tmp_path: Path) -> None:
    async with served(tmp_path) as run:
        for path in ("/", "/api/run", "/static/app.js", "/nothing"):
            headers = (await run.http.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
        assert (await run.http.get("/nothing")).json()["code"] == "not-found"
        assert (await run.http.get("/api/stop")).status_code == 405


@pytest.mark.parametrize("path", ["/static/../__init__.py", "/static/%2e%2e/__init__.py", "/static//etc/passwd"])
async def test_only_the_pages_files_are_served(tmp_path: Path, path: str) -> None:
    async with served(tmp_path) as run:
        assert await status(run, path) == 404
