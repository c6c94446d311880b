"""The report: what it says, that it is one safe file, and that it stays small."""

import json
from pathlib import Path

import msgspec
import pytest

from carga.model.plan import Engine
from carga.model.windows import ErrorSample, Gauges, Metric, UserChange, Window
from carga.results.charts import CAUSES_MAX, POINTS_MAX, VIEWS_MAX, chart_data
from carga.results.evidence import BYTES_MAX, pictures
from carga.results.read import read_record
from carga.results.report import report_html
from carga.results.summary import summarize
from tests.results import pages
from tests.results.makers import PLAN_TEXT, Run, make_plan, make_run, png
from tests.results.pages import Element


def report_of(out: Path) -> Element:
    record = read_record(out)
    return pages.parse(report_html(record, summarize(record)))


@pytest.fixture
def ill(ill_run: Path) -> Element:
    return report_of(ill_run)


def test_the_verdict_stands_on_top_in_a_word_with_its_reasons(ill: Element) -> None:
    header = ill.one("header", class_="failed")
    assert header.one("h1").text == "Failed"
    assert len(header.all("svg")) == 1
    assert header.all("li")[0].text.startswith("step.open guide p95 was")


def test_the_story_names_users_target_duration_and_browser(ill: Element) -> None:
    story = ill.one("p", class_="story").text
    for part in ("200 users", "http://127.0.0.1:8000/epg/?user={index}", "1m", "Chromium 143.0.7000.1", "2 workers"):
        assert part in story


def test_what_broke_first_names_the_second_and_the_users_then(ill: Element) -> None:
    section = ill.one("section", id="broke")
    assert section.one("p", class_="lead").text.startswith(
        "The first trouble came after 0:33, with all 200 users running: HTTP 503"
    )
    assert ["0:33", "200", "net::ERR_CONNECTION_REFUSED", "request"] in [row[:4] for row in section.rows()]
    assert any(row[3] == "threshold" for row in section.rows())


def test_every_metric_threshold_counter_worker_and_event_is_in_a_table(ill: Element, ill_run: Path) -> None:
    record = read_record(ill_run)
    summary = summarize(record)
    names = [row[0] for row in ill.one("section", id="metrics").rows()]
    assert sorted(names) == sorted(summary.metrics)
    assert names[0] == "step.open guide", "steps first"
    assert [row[0] for row in ill.one("section", id="thresholds").rows()] == [it.threshold for it in summary.thresholds]
    assert len(ill.one("section", id="counters").rows()) == len(summary.counters)
    assert {worker.id for worker in summary.workers} <= {row[0] for row in ill.one("section", id="setup").rows()}
    assert len(ill.one("section", id="events").rows()) == len(record.events)


def test_failures_say_what_they_usually_mean(ill: Element) -> None:
    rows = {row[0]: row for row in ill.one("section", id="failures").rows() if len(row) == 7}
    assert "Nobody listens" in rows["net::ERR_CONNECTION_REFUSED"][6]
    assert "ulimit" in rows["1006"][6]


def test_the_plan_the_machine_and_the_versions_are_kept(ill: Element) -> None:
    plan = ill.one("section", id="plan")
    assert pages.raw(plan.all("pre")[0]) == PLAN_TEXT
    assert "zapper.js" in plan.one("summary").text
    pairs = ill.one("dl", class_="pairs").text
    for part in ("A quick processor, 16 cores", "Debian GNU/Linux 12, kernel 6.1.0", "chromium 143.0.7000.1", "0.1.0"):
        assert part in pairs


@pytest.mark.parametrize(
    ("engine", "made"), [("chromium", "trusted, by the browser"), ("light", "synthetic, by a script")]
)
def test_a_groups_input_is_named_as_what_it_was(tmp_path: Path, engine: Engine, made: str) -> None:
    plan = make_plan()
    group = msgspec.structs.replace(plan.groups[0], engine=engine)
    run = Run(msgspec.structs.replace(plan, groups=(group,)))
    assert made in report_of(run.write(tmp_path / "run")).one("section", id="setup").text


def test_evidence_is_inside_the_file(ill: Element) -> None:
    images = ill.one("section", id="evidence").all("img")
    assert len(images) == 3
    assert all(image.attributes["src"].startswith("data:image/png;base64,") for image in images)


def test_nothing_is_loaded_from_anywhere(ill: Element) -> None:
    assert all(address.startswith(("#", "data:image/")) for address in pages.addresses(ill))


def test_the_policy_allows_exactly_the_style_and_script_that_are_there(ill: Element) -> None:
    policy = pages.policy(ill)
    scripts = [script for script in ill.all("script") if script.attributes["type"] == "module"]
    assert policy.split("; ")[0] == "default-src 'none'"
    assert "unsafe" not in policy
    assert f"script-src {pages.sha256(pages.raw(scripts[0]))};" in policy
    assert f"style-src {pages.sha256(pages.raw(ill.one('style')))};" in policy
    assert len(scripts) == 1


def test_no_element_has_a_style_or_a_handler_that_the_policy_would_refuse(ill: Element) -> None:
    def walk(element: Element) -> None:
        assert not [key for key in element.attributes if key == "style" or key.startswith("on")]
        for part in element.parts:
            if isinstance(part, Element):
                walk(part)

    walk(ill)


def test_charts_show_the_whole_run_with_its_events(ill: Element) -> None:
    data = pages.chart_data(ill)
    assert data["seconds"] == list(range(60))
    charts = {chart["id"]: chart for chart in data["charts"]}
    assert set(charts) == {it.attributes["id"].removeprefix("chart-") for it in ill.all("figure", role="group")}
    assert charts["users"]["views"][0]["series"][1]["values"][30] == 200
    assert [view["name"] for view in charts["percentiles"]["views"]][:2] == ["step.open guide", "step.search programme"]
    assert charts["percentiles"]["views"][0]["lines"] == [{"label": "p95 ≤ 800 ms", "value": 800.0}]
    assert {mark["kind"] for mark in data["marks"]} == {"worker-lost", "users-moved"}


HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>'\"&amp;\u2028\x00\x1b[0m\u202e"


def hostile_run() -> Run:
    run = make_run(users=8, workers=1, ramp_s=2, hold_s=3)
    window = run.windows[3]
    window.metrics[f"step.{HOSTILE}"] = Metric(unit=HOSTILE, failed=3)
    window.causes = {area: {HOSTILE: 3} for area in ("request", "websocket", "step", "page")}
    window.errors = [ErrorSample("page", HOSTILE, 1, HOSTILE, HOSTILE)]
    window.users = [UserChange(1, "failed", HOSTILE)]
    run.windows.append(Window(HOSTILE, 1, 3, gauges=Gauges(users_running=1)))
    run.events.append((3.0, "worker-lost", HOSTILE, 1, HOSTILE))
    run.evidence.append(("a.png", 1, 3, HOSTILE, HOSTILE))
    run.images["a.png"] = png(4, 4, (1, 2, 3))
    run.meta = {
        "plan_file": HOSTILE,
        "plan_text": f"</pre>{HOSTILE}",
        "behaviours": json.dumps({HOSTILE: HOSTILE}),
        "browsers": json.dumps({HOSTILE: HOSTILE}),
        "machine": json.dumps({"host": HOSTILE, "os": HOSTILE, "cpu": HOSTILE}),
        "started_at": HOSTILE,
        "carga": HOSTILE,
        "run": HOSTILE,
        "ended": "internal",
        "ended_detail": HOSTILE,
    }
    return run


def test_nothing_that_was_measured_can_become_markup(tmp_path: Path) -> None:
    root = report_of(hostile_run().write(tmp_path / "run"))
    assert len(root.all("script")) == 2
    assert [image.attributes["src"][:5] for image in root.all("img")] == ["data:"]
    assert "alert(1)" in root.one("section", id="failures").text, "it is shown, as text"
    assert pages.raw(root.all("pre")[0]).startswith("</pre></script>")
    names = [view["name"] for chart in pages.chart_data(root)["charts"] for view in chart["views"]]
    assert f"step.{HOSTILE}" in names


def test_control_characters_and_turned_text_are_made_visible(tmp_path: Path) -> None:
    out = hostile_run().write(tmp_path / "run")
    record = read_record(out)
    body = report_html(record, summarize(record)).split('<script type="application/json"')[0]
    assert not any(character in body for character in "\x00\x1b\u202e")


def test_evidence_outside_of_its_folder_is_never_read(tmp_path: Path) -> None:
    run = make_run(users=8, workers=1, ramp_s=2, hold_s=3)
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(4, 4, (9, 9, 9)))
    run.evidence = [(name, 1, 1, "step", "failed") for name in ("../../secret.png", str(secret), "a\0b", "missing.png")]
    out = run.write(tmp_path / "run")
    (out / "evidence" / "link.png").symlink_to(secret)
    (out / "evidence" / "text.png").write_text("no picture")
    assert pictures(read_record(out)) == []


def test_pictures_in_a_report_are_bounded_and_different_ones_come_first(tmp_path: Path) -> None:
    run = make_run(users=8, workers=1, ramp_s=2, hold_s=3)
    large = png(4, 4, (9, 9, 9)) + bytes(BYTES_MAX // 4)
    for number in range(9):
        run.images[f"{number}.png"] = large
        run.evidence.append((f"{number}.png", number, number, "rare" if number == 8 else "frequent", "failed"))
    shown = pictures(read_record(run.write(tmp_path / "run")))
    assert sum(len(picture.image) for picture in shown) <= BYTES_MAX
    assert [picture.row.name for picture in shown] == ["frequent", "frequent", "rare"]


def test_a_long_run_is_thinned_and_keeps_its_worst_second(tmp_path: Path) -> None:
    run = Run(make_plan(10, ramp_s=0, hold_s=7200))
    for second in range(7200):
        gauges = Gauges(users_running=10, cpu_percent=99.0 if second == 5001 else 20.0)
        run.windows.append(Window("w", second + 1, second, counters={"requests": 30}, gauges=gauges))
    data = chart_data(read_record(run.write(tmp_path / "run")))
    charts = {chart.id: chart for chart in data.charts}
    assert data.step_s == 8
    assert len(data.seconds) == POINTS_MAX
    assert all(len(it.values) == POINTS_MAX for chart in data.charts for view in chart.views for it in view.series)
    assert charts["resources"].views[0].series[0].values[5001 // 8] == 99.0
    assert set(charts["throughput"].views[0].series[0].values) == {30.0}


def test_ten_thousand_metrics_and_causes_make_no_endless_report(tmp_path: Path) -> None:
    run = Run(make_plan(10, ramp_s=0, hold_s=20))
    for second in range(20):
        names = range(second * 500, second * 500 + 500)
        run.windows.append(
            Window(
                "w",
                second + 1,
                second,
                metrics={f"custom.{name}": Metric(failed=1) for name in names},
                causes={"page": {f"Error {name}": 1 for name in names}},
            )
        )
    record = read_record(run.write(tmp_path / "run"))
    html = report_html(record, summarize(record))
    charts = {chart["id"]: chart for chart in pages.chart_data(pages.parse(html))["charts"]}
    assert len(charts["percentiles"]["views"]) == VIEWS_MAX
    assert len(charts["failures"]["views"][0]["series"]) == CAUSES_MAX
    assert len(html) < 1_500_000


def test_an_empty_run_says_that_nothing_was_measured(tmp_path: Path) -> None:
    run = Run(make_plan(), meta={"ended": "no-user", "ended_detail": "the target refused"})
    root = report_of(run.write(tmp_path / "run"))
    assert "None of 200 users could open" in root.one("p", class_="story").text
    assert "Nothing was measured" in root.one("section", id="broke").text
    assert not root.all("figure")


@pytest.mark.parametrize(
    ("late_ms", "word", "sentence"),
    [(2.0, "Passed", "all 2 thresholds of the plan held"), (900.0, "Untrusted", "The generator was too slow")],
)
def test_each_verdict_has_its_word_and_its_sentence(tmp_path: Path, late_ms: float, word: str, sentence: str) -> None:
    root = report_of(make_run(slowness=0.7, timer_late_ms=late_ms).write(tmp_path / "run"))
    assert root.one("h1").text == word
    assert sentence in root.one("ul", class_="reasons").text
