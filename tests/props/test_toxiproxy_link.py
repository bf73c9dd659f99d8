"""A link in virtual time: whatever happens to its toxics, what comes out is the beginning of what went in."""

from __future__ import annotations

from itertools import accumulate, count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from linked import Wire

HOUR = 3600.0
SMALL = st.integers(0, 50)
MILLISECONDS = st.integers(-5, 3000)
LOSSLESS: dict[str, dict[str, st.SearchStrategy[int]]] = {
    "noop": {},
    "latency": {"latency": MILLISECONDS, "jitter": st.integers(-5, 500)},
    "bandwidth": {"rate": st.integers(1, 5)},
    "slicer": {"average_size": SMALL, "size_variation": SMALL, "delay": st.integers(-5, 50_000)},
    "slow_close": {"delay": MILLISECONDS},
    "slow_open": {"delay": MILLISECONDS},
    "stall": {"duration": st.integers(1, 3000)},
}
HARSH: dict[str, dict[str, st.SearchStrategy[int]]] = {
    "timeout": {"timeout": MILLISECONDS},
    "half_open": {},
    "limit_data": {"bytes": st.integers(-5, 2000)},
    "limit_time": {"time": MILLISECONDS},
    "reset_peer": {"timeout": MILLISECONDS},
    "reset_now": {"delay": MILLISECONDS},
}
ACTIVATION = {"after_bytes": SMALL, "skip_connections": st.integers(-1, 2), "only_connections": st.integers(-1, 2)}
TOXICITIES = st.sampled_from([1, 1, 1, 0.5, 0])
SIZES = st.integers(1, 400)
CHUNKS = st.lists(st.binary(min_size=1, max_size=200), max_size=12)
quick = settings(max_examples=60)


def settings_of(kind: str) -> st.SearchStrategy[dict[str, int]]:
    """Attributes of a kind, with some that say when it acts."""
    return st.fixed_dictionaries({**LOSSLESS, **HARSH}[kind], optional=ACTIVATION)


class Changes(RuleBasedStateMachine):
    """A stream whose toxics come, change and go all the time."""

    kinds: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire()
        self.sent = b""
        self.closed = False
        self.numbers = count()

    @rule(size=SIZES)
    @precondition(lambda self: not self.closed)
    def send(self, size: int) -> None:
        start = len(self.sent)
        chunk = bytes((start + place) * 7 % 251 for place in range(size))
        self.sent += chunk
        self.wire.send(chunk)

    @rule()
    @precondition(lambda self: not self.closed and len(self.sent) > 1000)
    def close(self) -> None:
        self.closed = True
        self.wire.close()

    @rule(seconds=st.floats(0, 2))
    def wait(self, seconds: float) -> None:
        self.wire.wait(seconds)

    @rule(reads=st.booleans())
    def read_or_not(self, reads: bool) -> None:
        self.wire.reads = reads
        self.wire.wait(0)

    @rule(data=st.data(), toxicity=TOXICITIES, ordinal=st.integers(1, 3))
    def add(self, data: st.DataObject, toxicity: float, ordinal: int) -> None:
        kind, number = data.draw(st.sampled_from(self.kinds)), next(self.numbers)
        self.wire.add(kind, name=f"{kind}.{number}", toxicity=toxicity, ordinal=ordinal, **data.draw(settings_of(kind)))

    @rule(data=st.data(), toxicity=st.none() | TOXICITIES)
    @precondition(lambda self: self.wire.names)
    def update(self, data: st.DataObject, toxicity: float | None) -> None:
        name = data.draw(st.sampled_from(self.wire.names))
        self.wire.update(name, toxicity=toxicity, **data.draw(settings_of(name.partition(".")[0])))

    @rule(data=st.data())
    @precondition(lambda self: self.wire.names)
    def remove(self, data: st.DataObject) -> None:
        self.wire.remove(data.draw(st.sampled_from(self.wire.names)))

    @invariant()
    def what_came_out_is_the_beginning_of_what_went_in(self) -> None:
        assert self.sent.startswith(self.wire.data)
        assert len(self.wire.data) == self.wire.link.taken <= self.wire.link.received <= len(self.sent)

    @invariant()
    def it_does_not_end_before_its_source_unless_it_was_cut(self) -> None:
        if self.wire.ended is not None:
            assert self.closed or self.wire.link.cut or self.wire.link.reset

    def teardown(self) -> None:
        for name in self.wire.names:
            self.wire.remove(name)
        self.wire.read()
        self.wire.wait(HOUR)
        self.what_came_out_is_the_beginning_of_what_went_in()


class Harmless(Changes):
    """Only with toxics that lose nothing."""

    kinds = tuple(LOSSLESS)

    def teardown(self) -> None:
        super().teardown()
        assert self.wire.data == self.sent
        assert (self.wire.ended is not None) == self.closed
        assert not self.wire.link.cut


class Patient(Changes):
    """Only with toxics that lose nothing and let go in time, which stay to the end."""

    kinds = tuple(LOSSLESS)

    def teardown(self) -> None:
        self.wire.read()
        self.wire.wait(HOUR)
        assert self.wire.data == self.sent
        assert (self.wire.ended is not None) == self.closed


class Harsh(Changes):
    """With every toxic that does not change bytes."""

    kinds = (*LOSSLESS, *HARSH)


@pytest.mark.parametrize("machine", [Harmless, Patient, Harsh])
def test_whatever_happens_to_its_toxics_a_link_neither_invents_nor_reorders_nor_loses(machine: type[Changes]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine, settings=settings(max_examples=100, stateful_step_count=30)
    )


@given(chunks=CHUNKS, probability=st.floats(-1, 2), flips=SMALL, after=SMALL)
@quick
def test_corrupt_changes_single_bits_and_no_length(
    chunks: list[bytes], probability: float, flips: int, after: int
) -> None:
    wire = Wire()
    wire.add("corrupt", probability=probability, count=flips, after_bytes=after)
    wire.send(*chunks)
    wire.close()
    whole = b"".join(chunks)
    changed = [place for place, (a, b) in enumerate(zip(whole, wire.data, strict=True)) if a != b]
    assert all((whole[place] ^ wire.data[place]).bit_count() == 1 for place in changed)
    assert not changed or changed[0] >= after
    assert flips == 0 or len(changed) <= flips
    assert wire.ended is not None


@given(chunks=CHUNKS, limit=st.integers(-5, 300), data=st.data())
@quick
def test_limit_data_passes_no_more_than_its_limit_whatever_stands_around_it(
    chunks: list[bytes], limit: int, data: st.DataObject
) -> None:
    wire, around = Wire(), st.lists(st.sampled_from(list(LOSSLESS)), max_size=2)
    for place, names in enumerate([data.draw(around), ["limit_data"], data.draw(around)]):
        for number, kind in enumerate(names):
            own = {"bytes": limit} if kind == "limit_data" else data.draw(settings_of(kind))
            wire.add(kind, name=f"{place}.{number}", **own)
    wire.send(*chunks)
    wire.close()
    wire.wait(HOUR)
    whole = b"".join(chunks)
    assert wire.data == whole[: max(limit, 0)]
    assert wire.ended is not None
    assert not wire.link.cut or len(whole) >= max(limit, 0)


@given(
    chunks=st.lists(st.tuples(st.integers(0, 500), st.binary(min_size=1, max_size=20)), max_size=10),
    delays=st.lists(st.integers(-100, 1000), max_size=4),
)
@quick
def test_latencies_add_exactly_and_each_chunk_counts_from_its_own_arrival(
    chunks: list[tuple[int, bytes]], delays: list[int]
) -> None:
    wire = Wire()
    for number, delay in enumerate(delays):
        wire.add("latency", name=str(number), latency=delay)
    arrivals = list(accumulate(pause / 1000 for pause, _ in chunks))
    for moment, (_, data) in zip(arrivals, chunks, strict=True):
        wire.until(moment)
        wire.send(data)
    wire.wait(HOUR)
    delay = sum(max(one, 0) for one in delays) / 1000
    assert [when for when, _ in wire.out] == pytest.approx([moment + delay for moment in arrivals], abs=2e-6)
    assert [data for _, data in wire.out] == [data for _, data in chunks]


@given(chunks=CHUNKS, rate=st.integers(1, 5))
@quick
def test_bandwidth_takes_the_time_that_its_bytes_take_and_no_more(chunks: list[bytes], rate: int) -> None:
    wire = Wire()
    wire.add("bandwidth", rate=rate)
    wire.send(*chunks)
    wire.wait(HOUR)
    passed = list(accumulate(wire.sizes))
    assert [when for when, _ in wire.out] == pytest.approx([size / rate / 1000 for size in passed], abs=2e-6)
    assert all(size <= rate * 100 for size in wire.sizes)
    assert wire.data == b"".join(chunks)


@given(size=st.integers(1, 32_768), average=st.integers(1, 2000), share=st.floats(0, 1), seed=st.integers(0, 99))
@quick
def test_pieces_of_slicer_keep_within_their_bounds(size: int, average: int, share: float, seed: int) -> None:
    variation = int(average * share)
    wire = Wire()
    wire.add("slicer", average_size=average, size_variation=variation, seed=str(seed))
    wire.send(bytes(size))
    assert sum(wire.sizes) == size
    assert max(wire.sizes) <= average + variation
    assert min(wire.sizes) >= min(size, max((average + variation + 1) // 2 - variation, 1))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.binary(min_size=1, max_size=300)),
        st.tuples(st.just("wait"), st.floats(0, 1)),
        st.tuples(st.just("update"), TOXICITIES),
    ),
    max_size=15,
)


def played(steps: list[tuple[str, Any]], kind: str, own: dict[str, int], seed: str, neighbour: bool) -> Wire:
    """What comes of these steps on a link with one toxic of chance."""
    wire = Wire()
    wire.add(kind, toxicity=0.5, seed=seed, **own)
    for number, (step, value) in enumerate(steps):
        if step == "update":
            wire.update(kind, toxicity=value)
        else:
            getattr(wire, step)(value)
        if neighbour:
            wire.add("noop", name=str(number), toxicity=0.5, seed=seed)
    wire.close()
    wire.wait(HOUR)
    return wire


@given(steps=STEPS, kind=st.sampled_from([*LOSSLESS, *HARSH]), seed=st.text(max_size=3), data=st.data())
@quick
def test_the_same_seed_throws_the_same_dice_whoever_else_throws_some(
    steps: list[tuple[str, Any]], kind: str, seed: str, data: st.DataObject
) -> None:
    own = data.draw(settings_of(kind))
    one, again = (played(steps, kind, own, seed, neighbour=False) for _ in range(2))
    other = played(steps, kind, own, seed, neighbour=True)
    assert (one.out, one.ended, one.struck) == (again.out, again.ended, again.struck)
    assert (one.out, one.ended) == (other.out, other.ended)
    assert one.struck == [strike for strike in other.struck if strike[1] == kind]
