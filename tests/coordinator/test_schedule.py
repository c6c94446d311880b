from carga.coordinator.schedule import Schedule


def drain(schedule: Schedule, elapsed_s: float) -> list[int]:
    users = []
    while (user := schedule.next(elapsed_s)) is not None:
        users.append(user)
    return users


def test_users_come_in_the_order_of_activation_and_go_in_reverse() -> None:
    schedule = Schedule([2, 0, 1, 3], {})
    assert schedule.move_target(3) == ([2, 0, 1], [])
    assert schedule.move_target(1) == ([], [1, 0])
    assert schedule.is_wanted(2)
    assert not schedule.is_wanted(0)


def test_lost_users_come_first() -> None:
    schedule = Schedule([0, 1, 2, 3], {})
    schedule.move_target(4)
    schedule.queue(0)
    schedule.queue(1)
    schedule.queue(3, lost=True)
    assert drain(schedule, 0.0) == [3, 0, 1]


def test_a_user_is_not_given_out_before_its_start_delay() -> None:
    schedule = Schedule([0, 1], {0: 5.0})
    schedule.move_target(2)
    schedule.queue(0)
    schedule.queue(1)
    assert drain(schedule, 4.9) == [1]
    assert drain(schedule, 5.0) == [0]


def test_a_user_that_is_not_wanted_any_more_is_passed_over_and_can_be_queued_again() -> None:
    schedule = Schedule([0, 1], {})
    schedule.move_target(2)
    schedule.queue(1)
    schedule.move_target(1)
    assert drain(schedule, 0.0) == []
    schedule.move_target(2)
    schedule.queue(1)
    schedule.queue(1)
    assert drain(schedule, 0.0) == [1]
