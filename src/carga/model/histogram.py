"""Base-2 exponential histogram that merges exactly.

The layout is OpenTelemetry's exponential histogram at scale 7: bucket `i` holds the values in
(base**i, base**(i+1)] with base = 2**(1/128), so the middle of a bucket is less than 0.3 % away from
any value in it. Counts and the sum are integers, hence merging is commutative and associative and
the order of arrival never changes a result.

Source: OpenTelemetry, "Metrics Data Model", section "ExponentialHistogram".
"""

import math

import msgspec

SCALE = 7
_BUCKETS_PER_DOUBLING = 1 << SCALE
_BASE = 2.0 ** (1.0 / _BUCKETS_PER_DOUBLING)
SUM_RESOLUTION = 1000
"""The sum counts thousandths of the unit (microseconds for milliseconds), as an integer."""
VALUE_MAX = 1e12
"""31 years in milliseconds. A window's sum stays below 2**64, the largest integer on the wire."""

_log2 = math.log2
_ceil = math.ceil


class Histogram(msgspec.Struct, array_like=True):
    """Counts of non-negative values. Values are floats in the metric's unit."""

    count: int = 0
    sum_thousandths: int = 0
    min: float = math.inf
    max: float = -math.inf
    zeros: int = 0
    buckets: dict[int, int] = msgspec.field(default_factory=dict)

    def record(self, value: float, times: int = 1) -> None:
        """Adds `value` `times` times. A value outside 0..VALUE_MAX, or NaN, raises ValueError."""
        if not 0.0 <= value <= VALUE_MAX:
            raise ValueError(f"a histogram holds values from 0 to {VALUE_MAX:g}, not {value!r}")
        self.count += times
        self.sum_thousandths += round(value * SUM_RESOLUTION) * times
        if value < self.min:
            self.min = value
        if value > self.max:
            self.max = value
        if value == 0.0:
            self.zeros += times
            return
        index = _ceil(_log2(value) * _BUCKETS_PER_DOUBLING) - 1
        self.buckets[index] = self.buckets.get(index, 0) + times

    def merge(self, other: "Histogram") -> None:
        """Adds all of `other`, which stays as it is."""
        if not other.count:
            return
        self.count += other.count
        self.sum_thousandths += other.sum_thousandths
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)
        self.zeros += other.zeros
        mine = self.buckets
        for index, count in other.buckets.items():
            mine[index] = mine.get(index, 0) + count

    def copy(self) -> "Histogram":
        return Histogram(self.count, self.sum_thousandths, self.min, self.max, self.zeros, dict(self.buckets))

    @property
    def sum(self) -> float:
        return self.sum_thousandths / SUM_RESOLUTION

    @property
    def mean(self) -> float:
        """NaN when empty."""
        return self.sum / self.count if self.count else math.nan

    def quantile(self, q: float) -> float:
        """The value below or at which a share `q` (0..1) of all values lies: nearest rank, NaN when empty."""
        return self.quantiles((q,))[0]

    def quantiles(self, shares: tuple[float, ...]) -> list[float]:
        """Like `quantile` for several ascending shares in one walk over the buckets."""
        if not self.count:
            return [math.nan] * len(shares)
        results: list[float] = []
        ordered = iter(sorted(self.buckets.items()))
        seen = self.zeros
        value = 0.0
        for share in shares:
            rank = max(1, _ceil(share * self.count))
            while seen < rank:
                index, count = next(ordered)
                seen += count
                value = _middle(index)
            results.append(min(max(value, self.min), self.max))
        return results


def _middle(index: int) -> float:
    """The point of bucket `index` whose relative distance to both ends is the same."""
    lower = 2.0 ** (index / _BUCKETS_PER_DOUBLING)
    return float(2.0 * lower * _BASE / (1.0 + _BASE))
