"""How fast the client's parser is, and how right, beside those of others on the same bytes in the same run.

It measures as ``streamproof bench`` does, so there is one way to do it. ``make bench`` shows the table of targets; the
quick suite runs everything once on a small scale, to see that the corpora are read whole. `streamproof bench --install`
gets the parsers of others; those that are not there are told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import pytest
from bench.conftest import Beside, Target
from msgspec import to_builtins
from pytest_benchmark.fixture import BenchmarkFixture

from client_under_test.sse import SseDecoder
from harness.bench import parsers, table
from harness.bench.corpora import SIZES, corpora
from harness.bench.measuring import Plan, measured
from harness.bench.parsers import OURS, Parser
from harness.bench.results import Away, Entrant, Kind, Place, Run, Stage

WHOLE, BYTEWISE = "64KiB", "1"
ALONE, DECODER = "events alone", "msgspec alone"
PLACE = Place("text", WHOLE, Stage.FRAMING)
IN_NODE = ("eventsource-parser", "anthropic-ts")
HUGE = 1 << 19
Measure = Callable[..., Run]


@pytest.fixture
def measure(beside: Beside, benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> Measure:
    """Measures the parsers of these names; once, and for no length of time, where benchmarks are not enabled."""

    def run(
        *names: str,
        stages: Sequence[Stage] = (Stage.FRAMING,),
        corpora_: Sequence[str] = ("text",),
        chunkings: Sequence[str] = (WHOLE,),
        rounds: int = 9,
        seconds: float = 0.2,
        patience: float = 30.0,
        checks: bool = False,
    ) -> Run:
        every = [parsers.ours(), *parsers.limits(), *parsers.peers()]
        chosen = [one for one in every if not names or one.name in names]
        plan = Plan(
            parsers=[one for one in chosen if isinstance(one, Parser)],
            away=[one for one in chosen if isinstance(one, Away)],
            corpora=[corpora()[one] for one in corpora_],
            chunkings=chunkings,
            stages=stages,
            rounds=rounds if benchmark.enabled else 1,
            seconds=seconds if benchmark.enabled else 0.0,
            patience=patience,
            checks=checks,
        )
        found = benchmark.pedantic(measured, args=(plan,), rounds=1)
        benchmark.extra_info["cells"] = to_builtins(found.cells)
        for one in found.entrants:
            if one.kind is Kind.PEER:
                beside(one.name, one.version)
        with capsys.disabled():
            for one in table.lines(found) if benchmark.enabled else map(str, plan.away and _told(plan)):
                print(one)  # noqa: T201
        return found

    return run


def _told(plan: Plan) -> list[str]:
    return ["", *(f"NOT COMPARED with {one.name}: {one.why}" for one in plan.away)]


def reads_right(run: Run) -> None:
    assert [one.trouble for one in run.cells if one.parser == OURS and one.trouble] == []


def times_as_fast(run: Run, peer: str, stage: Stage = Stage.FRAMING, chunking: str = WHOLE) -> float | None:
    return run.ratio(OURS, peer, Place("text", chunking, stage))


@pytest.mark.parametrize(
    ("peer", "least"), [("httpx-sse", 3.5), ("anthropic", 5.0), ("launchdarkly", 2.3), ("eventsource-parser", 1.5)]
)
def test_events_are_framed_as_many_times_as_fast_as_was_promised(
    measure: Measure, target: Target, peer: str, least: float
) -> None:
    run = measure(OURS, peer, ALONE)
    reads_right(run)
    if (ratio := times_as_fast(run, peer)) is not None:
        limit = run.ratio(ALONE, peer, PLACE)
        why = (
            f"to split lines and to make the objects of the events, and nothing else, is {limit:.2f} × as fast as it; "
            "more than that takes a compiled core"
        )
        target("parser", f"framing, 64 KiB reads, as fast as {peer}", ratio, at_least=least, why=why, at_best=limit)


def test_framing_is_as_near_to_one_split_as_was_promised(measure: Measure, target: Target) -> None:
    run = measure(OURS, "bytes.split", ALONE)
    ratio, alone = times_as_fast(run, "bytes.split"), run.ratio("bytes.split", ALONE, PLACE)
    assert ratio is not None
    why = f"to split lines and to make the objects of the events, and nothing else, takes {alone:.2f} of these"
    target("parser", "framing, 64 KiB reads, CPU of bytes.split", 1 / ratio, at_most=2.0, why=why)


def test_a_stream_that_comes_byte_by_byte_is_framed_as_fast_as_was_promised(measure: Measure, target: Target) -> None:
    run = measure(OURS, "httpx-sse", chunkings=[BYTEWISE])
    reads_right(run)
    if (ratio := times_as_fast(run, "httpx-sse", chunking=BYTEWISE)) is not None:
        target("parser", "framing, one byte at a time, as fast as httpx-sse", ratio, at_least=3.0)


@pytest.mark.parametrize("corpus", corpora())
def test_no_python_parser_that_is_as_right_is_faster(
    measure: Measure, target: Target, benchmark: BenchmarkFixture, corpus: str
) -> None:
    names = [name for name in parsers.environments() if name not in IN_NODE] if benchmark.enabled else ["anthropic"]
    run = measure(
        OURS,
        *names,
        rounds=3,
        seconds=0.03,
        patience=5.0,
        corpora_=[corpus],
        chunkings=list(SIZES) if benchmark.enabled else [WHOLE],
        checks=benchmark.enabled,
    )
    reads_right(run)
    as_right, less = set[str](), set[str]()
    for one in run.entrants:
        if one.kind is Kind.PEER and benchmark.enabled:
            faster = as_right if one.passed == one.cases else less
            faster.update(
                f"{one.name} in reads of {place.chunking}" for place in run.places if is_faster(run, one, place)
            )
    benchmark.extra_info["faster and less right"] = sorted(less)
    target(
        "parser",
        f"framing {corpus}: as right and faster in Python ({len(less)} less right and faster)",
        len(as_right),
        at_most=0,
        unit="",
        why=", ".join(sorted(as_right)),
    )


def is_faster(run: Run, peer: Entrant, place: Place) -> bool:
    """Whether a peer that reads this corpus right reads it faster than ours does."""
    cell, ratio = run.cell(peer.name, place), run.ratio(OURS, peer.name, place)
    return cell is not None and not cell.trouble and ratio is not None and ratio < 1


def test_typed_events_are_as_near_to_msgspec_alone_as_was_promised(measure: Measure, target: Target) -> None:
    run = measure(OURS, DECODER, ALONE, stages=[Stage.FRAMING, Stage.DECODE])
    ratio, alone = times_as_fast(run, DECODER, Stage.DECODE), run.cell(ALONE, PLACE)
    decoding = run.cell(DECODER, Place("text", WHOLE, Stage.DECODE))
    assert ratio is not None
    assert alone is not None
    assert decoding is not None
    split = alone.micros / decoding.micros if alone.seconds and decoding.seconds else 0.0
    why = f"to split lines and to make the objects of the events takes {split:.2f} of it, and msgspec itself 1"
    target("parser", "typed events, 64 KiB reads, CPU of msgspec alone", 1 / ratio, at_most=2.2, why=why)


@pytest.mark.parametrize(
    ("peer", "stage", "what", "least"),
    [
        ("httpx-sse", Stage.DECODE, "typed events, 64 KiB reads, as fast as httpx-sse and json", 7.0),
        ("anthropic", Stage.ACCUMULATE, "message, 64 KiB reads, as fast as anthropic's accumulate_event", 25.0),
    ],
)
def test_events_are_decoded_and_put_together_as_fast_as_was_promised(
    measure: Measure, target: Target, peer: str, stage: Stage, what: str, least: float
) -> None:
    run = measure(OURS, peer, DECODER, stages=sorted({Stage.DECODE, stage}))
    reads_right(run)
    if (ratio := times_as_fast(run, peer, stage)) is not None:
        limit = run.ratio(DECODER, peer, Place("text", WHOLE, Stage.DECODE))
        why = f"msgspec alone, on data that are split already, is {limit:.1f} × as fast as it" if limit else ""
        target("parser", what, ratio, at_least=least, why=why)


def hostile(size: int) -> dict[str, list[bytes]]:
    """Streams that are slow to read where what came before is looked at again for each read."""
    line, lines = b"data: " + b"x" * size + b"\n\n", b"data: x\n" * (size // 8) + b"\n"
    return {
        "one line in reads of 64 bytes": [line[at : at + 64] for at in range(0, len(line), 64)],
        "one line byte by byte": [line[at : at + 1] for at in range(len(line))],
        "one event of many lines, byte by byte": [lines[at : at + 1] for at in range(len(lines))],
    }


def seconds(chunks: list[bytes]) -> float:
    begun, feed = time.process_time(), SseDecoder().feed
    found = [event for chunk in chunks for event in feed(chunk)]
    spent = time.process_time() - begun
    assert len(found) == 1
    return spent


def test_hostile_streams_of_twice_the_size_take_twice_the_time(benchmark: BenchmarkFixture, target: Target) -> None:
    size, rounds = (HUGE, 7) if benchmark.enabled else (HUGE >> 7, 1)

    def measured_in_turn() -> dict[str, float]:
        small, large = hostile(size), hostile(2 * size)
        turns = [{name: (seconds(small[name]), seconds(large[name])) for name in small} for _ in range(rounds)]
        return {name: median(one[name][1] for one in turns) / median(one[name][0] for one in turns) for name in small}

    for name, ratio in benchmark.pedantic(measured_in_turn, rounds=1).items():
        target("parser", f"{name}: time of 1 MiB beside 512 KiB", ratio, at_most=2.5)


def test_every_case_of_the_standard_and_of_other_parsers_tests_is_read_right(measure: Measure, target: Target) -> None:
    (ours,) = measure(OURS, rounds=1, checks=True).entrants
    assert ours.wrong == ()
    target(
        "parser",
        f"conformance, of {ours.cases} cases, at every split point",
        100 * ours.passed / ours.cases,
        at_least=100.0,
        unit="%",
    )
