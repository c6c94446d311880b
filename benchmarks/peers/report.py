"""results.json, and the section of RESULTS.md that is made of it."""

import statistics
from pathlib import Path

import msgspec

from benchmarks.peers.search import ACTIONS_MIN, BASELINE_USERS, SLOWER_FLOOR_MS, SLOWER_MAX, judge
from benchmarks.peers.step import Step
from benchmarks.peers.tools import Tool, tools

RESULTS = Path(__file__).parent / "results.json"
GOALS = (
    ("carga-paced", "shared", 5.0),
    ("carga-paced", "own", 15.0),
    ("carga-none", "shared", 10.0),
    ("carga-light", "shared", 25.0),
)
"""A tool of ours, the kind of peers whose best it is held against, and how many times as many users it should hold."""


class Series(msgspec.Struct, kw_only=True):
    """What one command measured of one tool."""

    tool: str
    command: str
    at: str
    """When it began, UTC."""
    machine: str
    versions: str
    steps: list[Step] = []

    def rounds(self) -> list[int]:
        return sorted({step.round for step in self.steps})

    def baseline(self, number: int) -> Step | None:
        return next((one for one in self.steps if one.round == number and one.users == BASELINE_USERS), None)

    def held(self, number: int) -> int | None:
        """The most users in this round; 0: not even the fewest tried. None: nothing was tried."""
        steps = [one for one in self.steps if one.round == number]
        if not steps:
            return None
        return max((one.users for one in steps if judge(one, self.baseline(number)).held), default=0)

    def broke(self, number: int) -> Step | None:
        """The smallest step that was not held."""
        held = self.held(number) or 0
        steps = [one for one in self.steps if one.round == number and one.users > held]
        return min(steps, key=lambda one: one.users, default=None)

    @property
    def users(self) -> float | None:
        """Held, the median of the rounds."""
        each = [held for number in self.rounds() if (held := self.held(number)) is not None]
        return statistics.median(each) if each else None


def load() -> dict[str, Series]:
    """By the tool's name."""
    if not RESULTS.exists():
        return {}
    return {one.tool: one for one in msgspec.json.decode(RESULTS.read_bytes(), type=list[Series])}


def save(results: dict[str, Series]) -> None:
    text = msgspec.json.format(msgspec.json.encode(list(results.values())), indent=1)
    RESULTS.write_bytes(text + b"\n")


def section(results: dict[str, Series]) -> str:
    there = [(tool, results[tool.name]) for tool in tools() if tool.name in results]
    if not there:
        return ""
    facts = sorted({(one.at[:10], one.machine, one.versions) for _, one in there})
    lines = [
        "## Beside other tools",
        "",
        "The same small single-page application with a WebSocket, the same Chromium, the same behaviour: every user "
        "presses a key once a second, waits until the page shows the server's answer, and stays. One tool after "
        "another on one machine; `benchmarks/peers/README.md` tells how each was set up, "
        "`benchmarks/peers/results.json` has all figures.",
        "",
        *(f"Measured {day} on {machine}; {versions}." for day, machine, versions in facts),
        "",
        *(f"    {command}" for command in sorted({one.command for _, one in there})),
        "",
        f"**Holds N users** means: the server saw at least {ACTIONS_MIN * 100:.0f} % of the actions that N users "
        f"should make, and the tool's own p95 is at most {SLOWER_MAX * 100:.0f} % (or {SLOWER_FLOOR_MS:.0f} ms, where "
        f"that is more) above what the same tool measured with {BASELINE_USERS} users in the same round. The median of "
        "the rounds counts. *Breaks at* is the smallest number tried above it.",
        "",
        "| tool | users share a browser | holds | each round | breaks at | why |",
        "|---|---|---|---|---|---|",
        *(_summary_row(tool, one) for tool, one in there),
        "",
        "| what | goal | measured | reached |",
        "|---|---|---|---|",
        *_goal_rows(results),
        "",
        "Every step. *Actions* a second and the *page's* times are the server's log; *own* is what the tool says of "
        "the same actions; CPU (100 % is one core) and memory (PSS) are of every process that the tool started, "
        "browsers included; *start* is from the command to the first action of the last user; *server* and *others* "
        "are what the server and the rest of the machine used meanwhile.",
        "",
        "| tool | users | actions/s | page p50 / p95 ms | own p50 / p95 ms | CPU | a user | Python | memory MB "
        "| a user | start s | server | others | held |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(row for tool, one in there for row in _step_rows(tool, one)),
    ]
    return "\n".join(lines)


def _summary_row(tool: Tool, series: Series) -> str:
    each = ", ".join(str(series.held(number)) for number in series.rounds())
    broken = [one for number in series.rounds() if (one := series.broke(number)) is not None]
    first = min(broken, key=lambda one: one.users, default=None)
    why = judge(first, series.baseline(first.round)).why.split(";")[0] if first else "the most that was tried"
    shared = "yes" if tool.shares == "shared" else "no"
    held = f"{series.users:.0f}" if series.users is not None else "-"
    return f"| {tool.title} | {shared} | **{held}** | {each} | {first.users if first else '-'} | {_cell(why)} |"


def _goal_rows(results: dict[str, Series]) -> list[str]:
    rows = []
    titles = {tool.name: tool.title for tool in tools()}
    for ours, shares, goal in GOALS:
        peers = [
            (results[tool.name].users or 0.0, tool.title)
            for tool in tools()
            if tool.peer and tool.shares == shares and tool.name in results
        ]
        if ours not in results or not peers:
            continue
        best, name = max(peers)
        users = results[ours].users or 0.0
        what = "shares a browser" if shares == "shared" else "starts a browser for each user"
        measured = f"{users:.0f} / {best:.0f} = {users / best:.1f}" if best else "-"
        reached = "yes" if best and users >= goal * best else "**no**"
        rows.append(
            f"| {titles[ours]}, against the best peer that {what} ({name}) | at least {goal:.0f} times | {measured} "
            f"| {reached} |"
        )
    return rows


def _step_rows(tool: Tool, series: Series) -> list[str]:
    rows = []
    for one in sorted(series.steps, key=lambda step: (step.users, step.round)):
        verdict = judge(one, series.baseline(one.round))
        if not one.seconds:
            rows.append(f"| {tool.title} | {one.users} |" + " - |" * 11 + f" {_cell(one.error.split(';')[0])} |")
            continue
        cells = [
            f"{one.actions_per_s:.1f}",
            f"{_ms(one.page_p50_ms)} / {_ms(one.page_p95_ms)}",
            f"{_ms(one.own_p50_ms)} / {_ms(one.own_p95_ms)}",
            f"{one.cores * 100:.0f} %",
            f"{one.cores * 100 / one.users:.2f} %",
            f"{one.python_cores * 100:.1f} %",
            f"{one.memory_mb:.0f}",
            f"{one.memory_mb / one.users:.1f}",
            f"{one.start_s:.1f}" if one.start_s is not None else "-",
            f"{one.server_cores * 100:.1f} %",
            f"{one.other_cores * 100:.0f} %",
            "yes" if verdict.held else "no",
        ]
        rows.append(f"| {tool.title} | {one.users} | {' | '.join(cells)} |")
    return rows


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
