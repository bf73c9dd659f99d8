"""Drawings of a load as numbers for SVG: bars of a histogram, lines over time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.load.durations import clock
from harness.load.histogram import Histogram
from harness.load.result import told
from harness.load.tally import Sample

WIDTH, HEIGHT = 640, 120
"""Of a drawing, without what is written below it."""
_BARS = 64
_MARKED = ("p50", 0.5), ("p95", 0.95), ("p99", 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar, and what it says."""

    x: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line across, with its name."""

    x: float
    name: str
    is_right: bool
    """Whether its name has more room on its left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A histogram on a logarithmic scale."""

    name: str
    about: str
    bars: Sequence[Bar]
    marks: Sequence[Mark]
    begin: str
    end: str
    count: int


def bars(name: str, about: str, histogram: Histogram) -> Bars | None:
    """The drawing of a histogram; None of an empty one."""
    found = list(histogram.bars(_BARS))
    if not found:
        return None
    most, width = max(count for _, _, count in found), WIDTH / len(found)
    drawn = [
        Bar(
            x=round(place * width, 2),
            width=round(width * 0.9, 2),
            height=round(max(1.0, HEIGHT * count / most), 2),
            title=f"{told(begin, 's')} to {told(end, 's')}: {count:,}",
        )
        for place, (begin, end, count) in enumerate(found)
        if count
    ]
    return Bars(
        name=name,
        about=about,
        bars=drawn,
        marks=[_mark(stat, histogram.quantile(share) or 0.0, [(b, e) for b, e, _ in found]) for stat, share in _MARKED],
        begin=told(found[0][0], "s"),
        end=told(found[-1][1], "s"),
        count=histogram.count,
    )


def _mark(stat: str, value: float, ranges: Sequence[tuple[float, float]]) -> Mark:
    place = next((at for at, (_, end) in enumerate(ranges) if value < end), len(ranges) - 1)
    x = round((place + 0.5) * WIDTH / len(ranges), 2)
    return Mark(x=x, name=f"{stat} {told(value, 's')}", is_right=x > WIDTH * 0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number over time."""

    name: str
    points: str
    most: str
    end: str


def over_time(samples: Sequence[Sample]) -> list[Line]:
    """What is known of each moment: calls at once, memory, sockets."""
    wanted = (
        ("calls at once", "", [(one.t, float(one.open)) for one in samples]),
        ("memory", "MiB", [(one.t, one.memory) for one in samples if one.memory is not None]),
        ("sockets", "", [(one.t, float(one.sockets)) for one in samples if one.sockets is not None]),
    )
    return [line for name, unit, values in wanted if (line := _line(name, unit, values)) is not None]


def _line(name: str, unit: str, values: Iterable[tuple[float, float]]) -> Line | None:
    found = list(values)
    if len(found) < 2:
        return None
    end, most = found[-1][0] or 1.0, max(value for _, value in found)
    high = most or 1.0
    points = " ".join(f"{WIDTH * t / end:.1f},{HEIGHT * (1 - value / high):.1f}" for t, value in found)
    return Line(name=name, points=points, most=told(most, unit), end=clock(end))
