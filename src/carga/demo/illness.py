"""The ways in which the demo can be made ill: each one hurt a real server under load.

An illness is given as `NAME` or `NAME=VALUE`. Control paths (`/_stats` and the like) are never made ill by the
application, but they need a socket and a file too.
"""

from collections.abc import Sequence

import msgspec

from carga.errors import UsageError


class Illness(msgspec.Struct, frozen=True):
    """One switch: what it is called, what its value means, and what a load test sees of it."""

    name: str
    unit: str
    default: float
    least: float
    most: float
    does: str
    seen_as: str


ILLNESSES: tuple[Illness, ...] = (
    Illness(
        "few-sockets",
        "connections at once",
        64,
        1,
        1_000_000,
        "Holds at most so many connections; every further one is reset as soon as it is made.",
        "net::ERR_CONNECTION_RESET on documents, scripts and fetches; WebSockets that close with 1006",
    ),
    Illness(
        "few-files",
        "spare file descriptors",
        32,
        1,
        1_000_000,
        "Leaves the process only so many descriptors (RLIMIT_NOFILE) beyond those it holds at rest: accept() fails.",
        "connections that are made and never answered: time-outs, steps that hang until others leave",
    ),
    Illness(
        "slow-database",
        "ms",
        200,
        0,
        600_000,
        "Every query takes so much longer, and only 8 run at once: beyond that they queue.",
        "percentiles of API requests and of steps grow with the number of users; statics stay quick",
    ),
    Illness(
        "slow-statics",
        "ms",
        500,
        0,
        600_000,
        "Scripts, styles and pictures answer so much later.",
        "document load and the first step are slow; the API stays quick",
    ),
    Illness(
        "leaking",
        "KB a request",
        64,
        1,
        1_000_000,
        "Every request leaves so much memory behind, up to --leak-cap-mb.",
        "nothing in the page; the server's memory grows with the number of requests (memory_kb in /_stats)",
    ),
    Illness(
        "dropping-websockets",
        "s",
        10,
        0.1,
        86_400,
        "Ends each WebSocket after about that time, every other one with code 1011, the rest by resetting TCP.",
        "abnormal closes with 1011 and 1006, and as many reconnects",
    ),
    Illness(
        "session-limit",
        "sessions",
        20,
        0,
        1_000_000,
        "Lets so many viewers in; the others get 503 when they log in.",
        "HTTP 503 on fetches; users beyond the limit never get as far as the guide",
    ),
    Illness(
        "errors",
        "percent",
        5,
        0,
        100,
        "So many of a hundred API requests answer 500; which ones depends on --seed.",
        "HTTP 500 in the share given",
    ),
    Illness(
        "die-after",
        "s",
        30,
        0.1,
        86_400,
        "The process ends without a word after that time.",
        "net::ERR_CONNECTION_REFUSED, all WebSockets closed with 1006 at the same moment",
    ),
)


class Ills(msgspec.Struct, frozen=True):
    """Which illnesses the server has; None: healthy in that respect. Units as in ILLNESSES."""

    few_sockets: int | None = None
    few_files: int | None = None
    slow_database: float | None = None
    slow_statics: float | None = None
    leaking: int | None = None
    dropping_websockets: float | None = None
    session_limit: int | None = None
    errors: float | None = None
    die_after: float | None = None


WHOLE = frozenset({"few-sockets", "few-files", "leaking", "session-limit"})
"""Illnesses whose value is a number of things."""


def parse_ills(texts: Sequence[str]) -> Ills:
    """Reads `NAME[=VALUE]` texts; the last one of a name wins. Raises UsageError."""
    known = {illness.name: illness for illness in ILLNESSES}
    values: dict[str, float] = {}
    for text in texts:
        name, _, value_text = text.partition("=")
        illness = known.get(name)
        if illness is None:
            raise UsageError(f"There is no illness {name!r}.", f"Known ones: {', '.join(known)}.")
        values[name.replace("-", "_")] = _value(illness, value_text)
    return Ills(**values)  # type: ignore[arg-type]


def _value(illness: Illness, text: str) -> float:
    try:
        value = float(text) if text else illness.default
    except ValueError:
        value = float("nan")
    whole = illness.name in WHOLE
    if not illness.least <= value <= illness.most or (whole and value != int(value)):
        raise UsageError(
            f"{text!r} is no value for the illness {illness.name}.",
            f"Give a {'whole ' if whole else ''}number of {illness.unit} "
            f"from {illness.least:g} to {illness.most:g}, such as {illness.name}={illness.default:g}.",
        )
    return int(value) if whole else value
