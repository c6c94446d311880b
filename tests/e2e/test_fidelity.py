"""`carga fidelity` with real browsers: an application that both get right, and some that the cheap one gets wrong."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from carga.fidelity.result import Fidelity, compare_engines
from carga.plans import load_plan
from tests.support.run import write_plan
from tests.support.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PLAN = """
[target]
url = "{url}/?user={{index}}"

[[users]]
count = 5
rendering = "none"
behaviour = "act.js"
timeout = "2s"
user_agent = "serial={{serial}};"
headers = {{ X-Device = "box-{{index}}" }}
cookies = [{{ name = "sid", value = "s{{index}}" }}]

[users.identity]
serial = "S{{index:03d}}"
"""
ACT = """
export default async function (user) {
  await user.waitFor("#ready");
  await user.step("zap", async () => {
    await user.press("ArrowDown");
    await user.waitFor(() => document.querySelectorAll("li").length >= user.iteration);
  });
}
"""
ORDINARY = """<!doctype html><title>Channel list</title><link rel="stylesheet" href="/style.css">
<h1>Channels</h1><ul></ul><img src="/image.png" alt="">
<script>
  const socket = new WebSocket(`ws://${location.host}/echo?user=${new URLSearchParams(location.search).get("user")}`);
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: "hello", at: Date.now() }));
    document.querySelector("h1").id = "ready";
  };
  let channel = 0;
  addEventListener("keydown", async () => {
    channel += 1;
    const body = JSON.stringify({ channel });
    await (await fetch(`/json?channel=${channel}&t=${Date.now()}`, { method: "POST", body })).text();
    socket.send(JSON.stringify({ type: "zap", channel }));
    const cell = Object.assign(document.createElement("li"), { className: "cell", textContent: `Channel ${channel}` });
    document.querySelector("ul").append(cell);
  });
</script>"""
LAZY = """<!doctype html><title>Lazy</title><h1 id="ready">Lazy</h1><ul></ul>
<section id="news" style="height: 50px"></section><section id="more" style="height: 50px"></section>
<script>
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) {
      seen.unobserve(target);
      fetch("/json?part=" + target.id).then((answer) => answer.json()).then(() => { target.textContent = "loaded"; });
    }
  });
  for (const section of document.querySelectorAll("section")) seen.observe(section);
  addEventListener("keydown", () => requestAnimationFrame(async () => {
    await fetch("/json?drawn=1");
    document.querySelector("ul").append(document.createElement("li"));
  }));
</script>"""


async def compared(
    site: Site, tmp_path: Path, page: str, *, users: int = 2, iterations: int = 2, **more: Any
) -> Fidelity:
    site.page("/", page)
    plan = write_plan(tmp_path, more.pop("plan", PLAN).format(url=site.url), act=ACT)
    options = {"watch_s": 2.0, "against": "", "report": lambda line: None, **more}
    return await compare_engines(load_plan(plan), users=users, iterations=iterations, **options)


def lost(result: Fidelity) -> dict[str, float]:
    return {difference.name: difference.lost for difference in result.differences}


async def test_an_application_that_both_get_right_scores_near_a_hundred(tmp_path: Path) -> None:
    async with running_site() as site:
        result = await compared(site, tmp_path, ORDINARY)
        identities = {(request.query["user"], request.user_agent) for request in site.seen("/")}
        devices = {request.headers["x-device"] for request in site.requests}
        cookies = {request.headers["cookie"] for request in site.seen("/json")}
        agents = {socket.user_agent for socket in site.sockets}
    assert result.score >= 98, result.differences
    assert result.repeatable >= 98
    assert (result.reference.engine, result.reference.rendering) == ("chromium", "full")
    assert (result.candidate.engine, result.candidate.rendering) == ("chromium", "none")
    assert result.reference.requests == result.candidate.requests > 0
    assert {aspect.name for aspect in result.aspects} >= {
        "requests",
        "outcomes",
        "websockets",
        "page",
        "headers",
        "order",
    }
    assert identities == {("0", "serial=S000;"), ("1", "serial=S001;")}, "both sides are the same users"
    assert devices == {"box-0", "box-1"}
    assert cookies == {"sid=s0", "sid=s1"}, "cookies of the plan reach the target through the recorder"
    assert agents == {"serial=S000;", "serial=S001;"}
    assert result.notes == []


async def test_an_application_that_needs_frames_is_no_place_for_users_without(tmp_path: Path) -> None:
    async with running_site() as site:
        result = await compared(site, tmp_path, LAZY)
    assert result.score < 60
    assert result.repeatable >= 95
    differences = lost(result)
    assert {"GET /json?part=news → 200", "GET /json?part=more → 200", "GET /json?drawn={n} → 200"} <= set(differences)
    assert {"step zap: ok", "step zap: failed"} <= set(differences)
    assert "text loaded" in differences
    assert list(differences.values()) == sorted(differences.values(), reverse=True), "the most expensive first"
    scores = {aspect.name: aspect.score for aspect in result.aspects}
    assert scores["outcomes"] == 0
    assert scores["headers"] == 100, "what they both asked for they asked for alike"


HIDDEN = """<!doctype html><title>Hidden</title><h1 id="ready">Hidden</h1><ul><li></li><li></li></ul>
<div style="height: 20000px"></div><section>below</section>
<script>
  const seen = new IntersectionObserver(([{ target, isIntersecting }]) => {
    if (isIntersecting) fetch("/json?below=1");
  });
  seen.observe(document.querySelector("section"));
  const paper = document.createElement("canvas").getContext("2d");
  fetch(paper && paper.measureText("carga").width > 1 ? "/json?canvas=1" : "/json?canvas=0");
</script>"""


async def test_an_application_that_light_gets_wrong_is_told_by_what_it_asked(tmp_path: Path) -> None:
    async with running_site() as site:
        result = await compared(site, tmp_path, HIDDEN, against="light")
    assert (result.candidate.engine, result.candidate.rendering) == ("light", "none")
    assert result.score < 90
    assert "GET /json?below={n} → 200" in lost(result), "light takes everything for visible"


async def test_light_is_a_stand_in_where_an_application_needs_nothing_that_it_lacks(tmp_path: Path) -> None:
    async with running_site() as site:
        result = await compared(site, tmp_path, ORDINARY, against="light")
    assert result.score >= 95, result.differences
    assert {aspect.name: aspect.score for aspect in result.aspects}["outcomes"] == 100
    own = [difference.name for difference in result.differences if difference.name.startswith("sec-ch-ua")]
    assert own, "words of the engine are named, and weigh little"
    assert sum(lost(result)[name] for name in own) < 1


async def test_what_goes_to_other_origins_is_said_to_have_left_the_recording(tmp_path: Path) -> None:
    async with running_site() as site:
        images = f'<img src="{site.other_origin}/image.png"><img src="{site.url}/image.png">'
        page = f'<h1 id="ready">x</h1><li></li><li></li>{images}'
        result = await compared(site, tmp_path, page, users=1)
    left, renamed = result.notes
    assert left.startswith(f"Left the recording: pages load from {site.other_origin}.")
    assert "/?user={n}" in renamed
    assert "GET /image.png → 200" not in lost(result)


async def test_a_page_that_drives_itself_is_watched(tmp_path: Path) -> None:
    page = "<h1>self</h1><script>setTimeout(() => requestAnimationFrame(() => fetch('/json?frame=1')), 100)</script>"
    plan = PLAN.replace('behaviour = "act.js"\n', "")
    async with running_site() as site:
        result = await compared(site, tmp_path, page, users=1, plan=plan)
    assert result.score < 90
    assert "GET /json?frame={n} → 200" in lost(result)


async def test_a_target_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    async with running_site() as site:
        await site.stop()
        code, _, error = await command(tmp_path, PLAN.format(url=site.url), "--users", "1", "--iterations", "1")
    assert code == 4
    assert f"Nothing at {site.url} answered." in error


async def command(tmp_path: Path, plan: str, *options: str) -> tuple[int, str, str]:
    path = write_plan(tmp_path, plan, act=ACT)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carga", "fidelity", str(path), "--out", str(tmp_path / "out"), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
async def test_nothing_is_left_behind_however_it_ends(tmp_path: Path, number: signal.Signals, code: int) -> None:
    hanging = PLAN.replace('timeout = "2s"', 'timeout = "2m"')
    async with running_site() as site:
        site.page("/", "<h1>never ready</h1>")
        path = write_plan(tmp_path, hanging.format(url=site.url), act=ACT)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "carga", "fidelity", str(path), "--out", str(tmp_path / "out"), "--users", "1",
            stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await site.until(lambda site: site.seen("/"), timeout_s=60)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 30) == code
    _, alive = await asyncio.to_thread(psutil.wait_procs, started, 15)
    for one in alive:
        one.kill()
    assert not alive


async def test_users_with_browsers_of_their_own_are_compared_too(tmp_path: Path) -> None:
    plan = PLAN.replace('rendering = "none"', 'rendering = "none"\nisolation = "process"')
    async with running_site() as site:
        result = await compared(site, tmp_path, ORDINARY, plan=plan, iterations=1)
    assert result.candidate.isolation == "process"
    assert result.score >= 98, result.differences


async def test_the_command_judges_by_at_least_and_leaves_a_page_and_json(tmp_path: Path) -> None:
    async with running_site() as site:
        site.page("/", LAZY)
        options = ("--users", "1", "--iterations", "1", "--at-least", "95", "--json", "--against", "none")
        code, out, error = await command(tmp_path, PLAN.format(url=site.url), *options)
    assert code == 3, error
    result = json.loads(out)
    assert result == json.loads((tmp_path / "out" / "fidelity.json").read_text())
    assert result["schema"] == 1
    assert result["score"] < 95
    page = (tmp_path / "out" / "fidelity.html").read_text()
    assert "no stand-in" in page
    assert "GET /json?part=news → 200" in page
    assert "user 0:" in error, "progress goes to stderr"
