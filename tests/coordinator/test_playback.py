"""Whole runs in virtual time, with deaths, partitions and restarts. The world checks that no user may run twice."""

import time

import pytest

from carga.model.windows import Window
from tests.coordinator.world import LEASE_S, World, plan_of


def assert_nothing_is_lost(world: World) -> None:
    stored = world.stored()
    for worker in world.workers:
        in_journal = {
            seq for (seq,) in world.database.execute("SELECT seq FROM windows WHERE worker = ?", (worker.name,))
        }
        assert worker.acknowledged <= in_journal
        if worker.finishing and not worker.alive:
            assert in_journal == set(range(1, worker.seq + 1))
    assert world.coordinator.results.totals.counters == stored.counters
    assert world.coordinator.results.totals.started == stored.started


def test_users_follow_the_load_profile_up_and_down() -> None:
    world = World(plan_of((100, 10), (100, 10), (40, 5), (40, 10)))
    for _ in range(4):
        world.add_worker(30)
    world.run(until=lambda: world.coordinator.elapsed_s >= 15)
    assert world.running() == 100
    assert {len(worker.users) for worker in world.workers} == {25}
    world.run(until=lambda: world.coordinator.elapsed_s >= 30)
    assert world.running() == 40
    assert sorted(user for worker in world.workers for user in worker.users) == list(range(40))
    world.run(seconds=60)
    assert world.finished
    assert world.running() == 0
    assert world.coordinator.users.counts()["stopped"] == 100
    assert_nothing_is_lost(world)


def test_users_of_a_dead_worker_move_to_the_others_once_its_lease_has_ended() -> None:
    world = World(plan_of((60, 0), (60, 60)))
    workers = [world.add_worker(60) for _ in range(3)]
    world.run(until=lambda: world.coordinator.elapsed_s >= 10)
    assert world.running() == 60
    died_at = world.now
    workers[0].die()
    world.run(until=lambda: world.running() == 60)
    assert LEASE_S * 0.7 < world.now - died_at < LEASE_S + 2
    assert world.coordinator.moved == 20
    moved = [event for event in world.events if event.kind == "users-moved"]
    assert sum(event.count for event in moved) == 20
    assert "away" in moved[0].message
    lost = next(event for event in world.events if event.kind == "worker-lost")
    assert (lost.worker, lost.count) == (workers[0].name, 20)


def test_a_worker_that_reconnects_within_its_lease_keeps_its_users() -> None:
    world = World(plan_of((40, 0), (40, 60)))
    workers = [world.add_worker(40) for _ in range(2)]
    world.run(until=lambda: world.coordinator.elapsed_s >= 10)
    before = [dict(worker.users) for worker in workers]
    for worker in workers:
        assert worker.link is not None
        worker.link.cut()
    world.run(seconds=5)
    assert [worker.users for worker in workers] == before
    assert world.coordinator.moved == 0
    assert "worker-lost" not in world.kinds()


def test_a_half_open_connection_is_replaced_by_the_same_worker() -> None:
    world = World(plan_of((10, 0), (10, 60)))
    worker = world.add_worker(10)
    world.run(until=lambda: world.coordinator.elapsed_s >= 5)
    users = dict(worker.users)
    worker.link = None  # the worker has given the connection up; the coordinator has not noticed
    worker.connect()
    world.run(seconds=5)
    assert worker.users == users
    assert not worker.refused


def test_after_a_restart_workers_keep_their_users_and_time_goes_on() -> None:
    world = World(plan_of((40, 0), (40, 60)))
    workers = [world.add_worker(40) for _ in range(2)]
    world.run(until=lambda: world.coordinator.elapsed_s >= 10)
    elapsed_s, at = world.coordinator.elapsed_s, world.now
    before = [dict(worker.users) for worker in workers]
    world.kill_coordinator(for_s=2.0)
    world.run(seconds=20)
    assert world.coordinator.elapsed_s == pytest.approx(elapsed_s + world.now - at)
    assert [worker.users for worker in workers] == before
    assert world.coordinator.moved == 0
    world.run(seconds=60)
    assert world.finished
    assert_nothing_is_lost(world)


def test_a_worker_that_died_while_the_coordinator_was_away_is_noticed_after_the_grace() -> None:
    world = World(plan_of((40, 0), (40, 60)))
    workers = [world.add_worker(40) for _ in range(2)]
    world.run(until=lambda: world.coordinator.elapsed_s >= 10)
    world.kill_coordinator(for_s=1.0)
    workers[1].die()
    restarted_at = world.now + 1.0
    world.run(until=lambda: world.running() == 40 and world.coordinator_is_up, seconds=30)
    assert world.running() == 40
    assert world.now - restarted_at >= LEASE_S
    assert world.coordinator.moved == 20
    assert [event.worker for event in world.events if event.kind == "worker-lost"] == [workers[1].name]


def test_a_long_absence_of_the_coordinator_stops_users_and_starts_them_again() -> None:
    world = World(plan_of((40, 0), (40, 90)))
    for _ in range(2):
        world.add_worker(40)
    world.run(until=lambda: world.coordinator.elapsed_s >= 10)
    world.kill_coordinator(for_s=LEASE_S * 2)
    world.run(seconds=LEASE_S * 1.5)
    assert world.running() == 0
    world.run(seconds=LEASE_S * 2)
    assert world.running() == 40


@pytest.mark.parametrize("seed", range(25))
def test_no_user_may_run_twice_whatever_breaks(seed: int) -> None:
    world = World(plan_of((150, 20), (150, 30), (50, 20), (120, 10), (120, 20)), seed=seed)
    random = world.random
    for _ in range(8):
        world.add_worker(30)
    while not world.finished and world.now < 2000:
        world.run(seconds=random.uniform(0.5, 6))
        worker = random.choice(world.workers)
        match random.randrange(6):
            case 0 if len(world.workers) < 14:
                worker.die()
                world.add_worker(30)
            case 1 | 2 if worker.link:
                worker.link.cut()
            case 3 if worker.link:
                worker.link.stalled_until = world.now + random.uniform(1, 25)
            case 4 if worker.link:  # half open: only the worker has noticed
                worker.link = None
                world.later(random.uniform(0, 12), worker.connect)
            case 5 if random.random() < 0.3 and world.coordinator_is_up:
                world.kill_coordinator(for_s=random.uniform(0.5, 15))
    assert world.finished
    assert_nothing_is_lost(world)


def test_ten_thousand_users_with_dying_workers_replay_quickly() -> None:
    began = time.process_time()
    world = World(plan_of((10_000, 20), (10_000, 30)), seed=1)
    workers = [world.add_worker(250) for _ in range(50)]
    for worker in workers[:5]:
        world.later(world.random.uniform(10, 25), worker.die)
    world.run(until=lambda: world.coordinator.elapsed_s >= 48)
    assert world.running() == 10_000
    assert world.coordinator.moved > 0
    world.run()
    assert world.finished
    assert_nothing_is_lost(world)
    assert time.process_time() - began < 10


def test_windows_are_merged_once_however_often_they_are_sent() -> None:
    world = World(plan_of((10, 0), (10, 60)))
    worker = world.add_worker(10)
    world.run(until=lambda: world.coordinator.elapsed_s >= 10)
    old = Window(worker.name, 1, 0, counters={"iterations": 10})
    for _ in range(3):
        worker.windows[1] = old
        assert worker.link is not None
        worker.link.cut()
        world.run(seconds=3)
    assert 1 not in worker.windows
    assert world.coordinator.results.totals.counters == world.stored().counters
