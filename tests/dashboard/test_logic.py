"""The page's pure modules, run where they will run: in a real browser."""

import json
from typing import Any

import pytest

from carga.wire.live import History
from tests.support.driver import PageDriver

pytestmark = pytest.mark.e2e


class Modules:
    """`js` is an expression over what the module exports."""

    def __init__(self, driver: PageDriver) -> None:
        self._driver = driver

    async def __call__(self, module: str, js: str) -> Any:
        source = f"import('/static/lib/{module}.js').then((m) => JSON.stringify({js}))"
        return json.loads(await self._driver.evaluate(source))


@pytest.fixture
async def evaluated(page_driver: PageDriver, address: str) -> Modules:
    await page_driver.goto(address + "static/icon.svg")
    return Modules(page_driver)


async def test_numbers_read_well_and_missing_ones_are_a_dash(evaluated: Modules) -> None:
    values = "[null, undefined, NaN]"
    for name in ("whole", "figure", "milliseconds", "bytes", "megabytes", "clock", "span", "percent"):
        assert await evaluated("format", f"{values}.map((value) => m.{name}(value))") == ["–"] * 3
    cases = {
        "m.whole(12345)": "12,345",
        "[0.42, 4.2, 42.13, 421, 4210].map(m.figure)": ["0.42", "4.20", "42.1", "421", "4,210"],
        "[0, 8.44, 9.99, 811.6, 999.7, 1250, 12500, 125000].map(m.milliseconds)": [
            *("0.0 ms", "8.4 ms", "10 ms", "812 ms"),
            *("1.00 s", "1.25 s", "12.5 s", "2m 05s"),
        ],
        "[812, 4_200_000, 999_999].map(m.bytes)": ["812 B", "4.20 MB", "1.00 MB"],
        "[7, 754, 3723].map(m.clock)": ["0:07", "12:34", "1:02:03"],
        "[45, 125, 3720].map(m.span)": ["45s", "2m 05s", "1h 02m"],
        "[0, 0.00001, 0.0042, 0.012, 0.56].map(m.percent)": ["0%", "<0.01%", "0.42%", "1.2%", "56%"],
        "m.measured(0.12, 'score')": "0.120",
        "m.measured(3, 'frames')": "3.00 frames",
        "[m.ofThreshold(0.01, 'failed'), m.ofThreshold(7, 'count'), m.ofThreshold(2.5, 'rate')]": [
            "1.0%",
            "7",
            "2.50/s",
        ],
        "m.ofThreshold(800, 'p95', 'ms')": "800 ms",
    }
    for js, wanted in cases.items():
        assert await evaluated("format", js) == wanted, js


FILL = """(() => {
  const series = new m.Series();
  for (let second = 0; second < %d; second += 1) {
    const point = second %% 2 ? { "step.odd": { p50: second, p95: second, p99: second, count: 2, failed: 1 } } : {};
    series.add(second, { users_running: second, users_planned: 10 }, point);
  }
  const odd = series.metrics.get("step.odd");
  return { length: series.length, step: series.step, seconds: series.second.slice(0, 3),
           running: series.plain.users_running, cpu: series.plain.cpu_percent[0] ?? null, odd,
           lengths: [...Object.values(series.plain), ...Object.values(odd)].map((column) => column.length) };
})()"""


async def test_series_stay_below_their_limit_and_lose_nothing_when_thinned(evaluated: Modules) -> None:
    for seconds, step in ((900, 1), (901, 2), (4000, 8)):
        series = await evaluated("series", FILL % seconds)
        assert series["length"] <= 900
        assert series["step"] == step
        assert series["seconds"] == [0, step, 2 * step]
        assert set(series["lengths"]) == {series["length"]}
        assert sum(series["odd"]["count"]) == seconds // 2 * 2
        assert sum(series["odd"]["failed"]) == seconds // 2
        assert series["running"][0] == (step - 1) / 2
        assert series["cpu"] is None


async def test_series_weigh_percentiles_by_what_they_stand_for_and_refuse_a_second_twice(evaluated: Modules) -> None:
    js = """(() => {
      const series = new m.Series(2);
      const point = (p95, count) => ({ a: { p50: p95, p95, p99: p95, count, failed: 0 } });
      const points = [[4, 100, 3], [5, 200, 1], [5, 9, 9]];
      const added = points.map(([second, p95, count]) => series.add(second, {}, point(p95, count)));
      return { added, second: series.second, p95: series.metrics.get("a").p95 };
    })()"""
    assert await evaluated("series", js) == {"added": [True, True, False], "second": [4], "p95": [125]}


async def test_series_read_a_history_with_sparse_metrics(evaluated: Modules) -> None:
    history = {"step_s": 3, "second": [0, 3, 6], "metrics": {"a": [[3, 1, 2, 3, 4, 0]]}}
    history |= {name: [1, 2, 3] for name in History.__struct_fields__ if name not in history}
    js = f"""(() => {{
      const series = m.Series.from({json.dumps(history)});
      return {{ last: series.last, p95: series.metrics.get("a").p95, count: series.metrics.get("a").count,
               again: series.add(8, {{}}, {{}}), next: series.add(9, {{}}, {{}}), second: series.second }};
    }})()"""
    assert await evaluated("series", js) == {
        "last": 8,
        "p95": [None, 2, None, None],
        "count": [0, 4, 0, 0],
        "again": False,
        "next": True,
        "second": [0, 3, 6, 9],
    }


TABLE = """new m.UserTable({ states: ["waiting", "running", "failed"], workers: ["w1", "w2"],
  users: Array.from({ length: %d }, (_, index) => [index, index %% 3, index %% 2, index === 7 ? "HTTP 500" : ""]) })"""


async def test_users_are_filtered_by_state_worker_and_text(evaluated: Modules) -> None:
    groups = "[{ name: 'viewers', first_index: 0, count: 10 }, { name: 'zappers', first_index: 10, count: 10 }]"
    group = f"(index) => m.groupName({groups}, index)"
    cases: dict[str, list[int]] = {
        "{}": list(range(20)),
        "{ state: 2 }": [2, 5, 8, 11, 14, 17],
        "{ state: 2, worker: 1 }": [5, 11, 17],
        "{ text: '1' }": [1, *range(10, 20)],
        "{ text: '#19' }": [19],
        "{ text: '4-6' }": [4, 5, 6],
        "{ text: ' http 5' }": [7],
        "{ text: 'ZAPP' }": list(range(10, 20)),
        "{ text: 'nothing like it' }": [],
    }
    for query, wanted in cases.items():
        assert await evaluated("users", f"[...{TABLE % 20}.filter({query}, {group})]") == wanted, query


async def test_changes_of_users_are_applied_and_unknown_ones_are_told(evaluated: Modules) -> None:
    js = f"""(() => {{
      const table = {TABLE % 20};
      const known = [table.apply([[7, 1, 0, ""]]), table.apply([[3, 1, 2, ""]]), table.apply([[99, 1, 0, ""]])];
      return {{ known, seven: table.row(7), counts: table.counts() }};
    }})()"""
    assert await evaluated("users", js) == {
        "known": [True, False, False],
        "seven": {"index": 7, "state": "running", "worker": "w1", "detail": ""},
        "counts": [6, 8, 6],
    }


async def test_only_rows_near_the_view_are_made_whatever_the_length(evaluated: Modules) -> None:
    cases = {
        "{ scrollTop: 0, height: 280, rowHeight: 28, count: 100000 }": {"first": 0, "end": 18},
        "{ scrollTop: 28000, height: 280, rowHeight: 28, count: 100000 }": {"first": 992, "end": 1018},
        "{ scrollTop: 28000, height: 280, rowHeight: 28, count: 5 }": {"first": 4, "end": 5},
        "{ scrollTop: 0, height: 280, rowHeight: 28, count: 0 }": {"first": 0, "end": 0},
    }
    for view, wanted in cases.items():
        assert await evaluated("window", f"m.visibleRows({view})") == wanted, view
    scrolled = "[0, 10, 20].map((row) => m.scrollTo({ row, scrollTop: 100, height: 280, rowHeight: 28 }))"
    assert await evaluated("window", scrolled) == [0, 100, 308]
    keys = "['ArrowDown', 'ArrowUp', 'PageDown', 'Home', 'End', 'x'].map((key) => m.rowAfterKey(key, 5, 12, 10))"
    assert await evaluated("window", keys) == [6, 4, 11, 0, 11, None]
    assert await evaluated("window", "m.rowAfterKey('ArrowDown', 0, 0, 10)") is None


async def test_the_wait_before_an_attempt_grows_to_ten_seconds_and_no_further(evaluated: Modules) -> None:
    waits = await evaluated("backoff", "[1, 2, 3, 4, 5, 6, 50].map((attempt) => m.delayBefore(attempt, 1))")
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
    assert await evaluated("backoff", "m.delayBefore(6, 0)") == 7.5


async def test_states_are_counted_for_each_group(evaluated: Modules) -> None:
    users = "[[0, 1, -1, ''], [1, 0, -1, ''], [2, 1, -1, '']]"
    table = f"new m.UserTable({{ states: ['waiting', 'running'], workers: [], users: {users} }})"
    group = "{ first_index: 1, count: 5 }"
    assert await evaluated("users", f"m.countsOf({table}, {group})") == {"waiting": 1, "running": 1}
