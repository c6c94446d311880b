"""A whole run of several kinds of users at once: each group in what it runs in, and a sample that draws all frames."""

from pathlib import Path
from typing import Any

import pytest

from carga.results.read import read_record
from tests.support.run import carga_run, write_plan
from tests.support.site import Site, running_site

pytestmark = pytest.mark.e2e

PAGE = """<!doctype html><title>mix</title><h1>ready</h1>
<script>requestAnimationFrame(() => fetch("/drawn" + location.search))</script>"""
BEHAVIOUR = """
export default async function (user) {
  await user.waitFor("h1");
  await user.step("ask", () => fetch("/json?user=" + user.index).then((answer) => answer.text()));
  await user.think("100ms");
}
"""
PLAN = """
[target]
url = "{url}/?user={{index}}"

[[users]]
name = "dense"
count = 6
rendering = "none"
full_sample = "34%"
behaviour = "ask.js"

[[users]]
name = "drawn"
count = 2
rendering = "full"
behaviour = "ask.js"

[[users]]
name = "light"
count = 4
engine = "light"
behaviour = "ask.js"

[[load]]
users = 12
over = "0s"

[[load]]
users = 12
over = "8s"

[[threshold]]
metric = "full_sample.step.ask"
count = ">= 10"

[[threshold]]
metric = "full_sample.vitals.fcp"
count = ">= 1"
"""


async def ran(site: Site, tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any], Path]:
    site.page("/", PAGE)
    site.page("/drawn", "")
    plan = write_plan(tmp_path, PLAN.format(url=site.url), ask=BEHAVIOUR)
    async with carga_run(plan) as run:
        await run.until_running(12)
        info = await run.get("/api/run")
        return await run.finish(), info, run.out


async def test_a_mix_runs_each_group_in_its_kind_and_tells_them_apart(tmp_path: Path) -> None:
    async with running_site() as site:
        summary, info, out = await ran(site, tmp_path)
        drawn = {int(request.query["user"]) for request in site.seen("/drawn") if int(request.query["user"]) < 8}
        agents = {int(request.query["user"]): request.user_agent for request in site.seen("/json")}
    assert summary["process_exit_code"] == 0, summary["said"]
    dense, full, light = summary["groups"]
    assert {index for index, agent in agents.items() if "Lightpanda" in agent} == {8, 9, 10, 11}
    assert (light["engine"], light["started"], light["failed_to_start"]) == ("light", 4, 0)
    assert light["metrics"]["step.ask"]["count"] > 0
    members = {index for index in range(6) if index in drawn}
    assert drawn == {*members, 6, 7}, "users without frames stay without"
    assert len(members) == dense["full_sample"]["users"] == dense["full_sample"]["started"] == 3
    assert (dense["started"], full["started"]) == (6, 2)
    whole = summary["metrics"]["step.ask"]["count"]
    assert sum(group["metrics"]["step.ask"]["count"] for group in summary["groups"]) == whole
    asked = [entry for entry in dense["full_sample"]["differences"] if entry["metric"] == "step.ask"]
    assert {entry["statistic"] for entry in asked} == {"p50", "p95"}
    assert asked[0]["sample_count"] + asked[0]["dense_count"] == (
        dense["metrics"]["step.ask"]["count"] - dense["metrics"]["step.ask"]["failed"]
    )
    assert "vitals.fcp" in dense["full_sample"]["metrics"]
    kinds = [(group["name"], group["engine"], group["rendering"]) for group in info["groups"]]
    assert kinds == [("dense", "chromium", "none"), ("drawn", "chromium", "full"), ("light", "light", "none")]
    assert round(info["groups"][0]["full_sample"], 2) == 0.34
    report = (out / "report.html").read_text()
    assert "Full sample" in report
    assert "Chromium, own context, frames none, full for 34" in report
    assert "Lightpanda, own context, frames none" in report
    assert not any(name.startswith("full_sample") for name in read_record(out).timeline.metrics), "nothing shown twice"
