"""The recorder passes everything on as it is, and notes it: real HTTP, WebSockets, and a target with TLS."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from carga.errors import UsageError
from carga.fidelity.record import UserRecord
from carga.fidelity.recorder import Recorder, recording
from tests.support.site import PNG, Site, free_port, running_site


@asynccontextmanager
async def recorded(url: str) -> AsyncIterator[tuple[Recorder, httpx2.AsyncClient]]:
    async with recording([(UserRecord(0), url)]) as (recorder,), httpx2.AsyncClient(base_url=recorder.url) as client:
        yield recorder, client


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as running:
        yield running


async def test_a_request_arrives_as_it_was_sent_and_its_answer_comes_back(site: Site) -> None:
    async with recorded(site.url + "/") as (recorder, client):
        answer = await client.post(
            "/json?user=7&b=a%20b", json={"type": "zap", "to": 5}, headers={"X-Device": "box-17"}
        )
        assert answer.json() == {"answer": 42}
    (seen,) = site.requests
    assert (seen.method, seen.path, seen.query) == ("POST", "/json", {"user": "7", "b": "a b"})
    assert seen.body == b'{"type":"zap","to":5}'
    assert seen.headers["host"] == recorder.target
    assert seen.headers["x-device"] == "box-17"
    (exchange,) = recorder.record.exchanges
    assert (exchange.method, exchange.url, exchange.status) == ("POST", "/json?b=a b&user={n}", 200)
    assert exchange.body == '{to: {n}, type: "zap"}'
    assert ("x-device", "box-{n}") in exchange.headers


async def test_bytes_of_every_kind_pass_unchanged(site: Site) -> None:
    async with recorded(site.url + "/") as (recorder, client):
        assert (await client.get("/image.png")).content == PNG
        assert (await client.get("/status/503")).status_code == 503
        assert (await client.head("/script.js")).status_code == 200
        assert (await client.put("/upload", content=b"\x00\xff" * 100_000)).status_code == 404
    assert site.seen("/upload")[0].body == b"\x00\xff" * 100_000
    assert [exchange.status for exchange in recorder.record.exchanges] == [200, 503, 200, 404]


async def test_a_redirect_to_the_target_stays_with_the_recorder_and_one_elsewhere_does_not(site: Site) -> None:
    async with recorded(site.url + "/") as (recorder, client):
        own = await client.get("/redirect", params={"to": site.url + "/json"})
        away = await client.get("/redirect", params={"to": "http://example.org/x"})
    assert own.headers["location"] == f"http://{recorder.own}/json"
    assert away.headers["location"] == "http://example.org/x"


async def test_texts_that_name_the_target_name_the_recorder_and_are_told(site: Site) -> None:
    host = site.url.removeprefix("http://")
    body = f'open("{site.url}/json"); new WebSocket("ws://{host}/echo"); "//{host}/x", "http:\\/\\/{host}/", "{host}0"'
    site.script("/app.js", f'{body}; "https://{host}/secure"')
    async with recorded(site.url + "/") as (recorder, client):
        text = (await client.get("/app.js")).text
    own = recorder.own
    assert text == (
        f'open("http://{own}/json"); new WebSocket("ws://{own}/echo"); "//{own}/x", "http:\\/\\/{own}/", "{host}0"; '
        f'"https://{host}/secure"'
    )
    assert recorder.record.rewritten == {"/app.js": 1}


async def test_the_target_sees_its_own_origin(site: Site) -> None:
    async with recorded(site.url + "/") as (recorder, client):
        own = f"http://{recorder.own}"
        await client.get("/json", headers={"Origin": own, "Referer": f"{own}/guide/7"})
    assert site.requests[0].headers["origin"] == site.url
    assert site.requests[0].headers["referer"] == f"{site.url}/guide/7"


async def test_cookies_are_the_browsers_business_alone(site: Site) -> None:
    cookie = "sid=1; Path=/; Secure; Domain=example.org; HttpOnly"
    site.page("/login", "ok", headers={"set-cookie": cookie, "strict-transport-security": "max-age=1"})
    async with recorded(site.url + "/") as (recorder, client):
        answer = await client.get("/login")
        client.cookies.clear()
        await client.get("/json")
    assert answer.headers["set-cookie"] == "sid=1; Path=/; HttpOnly"
    assert "strict-transport-security" not in answer.headers
    assert "cookie" not in site.seen("/json")[0].headers, "the recorder keeps none"
    assert recorder.record.exchanges[1].status == 200


async def test_a_stream_arrives_while_it_is_made() -> None:
    go_on = asyncio.Event()

    async def events(request: Request) -> Response:
        async def chunks() -> AsyncIterator[str]:
            yield "data: one\n\n"
            await go_on.wait()
            yield "data: two\n\n"

        return StreamingResponse(chunks(), media_type="text/event-stream")

    async with (
        serving(Starlette(routes=[Route("/events", events)])) as url,
        recorded(url + "/") as (_, client),
        client.stream("GET", "/events") as answer,
    ):
        parts = answer.aiter_text()
        assert await anext(parts) == "data: one\n\n"
        go_on.set()
        assert await anext(parts) == "data: two\n\n"


async def test_a_target_that_does_not_answer_is_told_and_the_page_gets_502() -> None:
    async with recorded(f"http://127.0.0.1:{free_port()}/") as (recorder, client):
        answer = await client.get("/json")
        assert answer.status_code == 502
    assert recorder.record.unanswered == 1
    assert recorder.record.exchanges[0].status == 0


async def test_messages_go_both_ways_and_are_noted(site: Site) -> None:
    async with recorded(site.url + "/") as (recorder, _):
        async with connect(f"ws://{recorder.own}/echo?token=17", user_agent_header="serial=5") as socket:
            await socket.send('{"type": "zap", "to": 12}')
            assert await socket.recv() == '{"type": "zap", "to": 12}'
            await socket.send(b"\x00\xff")
            assert await socket.recv() == b"\x00\xff"
        await site.until(lambda site: site.sockets[0].closed_at is not None)
    assert site.sockets[0].user_agent == "serial=5"
    record = recorder.record
    assert (record.exchanges[0].method, record.exchanges[0].url, record.exchanges[0].status) == (
        "WS", "/echo?token={n}", 101
    )  # fmt: skip
    zap = '{to: {n}, type: "zap"}'
    assert [(message.sent, message.shape) for message in record.messages[:2]] == [(True, zap), (False, zap)]
    assert [message.sent for message in record.messages] == [True, False, True, False]


async def test_a_refused_handshake_is_refused_with_the_same_status(site: Site) -> None:
    async with recorded(site.url + "/") as (recorder, _):
        with pytest.raises(InvalidStatus) as refusal:
            await connect(f"ws://{recorder.own}/refuse/503")
    assert refusal.value.response.status_code == 503
    assert recorder.record.exchanges[0].status == 503


async def test_the_servers_close_reaches_the_page_with_its_code(site: Site) -> None:
    async with recorded(site.url + "/") as (recorder, _), connect(f"ws://{recorder.own}/close/4001") as socket:
        await socket.send("go")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, socket.close_reason) == (4001, "as asked")


async def test_a_subprotocol_is_agreed_with_the_target() -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept(subprotocol=socket.scope["subprotocols"][-1])
        await socket.close()

    async with (
        serving(Starlette(routes=[WebSocketRoute("/talk", talk)])) as url,
        recorded(url + "/") as (recorder, _),
        connect(f"ws://{recorder.own}/talk", subprotocols=[Subprotocol("a"), Subprotocol("b")]) as socket,
    ):
        assert socket.subprotocol == "b"


async def test_each_user_has_a_recorder_of_its_own(site: Site) -> None:
    records = [UserRecord(0), UserRecord(1)]
    async with recording([(record, site.url + f"/{record.index}") for record in records]) as recorders:
        async with httpx2.AsyncClient() as client:
            await client.get(recorders[1].url)
        assert [len(record.exchanges) for record in records] == [0, 1]
        assert site.requests[0].path == "/1"


async def test_what_cannot_be_recorded_is_said() -> None:
    with pytest.raises(UsageError, match="cannot be recorded"):
        async with recording([(UserRecord(0), "ftp://example.org/")]):
            pass


async def test_nothing_is_left_when_a_request_hangs_at_the_end(site: Site) -> None:
    before = asyncio.all_tasks()
    async with recorded(site.url + "/") as (recorder, client):
        hanging = asyncio.create_task(client.get("/hang"))
        await site.until(lambda site: site.seen("/hang"))
        assert recorder.record.exchanges[0].status == 0
    with contextlib.suppress(httpx2.HTTPError):
        await hanging
    assert len(asyncio.all_tasks() - before) == 1, "only the target's own, which hangs"


# --- TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """For localhost, trusted for the time of the test."""
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = shutil.which("openssl")
    assert openssl is not None, "this test makes a certificate with openssl: apt-get install openssl"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", file],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return key, file


async def test_a_target_with_tls_is_asked_over_tls_and_pages_need_no_certificate(
    certificate: tuple[Path, Path],
) -> None:
    async def hello(request: Request) -> Response:
        origin = f"https://{request.headers['host']}"
        headers = {"set-cookie": "a=b; Secure; SameSite=Lax", "location": f"{origin}/next"}
        return PlainTextResponse(f"{request.url.scheme} {origin}/x wss://{request.headers['host']}/y", headers=headers)

    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{socket.url.scheme} {await socket.receive_text()}")
        await socket.close()

    app = Starlette(routes=[Route("/", hello), WebSocketRoute("/echo", echo)])
    async with serving(app, certificate) as url, recorded(url + "/") as (recorder, client):
        answer = await client.get("/")
        own = recorder.own
        assert answer.text == f"https http://{own}/x ws://{own}/y"
        assert answer.headers["location"] == f"http://{own}/next"
        assert answer.headers["set-cookie"] == "a=b; SameSite=Lax"
        async with connect(f"ws://{own}/echo") as socket:
            await socket.send("hello")
            assert await socket.recv() == "wss hello"


async def test_a_certificate_that_nobody_vouches_for_is_no_answer(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(Starlette(), certificate) as url:
        monkeypatch.delenv("SSL_CERT_FILE")
        async with recorded(url + "/") as (recorder, client):
            assert (await client.get("/")).status_code == 502
            assert recorder.record.unanswered == 1


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@asynccontextmanager
async def serving(app: Starlette, certificate: tuple[Path, Path] | None = None) -> AsyncIterator[str]:
    port = free_port()
    key, file = certificate or (None, None)
    server = _Server(
        uvicorn.Config(app, port=port, ssl_keyfile=key, ssl_certfile=file, lifespan="off", log_level="critical",
                       ws="websockets-sansio", timeout_graceful_shutdown=1)
    )  # fmt: skip
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        yield f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.wait([task])
