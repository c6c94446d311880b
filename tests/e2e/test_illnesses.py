"""A demo that is ill: each illness shows in the report as what it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from carga.demo import start
from tests.e2e.demo_plan import plan, zapper
from tests.support.run import carga_run, write_plan

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

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
