"""carga beside k6 browser, Artillery, Locust with Playwright and puppeteer-cluster: how many users each holds.

    python -m benchmarks.peers                                   # everything, about half an hour a round
    python -m benchmarks.peers --tools k6,carga-paced --rounds 2
    python -m benchmarks.peers --users 5,10,20 --seconds 10      # exactly these numbers of users
    python -m benchmarks.peers --report                          # write the tables again

Installs the peers by itself. After each step results.json and the section of RESULTS.md are written, so an interrupt
loses one step. A tool that is run again loses its earlier results, the others keep theirs.
"""

import argparse
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import carga
from benchmarks.peers.family import become_subreaper
from benchmarks.peers.install import Installed, install, versions
from benchmarks.peers.report import Series, load, save, section
from benchmarks.peers.search import BASELINE_USERS, judge, search
from benchmarks.peers.step import Step, Timing, run_step
from benchmarks.peers.tools import Tool, tools
from benchmarks.sections import write_section
from carga.engines.chromium.find import find_chromium
from carga.results.machine import machine


class OutOfTime(Exception):
    pass


def say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", default="all", help=", ".join(tool.name for tool in tools()))
    parser.add_argument("--users", default="", help="these numbers of users; left out: search for the limit")
    parser.add_argument("--users-max", type=int, default=2560, help="never try more")
    parser.add_argument(
        "--refine", type=int, default=1, help="steps between the last that held and the first that broke"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often everything is repeated")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured in each step")
    parser.add_argument("--start-max", type=float, default=180.0, help="longest start of a step in seconds")
    parser.add_argument("--minutes", type=float, default=120.0, help="begin no step after that")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the tables again")
    return parser.parse_args()


def described(tool: Tool) -> Series:
    here = machine()
    pins = ", ".join(f"{name} {one}" for kind in versions().values() for name, one in kind.items())
    return Series(
        tool=tool.name,
        command=f"python -m benchmarks.peers {shlex.join(sys.argv[1:])}".strip(),
        at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        machine=f"{here.cpu}, {here.cores} cores, {here.memory_mb / 1024:.0f} GiB, {here.os}",
        versions=f"carga {carga.__version__}, Chromium {find_chromium().version}, {pins}",
    )


class Benchmark:
    def __init__(self, options: argparse.Namespace, installed: Installed) -> None:
        self._options = options
        self._installed = installed
        self._timing = Timing(seconds=options.seconds, start_max_s=options.start_max)
        self._deadline = time.monotonic() + options.minutes * 60
        self._results = load()
        self._fresh: set[str] = set()
        """Tools whose earlier results are gone."""

    def run(self, tool: Tool, number: int) -> None:
        if self._options.users:
            for users in map(int, self._options.users.split(",")):
                self._measure(tool, users, number)
            return
        baseline = self._measure(tool, BASELINE_USERS, number)
        if baseline.error:
            return  # what does not run with so few needs no search
        known: dict[int, bool] = {}

        def holds(users: int) -> bool:
            if users not in known:
                known[users] = judge(self._measure(tool, users, number), baseline).held
            return known[users]

        first, options = tool.first_users, self._options
        if number > 1:
            # Where the first round found the limit, two steps usually do.
            before = self._results[tool.name]
            first, broken = max(before.held(1) or 0, 2 * BASELINE_USERS), before.broke(1)
            if holds(first) and broken is not None and not holds(broken.users):
                return
        search(holds, first, options.users_max, options.refine)

    def _measure(self, tool: Tool, users: int, number: int) -> Step:
        if time.monotonic() > self._deadline:
            raise OutOfTime
        try:
            step = run_step(tool, users, number, self._timing, self._installed)
            if step.ended:
                say(f"{tool.name}, {users} users: tried again, since {step.error}")
                step = run_step(tool, users, number, self._timing, self._installed)
                step.tries = 2
        except (OSError, RuntimeError, subprocess.SubprocessError) as problem:
            step = Step(tool=tool.name, users=users, round=number, at="", error=repr(problem))
        if tool.name not in self._fresh:
            self._fresh.add(tool.name)
            self._results[tool.name] = described(tool)
        series = self._results[tool.name]
        series.steps.append(step)
        verdict = judge(step, series.baseline(number))
        measured = ""
        if not step.error:
            measured = f"; {step.cores * 100 / users:.2f} % and {step.memory_mb / users:.1f} MB a user"
            measured += f", started in {step.start_s:.0f} s; others used {step.other_cores * 100:.0f} %"
        say(f"{tool.name}, {users} users: {'held' if verdict.held else 'NOT held'}: {verdict.why}{measured}")
        self.keep()
        return step

    def keep(self) -> None:
        save(self._results)
        write_section("peers", section(self._results))


def wanted(names: str) -> list[Tool]:
    known = {tool.name: tool for tool in tools()}
    chosen = list(known) if names == "all" else names.split(",")
    if unknown := [name for name in chosen if name not in known]:
        raise SystemExit(f"no such tool: {', '.join(unknown)}; there are {', '.join(known)}")
    for name in chosen:
        if known[name].missing:
            say(f"{name} is left out: {known[name].missing}")
    return [known[name] for name in chosen if not known[name].missing]


def main() -> None:
    options = arguments()
    if options.report:
        if not (results := load()):
            raise SystemExit("nothing was measured yet")
        write_section("peers", section(results))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = wanted(options.tools)
    become_subreaper()
    benchmark = Benchmark(options, install())
    begun = time.monotonic()
    try:
        for number in range(1, options.rounds + 1):
            for tool in chosen:
                say(f"round {number}: {tool.title}")
                benchmark.run(tool, number)
    except OutOfTime:
        say("the time is over: the rest is left out")
    say(f"done after {(time.monotonic() - begun) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
