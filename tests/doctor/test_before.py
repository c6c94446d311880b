"""Whether a plan fits, by what was measured or estimated; and where measurements are kept."""

import os
import socket
from pathlib import Path

import pytest

from carga.cli.room import OverCapacity, check_room
from carga.doctor.before import demands_of
from carga.doctor.capacity import MachineRoom, usable_cores
from carga.doctor.measured import CacheUnwritable, Measured, find, folder, origin_of, save
from carga.exitcodes import ExitCode
from carga.model.engines import BrowserKind
from carga.model.plan import Group, Plan, Stage, Target
from carga.worker import machine

URL = "http://127.0.0.1:8000/guide/?u={index}"
KIND = BrowserKind("chromium", "context", "none")
FULL = BrowserKind("chromium", "context", "full")
ROOM = MachineRoom(cores=2.0, memory_mb=20_000.0, fds=10**6)


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def measured(users: int, kind: BrowserKind = KIND, **changes: object) -> Measured:
    values: dict[str, object] = {
        "kind": kind,
        "origin": origin_of(URL),
        "users": users,
        "limited_by": "CPU",
        "cores_per_user": 0.01,
        "memory_mb_per_user": 30.0,
        "held": users,
        "timer_late_ms": 2.0,
        "acts": "opens the page",
        "host": socket.gethostname(),
        "cores": usable_cores(),
        "memory_mb": machine.memory().total_mb,
        "measured_at": "2026-11-22T10:00:00Z",
    }
    return Measured(**{**values, **changes})  # type: ignore[arg-type]


def plan(*counts: int, peak: int | None = None, **settings: object) -> Plan:
    groups, first = [], 0
    for count in counts:
        groups.append(Group(f"g{first}", count, first_index=first, rendering="none", **settings))  # type: ignore[arg-type]
        first += count
    users = peak or first
    return Plan("plan.toml", Target(URL), tuple(groups), (Stage(users, 5.0), Stage(users, 10.0)))


def test_what_was_measured_is_found_again_on_the_same_machine_only() -> None:
    save(measured(120))
    here = {"cores": usable_cores(), "memory_mb": machine.memory().total_mb}
    found = find(KIND, URL, **here)  # type: ignore[arg-type]
    assert found is not None
    assert found.users == 120
    assert find(FULL, URL, **here) is None  # type: ignore[arg-type]
    assert find(KIND, "http://elsewhere/", **here) is None  # type: ignore[arg-type]
    assert find(KIND, URL, cores=usable_cores() + 1, memory_mb=here["memory_mb"]) is None
    assert find(KIND, URL, cores=usable_cores(), memory_mb=here["memory_mb"] / 2) is None


def test_a_damaged_file_is_as_none() -> None:
    save(measured(120)).write_text("{")
    assert find(KIND, URL, cores=usable_cores(), memory_mb=machine.memory().total_mb) is None


def test_a_cache_that_cannot_be_written_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CacheUnwritable, match=r"cannot be kept in .*capacity: Not a directory") as caught:
        save(measured(120))
    assert "XDG_CACHE_HOME" in caught.value.remedy


def test_without_an_absolute_folder_in_the_environment_the_home_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", os.sep + "home-of-a-test")
    assert folder() == Path("/home-of-a-test/.cache/carga/capacity")


def test_kinds_share_the_machine() -> None:
    known = {KIND: measured(100), FULL: measured(20, FULL)}
    demands = demands_of(plan(60, 60, full_sample=0.1), ROOM, known.get)
    assert sorted((demand.kind.rendering, demand.users) for demand in demands.demands) == [("full", 12), ("none", 108)]
    assert demands.share() == pytest.approx(12 / 20 + 108 / 100)


def test_only_as_many_users_count_as_run_at_once() -> None:
    demands = demands_of(plan(300, peak=50), ROOM, {KIND: measured(100)}.get)
    assert [demand.users for demand in demands.demands] == [50]


def test_a_plan_beyond_what_was_measured_does_not_start_and_says_what_to_do() -> None:
    save(measured(120))
    with pytest.raises(OverCapacity) as caught:
        check_room(plan(200), force=False)
    assert caught.value.exit_code == ExitCode.USAGE
    for words in ("200 of chromium, rendering none", "holds 120 as measured on 2026-11-22 (CPU)"):
        assert words in caught.value.problem
    for words in ("fewer users", "rendering", "another machine", "--force"):
        assert words in caught.value.remedy


def test_force_goes_on_and_is_told_afterwards() -> None:
    save(measured(120))
    forced, warning = check_room(plan(200), force=True)
    assert "200 of chromium, rendering none, of which it holds 120" in forced
    assert warning == ""
    assert check_room(plan(100), force=True) == ("", ""), "where there is room nothing is forced"


def test_an_estimate_only_warns() -> None:
    forced, warning = check_room(plan(100_000), force=False)
    assert forced == ""
    assert "by an estimate" in warning
    assert "carga doctor --measure" in warning
    assert check_room(plan(5), force=False) == ("", "")


def test_what_was_measured_for_one_kind_does_not_stop_another() -> None:
    save(measured(5, FULL))
    assert check_room(plan(20), force=False) == ("", "")
