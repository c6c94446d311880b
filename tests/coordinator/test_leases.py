from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from carga.coordinator.leases import NOBODY, Leases

USERS, WORKERS, LEASE_S = 6, 3, 10.0
user = st.integers(0, USERS - 1)
worker = st.integers(0, WORKERS - 1)


class LeaseRules(RuleBasedStateMachine):
    """Against a model that is a plain dict."""

    def __init__(self) -> None:
        super().__init__()
        self.leases = Leases(USERS, lease_s=LEASE_S, first_assignment=100)
        self.now = 0.0
        self.ends: dict[int, float] = {}
        self.held: dict[int, tuple[int, int]] = {}
        self.last = 99

    @rule(seconds=st.floats(0, 8))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(worker=worker)
    def renew(self, worker: int) -> None:
        self.leases.renew(worker, self.now)
        self.ends[worker] = self.now + LEASE_S

    @precondition(lambda self: self.ends)
    @rule(user=user, worker=worker)
    def assign(self, user: int, worker: int) -> None:
        if worker not in self.ends or user in self.held:
            return
        assignment = self.leases.assign(user, worker)
        assert assignment > self.last
        self.last = assignment
        self.held[user] = (worker, assignment)

    @rule(user=user, worker=worker, assignment=st.integers(1, 120))
    def adopt(self, user: int, worker: int, assignment: int) -> None:
        if worker not in self.ends:
            return
        adopted = self.leases.adopt(user, worker, assignment)
        assert adopted == (user not in self.held and assignment < 100)
        if adopted:
            self.held[user] = (worker, assignment)

    @rule(user=user)
    def free_as_the_holder(self, user: int) -> None:
        if user in self.held:
            assert self.leases.free(user, *self.held.pop(user))

    @rule(user=user, worker=worker, assignment=st.integers(1, 120))
    def free_as_anybody(self, user: int, worker: int, assignment: int) -> None:
        freed = self.leases.free(user, worker, assignment)
        assert freed == (self.held.get(user) == (worker, assignment))
        if freed:
            del self.held[user]

    @rule()
    def end_what_is_over(self) -> None:
        over = {worker for worker, ends in self.ends.items() if self.now >= ends}
        assert set(self.leases.ended(self.now)) == over
        for worker in over:
            assert self.leases.end(worker) == sorted(user for user, held in self.held.items() if held[0] == worker)
            self.held = {user: held for user, held in self.held.items() if held[0] != worker}
            del self.ends[worker]

    @invariant()
    def table_and_model_agree(self) -> None:
        for number in range(USERS):
            holder, assignment = self.held.get(number, (NOBODY, 0))
            assert self.leases.holder(number) == holder
            if holder != NOBODY:
                assert self.leases.holds(holder, number, assignment)
        for number in range(WORKERS):
            assert self.leases.users_of(number) == {user for user, held in self.held.items() if held[0] == number}


TestLeases = LeaseRules.TestCase


@given(st.floats(0, 1e6), st.floats(0, 9.999))
def test_a_lease_lasts_its_whole_time_and_no_longer(at: float, less: float) -> None:
    leases = Leases(1, lease_s=LEASE_S)
    leases.renew(0, at)
    assert not leases.has_ended(0, at + less * 0.999)
    assert leases.has_ended(0, at + LEASE_S)


def test_a_worker_without_a_lease_has_none_left() -> None:
    assert Leases(1, lease_s=LEASE_S).has_ended(0, 5.0)


def test_a_released_user_is_held_until_it_is_freed() -> None:
    leases = Leases(1, lease_s=LEASE_S)
    leases.renew(0, 0.0)
    assignment = leases.assign(0, 0)
    leases.release(0)
    assert leases.is_released(0)
    assert leases.holder(0) == 0
    assert leases.free(0, 0, assignment)
    assert not leases.is_released(0)
