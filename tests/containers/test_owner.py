"""Whose a container is, and when it may be removed."""

import os
import subprocess

import msgspec
import pytest

from carga.containers.limits import Limits
from carga.containers.owner import Owner, _started
from carga.containers.sweep import _is_left
from carga.errors import UsageError


def test_a_label_says_again_whose_it_is() -> None:
    mine = Owner.this()
    assert Owner.read(str(mine)) == mine
    assert not mine.is_gone()


@pytest.mark.parametrize("label", ["", "somebody", "a.b.c.d", "a.b.1", "a.b.1.2.3"])
def test_what_is_no_label_of_ours_is_left_alone(label: str) -> None:
    assert Owner.read(label) is None
    assert not _is_left(label, ended=True)


def test_a_process_that_has_ended_is_gone_and_so_is_an_earlier_one_with_the_same_number() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    mine = Owner.this()
    assert msgspec.structs.replace(mine, pid=ended.pid).is_gone()
    earlier = msgspec.structs.replace(mine, started=mine.started - 1)
    assert earlier.is_gone()
    assert _is_left(str(earlier), ended=False)


def test_a_zombie_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        of_it = msgspec.structs.replace(Owner.this(), pid=process.pid, started=_started(process.pid) or 0)
        assert not of_it.is_gone()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert of_it.is_gone()


def test_of_owners_whom_nobody_can_see_only_what_has_ended_is_removed() -> None:
    rebooted = str(msgspec.structs.replace(Owner.this(), boot="0123456789ab"))
    assert not _is_left(rebooted, ended=False), "it may be of another machine"
    assert _is_left(rebooted, ended=True)
    elsewhere = str(msgspec.structs.replace(Owner.this(), namespace="1", pid=1))
    assert not _is_left(elsewhere, ended=True)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits.from_environment() == Limits()
    monkeypatch.setenv("CARGA_CONTAINER_MEMORY_MB", "700")
    monkeypatch.setenv("CARGA_CONTAINER_CPUS", "0.5")
    options = Limits.from_environment().options()
    assert {"--memory=700m", "--memory-swap=700m", "--cpus=0.5"} <= set(options)


@pytest.mark.parametrize(
    ("name", "value"),
    [("CARGA_CONTAINER_MEMORY_MB", "0"), ("CARGA_CONTAINER_MEMORY_MB", "-5"), ("CARGA_CONTAINER_CPUS", "nan")],
)
def test_limits_that_limit_nothing_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=value):
        Limits.from_environment()
