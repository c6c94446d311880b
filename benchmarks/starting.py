"""How many users a second carga starts: all are wanted at once, the clock runs from the first page to the last.

    python -m benchmarks.starting --users 150

Prints JSON.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.overhead import READY_TIMEOUT_S, write_plan
from carga.demo import start
from carga.model.windows import Window
from tests.support.run import carga_run


def rate(database: Path) -> dict[str, float]:
    """From the windows of the journal: users that came to run, by second of the run."""
    with sqlite3.connect(database) as connection:
        windows = [
            msgspec.msgpack.decode(payload, type=Window)
            for (payload,) in connection.execute("SELECT payload FROM windows ORDER BY second")
        ]
    seconds = [window.second for window in windows for change in window.users if change.state == "running"]
    begun = min(window.second for window in windows for change in window.users if change.state == "starting")
    took_s = max(seconds) + 1 - begun
    return {"users": len(seconds), "seconds": took_s, "users_per_s": len(seconds) / took_s}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=150)
    options = parser.parse_args()
    with start() as demo, tempfile.TemporaryDirectory() as directory:
        plan = write_plan(Path(directory), demo.url, options.users, 60)
        async with carga_run(plan) as run:
            await run.until_running(options.users, timeout_s=READY_TIMEOUT_S)
            run.process.terminate()
            await run.finish()
        json.dump(rate(run.out / "run.db"), sys.stdout, indent=1)


if __name__ == "__main__":
    asyncio.run(main())
