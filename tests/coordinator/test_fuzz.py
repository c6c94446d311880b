"""Messages that are well-formed and mean nothing good, in any order: the core goes on."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carga.coordinator.events import Tick, WindowsStored, WorkerBroke, WorkerLeft, WorkerSaid
from carga.coordinator.state import Coordinator
from carga.model.windows import Gauges, UserChange, Window
from carga.wire.messages import Evidence, Freed, Goodbye, Hello, Picture, Renew, Running, WindowMessage
from tests.coordinator.world import TOKEN, plan_of, settings_of

number = st.one_of(st.integers(-2, 6), st.integers(-(2**63), 2**64 - 1))
words = st.text(max_size=5)
running = st.lists(st.builds(Running, number, number), max_size=4)
name = st.sampled_from(["w1", "w2", "", "\0"])
message: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        Hello,
        protocol=st.sampled_from([1, 1, 1, 2]),
        token=st.sampled_from([TOKEN, TOKEN, TOKEN, "no"]),
        worker=name,
        users_max=st.one_of(st.integers(0, 5), number),
        pid=st.sampled_from([1, 1, 2]),
        running=running,
        elapsed_s=st.one_of(st.none(), st.floats()),
        browsers=st.dictionaries(words, words, max_size=2),
    ),
    st.builds(Renew, number),
    st.builds(Freed, running),
    st.builds(Picture, number, st.binary(max_size=4), words),
    st.builds(Evidence, number, number, words, words, st.sampled_from([b"", b"\x89PNG", b"\xff\xd8\xff"])),
    st.just(Goodbye()),
    st.builds(
        WindowMessage,
        st.builds(
            Window,
            worker=name,
            seq=number,
            second=number,
            counters=st.dictionaries(st.sampled_from(["actions", "x"]), number, max_size=1),
            users=st.lists(st.builds(UserChange, number, st.sampled_from(["running", "failed"]), words), max_size=3),
            gauges=st.builds(Gauges, users_running=number, cpu_percent=st.floats()),
        ),
    ),
)
connection = st.integers(1, 4)
event: st.SearchStrategy[Any] = st.one_of(
    st.builds(WorkerSaid, connection, message),
    st.builds(WorkerBroke, connection, words),
    st.builds(WorkerLeft, connection),
    st.builds(WindowsStored, st.lists(st.tuples(name, st.integers(1, 5)), max_size=2)),
    st.just(Tick()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(event, st.floats(-5, 15)), max_size=40))
def test_no_sequence_of_events_breaks_the_core(events: list[tuple[Any, float]]) -> None:
    now = 100.0
    coordinator = Coordinator(settings_of(plan_of((4, 0), (4, 60))), now=now)
    for what, seconds in events:
        now += seconds
        coordinator.handle(what, now)
    counts = coordinator.users.counts()
    assert sum(counts.values()) == 4
    assert all(
        coordinator.distribution.leases.holder(user) >= 0
        for user in range(4)
        if coordinator.users.state(user) in ("starting", "stopping")
    )
