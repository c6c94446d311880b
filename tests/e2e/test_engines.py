"""Every engine runs the same behaviour, gives what the table of engines says, and nothing that it says is missing."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from carga.demo import PLAN, start
from carga.engines.catalogue import load_engine
from carga.engines.engine import Browser
from carga.model.engines import ENGINES
from carga.model.plan import Engine
from tests.engines.checks import group_of
from tests.support.run import carga_run, write_plan
from tests.support.site import Site, free_port
from tests.support.user import HeardUser, start_user

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

USERS = 4
WAIT_S = 40.0
PLAN_TEXT = """
[target]
url = "{url}guide/"
[[users]]
count = {users}
engine = "{engine}"
rendering = "{rendering}"
behaviour = "zapper.js"
user_agent = "serial={{serial}};mac={{mac}};"
[users.identity]
serial = "FAKE_{{index:020d}}"
mac = "{{index:mac}}"
[[load]]
users = {users}
over = "2s"
[[load]]
users = {users}
over = "15s"
[[load]]
users = 0
over = "3s"
"""

ENTRANCE = """<!doctype html><script src="/script.js?cache=60"></script>
<script>addEventListener("load", () => setTimeout(() => (location.href = "/work"), 50));</script>"""

BEHAVIOUR = """export default async function (user) {
  if (location.pathname !== "/work") return new Promise(() => {}); // till the page goes there
  if (user.visit === 2 && !user.memory.rested) await user.think("1s"); // input ends the search for the largest paint
  await user.step("work", async () => {
    await user.type("#text", "Ab1");
    await user.click("#slow");
    await user.press("ArrowDown");
  });
  user.memory.rested = true;
  user.record("depth", 3, "rows");
  if (!user.memory.failed) {
    user.memory.failed = true;
    user.log(document.querySelector("#text").value);
    user.fail("no");
  }
  await user.think("100ms");
}
"""

OF_EVERY_ENGINE = (
    "requests",
    "requests_failed",
    "requests_cancelled",
    "websockets_opened",
    "websocket_messages_sent",
    "websocket_messages_received",
    "websocket_bytes_sent",
    "websocket_bytes_received",
    "page_errors",
    "navigations",
    "iterations",
    "iterations_failed",
    "actions",
    "request.document",
    "request.fetch",
    "request.xhr",
    "request.script",
    "websocket.open",
    "iteration",
    "step.work",
    "custom.depth",
    "navigation.dom_content_loaded",
    "navigation.load",
    "generator.timer_late",
)
"""Metrics with values and counters above 0."""
OF_SOME = (
    *("request.style", "request.image", "navigation.ttfb", "requests_from_cache", "long_task"),
    *("vitals.fcp", "vitals.lcp", "vitals.cls", "vitals.inp"),
)


def page(refusing: int) -> str:
    return f"""<!doctype html><link rel="stylesheet" href="/style.css"><script src="/script.js?cache=60"></script>
<h1>every engine</h1><input id="text"><button id="slow" style="width: 200px; height: 60px">slow</button>
<img src="/image.png"><script>
  const get = (url, options) => fetch(url, options).then((answer) => answer.text()).catch(() => 0);
  get("/json"); get("/status/500"); get("http://127.0.0.1:{refusing}/x");
  const given = new AbortController();
  get("/hang", {{ signal: given.signal }});
  setTimeout(() => given.abort(), 100);
  for (const path of ["/slow/20", "/status/503"]) {{
    const xhr = new XMLHttpRequest();
    xhr.open("GET", path);
    xhr.send();
  }}
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
  socket.onopen = () => socket.send("hi");
  new WebSocket("ws://127.0.0.1:{refusing}/");
  setTimeout(() => {{ null.x; }}, 20);
  document.querySelector("#slow").onclick = () => {{
    const until = performance.now() + 90;
    while (performance.now() < until);
    const moved = document.createElement("p");
    moved.textContent = "moved";
    document.body.prepend(moved);
  }};
</script>"""


@asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[Browser]:
    traits = ENGINES[engine]
    browser = await load_engine(engine).open_browser(_rendering(engine), isolation=traits.isolations[0])
    try:
        yield browser
    finally:
        await browser.close()


def _rendering(engine: Engine) -> str:
    """With all frames where the engine has them, since web vitals come with them."""
    renderings = ENGINES[engine].renderings
    return "full" if "full" in renderings else renderings[0]


def has(user: HeardUser, name: str) -> bool:
    return user.counter(name) > 0 or user.count(name) > 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_the_table_gives_comes_and_what_it_calls_missing_does_not(engine: Engine, site: Site) -> None:
    site.page("/", ENTRANCE)
    site.page("/work", page(free_port()))
    async with opened(engine) as browser:
        user = await start_user(
            browser,
            site.url + "/",
            BEHAVIOUR,
            engine=engine,
            rendering=_rendering(engine),
            isolation=ENGINES[engine].isolations[0],
            trusted_input=ENGINES[engine].trusted_input,
        )
        await user.until(lambda u: u.counter("iterations") >= 4 and u.count("generator.timer_late"), timeout_s=WAIT_S)
        await user.finish()
    assert user.logs == ["Ab1"], "the keys reach the page"
    missing = ENGINES[engine].missing
    given = [name for name in (*OF_EVERY_ENGINE, *OF_SOME) if name not in missing]
    assert [name for name in given if not has(user, name)] == []
    assert [name for name in missing if has(user, name)] == []
    assert has(user, "generator.input_delay") == ENGINES[engine].trusted_input
    assert bool(user.inputs) == ENGINES[engine].trusted_input
    causes = user.causes("request")
    assert causes["HTTP 500"] == causes["HTTP 503"] == causes["net::ERR_CONNECTION_REFUSED"] == 1
    assert user.failed("websocket.open") == 1
    assert user.causes("behaviour") == {"no": 1}


@pytest.mark.quiet
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "chromium"])
async def test_a_run_reports_what_the_demo_counted(engine: Engine, tmp_path: Path) -> None:
    zapper = PLAN.with_name("zapper.js").read_text()
    with start() as demo:
        text = PLAN_TEXT.format(url=demo.url, users=USERS, engine=engine, rendering=_rendering(engine))
        async with carga_run(write_plan(tmp_path, text, zapper=zapper)) as run:
            summary = await run.finish(timeout_s=180)
        stats, identities = demo.stats(), demo.identities()
    assert summary["verdict"] in ("passed", "untrusted"), summary["reasons"]
    counters, metrics = summary["counters"], summary["metrics"]
    assert counters["requests"] == stats.requests.total
    assert counters["requests_failed"] == 0
    assert metrics["request.document"]["count"] == USERS
    assert counters["websockets_opened"] == metrics["websocket.open"]["count"] == stats.websockets.opened == USERS
    assert counters["websocket_messages_sent"] == stats.websockets.messages_in
    assert counters["websockets_closed_abnormally"] == 0
    assert stats.websockets.open == 0
    assert set(identities.identities) == {f"FAKE_{index:020d} 00:00:00:00:00:{index:02X}" for index in range(USERS)}
    assert summary["users"]["started"] == summary["users"]["peak"] == USERS
    assert summary["users"]["browser_crashes"] == 0
    assert metrics["step.zap"]["count"] > USERS
    assert metrics["step.zap"]["failed"] == 0


@pytest.mark.chaos
@pytest.mark.parametrize("engine", ["firefox", "webkit"])
async def test_browsers_die_with_their_worker_and_its_users_go_on(engine: Engine, tmp_path: Path) -> None:
    users = 2
    zapper = PLAN.with_name("zapper.js").read_text()
    with start() as demo:
        text = PLAN_TEXT.format(url=demo.url, users=users, engine=engine, rendering=_rendering(engine))
        async with carga_run(write_plan(tmp_path, text, zapper=zapper)) as run:
            await run.until_running(users)
            worker = run.workers[0]
            browsers = {
                os.getpgid(child.pid)
                for child in psutil.Process(worker).children(recursive=True)
                if any(name in " ".join(child.cmdline()) for name in ("firefox", "MiniBrowser"))
            }
            assert browsers
            os.kill(worker, signal.SIGKILL)
            await run.until(lambda: not any(group_of(browser) for browser in browsers))
            summary = await run.finish(timeout_s=180)
    assert summary["users"]["started"] == users
    assert sum(one["lost"] for one in summary["workers"]) == 1
