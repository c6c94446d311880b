import time

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from carga.demo import Demo
from tests.demo.viewers import heard, key, open_socket, until


def test_the_clock_comes_at_once_and_again(demo: Demo) -> None:
    with open_socket(demo) as socket:
        first, second = heard(socket, "clock"), heard(socket, "clock")
    assert abs(first["now_s"] - time.time()) < 10
    assert 0.1 < second["now_s"] - first["now_s"] < 5


def test_everybody_hears_how_many_watch(demo: Demo) -> None:
    with open_socket(demo, 1) as one, open_socket(demo, 2):
        until(lambda: heard(one, "clock")["viewers"] == 2)


def test_news_come_now_and_then(demo: Demo) -> None:
    with open_socket(demo) as socket:
        assert heard(socket, "notification")["text"]


def test_zaps_are_counted_and_nonsense_is_only_a_message(demo: Demo) -> None:
    with open_socket(demo) as socket:
        for message in ('{"type":"zap","channel":3}', '{"type":"presence","channel":3}', "nonsense", "[1]", b"\xff"):
            socket.send(message)
        until(lambda: demo.stats().websockets.messages_in == 5)
    assert demo.stats().websockets.zaps == 1


def test_messages_out_are_those_that_arrive(demo: Demo) -> None:
    with open_socket(demo) as socket:
        received = [socket.recv(10) for _ in range(4)]
        assert len(received) == 4
        socket.close()
        until(lambda: demo.stats().websockets.open == 0)
        received += list(socket)
    assert len(received) == demo.stats().websockets.messages_out


def test_closes_are_counted_by_code(demo: Demo) -> None:
    for code in (1000, 1001, 4000):
        with open_socket(demo) as socket:
            socket.close(code)
    with open_socket(demo) as lost:
        lost.socket.shutdown(2)
    until(lambda: demo.stats().websockets.open == 0)
    assert demo.stats().websockets.closed == {"1000": 1, "1001": 1, "1006": 1, "4000": 1}


def test_the_time_that_each_identity_was_connected_is_known(demo: Demo) -> None:
    before = time.monotonic()
    with open_socket(demo, 1), open_socket(demo, 2), open_socket(demo, 2):
        until(lambda: demo.stats().websockets.open == 3)
        middle = time.monotonic()
    until(lambda: demo.stats().websockets.open == 0)
    report, stats = demo.identities(), demo.stats()
    ((opened, closed),) = report.identities[key(1)].intervals
    assert closed is not None
    assert before <= opened <= middle <= closed <= report.now_s
    assert report.identities[key(2)].websockets_at_once == 2
    assert stats.websockets.per_identity_max == 2
    assert [(offender.identity, offender.at_once) for offender in stats.websockets.offenders] == [(key(2), 2)]


def test_an_open_connection_outlives_a_reset_of_the_counts(demo: Demo) -> None:
    with open_socket(demo, 1):
        until(lambda: demo.stats().websockets.open == 1)
        demo.reset()
        sockets = demo.stats().websockets
        assert (sockets.opened, sockets.open, sockets.peak) == (0, 1, 1)
        assert [closed for _, closed in demo.identities().identities[key(1)].intervals] == [None]
    until(lambda: demo.stats().websockets.open == 0)


def test_there_is_one_address_for_websockets(demo: Demo) -> None:
    with pytest.raises(InvalidStatus):
        connect(demo.url.replace("http", "ws") + "elsewhere", proxy=None)
    assert demo.stats().websockets.opened == 0
