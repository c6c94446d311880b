"""The folders of killed workers go, and nobody else's."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carga.engines import profile
from carga.engines.profile import Profile, sweep


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(profile, "AGE_MIN_S", 0.0)


@contextmanager
def owner(directory: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process with a profile."""
    code = "from carga.engines.profile import Profile; p = Profile(); print(p.path, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(directory)},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def dead(directory: Path, name: str) -> Path:
    folder = directory / f"carga-browser-{name}"
    folder.mkdir()
    (folder / "owner.lock").touch()
    return folder


def test_the_folder_of_a_killed_owner_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    mine = Profile()
    with owner(tmp_path) as (process, folder):
        (folder / "home" / "file").touch()
        assert sweep() == 0
        assert folder.exists()
        process.kill()
        process.wait()
        assert sweep() == 1
        assert not folder.exists()
    assert mine.path.exists()
    mine.remove()
    mine.remove()
    assert not list(tmp_path.iterdir())


def test_a_started_program_does_not_keep_the_lock(tmp_path: Path) -> None:
    mine = Profile()
    with subprocess.Popen(["sleep", "60"], close_fds=False) as program:
        assert mine._lock is not None
        os.close(mine._lock)
        mine._lock = None
        assert sweep() == 1
        program.kill()


def test_a_sweep_ends_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "SWEPT_MAX", 2)
    for number in range(5):
        dead(tmp_path, str(number))
    assert [sweep(), sweep(), sweep(), sweep()] == [2, 2, 1, 0]


def test_what_may_be_in_the_making_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "AGE_MIN_S", 60.0)
    young, old = dead(tmp_path, "young"), dead(tmp_path, "old")
    bare = tmp_path / "carga-browser-bare"
    bare.mkdir()
    an_hour_ago = time.time() - 3600
    os.utime(old / "owner.lock", (an_hour_ago, an_hour_ago))
    assert sweep() == 1
    assert sorted(tmp_path.iterdir()) == sorted([young, bare])


def test_traps_and_foreign_folders_stay(tmp_path: Path) -> None:
    elsewhere = dead(tmp_path, "x").rename(tmp_path / "elsewhere")
    (tmp_path / "carga-browser-link").symlink_to(elsewhere)
    linked = tmp_path / "carga-browser-linked-lock"
    linked.mkdir()
    (linked / "owner.lock").symlink_to(elsewhere / "owner.lock")
    pipe = tmp_path / "carga-browser-pipe"
    pipe.mkdir()
    os.mkfifo(pipe / "owner.lock")
    before = sorted(tmp_path.rglob("*"))
    assert sweep() == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_temporary_directory_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert sweep() == 0
