"""A run against the demo: what the report says is what the demo itself counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from carga.demo import PLAN, start
from carga.demo.stats import StatsReport
from tests.support.run import carga_run, write_plan

pytestmark = [pytest.mark.e2e, pytest.mark.quiet, pytest.mark.timeout(150)]

USERS = 8


def plan(url: str, *, seconds: int, users: int = USERS, more: str = "", behaviour: str = "zapper.js") -> str:
    return f"""
[target]
url = "{url}guide/"
[[users]]
count = {users}
behaviour = "{behaviour}"
user_agent = "serial={{serial}};mac={{mac}};"
{more}
[users.identity]
serial = "FAKE_{{index:020d}}"
mac = "{{index:mac}}"
[[load]]
users = {users}
over = "3s"
[[load]]
users = {users}
over = "{seconds}s"
[[load]]
users = 0
over = "3s"
"""


def zapper() -> str:
    return PLAN.with_name("zapper.js").read_text()


async def test_requests_websockets_and_identities_are_those_that_the_server_counted(tmp_path: Path) -> None:
    with start() as demo:
        path = write_plan(tmp_path, plan(demo.url, seconds=15), zapper=zapper())
        async with carga_run(path) as run:
            summary = await run.finish()
        stats, identities = demo.stats(), demo.identities()
    assert summary["verdict"] == "passed", summary["reasons"]
    counters, metrics = summary["counters"], summary["metrics"]
    assert counters["requests"] == stats.requests.total
    assert counters["requests_failed"] == 0
    assert metrics["request.document"]["count"] == stats.requests.by_dest["document"] == USERS
    for kind, destinations in {"script": ("script",), "style": ("style",), "image": ("image",)}.items():
        assert metrics[f"request.{kind}"]["count"] == sum(stats.requests.by_dest[one] for one in destinations), kind
    assert counters["websockets_opened"] == metrics["websocket.open"]["count"] == stats.websockets.opened == USERS
    assert counters["websocket_messages_sent"] == stats.websockets.messages_in
    assert counters["websockets_closed_abnormally"] == 0
    assert stats.websockets.per_identity_max == 1
    assert stats.websockets.open == 0
    assert set(identities.identities) == {f"FAKE_{index:020d} 00:00:00:00:00:{index:02X}" for index in range(USERS)}
    assert summary["users"]["started"] == summary["users"]["peak"] == USERS
    # The document, its header fields included, is what a page may know of bytes; the server counts bodies alone.
    assert counters["bytes_received"] == pytest.approx(stats.requests.bytes, rel=0.1)


async def test_step_percentiles_are_those_of_the_servers_log_where_the_server_makes_the_time(tmp_path: Path) -> None:
    source = """export default async function (user) {
      const ready = () => document.body.dataset.ready === "1";
      await user.waitFor(ready);
      await user.step("zap", async () => {
        await user.press(user.iteration % 2 ? "ArrowDown" : "ArrowUp");
        await user.waitFor(ready);
      });
      await user.think("0.2s", "0.6s");
    }
    """
    with start(ill=["slow-database=150"]) as demo:
        path = write_plan(tmp_path, plan(demo.url, seconds=15, users=4, behaviour="zap.js"), zap=source)
        async with carga_run(path) as run:
            summary = await run.finish()
        stats: StatsReport = demo.stats()
    step, server = summary["metrics"]["step.zap"], stats.latency_ms["api/programme"]
    assert step["count"] > 50
    for percentile in ("p50", "p95"):
        theirs = getattr(server, percentile)
        assert theirs >= 150
        assert step[percentile] == pytest.approx(theirs, rel=0.05, abs=5.0), percentile


ILLNESSES: list[tuple[str, int, Any]] = [
    ("errors=40", 3, lambda s: s["causes"]["request"]["HTTP 500"] > 0),
    ("session-limit=3", 3, lambda s: s["causes"]["request"]["HTTP 503"] > 0),
    ("dropping-websockets=3", 3, lambda s: {"closed 1011", "closed 1006"} <= set(s["causes"]["websocket"])),
    ("slow-statics=800", 0, lambda s: s["metrics"]["request.script"]["p50"] > 800 > s["metrics"]["step.zap"]["p50"]),
    ("few-sockets=12", 3, lambda s: any("CONNECTION" in c or "EMPTY" in c for c in s["causes"]["request"])),
    ("die-after=10", 3, lambda s: s["causes"]["request"]["net::ERR_CONNECTION_REFUSED"] > 0),
]


@pytest.mark.parametrize(("ill", "exit_code", "shows"), ILLNESSES, ids=[ill for ill, _, _ in ILLNESSES])
async def test_each_illness_shows_in_the_report(tmp_path: Path, ill: str, exit_code: int, shows: Any) -> None:
    thresholds = """
[[threshold]]
metric = "requests"
failed = "1%"
[[threshold]]
metric = "websockets"
failed = "1%"
"""
    with start(ill=[ill]) as demo:
        text = plan(demo.url, seconds=12, more='timeout = "5s"') + thresholds
        async with carga_run(write_plan(tmp_path, text, zapper=zapper())) as run:
            summary = await run.finish()
    assert summary["process_exit_code"] == exit_code, summary["reasons"]
    assert shows(summary), json.dumps(summary["causes"])


async def test_a_leaking_server_is_loaded_and_seen_to_leak(tmp_path: Path) -> None:
    with start(ill=["leaking=64"]) as demo:
        before = demo.stats().memory_kb
        path = write_plan(tmp_path, plan(demo.url, seconds=8), zapper=zapper())
        async with carga_run(path) as run:
            summary = await run.finish()
        stats = demo.stats()
    assert summary["counters"]["requests"] == stats.requests.total
    assert stats.memory_kb - before > stats.requests.total * 32
