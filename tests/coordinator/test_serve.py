"""The whole coordinator on a real port."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from carga.coordinator import hub
from carga.model.windows import Gauges, Metric, UserChange, Window
from carga.wire.live import Live
from carga.wire.messages import (
    Ack,
    Assign,
    Evidence,
    Finish,
    Freed,
    Goodbye,
    Granted,
    Picture,
    Renew,
    Running,
    TakePicture,
    WindowMessage,
)
from tests.coordinator.served import WAIT_S, Served, WorkerEnd, joined, served

PNG = b"\x89PNG" + bytes(100)


def window(seq: int, users: list[Running], *, second: int = 1) -> Window:
    metric = Metric()
    metric.values.record(12.0, 5)
    return Window(
        "w1",
        seq,
        second,
        metrics={"step.look": metric, "request.fetch": metric},
        counters={"requests": 5, "actions": 5},
        users=[UserChange(user.index, "running") for user in users],
        gauges=Gauges(users_running=len(users)),
    )


async def started(worker: WorkerEnd) -> list[Running]:
    """Takes the first users and says that they run."""
    assign = await worker.expect(Assign)
    users = [Running(spec.index, spec.assignment) for spec in assign.users]
    await worker.send(WindowMessage(window(1, users)))
    assert (await worker.expect(Ack)).seqs == [1]
    return users


async def told(run: Served, condition: Callable[[Live], bool]) -> Live:
    """The first live message of which the condition holds."""
    live = await run.live()
    async with live, asyncio.timeout(WAIT_S):
        while not condition(message := msgspec.json.decode(await live.recv(), type=Live)):
            pass
    return message


async def end(worker: WorkerEnd, users: list[Running]) -> None:
    assert (await worker.expect(Finish)).grace_s > 0
    await worker.send(Freed(users))
    await worker.send(Goodbye())


async def test_a_run_from_the_first_worker_to_the_report(tmp_path: Path) -> None:
    async with served(tmp_path, hold="2s") as run:
        watching = asyncio.create_task(run.until_finished())
        async with joined(run) as (worker, welcome):
            assert welcome.plan.users == 4
            users = await started(worker)
            assert len({user.assignment for user in users}) == 4
            await worker.send(Renew(7))
            assert (await worker.expect(Granted)).number == 7
            await end(worker, users)
            last = await watching
        assert (last.verdict, last.exit_code) == ("passed", 0)
        assert last.users.started == 4
        assert last.totals["step.look"].count == 5
        assert last.report is not None
        assert Path(last.report).exists()
        assert (await run.http.get("/api/run")).json()["state"] == "finished"
        assert (await run.http.get("/api/history")).json()["metrics"]["step.look"]
        await run.http.post("/api/shutdown")
        assert await asyncio.wait_for(run.task, WAIT_S) == 0
    meta = dict(sqlite3.connect(tmp_path / "out" / "run.db").execute("SELECT key, value FROM meta"))
    assert (meta["state"], meta["ended"]) == ("finished", "")
    assert msgspec.json.decode(meta["browsers"]) == {"chromium": "140"}
    assert float(meta["elapsed_s"]) == 2.0


async def test_stopping_drains_and_stopping_again_aborts(tmp_path: Path) -> None:
    async with served(tmp_path) as run, joined(run) as (worker, _):
        await started(worker)
        assert (await run.http.post("/api/shutdown")).status_code == 409
        assert (await run.http.post("/api/stop")).status_code == 202
        assert (await worker.expect(Finish)).grace_s > 0
        assert await run.state() == "draining"
        watching = asyncio.create_task(run.until_finished())
        await run.http.post("/api/stop")
        assert (await worker.expect(Finish)).grace_s == 0
        await worker.wait_closed()
        last = await watching
        assert (last.verdict, last.exit_code) == ("interrupted", 130)
        assert (tmp_path / "out" / "summary.json").exists()


async def test_windows_that_arrive_while_draining_count(tmp_path: Path) -> None:
    async with served(tmp_path) as run:
        watching = asyncio.create_task(run.until_finished())
        async with joined(run) as (worker, _):
            users = await started(worker)
            await run.http.post("/api/stop")
            await worker.expect(Finish)
            await worker.send(WindowMessage(window(2, [], second=2)))
            assert (await worker.expect(Ack)).seqs == [2]
            await worker.send(Freed(users))
            await worker.send(Goodbye())
            assert (await watching).totals["step.look"].count == 10


async def test_a_window_that_is_sent_again_is_acknowledged_and_counted_once(tmp_path: Path) -> None:
    async with served(tmp_path) as run:
        async with joined(run) as (worker, _):
            users = await started(worker)
        async with joined(run, running=users) as (worker, welcome):
            assert welcome.windows_stored == 1
            assert sorted(welcome.keep) == [0, 1, 2, 3]
            await worker.send(WindowMessage(window(1, users)))
            assert (await worker.expect(Ack)).seqs == [1]
            # Told after the window would have been merged a second time.
            assert (await told(run, lambda live: live.second >= 1)).totals["step.look"].count == 5


async def test_the_list_of_users_and_the_feed_agree(tmp_path: Path) -> None:
    async with served(tmp_path) as run, joined(run) as (worker, _):
        live = await run.live()
        async with live, asyncio.timeout(WAIT_S):
            await started(worker)
            seen: dict[int, int] = {}
            while len(seen) < 4 or set(seen.values()) != {2}:
                message = msgspec.json.decode(await live.recv(), type=Live)
                seen |= {row[0]: row[1] for row in message.changed}
        listed = (await run.http.get("/api/users")).json()
        assert listed["states"][2] == "running"
        assert listed["workers"] == ["w1"]
        assert listed["users"] == [[index, 2, 0, ""] for index in range(4)]


async def test_pictures_come_from_the_users_worker(tmp_path: Path) -> None:
    async with served(tmp_path) as run, joined(run) as (worker, _):
        assert (await run.http.get("/api/users/0/picture")).status_code == 404
        await started(worker)
        asked = asyncio.create_task(run.http.get("/api/users/2/picture"))
        request = await worker.expect(TakePicture)
        assert request.user == 2
        await worker.send(Picture(request.request + 1, PNG))  # nobody asked for this one
        await worker.send(Picture(request.request, PNG))
        answer = await asked
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
        asked = asyncio.create_task(run.http.get("/api/users/2/picture"))
        await worker.send(Picture((await worker.expect(TakePicture)).request, problem="The page is busy."))
        answer = await asked
        assert (answer.status_code, answer.json()["problem"]) == (404, "The page is busy.")
        for index in (-1, 4, 10**20):
            assert (await run.http.get(f"/api/users/{index}/picture")).status_code == 404


async def test_at_most_eight_pictures_at_once_and_late_ones_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PICTURE_S_MAX", 0.5)
    async with served(tmp_path) as run, joined(run) as (worker, _):
        await started(worker)
        asked = [asyncio.create_task(run.http.get("/api/users/1/picture")) for _ in range(8)]
        for _ in asked:
            await worker.expect(TakePicture)
        assert (await run.http.get("/api/users/1/picture")).status_code == 429
        assert {(await task).status_code for task in asked} == {504}


async def test_a_picture_fails_at_once_when_the_worker_goes(tmp_path: Path) -> None:
    async with served(tmp_path) as run:
        async with joined(run) as (worker, _):
            await started(worker)
            asked = asyncio.create_task(run.http.get("/api/users/1/picture"))
            await worker.expect(TakePicture)
        assert (await asked).status_code == 404


async def test_evidence_is_kept_under_names_of_our_own(tmp_path: Path) -> None:
    async with served(tmp_path) as run, joined(run) as (worker, _):
        await worker.send(Evidence(1, 0, "../../step", "broke", PNG))
        await worker.send(Evidence(99, 0, "no such user", "", PNG))
        await worker.send(Evidence(1, 0, "no picture", "", b"<html>"))
        async with asyncio.timeout(WAIT_S):
            while not (listed := (await run.http.get("/api/evidence")).json()):  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.02)
        assert [(entry["user"], entry["name"]) for entry in listed] == [(1, "../../step")]
        file = listed[0]["file"]
        assert (await run.http.get(f"/api/evidence/{file}")).content == PNG
        assert [path.name for path in (tmp_path / "out" / "evidence").iterdir()] == [file]
        for other in ("run.db", "..%2Frun.db", "nothing.png"):
            assert (await run.http.get(f"/api/evidence/{other}")).status_code == 404


async def test_users_move_when_their_worker_does_not_come_back(tmp_path: Path) -> None:
    async with served(tmp_path, lease_s=2.5) as run:
        async with joined(run) as (worker, _):
            users = await started(worker)
        async with joined(run, worker="w2", pid=2) as (worker, _):
            moved = await worker.expect(Assign)
            assert {spec.index for spec in moved.users} == {0, 1, 2, 3}
            assert min(spec.assignment for spec in moved.users) > max(user.assignment for user in users)
        async with joined(run, running=users) as (worker, welcome):
            assert welcome.keep == []


async def test_a_killed_coordinator_is_followed_by_one_that_knows_what_was_stored(tmp_path: Path) -> None:
    async with served(tmp_path, lease_s=2.5) as run:
        async with joined(run) as (worker, _):
            users = await started(worker)
        run.task.cancel()
        await asyncio.wait([run.task])
    async with served(tmp_path, lease_s=2.5) as run, joined(run, running=users, elapsed_s=3.0) as (worker, welcome):
        assert sorted(welcome.keep) == [0, 1, 2, 3]
        assert welcome.windows_stored == 1
        assert welcome.elapsed_s >= 3.0
        live = await run.live()
        async with live:
            message = msgspec.json.decode(await live.recv(), type=Live)
        assert message.totals["step.look"].count == 5
        assert message.users.running == 4
