"""`carga run` as somebody starts it, for tests: the real command, its processes, and what its live page knows."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.support.site import free_port

STATE_TIMEOUT_S = 45.0


class Run:
    def __init__(self, process: asyncio.subprocess.Process, out: Path, url: str) -> None:
        self.process = process
        self.out = out
        self.url = url
        self._client = httpx2.AsyncClient(base_url=url, timeout=10)

    # --- processes -------------------------------------------------------------------------------------

    def tree(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def _named(self, word: str) -> list[int]:
        pids = []
        for process in self.tree():
            with suppress(psutil.Error):
                if word in process.cmdline()[:6]:
                    pids.append(process.pid)
        return pids

    @property
    def coordinators(self) -> list[int]:
        return self._named("coordinator")

    @property
    def workers(self) -> list[int]:
        return self._named("worker")

    def browsers(self, worker: int | None = None) -> list[int]:
        """Main processes of browsers: the children that lead a process group and speak through a pipe."""
        pids = []
        for process in self.tree():
            with suppress(psutil.Error):
                line = process.cmdline()
                leads = "--remote-debugging-pipe" in line and os.getpgid(process.pid) == process.pid
                if leads and worker in (None, process.ppid()):
                    pids.append(process.pid)
        return pids

    # --- the live page's API ---------------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        return (await self._client.get(path)).json()

    async def users(self) -> dict[int, tuple[str, str]]:
        """State and worker of each user."""
        answer = await self.get("/api/users")
        names = [*answer["workers"], ""]
        return {index: (answer["states"][state], names[worker]) for index, state, worker, _ in answer["users"]}

    async def until(self, condition: Callable[[], Any], *, timeout_s: float = STATE_TIMEOUT_S) -> float:
        """Waits until `condition` (sync or async) holds. Returns the seconds that it took."""
        begun = time.monotonic()
        async with asyncio.timeout(timeout_s):
            while True:
                with suppress(httpx2.HTTPError, json.JSONDecodeError, psutil.Error):
                    holds = condition()
                    if asyncio.iscoroutine(holds):
                        holds = await holds
                    if holds:
                        return time.monotonic() - begun
                await asyncio.sleep(0.05)

    async def until_running(self, count: int, *, timeout_s: float = STATE_TIMEOUT_S) -> None:
        async def all_run() -> bool:
            return sum(state == "running" for state, _ in (await self.users()).values()) == count

        await self.until(all_run, timeout_s=timeout_s)

    # --- the end ---------------------------------------------------------------------------------------

    async def finish(self, *, timeout_s: float = 90.0) -> dict[str, Any]:
        """Waits for the end. Gives summary.json with the process's exit code and what it said as `said`."""
        async with asyncio.timeout(timeout_s):
            out, error = await self.process.communicate()
        summary = json.loads((self.out / "summary.json").read_text())
        return {**summary, "process_exit_code": self.process.returncode, "said": out.decode() + error.decode()}


def write_plan(directory: Path, plan: str, **behaviours: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, source in behaviours.items():
        (directory / f"{name}.js").write_text(source)
    path = directory / "plan.toml"
    path.write_text(plan)
    return path


@asynccontextmanager
async def carga_run(plan: Path, *options: str) -> AsyncIterator[Run]:
    """Starts the run; at the end of the block everything that it started is gone, also when the test fails."""
    out, port = plan.parent / "out", free_port()
    command = ["-m", "carga", "run", str(plan), "--out", str(out), "--port", str(port), *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    run = Run(process, out, f"http://127.0.0.1:{port}")
    started = run.tree()
    try:
        yield run
    finally:
        started += run.tree()
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        await run._client.aclose()
        _, alive = await asyncio.to_thread(psutil.wait_procs, started, 10)
        for one in alive:
            with suppress(psutil.Error):
                one.kill()
        assert not alive, f"left behind: {alive}"
