"""How many users a second carga starts: all are wanted at once, the clock runs from the first page to the last.

On a small page with a WebSocket, on the demo (some twenty requests a page), and what the floor needs on the demo.

    python -m benchmarks.starting --users 150

Prints JSON.
"""

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.overhead import READY_TIMEOUT_S, write_plan
from carga.demo import start
from carga.model.windows import Window
from tests.support.run import carga_run
from tests.support.site import running_site

IDLE = 'export default async function (user) { await user.think("300s"); }'
"""Users who are there and do nothing: what they would do is not part of starting."""
SMALL_PAGE = """<!doctype html><title>small</title><h1>hello</h1><body data-ready="1"><script>
const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
socket.onopen = () => socket.send("hello");
</script>"""


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


async def carga_rate(url: str, users: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        plan = write_plan(Path(directory), url, users, 60)
        plan.with_name("press.js").write_text(IDLE)
        async with carga_run(plan) as run:
            await run.until_running(users, timeout_s=READY_TIMEOUT_S)
            run.process.terminate()
            await run.finish()
        return rate(run.out / "run.db")


def floor_rate(url: str, users: int) -> dict[str, float]:
    begun = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.floor", f"{url}guide/", "--users", str(users)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        took_s = time.monotonic() - begun
        process.communicate()
    return {"users": users, "seconds": took_s, "users_per_s": users / took_s}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=150)
    users = parser.parse_args().users
    result = {}
    async with running_site() as site:
        site.page("/guide/", SMALL_PAGE)
        result["small page"] = await carga_rate(site.url + "/", users)
    with start() as demo:
        result["demo"] = await carga_rate(demo.url, users)
        result["demo, floor"] = await asyncio.to_thread(floor_rate, demo.url, users)
    json.dump(result, sys.stdout, indent=1)


if __name__ == "__main__":
    asyncio.run(main())
