"""A load that is over, and every number of it by its name. Pure.

A distribution has several numbers: ``ttft.p95``, ``gap.mean``. What is not known is None, and never 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from harness.errors import UsageError, unknown_name
from harness.load.histogram import Histogram
from harness.load.mix import Speed
from harness.load.tally import Series, Tally
from harness.verdict import Verdict

CHARACTERS_OF_A_TOKEN = 4
"""Of English text, on average. No API tells how many tokens an answer had that broke off."""
_STATS = re.compile(r"mean|min|max|p(?P<percent>\d{1,2}(?:\.\d+)?)")


class Result(msgspec.Struct, kw_only=True):
    """What a load was, and what came of it."""

    client: str
    asked_for: str
    """What the command line called it."""
    version: str
    seed: str
    server: str
    """Empty for one of ours."""
    streams: int
    processes: int
    speed: Speed
    scenarios: int
    """In the mix, as far as they can be played here."""
    left_out: int = 0
    """The others of the mix."""
    date: str = ""
    seconds: float = 0.0
    held: float = 0.0
    """Seconds in which no call was begun because this machine was late."""
    is_interrupted: bool = False
    leaked: int | None = None
    """Sockets that were open when all was over, and not before; None where this system does not tell."""
    tally: Tally = msgspec.field(default_factory=Tally)
    series: Series = msgspec.field(default_factory=Series)

    def count(self, verdict: Verdict) -> int:
        """Calls with this verdict."""
        return self.tally.verdicts.get(verdict, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number, or one distribution."""

    about: str
    unit: str = ""
    """``s``, ``%``, ``MiB`` or nothing."""
    value: Callable[[Result], float | None] | None = None
    of: Callable[[Tally], Histogram] | None = None
    """The distribution, where it is one."""


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _verdict(verdict: Verdict) -> Callable[[Result], float | None]:
    return lambda result: _share(result.count(verdict), result.tally.judged)


MEASURES: Mapping[str, Measure] = {
    "completion": Measure(
        about="calls whose user got the whole answer, of those that could", unit="%",
        value=lambda one: _share(one.tally.whole, one.tally.can_be_whole),
    ),
    "failed": Measure(about="calls that broke a law", unit="%", value=_verdict(Verdict.FAIL)),
    "unknown": Measure(about="calls of which nothing can be proven", unit="%", value=_verdict(Verdict.UNKNOWN)),
    "lost": Measure(about="calls without a verdict", value=lambda one: one.tally.lost),
    "calls": Measure(about="calls with a verdict", value=lambda one: one.tally.judged),
    "rate": Measure(about="calls with a verdict, a second", value=lambda one: _share(one.tally.judged, one.seconds)),
    "ttft": Measure(about="to the first text on display", unit="s", of=lambda tally: tally.first),
    "gap": Measure(about="between two texts on display", unit="s", of=lambda tally: tally.gaps),
    "recovery": Measure(about="for which a text stood still around a retry", unit="s", of=lambda tally: tally.recovery),
    "call": Measure(about="to the end of the call", unit="s", of=lambda tally: tally.took),
    "late": Measure(about="by which this machine came late, in each call", unit="s", of=lambda tally: tally.late),
    "retries": Measure(
        about="requests after the first, for each call", value=lambda one: _share(one.tally.retried, one.tally.asked)
    ),
    "wasted": Measure(
        about="streamed text that is not in the user's answer", unit="%",
        value=lambda one: _share(one.tally.wasted, one.tally.streamed),
    ),
    "memory": Measure(about="most memory", unit="MiB", value=lambda one: one.series.most_memory),
    "growth": Measure(
        about="growth of memory a minute, over the last half", unit="MiB", value=lambda one: one.series.growth
    ),
    "sockets": Measure(about="most sockets", value=lambda one: one.series.most_sockets),
    "leaked": Measure(about="sockets that stayed open", value=lambda one: one.leaked),
}  # fmt: skip


def checked(metric: str, stat: str) -> Measure:
    """The measure called ``metric``.

    Raises:
        UsageError: there is none, or ``stat`` says nothing of it.
    """
    if metric not in MEASURES:
        raise unknown_name("measure", metric, MEASURES)
    measure = MEASURES[metric]
    if measure.of is None and stat:
        raise UsageError(f"{metric} is one number: leave out .{stat}")
    if measure.of is not None and _STATS.fullmatch(stat) is None:
        raise UsageError(f"{metric} is a distribution: say {metric}.p95, .p99, .mean, .min or .max")
    return measure


def value(result: Result, metric: str, stat: str = "") -> float | None:
    """The number; None when it is not known. See :func:`checked`."""
    measure = checked(metric, stat)
    if measure.of is None:
        assert measure.value is not None
        return measure.value(result)
    histogram = measure.of(result.tally)
    if not histogram.counts:
        return None
    if (found := _STATS.fullmatch(stat)) is not None and found["percent"] is not None:
        return histogram.quantile(float(found["percent"]) / 100)
    return {"mean": histogram.mean, "min": histogram.least, "max": histogram.most}[stat]


def told(number: float | None, unit: str) -> str:
    """A number for people."""
    if number is None:
        return "unknown"
    match unit:
        case "%":
            return f"{100 * number:.4g}%" if number in (0, 1) else f"{100 * number:.2f}%"
        case "s":
            return f"{1000 * number:.3g} ms" if number < 1 else f"{number:.3g} s"
        case "MiB":
            return f"{number:,.1f} MiB"
        case _:
            return f"{number:,.0f}" if number == round(number) else f"{number:,.2f}"
