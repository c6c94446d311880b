"""Seven thousand users on one machine: each with an identity and a WebSocket of its own, acting every ten seconds.

    python -m benchmarks.seven_thousand
    python -m benchmarks.seven_thousand --users 50 --seconds 30 --ramp 5 --out /tmp/few     # a try

Runs the real `carga run` against the server of benchmarks/peers, whose log says who was there. Keeps report, summary
and samples beside this file in seven_thousand/, and writes a section of RESULTS.md. With another --out it only prints.
"""

import argparse
import json
import math
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

import carga
from benchmarks.peers.family import Family, Used, become_subreaper, cost, machine_cpu_s
from benchmarks.peers.step import Server, quantiles, server
from benchmarks.peers.tools import SCRIPTS, forced
from benchmarks.sections import write_section
from carga.results.machine import machine
from tests.support.site import free_port

OUT = Path(__file__).parent / "seven_thousand"
KEPT = ("report.html", "summary.json")
SAMPLE_EVERY_S = 5.0
MEMORY_EVERY_S = 60.0
"""PSS of hundreds of processes costs the kernel seconds."""
STARTED_PER_S = 40.0
"""Users a second, where --ramp does not say."""
SLACK_S = 60.0
"""After the ramp, for users who start later than they were asked to."""
OVERTIME_S = 300.0
"""For starting up, draining and the report."""
PYTHON_SHARE_MAX = 0.05
ACTIONS_MIN = 0.95

PLAN = """# Every user: one WebSocket held open, one action every {every:g} s on average.
[target]
url = "{url}?user={{serial}}"

[[users]]
name = "viewers"
count = {users}
engine = "{engine}"
behaviour = "press.js"
pace = "{every:g}s"
user_agent = "serial={{serial}};mac={{mac}};"

[users.identity]
serial = "FAKE_{{index:020d}}"
mac = "{{index:mac}}"

[[load]]
users = {users}
over = "{ramp:g}s"

[[load]]
users = {users}
over = "{seconds:g}s"

[[threshold]]
metric = "step.press"
p95 = "500ms"
failed = "1%"

[[threshold]]
metric = "requests"
failed = "1%"

[[threshold]]
metric = "websockets_closed_abnormally"
count = 0

[[threshold]]
metric = "page_errors"
count = 0
"""


class Sample(msgspec.Struct, frozen=True):
    at_s: float
    """Since the command."""
    acting: int
    """Users that had acted by then."""
    sockets: int
    """Open at the server."""
    actions_per_s: float
    cores: float
    """Of everything that carga started."""
    python_cores: float
    server_cores: float
    machine_cores: float
    available_mb: float
    memory_mb: float | None
    """PSS of everything that carga started, now and then."""


class Result(msgspec.Struct, kw_only=True):
    users: int
    engine: str
    every_s: float
    seconds: float
    """With all users: the plateau."""
    seconds_wanted: float
    command: str
    at: str
    machine: str
    version: str
    identities: int
    """Different users in the server's log."""
    agents: int
    """Different user agents in its handshakes: the identity, as the browser itself sends it."""
    sockets_max: int
    """Open at the same time."""
    sockets_min: int
    """The fewest at any moment of the plateau."""
    actions_server: int
    actions_carga: int
    actions_per_s: float
    """On the plateau, seen by the server."""
    page_p50_ms: float | None
    page_p95_ms: float | None
    started_s: float | None
    """From the command to the first action of the last user."""
    python_share: float
    """Of the CPU that carga and its engines used on the plateau."""
    python_share_max: float
    """The worst minute of the whole run."""
    cores: float
    server_cores: float
    memory_mb: float
    verdict: str
    trusted: bool
    reasons: list[str]
    exit_code: int
    step: dict[str, Any]
    generator: dict[str, Any]

    def checks(self) -> list[tuple[str, str, str, bool]]:
        """What, goal, measured, reached."""
        wanted_per_s = self.users / self.every_s
        return [
            (
                "seconds with all users acting",
                f"{self.seconds_wanted:.0f}",
                f"{self.seconds:.0f}",
                self.seconds >= self.seconds_wanted - 0.5,
            ),
            ("identities seen by the server", f"{self.users:,}", f"{self.identities:,}", self.identities == self.users),
            ("… by their user agents", f"{self.users:,}", f"{self.agents:,}", self.agents == self.users),
            ("WebSockets open at once", f"{self.users:,}", f"{self.sockets_max:,}", self.sockets_max >= self.users),
            (
                "… at every moment of the plateau",
                f"{self.users:,}",
                f"{self.sockets_min:,}",
                self.sockets_min >= self.users,
            ),
            (
                "actions a second, seen by the server",
                f"at least {ACTIONS_MIN:.0%} of {wanted_per_s:,.1f}",
                f"{self.actions_per_s:,.1f}",
                self.actions_per_s >= ACTIONS_MIN * wanted_per_s,
            ),
            ("verdict", "passed", self.verdict, self.verdict == "passed"),
            ("generator", "trusted", "trusted" if self.trusted else "not trusted", self.trusted),
            (
                "Python's share of the CPU, worst minute",
                f"at most {PYTHON_SHARE_MAX:.0%}",
                f"{self.python_share_max:.1%} ({self.python_share:.1%} over the plateau)",
                self.python_share_max <= PYTHON_SHARE_MAX,
            ),
        ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=7000)
    parser.add_argument("--engine", default="light")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two actions of a user")
    parser.add_argument("--ramp", type=float, default=0.0, help="seconds in which users come; left out: 40 a second")
    parser.add_argument("--seconds", type=float, default=600.0, help="with all users, after the ramp")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


class Watch:
    """Looks at the run every few seconds, until the command ends."""

    def __init__(self, site: Server, family: Family) -> None:
        self._site, self._family = site, family
        self.begun = time.time()
        self.samples: list[Sample] = []
        self.used: list[tuple[float, Used]] = []
        """Wall-clock time and CPU, for shares over any span."""
        self._memory_at = 0.0

    def until_end(self, process: subprocess.Popen[bytes], limit_s: float) -> None:
        last, server_s, machine_s = self._family.used(), self._site.cpu_s(), machine_cpu_s()
        while process.poll() is None:
            if time.time() - self.begun > limit_s:
                raise SystemExit(f"carga did not end within {limit_s:.0f} s")
            try:
                process.wait(SAMPLE_EVERY_S)
            except subprocess.TimeoutExpired:
                pass
            else:
                return
            now, server_now, machine_now = self._family.used(), self._site.cpu_s(), machine_cpu_s()
            span_s = now.at - last.at
            self.used.append((time.time(), now))
            self._keep(last, now, (server_now - server_s) / span_s, (machine_now - machine_s) / span_s)
            last, server_s, machine_s = now, server_now, machine_now

    def _keep(self, last: Used, now: Used, server_cores: float, machine_cores: float) -> None:
        self._site.log.read()
        used, end = cost(last, now), time.time()
        memory_mb = None
        if end - self._memory_at >= MEMORY_EVERY_S:
            self._memory_at = end
            memory_mb = self._family.memory_mb()
        sample = Sample(
            at_s=round(end - self.begun, 1),
            acting=len(self._site.log.first_acts),
            sockets=self._site.log.sockets_open,
            actions_per_s=round(self._site.log.acts_between(end - SAMPLE_EVERY_S, end) / SAMPLE_EVERY_S, 1),
            cores=round(used.cores, 3),
            python_cores=round(used.python_cores, 4),
            server_cores=round(server_cores, 4),
            machine_cores=round(machine_cores, 3),
            available_mb=round(psutil.virtual_memory().available / 2**20),
            memory_mb=memory_mb,
        )
        self.samples.append(sample)
        sys.stderr.write(
            f"{sample.at_s:6.0f} s: {sample.acting} users have acted, {sample.sockets} WebSockets, "
            f"{sample.actions_per_s:.0f} actions/s; {sample.cores:.2f} cores, Python {sample.python_cores:.3f}, server "
            f"{sample.server_cores:.3f}; {sample.available_mb:.0f} MB free\n"
        )

    def share(self, begin: float, end: float) -> tuple[float, float]:
        """Cores of carga and its engines, and Python's share of them, between two moments."""
        within = [used for at, used in self.used if begin <= at <= end]
        if len(within) < 2:
            return 0.0, 0.0
        used = cost(within[0], within[-1])
        return used.cores, used.python_cores / used.cores if used.cores else 0.0

    def worst_minute(self) -> float:
        """Python's largest share within 60 s, from when the first user acted."""
        first = min(self._site.log.first_acts.values(), default=math.inf)
        begins = [at for at, _ in self.used if at >= first]
        return max((self.share(at, at + 60)[1] for at in begins if at + 60 <= begins[-1] + 1), default=0.0)


def run(options: argparse.Namespace, folder: Path) -> tuple[Result, Watch]:
    ramp = options.ramp or options.users / STARTED_PER_S
    out = folder / "out"
    with server(folder) as site:
        values = {"users": options.users, "engine": options.engine, "every": options.every, "url": site.url}
        (folder / "plan.toml").write_text(PLAN.format(ramp=ramp, seconds=options.seconds + SLACK_S, **values))
        shutil.copy(SCRIPTS / "press.js", folder / "press.js")
        command = [sys.executable, "-m", "carga", "run", str(folder / "plan.toml"), "--out", str(out), *forced()]
        family = Family(site.process.pid)
        watch = Watch(site, family)
        process = subprocess.Popen([*command, "--port", str(free_port()), "--quiet"], stdout=subprocess.DEVNULL)
        try:
            watch.until_end(process, ramp + options.seconds + SLACK_S + OVERTIME_S)
        finally:
            family.end((process.pid, site.process.pid))
            process.wait()
        site.log.read()
    if not (out / "summary.json").exists():
        raise SystemExit(f"carga ended with code {process.returncode} and left no summary")
    return result(options, watch, site, json.loads((out / "summary.json").read_text()), process.returncode), watch


def result(options: argparse.Namespace, watch: Watch, site: Server, summary: dict[str, Any], code: int) -> Result:
    log, here = site.log, machine()
    begun_acting = max(log.first_acts.values(), default=watch.begun)
    # The plateau ends when the first socket closes after the last one opened; what came before is the ramp.
    full = [at for at, count in log.sockets if count == log.sockets_max()]
    end = next((at for at, count in log.sockets if full and at > full[-1] and count < log.sockets_max()), time.time())
    end -= 1.0  # users of one moment leave within a moment
    begin = max(end - options.seconds, begun_acting)
    cores, python_share = watch.share(begin, end)
    plateau = [one for one in watch.samples if begin <= watch.begun + one.at_s <= end]
    p50, p95 = quantiles(log.latencies_between(begin, end))
    return Result(
        users=options.users,
        engine=options.engine,
        every_s=options.every,
        seconds=round(end - begin, 1),
        seconds_wanted=options.seconds,
        command=f"python -m benchmarks.seven_thousand {' '.join(sys.argv[1:])}".strip(),
        at=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{here.cpu}, {here.cores} cores, {here.memory_mb / 1024:.0f} GiB, {here.os}",
        version=carga.__version__,
        identities=len(log.first_acts),
        agents=len({agent for agent in log.agents.values() if agent.startswith("serial=")}),
        sockets_max=log.sockets_max(),
        sockets_min=log.sockets_min(begin, end),
        actions_server=len(log.acts),
        actions_carga=summary["counters"]["actions"],
        actions_per_s=log.acts_between(begin, end) / max(end - begin, 1.0),
        page_p50_ms=p50,
        page_p95_ms=p95,
        started_s=begun_acting - watch.begun if log.first_acts else None,
        python_share=python_share,
        python_share_max=max(python_share, watch.worst_minute()),
        cores=cores,
        server_cores=max((one.server_cores for one in plateau), default=0.0),
        memory_mb=max((one.memory_mb for one in watch.samples if one.memory_mb is not None), default=0.0),
        verdict=summary["verdict"],
        trusted=summary["generator"]["trusted"],
        reasons=summary["reasons"],
        exit_code=code,
        step=summary["metrics"].get("step.press", {}),
        generator=summary["generator"],
    )


def section(one: Result) -> str:
    step = one.step
    times = " / ".join(f"{value:.1f}" if value is not None else "-" for value in (one.page_p50_ms, one.page_p95_ms))
    lines = [
        f"## {one.users:,} users on one machine",
        "",
        f"Engine `{one.engine}`, each user with an identity and a WebSocket of its own, one action every "
        f"{one.every_s:g} s, {one.seconds / 60:.1f} minutes with all of them. carga {one.version} on {one.machine}; "
        f"{one.at}. The application and its server are those of the comparison above; the server's log counts. "
        "`benchmarks/seven_thousand/` has the report, the summary and samples of the whole run.",
        "",
        f"    {one.command}",
        "",
        "| what | goal | measured | reached |",
        "|---|---|---|---|",
        *(
            f"| {what} | {goal} | {got} | {'yes' if reached else '**no**'} |"
            for what, goal, got, reached in one.checks()
        ),
        "",
        f"All users acted after {one.started_s or math.nan:.0f} s. On the plateau carga and its engines used "
        f"{one.cores:.2f} cores ({one.cores * one.python_share:.3f} of them Python), the server at most "
        f"{one.server_cores:.2f}; memory at most {one.memory_mb:,.0f} MB (PSS), {one.memory_mb / one.users:.2f} MB a "
        f"user. From key to DOM the pages measured {times} ms (p50 / p95); carga's own p95 of the step over the whole "
        f"run is {step.get('p95') or math.nan:.1f} ms. The server saw {one.actions_server:,} actions, carga counted "
        f"{one.actions_carga:,}.",
        *(["", "carga's reasons: " + "; ".join(one.reasons)] if one.reasons else []),
    ]
    return "\n".join(lines)


def keep(options: argparse.Namespace, folder: Path, one: Result, watch: Watch) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copy(folder / "out" / name, options.out / name)
    shutil.copy(folder / "plan.toml", options.out / "plan.toml")
    (options.out / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(one), indent=1) + b"\n")
    lines = b"\n".join(map(msgspec.json.encode, watch.samples))
    (options.out / "samples.jsonl").write_bytes(lines + b"\n")
    if options.out == OUT:
        write_section("seven_thousand", section(one))


def main() -> None:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    become_subreaper()
    with tempfile.TemporaryDirectory(prefix="carga-many-", ignore_cleanup_errors=True) as directory:
        one, watch = run(options, Path(directory))
        keep(options, Path(directory), one, watch)
    sys.stdout.write(section(one) + "\n")
    if not all(reached for *_, reached in one.checks()):
        sys.exit(1)


if __name__ == "__main__":
    main()
