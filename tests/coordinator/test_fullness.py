"""Workers whose machine is full: others get the users, or the users wait and everybody can see why."""

from carga.coordinator.state import NO_USER_S_MAX
from carga.wire.messages import Assign, Running
from tests.coordinator.world import World, plan_of

WHY = "timers in the pages are 250 ms late"


def waiting(world: World) -> list[tuple[str, str]]:
    """State and detail of the users that nobody holds."""
    users = world.coordinator.users
    return [(users.state(index), detail) for index, _, worker, detail in users.rows() if worker < 0]


def said(world: World) -> list[str]:
    return [event.message for event in world.events if event.kind == "message"]


def test_users_go_to_the_worker_that_has_room() -> None:
    world = World(plan_of((20, 0.0), (20, 60.0)))
    full, free = world.add_worker(100), world.add_worker(100)
    full.full = WHY
    world.run(seconds=20)
    assert len(full.users) <= 10, "what it was given before it said so"
    assert len(full.users) + len(free.users) == 20
    assert any(f"takes no more users for now: {WHY}." in message for message in said(world))


def test_users_that_come_back_from_full_machines_wait_with_the_reason_until_one_takes_users_again() -> None:
    world = World(plan_of((10, 0.0), (10, 120.0)))
    worker = world.add_worker(100)
    world.run(until=lambda: len(worker.users) == 10, seconds=20)
    worker.full = WHY
    world.run(seconds=3)
    worker.free([Running(user, worker.users[user]) for user in (3, 4)])
    world.run(seconds=10)
    assert sorted(worker.users) == [0, 1, 2, 5, 6, 7, 8, 9]
    assert waiting(world) == [("waiting", WHY)] * 2
    worker.full = ""
    world.run(until=lambda: len(worker.users) == 10, seconds=20)
    assert len(worker.users) == 10
    assert any(message.endswith("takes users again.") for message in said(world))


def test_a_full_worker_that_connects_again_is_still_full() -> None:
    world = World(plan_of((4, 0.0), (4, 5.0), (30, 0.0), (30, 60.0)))
    worker = world.add_worker(100)
    world.run(until=lambda: len(worker.users) == 4, seconds=20)
    worker.full = WHY
    world.run(seconds=2)
    assert worker.link is not None
    worker.link.cut()
    world.run(seconds=10)
    assert worker.link is not None
    assert len(worker.users) == 4
    worker.full = ""
    world.run(until=lambda: len(worker.users) == 30, seconds=20)
    assert len(worker.users) == 30


def test_a_run_in_which_every_machine_is_full_from_the_beginning_ends_and_says_why() -> None:
    world = World(plan_of((10, 0.0), (10, 300.0)))
    worker = world.add_worker(10)
    worker.full = WHY
    hear = worker.hear
    worker.hear = lambda message: None if isinstance(message, Assign) else hear(message)  # type: ignore[method-assign]
    world.run(until=lambda: world.coordinator.state == "draining", seconds=2 * NO_USER_S_MAX)
    assert world.coordinator.ended == "no-user"
    assert world.coordinator.ended_detail == f"every machine is full: {WHY}"
