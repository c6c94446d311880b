"""What goes wrong in the target, the behaviour or the machine, as somebody meets it who runs `carga run`."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.run import carga_run, write_plan
from tests.support.site import Site, free_port, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

BEHAVIOUR = """export default async function (user) {
  await user.step("ask", async () => {
    const answer = await fetch("/json?" + user.iteration);
    if (!answer.ok) user.fail(`answered ${answer.status}`);
  });
  await user.think("0.3s");
}
"""


def plan(url: str, *, users: int = 3, seconds: int = 8, more: str = "") -> str:
    return f"""
[target]
url = "{url}"
[[users]]
count = {users}
behaviour = "ask.js"
user_agent = "serial={{serial}};"
[users.identity]
serial = "S{{index:03d}}"
[[load]]
users = {users}
over = "0s"
[[load]]
users = {users}
over = "{seconds}s"
{more}
"""


async def run(path: Path, *options: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `carga run`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carga", "run", str(path), "--out", str(path.parent / "out"), "--port", str(free_port()),
        *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, **(env or {})},
    )  # fmt: skip
    async with asyncio.timeout(120):
        out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


def summary_of(path: Path) -> dict[str, Any]:
    return dict(json.loads((path.parent / "out" / "summary.json").read_text()))


async def test_a_target_that_does_not_answer_ends_with_exit_code_4_and_the_cause(tmp_path: Path) -> None:
    path = write_plan(tmp_path, plan(f"http://127.0.0.1:{free_port()}/", seconds=60), ask=BEHAVIOUR)
    code, out, error = await run(path)
    assert code == 4
    assert "net::ERR_CONNECTION_REFUSED" in out + error
    if (tmp_path / "out" / "summary.json").exists():
        assert summary_of(path)["users"]["started"] == 0


async def test_a_target_that_answers_with_errors_runs_and_says_so(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>broken</h1>", status=500)
    site.page("/json", "{}", status=503)
    path = write_plan(tmp_path, plan(site.url + "/"), ask=BEHAVIOUR)
    code, _, _ = await run(path)
    summary = summary_of(path)
    assert code == 3
    assert summary["verdict"] == "failed"
    assert summary["causes"]["request"]["HTTP 500"] == 3
    assert summary["causes"]["request"]["HTTP 503"] == len(site.seen("/json"))
    assert summary["causes"]["step"]["ask: answered 503"] == len(site.seen("/json"))
    assert summary["metrics"]["step.ask"]["failed"] == summary["metrics"]["step.ask"]["count"]
    pictures = list((tmp_path / "out" / "evidence").iterdir())
    assert pictures
    assert all(picture.read_bytes()[:3] == b"\xff\xd8\xff" for picture in pictures)


async def test_a_target_that_dies_in_mid_run_is_named_by_the_browsers_words(tmp_path: Path) -> None:
    async with running_site() as site:
        site.page("/", "<h1>still here</h1>")
        path = write_plan(tmp_path, plan(site.url + "/", seconds=15), ask=BEHAVIOUR)
        async with carga_run(path) as running:
            await running.until_running(3)
            await site.until(lambda s: len(s.seen("/json")) > 5)
            answered = len(site.seen("/json"))
            await site.stop()
            summary = await running.finish()
    assert summary["process_exit_code"] == 3
    causes = summary["causes"]["request"]
    assert set(causes) & {"net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET"}
    metric = summary["metrics"]["step.ask"]
    assert metric["count"] - metric["failed"] >= answered - 3
    assert any("requests" in reason for reason in summary["reasons"])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("export default async function (user) {\n  let = ;\n}", "ask.js"),
        ("async function act(user) {}", "default export"),
        ("import x from './y.js';\nexport default () => {};", "import"),
    ],
)
async def test_a_behaviour_that_cannot_be_loaded_ends_before_anything_starts(
    site: Site, tmp_path: Path, source: str, words: str
) -> None:
    site.page("/", "hello")
    path = write_plan(tmp_path, plan(site.url + "/"), ask=source)
    code, out, error = await run(path)
    assert code == 2
    assert words in error
    assert not out
    assert not site.requests


@pytest.mark.parametrize("source", ["export default 42;", "undefinedFunction();\nexport default () => {};"])
async def test_a_behaviour_that_only_fails_in_the_page_fails_the_run(site: Site, tmp_path: Path, source: str) -> None:
    site.page("/", "hello")
    path = write_plan(tmp_path, plan(site.url + "/", seconds=5), ask=source)
    code, out, _ = await run(path)
    assert code == 3
    causes = summary_of(path)["causes"]["behaviour"]
    assert any("not a function" in cause or "undefinedFunction" in cause for cause in causes)
    assert "iteration" in out


async def test_a_behaviour_that_throws_goes_on_and_is_counted(site: Site, tmp_path: Path) -> None:
    site.page("/", "hello")
    source = 'export default async function (user) { throw new TypeError("nothing works " + user.index); }'
    path = write_plan(tmp_path, plan(site.url + "/", seconds=6), ask=source)
    await run(path)
    summary = summary_of(path)
    assert summary["metrics"]["iteration"]["failed"] == summary["counters"]["iterations_failed"] >= 6
    assert summary["causes"]["behaviour"]["nothing works 1"] >= 2
    assert summary["users"]["started"] == 3


async def test_without_a_browser_nothing_starts_and_the_remedy_is_named(site: Site, tmp_path: Path) -> None:
    path = write_plan(tmp_path, plan(site.url + "/"), ask=BEHAVIOUR)
    code, _, error = await run(path, env={"CARGA_CHROMIUM": str(tmp_path / "nowhere")})
    assert code == 4
    assert "carga browsers install" in error


async def test_a_page_that_drives_itself_needs_no_behaviour(site: Site, tmp_path: Path) -> None:
    site.page("/", "<script>setInterval(() => fetch('/json'), 250)</script>")
    text = plan(site.url + "/").replace('behaviour = "ask.js"\n', "")
    path = write_plan(tmp_path, text)
    code, _, _ = await run(path)
    summary = summary_of(path)
    assert code == 0
    assert abs(summary["metrics"]["request.fetch"]["count"] - len(site.seen("/json"))) <= 3  # one in flight each
    assert summary["metrics"]["request.fetch"]["count"] > 60
