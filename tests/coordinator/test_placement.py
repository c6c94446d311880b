from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from carga.coordinator.placement import Placement


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 200))
def test_users_go_where_the_smallest_share_is_used_and_never_over_the_capacity(
    capacities: list[int], wanted: int
) -> None:
    placement = Placement()
    for worker, capacity in enumerate(capacities):
        placement.offer(worker, used=0, capacity=capacity)
    taken = [given for _ in range(wanted) if (given := placement.take()) is not None]
    assert len(taken) == min(wanted, sum(capacities))
    counts = Counter(taken)
    assert all(counts[worker] <= capacity for worker, capacity in enumerate(capacities))
    shares = [counts[worker] / capacity for worker, capacity in enumerate(capacities) if capacity]
    steps = [1 / capacity for capacity in capacities if capacity]
    assert not shares or max(shares) - min(shares) <= max(steps) + 1e-9


@given(st.lists(st.tuples(st.sampled_from(["take", "give", "offer", "withdraw"]), st.integers(0, 3)), max_size=400))
def test_any_order_of_changes_keeps_within_the_capacity(changes: list[tuple[str, int]]) -> None:
    placement, capacity = Placement(), 5
    used: Counter[int] = Counter()
    offered: set[int] = set()
    for what, worker in changes:
        if what == "take":
            given = placement.take()
            room = {other for other in offered if used[other] < capacity}
            assert (given in room) if room else (given is None)
            if given is not None:
                used[given] += 1
        elif what == "give" and used[worker]:
            used[worker] -= 1
            placement.give_back(worker)
        elif what == "offer":
            placement.offer(worker, used=used[worker], capacity=capacity)
            offered.add(worker)
        elif what == "withdraw":
            placement.withdraw(worker)
            offered.discard(worker)
        assert placement.capacity == capacity * len(offered)
        assert placement.has_room() == any(used[other] < capacity for other in offered)
