import subprocess
import time
from collections.abc import Iterator

import pytest

from carga.worker.guard import Guard


@pytest.fixture
def guarded() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], process_group=0)
    yield process
    process.kill()
    process.wait()


def test_a_browser_is_killed_when_its_time_is_over(guarded: "subprocess.Popen[bytes]") -> None:
    guard = Guard()
    try:
        guard.allow(0.3, [guarded.pid])
        assert guarded.wait(10) == -9
    finally:
        guard.end()


def test_a_newer_word_gives_more_time_or_lets_go(guarded: "subprocess.Popen[bytes]") -> None:
    guard = Guard()
    try:
        guard.allow(0.5, [guarded.pid])
        begun = time.monotonic()
        guard.allow(1.5, [guarded.pid])
        assert guarded.wait(10) == -9
        assert time.monotonic() - begun > 1.0
    finally:
        guard.end()


def test_a_worker_that_dies_takes_its_browsers_along(guarded: "subprocess.Popen[bytes]") -> None:
    guard = Guard()
    guard.allow(3600.0, [guarded.pid])
    guard.end()
    assert guarded.wait(10) == -9


def test_it_outlives_a_browser_that_is_gone_already(guarded: "subprocess.Popen[bytes]") -> None:
    guard = Guard()
    try:
        guard.allow(0.0, [guarded.pid])
        assert guarded.wait(10) == -9
        second = subprocess.Popen(["sleep", "60"], process_group=0)
        guard.allow(0.1, [guarded.pid, second.pid])
        assert second.wait(10) == -9
    finally:
        guard.end()
