"""What a load came to, in lines for a terminal of 80 columns, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from harness.again import options, replay
from harness.load.durations import clock
from harness.load.histogram import Histogram
from harness.load.result import CHARACTERS_OF_A_TOKEN, MEASURES, Result, told, value
from harness.load.thresholds import Kept
from harness.plain import plain
from harness.reporter import MARKS
from harness.standing import Standing
from harness.verdict import Verdict

QUANTILES = ("p50", "p95", "p99", "max")
_OF_VERDICT = {Verdict.PASS: Standing.PASS, Verdict.FAIL: Standing.FAIL, Verdict.UNKNOWN: Standing.UNKNOWN}
_NAME = 11
_HARM = 300
DISTRIBUTIONS = ("ttft", "gap", "recovery", "call", "late")
_WHY_UNKNOWN = {
    "ttft": "this client showed no text while it came",
    "gap": "this client showed no two pieces of text while they came",
    "recovery": "no text came after a retry",
}


def sentence(result: Result, kept: Sequence[Kept]) -> str:
    """How it went, in one sentence."""
    crossed = [one.threshold.text for one in kept if one.verdict is Verdict.FAIL]
    unknown = [one.threshold.text for one in kept if one.verdict is Verdict.UNKNOWN]
    begin = "interrupted: " if result.is_interrupted else ""
    if crossed:
        return f"{begin}not kept: {', '.join(crossed)}"
    return f"{begin}cannot be told: {', '.join(unknown)}" if unknown else f"{begin}all thresholds were kept"


def lines(result: Result, kept: Sequence[Kept]) -> Iterator[str]:
    """The summary at the end."""
    yield from what(result)
    yield ""
    yield _line("calls", calls(result))
    if result.left_out:
        yield _line("", f"{result.left_out} scenarios of the mix cannot be played here")
    if result.held >= 1:
        yield _line("", f"for {result.held:.0f} s no call was begun, because this machine was late")
    yield _line(
        "completion", f"{number(result, 'completion')} of {result.tally.can_be_whole:,} answers that could be had whole"
    )
    for name in DISTRIBUTIONS:
        yield _line(name, distribution(result, name))
    yield _line("retries", f"{number(result, 'retries')} for each call, {result.tally.retried:,} in all")
    yield _line("wasted", wasted(result))
    yield _line("machine", machine(result))
    if any(result.tally.laws.values()):
        yield ""
        yield from _broken(result)
    yield from (f"  without a verdict: {plain(why, _HARM)}" for why in result.tally.faults)
    yield ""
    for one in kept:
        yield f"{MARKS[_OF_VERDICT[one.verdict]]} {one.threshold.text}  ({one.told})"
    yield sentence(result, kept)


def standing(result: Result, seconds: float) -> tuple[str, str]:
    """How it stands while it goes on, in two lines.

    Args:
        seconds: how long calls are begun.
    """
    now = result.series.samples[-1] if result.series.samples else None
    at_once = now.open if now is not None else 0
    begin = f"{clock(result.seconds)} of {clock(seconds)}, {at_once:,} of {result.streams:,} streams"
    times = (f"{name} p95 {told(value(result, name, 'p95'), 's')}" for name in ("ttft", "gap"))
    memory = f"memory {told(now.memory if now is not None else None, 'MiB')}"
    return f"{begin}, calls {calls(result)}", ", ".join([*times, memory])


def what(result: Result) -> Iterator[str]:
    """What was done."""
    server = result.server or "a server of ours"
    many = f" in {result.processes} processes" if result.processes > 1 else ""
    yield f"{result.streams:,} streams{many} for {result.seconds:.0f} s, seed {result.seed}"
    yield f"{plain(result.client)} {plain(result.version)} against {plain(server)}, {result.scenarios} scenarios"


def calls(result: Result) -> str:
    """How many there were, and their verdicts."""
    counts = [
        f"{result.count(one):,} {word}" for one, word in _WORDS.items() if one is not Verdict.SKIP or result.count(one)
    ]
    lost = [f"{result.tally.lost:,} lost"] + [f"{result.tally.cut:,} cut"] * bool(result.tally.cut)
    return f"{result.tally.judged:,}: {', '.join([*counts, *lost])}"


_WORDS = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.UNKNOWN: "unknown", Verdict.SKIP: "noted"}


def distribution(result: Result, name: str) -> str:
    """Its quantiles, or why nobody knows them."""
    if value(result, name, "max") is None:
        return f"unknown: {_WHY_UNKNOWN.get(name, 'no call came to its end')}"
    return "   ".join(f"{stat} {told(value(result, name, stat), 's')}" for stat in QUANTILES)


def wasted(result: Result) -> str:
    """How much was said for nothing."""
    share = value(result, "wasted")
    if share is None:
        return "unknown: no text was streamed"
    tokens = result.tally.wasted / CHARACTERS_OF_A_TOKEN
    return f"{told(share, '%')} of the text that was streamed, some {tokens:,.0f} tokens"


def machine(result: Result) -> str:
    """What it needed."""
    growth = value(result, "growth")
    grew = f"{growth:+.1f} MiB a minute" if growth is not None else "growth unknown"
    sockets, leaked = number(result, "sockets"), number(result, "leaked")
    return f"{number(result, 'memory')} ({grew}), {sockets} sockets, {leaked} leaked"


def number(result: Result, name: str) -> str:
    """A measure that is one number."""
    return told(value(result, name), MEASURES[name].unit)


def about(name: str) -> str:
    """What a measure is."""
    return MEASURES[name].about


def _line(name: str, text: str) -> str:
    return f"  {name:<{_NAME}} {text}"


def by_law(result: Result) -> list[tuple[str, int]]:
    """Laws with the failed calls that each decided, the most first."""
    return sorted(result.tally.laws.items(), key=lambda one: (-one[1], one[0]))


def _broken(result: Result) -> Iterator[str]:
    for law, count in by_law(result):
        yield f"{MARKS[Standing.FAIL]} {law}: {count:,} calls"
        for one in result.tally.broken:
            if one.law == law:
                yield f"  {plain(one.harm, _HARM)}"
                yield f"  {replay(one.case, options(result.client, result.asked_for))}"


def tree(result: Result, kept: Sequence[Kept]) -> dict[str, Any]:
    """All of it as JSON; what is not known is null. Times are in seconds, shares from 0 to 1."""
    tally = result.tally
    about = {name: getattr(result, name) for name in _ABOUT}
    return {
        **about,
        "speed": msgspec.to_builtins(result.speed),
        "told": sentence(result, kept),
        "thresholds": [
            {
                "threshold": one.threshold.text,
                "verdict": str(one.verdict),
                "value": value(result, one.threshold.metric, one.threshold.stat),
            }
            for one in kept
        ],
        "verdicts": {str(one): result.count(one) for one in Verdict},
        "numbers": {
            name: _numbers(measure.of(tally)) if measure.of is not None else value(result, name)
            for name, measure in MEASURES.items()
        },
        "laws": tally.laws,
        "broken": msgspec.to_builtins(tally.broken),
        "without_verdict": tally.faults,
        "mix": {
            name: {str(one): many for one, many in tally.scenarios[name].items()} for name in sorted(tally.scenarios)
        },
        "over_time": msgspec.to_builtins(result.series.samples),
    }


_ABOUT = (
    "client",
    "version",
    "seed",
    "server",
    "date",
    "streams",
    "processes",
    "scenarios",
    "left_out",
    "seconds",
    "held",
    "is_interrupted",
)


def _numbers(histogram: Histogram) -> dict[str, Any] | None:
    if not histogram.counts:
        return None
    shares = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
    return {
        "count": histogram.count,
        "mean": histogram.mean,
        "min": histogram.least,
        **{name: histogram.quantile(share) for name, share in shares.items()},
        "max": histogram.most,
        "buckets": [[begin, end, count] for begin, end, count in histogram.bars(1 << 20) if count],
    }
