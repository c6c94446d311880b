"""Runs every benchmark, one after another, and writes RESULTS.md beside this file.

`make bench` is `python -m benchmarks`. What `benchmarks.peers` and `benchmarks.seven_thousand` wrote there stays: they
take long, and have commands of their own.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import carga
from benchmarks.sections import RESULTS, write_body
from carga.engines.chromium.find import find_chromium
from carga.results.machine import machine

TIMEOUT_S = 900


def run(module: str, *options: str) -> dict[str, Any]:
    """The JSON that the benchmark printed. A benchmark that fails ends everything."""
    sys.stderr.write(f"{module} {' '.join(options)} …\n")
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=True)
    return dict(json.loads(answer.stdout))


def row(what: str, goal: str, measured: str, reached: bool) -> str:
    return f"| {what} | {goal} | {measured} | {'yes' if reached else '**no**'} |"


def cost_rows(result: dict[str, Any]) -> list[str]:
    rows = []
    for name in ("floor", "asked", "carga"):
        for number, cost in enumerate(result[name], 1):
            rows.append(
                f"| {name} {number} | {cost['cores'] * 100:.1f} % | {cost['python_cores'] * 100:.2f} % "
                f"| {cost['memory_mb']:.0f} MB | {cost['memory_mb'] / result['users']:.1f} MB |"
            )
    return rows


def main() -> None:
    overhead = run("overhead", "--users", "100", "--rounds", "2")
    starting = run("starting", "--users", "150")
    simulation = run("simulation", "--seconds", "60")
    here = machine()
    lines = [
        "# What was measured",
        "",
        f"carga {carga.__version__}, Chromium {find_chromium().version}, on {here.host}: {here.cpu}, "
        f"{here.cores} cores, {here.memory_mb / 1024:.0f} GiB, {here.os}, "
        f"Python {here.python}; {datetime.now(UTC):%Y-%m-%d}. "
        "Made by `make bench`; ratios are those of one run on one machine.",
        "",
        "| what | goal | measured | reached |",
        "|---|---|---|---|",
        row("memory against the floor, 100 users", "at most 1.15", f"{overhead['memory_ratio']:.3f}",
            overhead["memory_ratio"] <= 1.15),
        row("CPU against the floor, 100 users", "at most 1.15", f"{overhead['cpu_ratio']:.3f}",
            overhead["cpu_ratio"] <= 1.15),
        row("Python's share of the tree's CPU", "at most 5 %", f"{overhead['python_share'] * 100:.2f} %",
            overhead["python_share"] <= 0.05),
        row("users started a second, 150 on a small page", "at least 10",
            f"{starting['small page']['users_per_s']:.1f}", starting["small page"]["users_per_s"] >= 10),
        row("100,000 simulated users on 500 workers: CPU", "at most one core",
            f"{simulation['cpu_cores']:.2f} cores", simulation["cpu_cores"] <= 1.0),
        row("… memory", "at most 1 GiB", f"{simulation['memory_mb_max']:.0f} MB", simulation["memory_mb_max"] <= 1024),
        "",
        "## 100 users, rendering `none`, one key press a second on the demo",
        "",
        "The whole process tree over 20 s, memory as PSS. `floor` is `benchmarks/floor.py`: the same browsers, users "
        "and key presses, nothing measured; `asked` is the same where a timer in each page asks for the key, the "
        f"least that a behaviour inside a page costs: {overhead['asked_cpu_ratio']:.3f} times the floor "
        "(docs/decisions/0002). In turn, round by round; the ratios above are medians over the rounds.",
        "",
        "| | CPU of a core | of it Python | memory | a user |",
        "|---|---|---|---|---|",
        *cost_rows(overhead),
        "",
        f"In the last round the step's p95 was {overhead['step_p95_ms']:.1f} ms and timers were late by "
        f"{overhead['timer_late_p99_ms']:.1f} ms (p99).",
        "",
        "## Starting",
        "",
        "150 users, wanted at once, who do nothing once they are there.",
        "",
        "| page | started in | a second |",
        "|---|---|---|",
        *(f"| {name} | {one['seconds']:.0f} s | {one['users_per_s']:.1f} |" for name, one in starting.items()),
        "",
        "The demo's page loads some twenty files and lays a grid out: most of what starting a user costs there.",
        "",
        "## Simulation",
        "",
        "The real coordinator state machine, wire codec and journal; workers are a table. 60 s at real time.",
        "",
        "```json",
        json.dumps(simulation, indent=1),
        "```",
        "",
    ]  # fmt: skip
    write_body("\n".join(lines))
    sys.stderr.write(f"written: {RESULTS}\n")


if __name__ == "__main__":
    main()
