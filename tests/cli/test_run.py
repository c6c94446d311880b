"""`carga run` with real processes and the fake engine."""

import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.helpers import PLAN, TIMEOUT_S, carga, write_plan

LONG = PLAN.replace('over = "3s"', 'over = "60s"')


def until(condition: Callable[[], object]) -> None:
    """Waits for what other processes do."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Run:
    """A `carga run` in the background."""

    def __init__(self, directory: Path, plan: str, *options: str) -> None:
        self.out = directory / "out"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "carga", "run", str(write_plan(directory, plan))),
                *("--out", str(self.out), "--engine", "fake", "--json", *options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def part(self, name: str) -> psutil.Process | None:
        """The process of the coordinator or of a worker."""
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                if name in child.cmdline():
                    return child
        return None

    def parts(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def wait_running(self) -> None:
        """Until users run and their results are stored."""
        until(lambda: self.process.poll() is not None or _windows(self.out) > 1)
        assert self.process.poll() is None, self.process.communicate()[1]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, dict[str, object], str]:
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, json.loads(out), err


def _windows(out: Path) -> int:

    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{out}/run.db?mode=ro", uri=True)) as db,
    ):
        return int(db.execute("select count(*) from windows").fetchone()[0])
    return 0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(plan: str = PLAN, *options: str) -> Run:
        runs.append(Run(tmp_path, plan, *options))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.process.wait()


def test_a_run_ends_with_its_results_and_only_the_summary_on_stdout(start: Callable[..., Run]) -> None:
    run = start()
    code, summary, said = run.end()
    assert code == summary["exit_code"] == 0, said
    assert summary["verdict"] == "passed"
    assert summary["users"]["started"] == 4  # type: ignore[index]
    for name in ("run.db", "summary.json", "report.html", "junit.xml", "logs/coordinator.log", "inputs/plan.toml"):
        assert (run.out / name).exists()
    assert "http://127.0.0.1:" in said
    assert "4 users" in said
    assert "finished" in said


def test_quiet_says_nothing_and_people_get_verdict_and_paths(tmp_path: Path) -> None:
    done = carga("run", write_plan(tmp_path), "--quiet", "--engine", "fake", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.strip().startswith("PASSED")
    assert "report.html" in done.stdout


def test_several_workers_share_the_users(start: Callable[..., Run]) -> None:
    code, summary, said = start(PLAN, "--workers", "3").end()
    assert code == 0, said
    assert len(summary["workers"]) == 3  # type: ignore[arg-type]


def test_ctrl_c_drains_and_writes_the_report(start: Callable[..., Run]) -> None:
    run = start(LONG)
    run.wait_running()
    parts = run.parts()
    run.signal(signal.SIGINT)
    code, summary, _ = run.end()
    assert code == 130
    assert summary["verdict"] == "interrupted"
    assert (run.out / "report.html").exists()
    assert not any(part.is_running() for part in parts)


def test_ctrl_c_twice_aborts_and_still_writes_the_report(start: Callable[..., Run]) -> None:
    run = start(LONG)
    run.wait_running()
    parts = run.parts()
    run.signal(signal.SIGINT)
    run.signal(signal.SIGINT)
    code, summary, _ = run.end()
    assert code == 130
    assert summary["verdict"] == "interrupted"
    assert not any(part.is_running() for part in parts)


@pytest.mark.chaos
@pytest.mark.parametrize("part", ["coordinator", "worker"])
def test_a_part_that_is_killed_is_started_again_and_the_run_ends_well(start: Callable[..., Run], part: str) -> None:
    run = start(PLAN.replace('over = "3s"', 'over = "15s"'), "--workers", "2")
    run.wait_running()
    process = run.part(part)
    assert process is not None
    process.kill()
    code, summary, said = run.end()
    assert code in {0, 5}, said
    assert f"{part}" in said
    assert "started again" in said
    assert summary["users"]["started"] == 4  # type: ignore[index]


@pytest.mark.chaos
def test_nothing_survives_a_run_that_is_killed(start: Callable[..., Run]) -> None:
    run = start(LONG, "--workers", "2")
    run.wait_running()
    parts = run.parts()
    assert len(parts) >= 3
    run.signal(signal.SIGKILL)
    until(lambda: not any(part.is_running() for part in parts))


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.db").touch()
    done = carga("run", write_plan(tmp_path), "--engine", "fake", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "not empty" in done.stderr


def test_a_named_port_that_is_taken_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = carga("run", write_plan(tmp_path), "--engine", "fake", "--port", str(port), cwd=tmp_path)
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr
    assert not (tmp_path / "carga-results").exists()


def test_without_a_browser_nothing_begins(tmp_path: Path) -> None:
    done = carga("run", write_plan(tmp_path), cwd=tmp_path, CARGA_CHROMIUM=str(tmp_path / "none"))
    assert done.returncode == 4
    assert "carga browsers install" in done.stderr
    assert not (tmp_path / "carga-results").exists()


@pytest.mark.parametrize("option", [("--workers", "0"), ("--workers", "65"), ("--host", "no.such.host.invalid")])
def test_impossible_options_are_refused(tmp_path: Path, option: tuple[str, str]) -> None:
    done = carga("run", write_plan(tmp_path), "--engine", "fake", *option, cwd=tmp_path)
    assert done.returncode == 2
    assert option[0] in done.stderr


def test_a_results_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = carga("run", write_plan(tmp_path), "--engine", "fake", "--out", tmp_path / "file" / "out")
    assert done.returncode == 2
    assert "--out" in done.stderr
