"""What carga adds to its browsers: the same users and key presses as the floor, in turn, in one run on one machine.

    python -m benchmarks.overhead --users 100 --rounds 2

Prints JSON. The demo runs apart and is not counted.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.tree import Cost, measure
from carga.demo import start
from tests.support.run import carga_run

SETTLE_S = 10.0
HERE = Path(__file__).parent
READY_TIMEOUT_S = 180.0

PLAN = """
[target]
url = "{url}guide/"
[[users]]
count = {users}
behaviour = "press.js"
rendering = "none"
pace = "1s"
user_agent = "serial={{serial}};mac={{mac}};"
[users.identity]
serial = "FAKE_{{index:020d}}"
mac = "{{index:mac}}"
[[load]]
users = {users}
over = "0s"
[[load]]
users = {users}
over = "{seconds}s"
"""


def write_plan(directory: Path, url: str, users: int, seconds: int) -> Path:
    (directory / "press.js").write_text((HERE / "press.js").read_text())
    path = directory / "plan.toml"
    path.write_text(PLAN.format(url=url, users=users, seconds=seconds))
    return path


def floor_cost(url: str, users: int, seconds: float, *options: str) -> Cost:
    command = [sys.executable, "-m", "benchmarks.floor", f"{url}guide/", "--users", str(users), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        cost = _settled(process.pid, seconds)
        process.communicate()
    return cost


def _settled(pid: int, seconds: float) -> Cost:
    measure(pid, SETTLE_S)
    return measure(pid, seconds)


async def carga_cost(url: str, users: int, seconds: float) -> tuple[Cost, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        plan = write_plan(Path(directory), url, users, int(seconds + SETTLE_S + 45))
        async with carga_run(plan) as run:
            await run.until_running(users, timeout_s=READY_TIMEOUT_S)
            cost = await asyncio.to_thread(_settled, run.process.pid, seconds)
            with suppress(ProcessLookupError):
                run.process.terminate()
            summary = await run.finish()
    return cost, summary


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    floors: list[Cost] = []
    asked: list[Cost] = []
    cargas: list[Cost] = []
    summary: dict[str, Any] = {}
    with start() as demo:
        for _ in range(options.rounds):
            floors.append(await asyncio.to_thread(floor_cost, demo.url, options.users, options.seconds))
            asked.append(await asyncio.to_thread(floor_cost, demo.url, options.users, options.seconds, "--asked"))
            cost, summary = await carga_cost(demo.url, options.users, options.seconds)
            cargas.append(cost)
    pairs = list(zip(floors, cargas, strict=True))
    result = {
        "users": options.users,
        "floor": [msgspec.to_builtins(cost) for cost in floors],
        "asked": [msgspec.to_builtins(cost) for cost in asked],
        "carga": [msgspec.to_builtins(cost) for cost in cargas],
        "memory_ratio": statistics.median(carga.memory_mb / floor.memory_mb for floor, carga in pairs),
        "cpu_ratio": statistics.median(carga.cores / floor.cores for floor, carga in pairs),
        "asked_cpu_ratio": statistics.median(one.cores / floor.cores for floor, one in zip(floors, asked, strict=True)),
        "python_share": statistics.median(carga.python_share for carga in cargas),
        "step_p95_ms": summary["metrics"]["step.press"]["p95"],
        "timer_late_p99_ms": summary["generator"]["timer_late_p99_ms"],
    }
    json.dump(result, sys.stdout, indent=1)


if __name__ == "__main__":
    asyncio.run(main())
