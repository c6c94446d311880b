"""A run of users in Lightpanda: what the report says is what the application counted."""

import os
import signal
from pathlib import Path

import pytest

from carga.demo import PLAN, start
from tests.support.run import carga_run, write_plan

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

USERS = 20


def plan(url: str, *, seconds: int, more: str = "") -> str:
    return f"""
[target]
url = "{url}guide/"
[[users]]
count = {USERS}
engine = "light"
behaviour = "zapper.js"
user_agent = "serial={{serial}};mac={{mac}};"
{more}
[users.identity]
serial = "FAKE_{{index:020d}}"
mac = "{{index:mac}}"
[[load]]
users = {USERS}
over = "3s"
[[load]]
users = {USERS}
over = "{seconds}s"
[[load]]
users = 0
over = "3s"
"""


def zapper() -> str:
    return PLAN.with_name("zapper.js").read_text()


async def test_requests_websockets_and_identities_are_those_that_the_server_counted(tmp_path: Path) -> None:
    with start() as demo:
        path = write_plan(tmp_path, plan(demo.url, seconds=12), zapper=zapper())
        async with carga_run(path) as run:
            await run.until_running(USERS)
            summary = await run.finish()
        stats, identities = demo.stats(), demo.identities()
    assert summary["verdict"] == "passed", summary["reasons"]
    counters, metrics = summary["counters"], summary["metrics"]
    assert counters["requests"] == stats.requests.total
    assert counters["requests_failed"] == counters["page_errors"] == 0
    assert (
        counters["navigations"] == metrics["request.document"]["count"] == stats.requests.by_dest["document"] == USERS
    )
    for kind, destination in {"script": "script", "style": "style", "image": "image", "fetch": "empty"}.items():
        assert metrics[f"request.{kind}"]["count"] == stats.requests.by_dest[destination], kind
    assert counters["websockets_opened"] == metrics["websocket.open"]["count"] == stats.websockets.opened == USERS
    assert counters["websocket_messages_sent"] == stats.websockets.messages_in
    assert counters["websockets_closed_abnormally"] == 0
    assert stats.websockets.per_identity_max == 1
    assert stats.websockets.open == 0
    assert set(identities.identities) == {f"FAKE_{index:020d} 00:00:00:00:00:{index:02X}" for index in range(USERS)}
    assert summary["users"]["started"] == summary["users"]["peak"] == USERS
    assert metrics["step.zap"]["count"] > USERS
    assert metrics["step.zap"]["failed"] == 0
    assert summary["causes"] == {}
    report = (run.out / "report.html").read_text()
    assert "synthetic, by a script" in report, "the report says how input was made"


async def test_users_of_a_killed_process_act_again_with_their_identities(tmp_path: Path) -> None:
    with start() as demo:
        path = write_plan(tmp_path, plan(demo.url, seconds=15), zapper=zapper())
        async with carga_run(path) as run:
            await run.until_running(USERS)
            [browser] = [process for process in run.tree() if "--unix-socket" in process.cmdline()]
            os.kill(browser.pid, signal.SIGKILL)
            await run.until(lambda: demo.stats().websockets.opened == 2 * USERS)
            await run.until_running(USERS)
            summary = await run.finish()
        stats = demo.stats()
    assert summary["users"]["browser_crashes"] == 1
    assert summary["causes"]["browser"] == {"The browser is gone: Lightpanda was killed by signal 9.": 1}
    assert stats.websockets.per_identity_max == 1
    assert summary["users"]["peak"] == USERS


async def test_a_plan_that_lightpanda_cannot_follow_is_refused_before_it_starts(tmp_path: Path) -> None:
    text = plan("http://127.0.0.1:9/", seconds=5, more='timezone = "Asia/Tokyo"')
    text = text.replace("serial={serial};", "Mozilla/5.0 serial={serial};")
    async with carga_run(write_plan(tmp_path, text, zapper=zapper())) as run:
        out, error = await run.process.communicate()
    said = out.decode() + error.decode()
    assert run.process.returncode == 2
    assert "Lightpanda has no timezone" in said
    assert 'sends no user agent with "mozilla"' in said
