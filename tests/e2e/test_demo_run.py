"""A run against the demo: what the report says is what the demo itself counted."""

from pathlib import Path

import pytest

from carga.demo import start
from carga.demo.stats import StatsReport
from tests.e2e.demo_plan import USERS, plan, zapper
from tests.support.run import carga_run, write_plan

pytestmark = [pytest.mark.e2e, pytest.mark.quiet, pytest.mark.timeout(150)]


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
