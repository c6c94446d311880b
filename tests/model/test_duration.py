import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.model.duration import DURATION_S_MAX, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("800ms", 0.8),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("0s", 0.0),
        ("0.5h", 1800.0),
        ("1m30s500ms", 90.5),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "1", "1.5", "-1s", "1 s", "1s ", "1s\n", "1s1m", "1s1s", "1.s", ".5s", "1e3s", "٣s", "1d", "1m5"],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["721h", "9" * 30 + "h"])
def test_a_time_longer_than_thirty_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="30 days"):
        parse_duration(text)


@given(st.floats(0, DURATION_S_MAX))
def test_what_is_formatted_reads_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.000501)


@given(st.text())
def test_any_text_gives_a_time_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= DURATION_S_MAX


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.0005, "0.5ms"), (0.9999999, "1s"), (59.9996, "1m"), (90, "1m30s"), (7200, "2h")]
)
def test_formatting_is_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
