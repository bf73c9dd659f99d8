"""Durations by the million in a few kilobytes: buckets that are exact below 256 µs and 0.8 % wide above. Pure.

The buckets are those of HdrHistogram (http://hdrhistogram.org): within each power of two there are 128 of one width, so
a quantile is never further from the truth than one part in 128, whatever the range. They are the same everywhere, so
histograms of several processes can be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

import msgspec

_HALF = 128
"""Buckets within a power of two."""
_MICRO = 1_000_000


class Histogram(msgspec.Struct, kw_only=True):
    """How many durations there were of each length, in seconds."""

    counts: dict[int, int] = {}
    """By number of bucket."""
    total: float = 0.0
    """The sum of all."""
    least: float = 0.0
    most: float = 0.0

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """The sum by the count; None of none."""
        return self.total / count if (count := self.count) else None

    def add(self, seconds: float) -> None:
        """One more; what is negative counts as 0."""
        seconds = max(0.0, seconds)
        self.least = min(self.least, seconds) if self.counts else seconds
        self.most = max(self.most, seconds)
        self.total += seconds
        bucket = _bucket(round(seconds * _MICRO))
        self.counts[bucket] = self.counts.get(bucket, 0) + 1

    def add_all(self, seconds: Iterable[float]) -> None:
        """Several more."""
        for one in seconds:
            self.add(one)

    def merge(self, other: Histogram) -> None:
        """All of another one."""
        if not other.counts:
            return
        self.least = min(self.least, other.least) if self.counts else other.least
        self.most = max(self.most, other.most)
        self.total += other.total
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    def quantile(self, share: float) -> float | None:
        """The duration that ``share`` of all (0 to 1) do not exceed, at most one part in 128 too long; None of none."""
        rank, seen = max(1, ceil(share * self.count)), 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return min(self.most, max(self.least, _end(bucket) / _MICRO))
        return None

    def bars(self, many: int) -> Iterator[tuple[float, float, int]]:
        """Begin, end and count of at most ``many`` bars of equal width on a logarithmic scale, from the first that is
        not empty to the last."""
        if not self.counts:
            return
        first, last = min(self.counts), max(self.counts)
        width = -(-(last - first + 1) // many)
        for begin in range(first, last + 1, width):
            count = sum(self.counts.get(one, 0) for one in range(begin, begin + width))
            yield _begin(begin) / _MICRO, (_end(begin + width - 1) + 1) / _MICRO, count


def _bucket(micros: int) -> int:
    shift = max(0, micros.bit_length() - 8)
    return shift * _HALF + (micros >> shift)


def _begin(bucket: int) -> int:
    """The shortest duration that is counted there, in µs."""
    shift = max(0, bucket // _HALF - 1)
    return (bucket - shift * _HALF) << shift


def _end(bucket: int) -> int:
    """The longest one."""
    return _begin(bucket + 1) - 1
