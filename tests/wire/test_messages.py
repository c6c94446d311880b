"""The wire codec: whatever is sent arrives, and nothing that arrives makes the reader do anything but refuse."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.errors import ProtocolError
from carga.model.histogram import Histogram
from carga.model.plan import Group, Plan, Stage, Target
from carga.model.windows import ErrorSample, Gauges, Metric, UserChange, Window
from carga.wire import messages as wire

_ints = st.integers(-(1 << 63), (1 << 63) - 1)
_histograms = st.lists(st.floats(0, 1e6), max_size=20).map(lambda values: _recorded(Histogram(), values))
_counts = st.dictionaries(st.text(max_size=8), st.integers(0, 1000), max_size=4)
_windows = st.builds(
    Window,
    worker=st.text(max_size=10),
    seq=st.integers(1, 1 << 40),
    second=st.integers(0, 1 << 30),
    metrics=st.dictionaries(st.text(max_size=8), st.builds(Metric, values=_histograms), max_size=3),
    counters=_counts,
    causes=st.dictionaries(st.sampled_from(["request", "step"]), _counts, max_size=2),
    users=st.lists(st.builds(UserChange, st.integers(0, 99), st.sampled_from(["running", "lost"])), max_size=3),
    gauges=st.builds(Gauges, users_running=st.integers(0, 99)),
    errors=st.lists(st.builds(ErrorSample, st.just("page"), st.text(max_size=9), _ints, st.text()), max_size=2),
)
_running = st.lists(st.builds(wire.Running, st.integers(0, 99), st.integers(0, 1 << 50)), max_size=4)
_from_worker = st.one_of(
    st.builds(wire.Hello, protocol=_ints, token=st.text(), worker=st.text(), users_max=st.integers(0, 99)),
    st.builds(wire.Renew, _ints),
    st.builds(wire.WindowMessage, _windows),
    st.builds(wire.Freed, _running),
    st.builds(wire.Picture, _ints, st.binary(max_size=99), st.text()),
    st.builds(wire.Evidence, _ints, _ints, st.text(), st.text(), st.binary(max_size=99)),
    st.just(wire.Goodbye()),
)
_plan = Plan("p.toml", Target("http://x/"), (Group("a", 3, viewport=(1, 2)),), (Stage(3, 1.0),))
_from_coordinator = st.one_of(
    st.builds(wire.Welcome, _ints, st.text(), st.just(10.0), st.just(0.0), st.just(_plan), st.just({"a.js": "x"})),
    st.builds(wire.Refuse, st.text(), st.text()),
    st.builds(wire.Granted, _ints),
    st.builds(wire.Release, _running),
    st.builds(wire.Ack, st.lists(_ints)),
    st.builds(wire.TakePicture, _ints, _ints),
    st.builds(wire.Finish, st.floats(0, 99)),
    st.builds(
        wire.Assign,
        st.lists(
            st.builds(
                wire.UserSpec,
                _ints,
                st.just(0),
                _ints,
                st.text(),
                st.dictionaries(st.text(), st.text(), max_size=3),
            ),
            max_size=3,
        ),
    ),
)


def _recorded(histogram: Histogram, values: list[float]) -> Histogram:
    for value in values:
        histogram.record(value)
    return histogram


@given(_from_worker)
def test_what_a_worker_says_arrives(message: wire.FromWorker) -> None:
    assert wire.decode_from_worker(wire.encode(message)) == message


@given(_from_coordinator)
def test_what_a_coordinator_says_arrives(message: wire.FromCoordinator) -> None:
    assert wire.decode_from_coordinator(wire.encode(message)) == message


def _refused_or_read(data: bytes) -> None:
    for decode in (wire.decode_from_worker, wire.decode_from_coordinator):
        try:
            decode(data)
        except ProtocolError as error:
            assert error.problem  # noqa: PT017 - both outcomes are right


@given(st.binary(max_size=500))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    _refused_or_read(data)


@given(_from_worker, st.data())
def test_a_message_that_was_bent_is_refused_or_read(message: wire.FromWorker, data: st.DataObject) -> None:
    encoded = bytearray(wire.encode(message))
    for _ in range(data.draw(st.integers(1, 5))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    _refused_or_read(bytes(encoded))


@given(_from_worker, st.integers(1, 1 << 30))
def test_a_message_that_was_cut_off_is_refused(message: wire.FromWorker, cut: int) -> None:
    encoded = wire.encode(message)
    with pytest.raises(ProtocolError):
        wire.decode_from_worker(encoded[: cut % len(encoded)])


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(["hello", "window", "freed", "renew", "picture", "welcome", "assign"]), _values)
def test_a_known_tag_with_strange_content_is_refused_or_read(tag: str, value: object) -> None:
    content = value if isinstance(value, dict) else {"window": value, "users": value}
    _refused_or_read(msgspec.msgpack.encode({**content, "type": tag}))


def test_deep_nesting_is_refused() -> None:
    _refused_or_read(b"\x91" * 100_000 + b"\xc0")


def test_a_message_of_the_other_end_is_refused() -> None:
    with pytest.raises(ProtocolError):
        wire.decode_from_worker(wire.encode(wire.Granted(1)))


def test_an_oversized_message_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProtocolError, match="exceeds the limit"):
        wire.decode_from_worker(b"\xc0" * (wire.MESSAGE_BYTES_MAX + 1))


def test_a_field_that_a_newer_version_adds_is_passed_over() -> None:
    data = msgspec.msgpack.encode({"type": "renew", "number": 7, "mood": "fine"})
    assert wire.decode_from_worker(data) == wire.Renew(7)
