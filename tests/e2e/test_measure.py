"""`carga doctor --measure` with real browsers and few users, and what a run makes of the result."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from carga.demo import PLAN, start
from carga.doctor.measured import Measured
from tests.support.run import carga_run, write_plan
from tests.support.site import Site, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.quiet, pytest.mark.timeout(240)]


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


async def doctor(*options: str, cache: Path | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    environment = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carga", "doctor", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    async with asyncio.timeout(200):
        out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


QUICK = ("--users", "3", "--hold", "4s", "--limit", "5s", "--only", "chromium/none")


async def test_the_demo_is_measured_with_real_users_and_the_result_is_kept(tmp_path: Path) -> None:
    with start() as demo:
        behaviour = ("--behaviour", str(PLAN.with_name("zapper.js")))
        code, out, error = await doctor("--measure", demo.url + "guide/", *behaviour, *QUICK, "--json")
        stats = demo.stats()
    assert code == 0, error
    (one,) = json.loads(out)
    assert one["kind"] == {"engine": "chromium", "isolation": "context", "rendering": "none"}
    assert one["origin"] == demo.url.rstrip("/")
    assert one["acts"] == "behaves by zapper.js"
    assert one["held"] == 3
    assert one["users"] >= 3
    assert 5 < one["memory_mb_per_user"] < 200
    assert 0 < one["cores_per_user"] < len(os.sched_getaffinity(0))
    assert stats.websockets.opened == 3, "it was loaded by that many users, and no more"
    kept = [msgspec.json.decode(file.read_bytes(), type=Measured) for file in (tmp_path / "cache").rglob("*.json")]
    assert [measured.users for measured in kept] == [one["users"]]


async def test_users_do_what_a_plan_says(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>hello</h1>")
    path = write_plan(
        tmp_path,
        f"""
[target]
url = "{site.url}/?serial={{serial}}"
[[users]]
name = "viewers"
count = 50
rendering = "none"
behaviour = "ask.js"
[users.identity]
serial = "S{{index:03d}}"
[[load]]
users = 50
over = "5m"
""",
        ask='export default async (user) => { await fetch("/json"); await user.think("0.5s"); }',
    )
    code, out, error = await doctor("--measure", site.url, "--plan", str(path), *QUICK[:6])
    assert code == 0, error
    assert "does as viewers in plan.toml" in " ".join(out.split())
    assert {seen.query["serial"] for seen in site.seen("/")} == {"S000", "S001", "S002"}
    assert site.seen("/json")
    code, _, error = await doctor("--measure", "http://127.0.0.1:1/", "--plan", str(path))
    assert code == 2
    assert "Name the plan's own target" in error


async def test_where_it_cannot_be_kept_the_figures_are_told_all_the_same(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>hello</h1>")
    (tmp_path / "file").write_text("")
    code, out, error = await doctor("--measure", site.url + "/", *QUICK, cache=tmp_path / "file")
    assert code == 0
    assert "chromium, rendering none" in out
    assert "XDG_CACHE_HOME" in error


async def test_a_target_that_is_not_there_is_no_measurement() -> None:
    code, _, error = await doctor("--measure", f"http://127.0.0.1:{free_port()}/", *QUICK)
    assert code == 4
    assert "ERR_CONNECTION_REFUSED" in error


async def run_with(tmp_path: Path, url: str, *options: str) -> tuple[int, dict[str, Any], str, str]:
    plan = f"""
[target]
url = "{url}/"
[[users]]
count = 3
rendering = "none"
[[load]]
users = 3
over = "0s"
[[load]]
users = 3
over = "4s"
"""
    async with carga_run(write_plan(tmp_path, plan), *options) as run:
        async with asyncio.timeout(90):
            out, error = await run.process.communicate()
        summary = run.out / "summary.json"
        report = run.out / "report.html"
        assert run.process.returncode is not None
        return (
            run.process.returncode,
            json.loads(summary.read_text()) if summary.exists() else {},
            out.decode() + error.decode(),
            report.read_text() if report.exists() else "",
        )


async def test_a_plan_beyond_the_measurement_needs_force_and_its_report_tells(site: Site, tmp_path: Path) -> None:
    site.page("/", "<h1>hello</h1>")
    code, _, error = await doctor("--measure", site.url + "/", *QUICK)
    assert code == 0, error
    (file,) = (tmp_path / "cache").rglob("*.json")
    measured = msgspec.json.decode(file.read_bytes(), type=Measured)
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(measured, users=2)))
    code, summary, said, _ = await run_with(tmp_path, site.url)
    assert code == 2
    assert summary == {}
    assert "of which it holds 2 as measured on" in " ".join(said.split())
    assert not (tmp_path / "out").exists()
    code, summary, said, report = await run_with(tmp_path, site.url, "--force")
    assert summary["verdict"] == "passed", summary["reasons"]
    assert code == 0
    assert "of which it holds 2" in summary["generator"]["forced"]
    assert "The run was forced" in report
    assert "forced: the plan wants more than was measured here" in " ".join(said.split())
