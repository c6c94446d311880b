"""Numbers, hints, escaping and the machine: the small pieces of a report."""

import os

import pytest

from carga.model.windows import COUNTERS
from carga.results import figures
from carga.results.hints import hint_for
from carga.results.html import Html, join, json_for_script, tag
from carga.results.machine import machine
from carga.results.report_details import COUNTER_NAMES, counter_name


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "ms", "0 ms"),
        (3.14159, "ms", "3.14 ms"),
        (31.4159, "ms", "31.4 ms"),
        (814.2, "ms", "814 ms"),
        (9999.0, "ms", "9 999 ms"),
        (12345.0, "ms", "12.3 s"),
        (999.0, "bytes", "999 bytes"),
        (1_234_567.0, "bytes", "1.23 MB"),
        (0.123, "score", "0.12"),
        (0.00123, "score", "0.0012"),
        (5.0, "frames", "5 frames"),
        (None, "ms", "–"),
        (float("nan"), "ms", "–"),
    ],
)
def test_amounts_read_well(value: float | None, unit: str, text: str) -> None:
    assert figures.amount(value, unit).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(0, 5, "0 %"), (1, 3, "33.3 %"), (1, 10**6, "<0.01 %"), (1, 0, "–"), (5, 5, "100 %")]
)
def test_a_share_that_is_not_nothing_never_reads_as_nothing(part: int, whole: int, text: str) -> None:
    assert figures.share(part, whole).replace("\u202f", " ") == text


@pytest.mark.parametrize(("second", "text"), [(0, "0:00"), (67, "1:07"), (3723, "1:02:03"), (59.9, "0:59")])
def test_times_of_the_run(second: float, text: str) -> None:
    assert figures.clock(second) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1m"), (90, "1m 30s"), (5400, "1h 30m"), (0.25, "200ms"), (0, "0s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("area", "cause", "part"),
    [
        ("request", "HTTP 503", "overloaded"),
        ("request", "HTTP 599", "application failed"),
        ("request", "HTTP 418", "did not understand"),
        ("request", "net::ERR_CONNECTION_REFUSED", "backlog"),
        ("request", "net::ERR_INSUFFICIENT_RESOURCES", "generator"),
        ("request", "net::ERR_TIMED_OUT", "in time"),
        ("request", "net::ERR_CERT_DATE_INVALID", "TLS"),
        ("websocket", "1006", "without a goodbye"),
        ("websocket", "net::ERR_CONNECTION_RESET", "dropped"),
        ("step", "open guide: Timed out after 5 s: #guide", "did not appear"),
        ("step", "open guide: net::ERR_NAME_NOT_RESOLVED", "host name"),
        ("page", "TypeError: x is undefined", "JavaScript"),
        ("browser", "crashed", "died"),
    ],
)
def test_known_causes_have_a_hint(area: str, cause: str, part: str) -> None:
    hint = hint_for(area, cause)
    assert hint is not None
    assert part in f"{hint.meaning} {hint.look_at}"


@pytest.mark.parametrize(
    ("area", "cause"), [("request", "(other)"), ("websocket", "4321"), ("step", "x: wrong channel")]
)
def test_unknown_causes_have_none_rather_than_a_guess(area: str, cause: str) -> None:
    assert hint_for(area, cause) is None


def test_every_counter_has_a_name_for_people() -> None:
    assert set(COUNTERS) <= set(COUNTER_NAMES)
    assert counter_name("new_counter") == "New counter"


def test_text_and_attributes_are_escaped_and_markup_of_our_own_is_not() -> None:
    built = tag("p", "<b>", [tag("i", "&"), None], title='"x"', hidden=True, lang=None)
    assert built == '<p title="&quot;x&quot;" hidden>&lt;b&gt;<i>&amp;</i></p>'
    assert join(Html("<br>")) == "<br>"


def test_json_cannot_end_its_script() -> None:
    text = json_for_script({"</script>": "<!--&\u2028"})
    assert not set("<>&\u2028") & set(text)


def test_the_machine_is_described() -> None:
    here = machine()
    assert here.cores == len(os.sched_getaffinity(0))
    assert here.memory_mb > 100
    assert all((here.host, here.os, here.kernel, here.cpu, here.python))
