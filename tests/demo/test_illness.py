import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from carga.demo import Demo, start
from carga.demo.illness import ILLNESSES, Ills, parse_ills
from carga.demo.server import DEATH_CODE
from carga.errors import UsageError
from tests.demo.viewers import WAIT_S, open_socket, until, user_agent

GET = b"GET /api/channels HTTP/1.1\r\nHost: demo\r\n\r\n"


def plain(demo: Demo) -> socket.socket:
    parts = urlsplit(demo.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=WAIT_S)


def get(demo: Demo, path: str, number: int = 1) -> tuple[int, float]:
    """Status, and seconds until it was there."""
    begun = time.monotonic()
    status = httpx2.get(demo.url + path, headers={"User-Agent": user_agent(number)}, timeout=WAIT_S).status_code
    return status, time.monotonic() - begun


def test_illnesses_are_read_with_their_values_and_defaults() -> None:
    assert parse_ills([]) == Ills()
    assert parse_ills(["few-sockets=7", "slow-database", "few-sockets=8"]) == Ills(few_sockets=8, slow_database=200.0)


@pytest.mark.parametrize(
    "text", ["flu", "few-sockets=many", "few-sockets=1.5", "errors=101", "few-sockets=0", "errors=nan"]
)
def test_an_impossible_illness_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_ills([text])
    assert caught.value.remedy


@given(st.text(max_size=30))
def test_any_text_is_an_illness_or_a_usage_error(text: str) -> None:
    try:
        parse_ills([text])
    except UsageError:
        return
    assert text.partition("=")[0] in {illness.name for illness in ILLNESSES}


def test_few_sockets_resets_every_further_connection() -> None:
    with start(ill=["few-sockets=4"]) as demo, ExitStack() as opened:
        held = [opened.enter_context(plain(demo)) for _ in range(4)]
        for connection in held:
            connection.sendall(GET)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(3):
            with pytest.raises(ConnectionError):
                _ask(demo)
        held[0].close()
        until(lambda: _answers(demo))
        assert demo.stats().connections_reset >= 3


def test_few_files_leaves_connections_waiting_without_burning_the_processor() -> None:
    with start(ill=["few-files=8"]) as demo, ExitStack() as opened:
        for _ in range(30):
            connection = opened.enter_context(plain(demo))
            connection.sendall(GET)
        server = psutil.Process(demo.pid)
        before = sum(server.cpu_times()[:2])
        connection.settimeout(1.5)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        assert sum(server.cpu_times()[:2]) - before < 0.5
        opened.close()
        until(lambda: _answers(demo))


def test_a_slow_database_makes_queries_queue_and_nothing_else() -> None:
    with start(ill=["slow-database=150"]) as demo, ThreadPoolExecutor(24) as viewers:
        begun = time.monotonic()
        answers = list(viewers.map(lambda _: get(demo, "api/programme/1"), range(24)))
        took = time.monotonic() - begun
        assert {status for status, _ in answers} == {200}
        assert took >= 3 * 0.15, "24 queries, 8 at once"
        assert min(seconds for _, seconds in answers) >= 0.15
        get(demo, "static/guide.js")
        latency = demo.stats().latency_ms
    assert latency["api/programme"].p50 >= 149
    assert latency["static"].max < 149


def test_slow_statics_are_slow_and_the_api_is_not() -> None:
    with start(ill=["slow-statics=200"]) as demo:
        for path in ("static/guide.js", "art/channel/1.png", "guide/", "api/channels"):
            get(demo, path)
        latency = demo.stats().latency_ms
    assert latency["static"].p50 >= 199
    assert latency["art"].p50 >= 199
    assert latency["document"].max < 199
    assert latency["api/channels"].max < 199


def test_leaking_grows_with_requests_up_to_the_cap() -> None:
    with start(ill=["leaking=1024"], leak_cap_mb=20) as demo, httpx2.Client() as client:
        before = demo.stats().memory_kb
        for _ in range(60):
            client.get(demo.url + "api/channels")
        grown = demo.stats().memory_kb - before
    assert 18 * 1024 < grown < 35 * 1024


def test_dropped_websockets_end_with_1011_and_with_a_reset_in_turn() -> None:
    with start(ill=["dropping-websockets=0.2"]) as demo:
        codes = []
        for _ in range(4):
            codes.append(_close_code(demo))
        until(lambda: demo.stats().websockets.open == 0)
        assert codes == [1011, 1006, 1011, 1006]
        assert demo.stats().websockets.closed == {"1006": 2, "1011": 2}


def test_a_session_limit_lets_so_many_in_and_the_same_ones_again() -> None:
    with start(ill=["session-limit=2"]) as demo:
        statuses = [
            httpx2.post(demo.url + "api/session", headers={"User-Agent": user_agent(number)}).status_code
            for number in (1, 2, 3, 1, 4)
        ]
        assert statuses == [200, 200, 503, 200, 503]
        assert demo.stats().sessions_refused == 2


def test_errors_come_in_the_share_given_the_same_ones_for_the_same_seed_and_only_from_the_api() -> None:
    runs = []
    for seed in (1, 1, 2):
        with start(ill=["errors=30"], seed=seed) as demo, httpx2.Client(base_url=demo.url) as client:
            runs.append([client.get("api/programme/1").status_code for _ in range(200)])
            assert {client.get("static/guide.js").status_code for _ in range(50)} == {200}
            assert demo.stats().requests.by_class["api/programme"] == {
                "200": runs[-1].count(200),
                "500": runs[-1].count(500),
            }
    assert runs[0] == runs[1] != runs[2]
    assert 30 < runs[0].count(500) < 90


def test_it_dies_without_a_word() -> None:
    with start(ill=["die-after=0.3"]) as demo:
        assert _close_code(demo) == 1006
        assert demo.process.wait(WAIT_S) == DEATH_CODE


def _ask(demo: Demo) -> bytes:
    """What a connection of its own gets. Raises ConnectionError when it is reset."""
    with plain(demo) as connection:
        connection.sendall(GET)
        return connection.recv(100)


def _close_code(demo: Demo) -> int:
    """With what the server ends a WebSocket; 1006: without a word."""
    with open_socket(demo) as connection:
        try:
            while True:
                connection.recv(WAIT_S)
        except ConnectionClosed as ended:
            return ended.rcvd.code if ended.rcvd else 1006


def _answers(demo: Demo) -> bool:
    try:
        demo.stats()
    except OSError:
        return False
    return True
