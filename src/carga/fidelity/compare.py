"""Two runs of a reference and one of a candidate: what the candidate did otherwise. Pure.

Everything that was seen becomes *features* with counts, such as `GET /guide/{n}` 12 times. Applications are not
deterministic, so the reference runs twice, before the candidate and after it. A feature costs nothing while the
candidate's count lies within what the two runs of the reference gave, widened by as much as they differ. What is beyond
that is a difference, and weighs as much as its share of all the counts of its aspect.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher

import msgspec

from carga.fidelity.record import Exchange, Side, UserRecord

MANY = 10
"""Of a feature that came at least so often, a tenth more or less is time that passed, not behaviour."""
ORDER_MAX = 2000
"""Requests of a user whose order is compared."""
IGNORED_HEADERS = frozenset(
    ("host", "content-length", "sec-websocket-key", "if-modified-since", "if-none-match", "connection", "cache-control",
     "pragma")
)  # fmt: skip
"""They carry addresses, lengths and times; what they do shows in the requests themselves."""
ENGINE_HEADERS = frozenset(
    ("accept", "accept-encoding", "accept-language", "dnt", "priority", "te", "upgrade-insecure-requests", "user-agent",
     "sec-gpc", "sec-websocket-extensions", "sec-websocket-version", "save-data")
)  # fmt: skip
ENGINE_HEADER_PREFIXES = ("sec-ch-", "sec-fetch-")
ENGINE_HEADER_WEIGHT = 0.1
"""Every engine has words of its own here. An application that goes by them shows it elsewhere too."""
RECEIVED = "received from"
RECEIVED_WEIGHT = 0.25
"""Messages from the server are its own doing; that they come, and of what shape, is still worth knowing."""

Counts = dict[str, float]


class Difference(msgspec.Struct, frozen=True):
    aspect: str
    name: str
    reference: tuple[float, float]
    """Counts in the two runs of the reference; of shares in percent."""
    candidate: float
    lost: float = 0.0
    """Points of the score; filled in by `score`."""


class AspectResult(msgspec.Struct, frozen=True):
    name: str
    similarity: float
    """0..1."""
    differences: list[Difference]
    """`lost` is a share of the aspect here, 0..1."""


def aspects(first: Side, candidate: Side, second: Side) -> Iterator[AspectResult]:
    """One for each aspect of which anything was seen."""
    for name, features in _FEATURES.items():
        weigh = _message_weight if name == "websockets" else _alike
        if result := compare_counts(name, *(features(side) for side in (first, candidate, second)), weigh=weigh):
            yield result
    if order := _order(first, candidate, second):
        yield order
    sides = (first, candidate, second)
    keys = [_common_keys(side.users) for side in sides]
    common = keys[0].keys() & keys[1].keys() & keys[2].keys()
    if result := compare_counts("headers", *(_header_shares(side, common) for side in sides), weigh=_header_weight):
        yield result


def compare_counts(
    aspect: str,
    first: Mapping[str, float],
    candidate: Mapping[str, float],
    second: Mapping[str, float],
    *,
    weigh: Callable[[str], float],
) -> AspectResult | None:
    """None when nothing was seen in any run."""
    lost: list[tuple[float, Difference]] = []
    whole = 0.0
    for name in {*first, *candidate, *second}:
        one, two, other = first.get(name, 0.0), second.get(name, 0.0), candidate.get(name, 0.0)
        weight = weigh(name)
        beyond = _beyond(one, two, other)
        whole += weight * max(one, two, other)
        if beyond:
            lost.append((weight * beyond, Difference(aspect, name, (one, two), other)))
    if not whole:
        return None
    differences = [msgspec.structs.replace(difference, lost=share / whole) for share, difference in lost]
    differences.sort(key=lambda difference: (-difference.lost, difference.name))
    return AspectResult(aspect, max(0.0, 1 - sum(share for share, _ in lost) / whole), differences)


def _alike(_name: str) -> float:
    return 1.0


def _beyond(one: float, two: float, other: float) -> float:
    """How far `other` is outside of what two runs of the reference gave."""
    low, high = min(one, two), max(one, two)
    if not other:
        return low  # what always came and never comes is no noise
    noise = (high - low) + (high // MANY if high >= MANY else 0)
    if other < low:
        return max(0.0, low - noise - other)
    return max(0.0, other - high - noise)


# --- features ----------------------------------------------------------------------------------------------


def _requests(side: Side) -> Counts:
    return _sum(f"{request_key(exchange)} → {_answer(exchange)}" for user in side.users for exchange in user.exchanges)


def _bodies(side: Side) -> Counts:
    return _sum(
        f"{request_key(exchange)} with {exchange.body}"
        for user in side.users
        for exchange in user.exchanges
        if exchange.body
    )


def _websockets(side: Side) -> Counts:
    return _sum(
        f"{'sent to' if message.sent else RECEIVED} {message.url}: {message.shape}"
        for user in side.users
        for message in user.messages
    )


def _message_weight(name: str) -> float:
    return RECEIVED_WEIGHT if name.startswith(RECEIVED) else 1.0


def _outcomes(side: Side) -> Counts:
    return _add(user.outcomes for user in side.users)


def _errors(side: Side) -> Counts:
    return _add(user.errors for user in side.users)


def _page(side: Side) -> Counts:
    counts: Counts = {}
    for user in side.users:
        if user.page is None:
            continue
        page = user.page
        one = {
            f"title {page.title}": 1,
            f"address {page.url}": 1,
            **{f"element {name}": count for name, count in page.elements.items()},
            **{f"text {name}": count for name, count in page.texts.items()},
        }
        counts = _add((counts, one))
    return counts


_FEATURES: dict[str, Callable[[Side], Counts]] = {
    "outcomes": _outcomes,
    "requests": _requests,
    "bodies": _bodies,
    "websockets": _websockets,
    "page": _page,
    "errors": _errors,
}


def request_key(exchange: Exchange) -> str:
    return f"{exchange.method} {exchange.url}"


def _answer(exchange: Exchange) -> str:
    return str(exchange.status) if exchange.status else "no answer"


def _sum(names: Iterator[str]) -> Counts:
    return {name: float(count) for name, count in Counter(names).items()}


def _add(many: "Iterator[dict[str, int]] | tuple[Mapping[str, float], ...]") -> Counts:
    counts: Counts = {}
    for one in many:
        for name, count in one.items():
            counts[name] = counts.get(name, 0.0) + count
    return counts


# --- order -------------------------------------------------------------------------------------------------


def _order(first: Side, candidate: Side, second: Side) -> AspectResult | None:
    """Of the requests that all three made. As good as the reference's own two runs is as good as can be."""
    own = _order_ratio(first, second)
    ratios = [ratio for side in (first, second) if (ratio := _order_ratio(side, candidate)) is not None]
    if own is None or not ratios:
        return None
    best = max(ratios)
    similarity = min(1.0, best / own) if own else 1.0
    name = "the order in which the same requests were made: percent alike"
    difference = Difference("order", name, (round(100 * own, 1), round(100 * own, 1)), round(100 * best, 1))
    lost = [msgspec.structs.replace(difference, lost=1 - similarity)] if similarity < 1 else []
    return AspectResult("order", similarity, lost)


def _order_ratio(one: Side, other: Side) -> float | None:
    """Mean over the users of how much of the two sequences is in the same order; None without requests in common."""
    ratios = []
    theirs = {user.index: user for user in other.users}
    for user in one.users:
        if user.index in theirs:
            both = _sequences(user, theirs[user.index])
            if both[0]:
                ratios.append(SequenceMatcher(None, *both, autojunk=False).ratio())
    return sum(ratios) / len(ratios) if ratios else None


def _sequences(one: UserRecord, other: UserRecord) -> tuple[list[str], list[str]]:
    """Both without what only one of them has, which is counted elsewhere."""
    keys = [[request_key(exchange) for exchange in user.exchanges[:ORDER_MAX]] for user in (one, other)]
    common = Counter(keys[0]) & Counter(keys[1])
    return _first(keys[0], common), _first(keys[1], common)


def _first(keys: list[str], counts: Counter[str]) -> list[str]:
    """Of each key as many as `counts` has."""
    left = Counter(counts)
    kept = []
    for key in keys:
        if left[key] > 0:
            left[key] -= 1
            kept.append(key)
    return kept


# --- headers -----------------------------------------------------------------------------------------------


def _common_keys(users: list[UserRecord]) -> Counter[str]:
    return Counter(request_key(exchange) for user in users for exchange in user.exchanges)


def _header_shares(side: Side, keys: set[str]) -> Counts:
    """For each header and value, on how many kinds of requests it was: a request made often counts no more."""
    having: Counter[tuple[str, str]] = Counter()
    total: Counter[str] = Counter()
    for user in side.users:
        for exchange in user.exchanges:
            key = request_key(exchange)
            if key in keys:
                total[key] += 1
                having.update({(key, f"{name}: {value}") for name, value in exchange.headers if _counts(name)})
    shares: Counts = {}
    for (key, header), count in having.items():
        shares[header] = shares.get(header, 0.0) + count / total[key]
    return {header: round(share, 6) for header, share in shares.items()}


def _counts(name: str) -> bool:
    return name not in IGNORED_HEADERS


def is_engine_header(header: str) -> bool:
    name = header.partition(":")[0]
    return name in ENGINE_HEADERS or name.startswith(ENGINE_HEADER_PREFIXES)


def _header_weight(header: str) -> float:
    return ENGINE_HEADER_WEIGHT if is_engine_header(header) else 1.0
