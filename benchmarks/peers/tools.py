"""How each tool is started, and where it keeps what it measured itself. Why so is in README.md."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.peers.install import Installed
from carga.engines.chromium.browser import FLAGS
from carga.engines.chromium.find import find_chromium
from carga.model.engines import ENGINES
from carga.model.histogram import Histogram
from carga.model.windows import Window
from tests.support.site import free_port

SCRIPTS = Path(__file__).parent / "scripts"
PEER_FLAGS = (*FLAGS, "--no-sandbox")
"""carga's own. Without a sandbox, because the tools are started by root as CI would; that makes nothing dearer."""
RATE_SHARED, RATE_OWN = 4.0, 2.0
"""Users a second that a peer is told to start: a context, a whole browser. More at once, and start-ups time out."""
LOCUST_CONTEXTS = 10
"""Contexts a browser, what locust-plugins recommends."""
FOREVER_S = 3600

Shares = Literal["shared", "own"]
"""Whether the users of a tool share browsers, or each has one of its own."""


class Tool(msgspec.Struct, frozen=True):
    name: str
    title: str
    shares: Shares
    command: Callable[[Path, str, int, Installed], tuple[list[str], dict[str, str]]]
    """Folder, URL and users to the command line and what is added to the environment."""
    durations_ms: Callable[[Path, float, float], list[float] | Histogram]
    """Of the actions between two moments, as the tool measured them."""
    peer: bool = True
    first_users: int = 20
    """Where the search for its limit begins."""
    missing: str = ""
    """Why it cannot be run here."""


# --- carga -----------------------------------------------------------------------------------------------------

PLAN = """
[target]
url = "{url}?user={{index}}"
[[users]]
count = {users}
behaviour = "press.js"
engine = "{engine}"
isolation = "{isolation}"
rendering = "{rendering}"
pace = "1s"
[[load]]
users = {users}
over = "0s"
[[load]]
users = {users}
over = "{forever}s"
"""


def _carga(name: str, *, engine: str = "chromium", rendering: str = "", isolation: str = "context", first: int) -> Tool:
    traits = ENGINES.get(engine)  # type: ignore[call-overload]
    missing = ""
    if traits is None or (rendering and rendering not in traits.renderings) or isolation not in traits.isolations:
        missing = f"this carga has no {' '.join(filter(None, (engine, rendering, isolation)))}"
    else:
        rendering = rendering or traits.renderings[0]

    def command(folder: Path, url: str, users: int, _: Installed) -> tuple[list[str], dict[str, str]]:
        (folder / "press.js").write_text((SCRIPTS / "press.js").read_text())
        plan = folder / "plan.toml"
        values = {"engine": engine, "isolation": isolation, "rendering": rendering, "forever": FOREVER_S}
        plan.write_text(PLAN.format(url=url, users=users, **values))
        options = ["--out", str(folder / "out"), "--port", str(free_port()), "--quiet"]
        return [sys.executable, "-m", "carga", "run", str(plan), *options, *forced()], {}

    own = isolation != "context"
    title = f"carga {name}, a browser a user" if own else f"carga {name}"
    return Tool(f"carga-{name}", title, "own" if own else "shared", command, _carga_own, False, first, missing)


@cache
def forced() -> list[str]:
    """A benchmark wants to see what happens beyond the machine's capacity, where carga would rather not begin."""
    answer = subprocess.run(
        [sys.executable, "-m", "carga", "run", "--help"], capture_output=True, text=True, check=True
    )
    return ["--force"] if "--force" in answer.stdout else []


def _carga_own(folder: Path, begin: float, end: float) -> Histogram:
    """From the histograms of the run's seconds."""
    merged = Histogram()
    with sqlite3.connect(folder / "out" / "run.db") as connection:
        (started,) = connection.execute("SELECT value FROM meta WHERE key = 'started_at'").fetchone()
        origin = datetime.fromisoformat(started).timestamp()
        for (payload,) in connection.execute("SELECT payload FROM windows"):
            window = msgspec.msgpack.decode(payload, type=Window)
            if begin <= origin + window.second <= end - 1 and (metric := window.metrics.get("step.press")):
                merged.merge(metric.values)
    return merged


# --- peers -----------------------------------------------------------------------------------------------------


def _environment(folder: Path, url: str, users: int, installed: Installed, shares: Shares) -> dict[str, str]:
    return {
        "PATH": f"{installed.bin}:{os.environ['PATH']}",
        "PEER_URL": url,
        "PEER_USERS": str(users),
        "PEER_RATE": str(RATE_SHARED if shares == "shared" else RATE_OWN),
        "PEER_CHROMIUM": str(find_chromium().path),
        "PEER_FLAGS": json.dumps(PEER_FLAGS),
        "PEER_NODE": str(installed.node),
        "PEER_OWN": str(folder / "own.log"),
    }


def _own_log(folder: Path, begin: float, end: float) -> list[float]:
    """Lines of "EPOCH_MS DURATION_MS", as scripts/own.mjs and scripts/locustfile.py write them."""
    path = folder / "own.log"
    whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
    pairs = [line.split() for line in whole.splitlines()]
    return [float(duration) for at, duration in pairs if begin <= float(at) / 1000 <= end]


def _k6() -> Tool:
    def command(folder: Path, url: str, users: int, installed: Installed) -> tuple[list[str], dict[str, str]]:
        # K6_BROWSER_ARGS is split at commas, so flags whose value has some cannot be given.
        flags = [flag.removeprefix("--") for flag in PEER_FLAGS if "," not in flag]
        added = {
            "K6_BROWSER_EXECUTABLE_PATH": str(find_chromium().path),
            "K6_BROWSER_HEADLESS": "true",
            "K6_BROWSER_ARGS": ",".join(flags),
            "K6_BROWSER_TIMEOUT": "60s",
            "K6_CSV_TIME_FORMAT": "unix_milli",
            "K6_NO_USAGE_REPORT": "true",
        }
        options = ["run", "--quiet", "--address", "", "--out", f"csv={folder / 'k6.csv'}", str(SCRIPTS / "k6.mjs")]
        environment = {**_environment(folder, url, users, installed, "own"), **added}
        return [str(installed.bin / "k6"), *options], environment

    def durations_ms(folder: Path, begin: float, end: float) -> list[float]:
        path = folder / "k6.csv"
        rows = csv.reader(path.open()) if path.exists() else iter([])
        return [float(row[2]) for row in rows if row[0] == "action" and begin <= float(row[1]) / 1000 <= end]

    return Tool("k6", "k6 browser", "own", command, durations_ms)


def _artillery(name: str, title: str, shares: Shares) -> Tool:
    def command(folder: Path, url: str, users: int, installed: Installed) -> tuple[list[str], dict[str, str]]:
        rate = RATE_SHARED if shares == "shared" else RATE_OWN
        # One first: users who arrive while the shared browser is being started would each start another.
        first = {"duration": 2, "arrivalCount": 1, "name": "first"}
        others = {"duration": max(1, round((users - 1) / rate)), "arrivalCount": users - 1, "name": "others"}
        engine = {
            "launchOptions": {"executablePath": str(find_chromium().path), "args": list(PEER_FLAGS), "headless": True},
            "useSeparateBrowserPerVU": shares == "own",
            "aggregateByName": True,
        }
        script = {
            "config": {
                "target": url,
                "phases": [first, others] if users > 1 else [first],
                "engines": {"playwright": engine},
                "processor": str(SCRIPTS / "artillery.mjs"),
            },
            "scenarios": [{"name": "viewer", "engine": "playwright", "testFunction": "act"}],
        }
        (folder / "artillery.json").write_text(json.dumps(script))
        environment = _environment(folder, url, users, installed, shares)
        environment["ARTILLERY_DISABLE_TELEMETRY"] = "true"
        binary = installed.node / "node_modules" / ".bin" / "artillery"
        return [str(binary), "run", "--quiet", str(folder / "artillery.json")], environment

    return Tool(name, title, shares, command, _own_log)


def _locust(name: str, title: str, contexts: int) -> Tool:
    shares: Shares = "shared" if contexts > 1 else "own"

    def command(folder: Path, url: str, users: int, installed: Installed) -> tuple[list[str], dict[str, str]]:
        browsers = -(-users // contexts)
        environment = _environment(folder, url, users, installed, shares)
        environment["PEER_MULTIPLIER"] = str(contexts)
        options = ["--headless", "--users", str(browsers), "--spawn-rate", str(RATE_OWN), "--loglevel", "WARNING"]
        options += ["--locustfile", str(SCRIPTS / "locustfile.py"), "--only-summary"]
        return [str(installed.bin / "locust"), *options], environment

    return Tool(name, title, shares, command, _own_log)


def _puppeteer(name: str, title: str, shares: Shares) -> Tool:
    def command(folder: Path, url: str, users: int, installed: Installed) -> tuple[list[str], dict[str, str]]:
        environment = _environment(folder, url, users, installed, shares)
        environment["PEER_CONCURRENCY"] = "CONCURRENCY_CONTEXT" if shares == "shared" else "CONCURRENCY_BROWSER"
        return [str(installed.bin / "node"), str(SCRIPTS / "puppeteer.mjs")], environment

    return Tool(name, title, shares, command, _own_log)


def tools() -> list[Tool]:
    """In the order in which they are run: one after another, carga's between the peers."""
    return [
        _artillery("artillery-shared", "Artillery, shared browser", "shared"),
        _carga("paced", rendering="paced", first=80),
        _locust("locust-many", f"Locust + Playwright, {LOCUST_CONTEXTS} contexts a browser", LOCUST_CONTEXTS),
        _carga("none", rendering="none", first=160),
        _puppeteer("puppeteer-context", "puppeteer-cluster, a context a user", "shared"),
        _carga("light", engine="light", first=320),
        _artillery("artillery-own", "Artillery, a browser a user", "own"),
        _puppeteer("puppeteer-browser", "puppeteer-cluster, a browser a user", "own"),
        _carga("process", isolation="process", first=20),
        _locust("locust-one", "Locust + Playwright, a browser a user", 1),
        _k6(),
    ]
