"""Faults at any place and of any size: what was sent before a cut is whole, and cuts in other places change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.answer import Answer
from fake_server.blocks import text_block
from fake_server.effects import Effect, Mark, Send
from fake_server.fault import Fault
from fake_server.faults.between_events import BetweenEvents
from fake_server.faults.close_early import CloseEarly
from fake_server.faults.close_in_frame import CloseInFrame
from fake_server.faults.corrupt_event import CorruptEvent
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.gzip_body import GzipBody
from fake_server.faults.hold_all import HoldAll
from fake_server.faults.inject_raw import InjectRaw
from fake_server.faults.line_ends import LineEnds
from fake_server.faults.multiline_data import MultilineData
from fake_server.faults.no_event_field import NoEventField
from fake_server.faults.no_space import NoSpace
from fake_server.faults.oversized import Oversized
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.reset_in_frame import ResetInFrame
from fake_server.faults.split_at import SplitAt
from fake_server.faults.split_characters import SplitCharacters
from fake_server.faults.split_every import SplitEvery
from fake_server.faults.split_line_ends import SplitLineEnds
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtByte, AtEnd, AtEvent, InCharacter, InEvent, Position
from fake_server.script import Request, render
from harness.reference import read_reply

PIECES = ("Löwe ", "東京, ", "🌍 {a, b}: ", "1\n\n2 ", "\u2028data: x\r")
ANSWER = Answer(blocks=(text_block("".join(PIECES), pieces=PIECES),))
REQUEST = Request(attempt=1, seed="s", body={"stream": True})
BODY_CUTS: list[Callable[[Position], Fault]] = [
    lambda at: EndEarly(at=at),
    lambda at: CloseEarly(at=at),
    lambda at: ResetConnection(at=at),
    lambda at: StallForever(at=at),
    lambda at: ErrorEvent(at=at),
    lambda at: Oversized(at=at, size=9),
]
WIRE_CUTS: list[Callable[[Position], Fault]] = [
    lambda at: CloseInFrame(at=at),
    lambda at: ResetInFrame(at=at),
    lambda at: InjectRaw(at=at, data=b"\0"),
]
PLACES: st.SearchStrategy[Position] = st.one_of(
    st.builds(AtEvent, st.none(), st.integers(0, 10)),
    st.builds(InEvent, st.none(), st.integers(0, 10), st.integers(1, 80)),
    st.builds(InCharacter, st.integers(0, 4), st.integers(1, 3)),
    st.just(AtEnd()),
)
SPLITS: st.SearchStrategy[Fault] = st.one_of(
    st.builds(SplitAt, at=PLACES | st.builds(AtByte, st.integers(0, 400))),
    st.builds(SplitEvery, size=st.integers(1, 90)),
    st.builds(HoldAll, seconds=st.just(0), block=st.integers(1, 200)),
    st.sampled_from([SplitCharacters(), SplitLineEnds()]),
)
STYLES: st.SearchStrategy[Literal["cr", "crlf", "mixed"]] = st.sampled_from(["cr", "crlf", "mixed"])
BLANK = st.lists(st.sampled_from([b":", b": x", b"id: 1", b"retry: 1", b"x", b""]), max_size=4)
WRITINGS: st.SearchStrategy[Fault] = st.one_of(
    st.builds(LineEnds, style=STYLES),
    st.builds(BetweenEvents, data=BLANK.map(lambda lines: b"".join(line + b"\n" for line in lines))),
    st.sampled_from([NoSpace(), MultilineData(), NoEventField()]),
)
quick = settings(max_examples=40)


def said(*faults: Fault, seed: str = "s") -> list[Effect]:
    request = Request(attempt=1, seed=seed, body={"stream": True})
    return list(render(ANSWER.but(*faults).reply(request), request)[1])


def wire(effects: list[Effect]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Send))


def before_mark(effects: list[Effect]) -> bytes:
    return wire(effects[: next(place for place, effect in enumerate(effects) if isinstance(effect, Mark))])


def typed(*faults: Fault, seed: str = "s") -> list[Any]:
    return [json.loads(data) for _, data in read_reply(wire(said(*faults, seed=seed))).events]


WIRE = wire(said())
BODY = read_reply(WIRE).body


@given(kind=st.sampled_from(BODY_CUTS), offset=st.integers(0, len(BODY) - 1))
@quick
def test_a_cut_of_the_body_comes_after_exactly_the_bytes_before_it(
    kind: Callable[[Position], Fault], offset: int
) -> None:
    assert read_reply(before_mark(said(kind(AtByte(offset))))).body == BODY[:offset]


@given(kind=st.sampled_from(BODY_CUTS), at=PLACES)
@quick
def test_a_cut_anywhere_in_the_body_comes_after_a_true_beginning(
    kind: Callable[[Position], Fault], at: Position
) -> None:
    effects = said(kind(at))
    assert effects == said() or BODY.startswith(read_reply(before_mark(effects)).body)


@given(kind=st.sampled_from(WIRE_CUTS), offset=st.integers(0, len(WIRE) - 1))
@quick
def test_a_cut_on_the_wire_comes_after_exactly_the_bytes_before_it(
    kind: Callable[[Position], Fault], offset: int
) -> None:
    assert before_mark(said(kind(AtByte(offset)))) == WIRE[:offset]


@given(splits=st.lists(SPLITS, max_size=3))
@quick
def test_any_cuts_between_writes_leave_the_body_as_it_was(splits: list[Fault]) -> None:
    response = read_reply(wire(said(*splits)))
    assert (response.body, response.ended) == (BODY, True)


@given(drop=st.integers(0, 3000), splits=st.lists(SPLITS, max_size=1))
@quick
def test_a_compressed_body_that_lost_its_end_is_a_true_beginning(drop: int, splits: list[Fault]) -> None:
    response = read_reply(wire(said(GzipBody(drop=drop), *splits)))
    assert BODY.startswith(response.body)
    assert drop > 8 or response.body == BODY
    assert drop < 100 or response.body != BODY


@given(writing=WRITINGS, splits=st.lists(SPLITS, max_size=2), seed=st.sampled_from("abcdef"))
@quick
def test_other_ways_to_write_a_stream_say_the_same_events(writing: Fault, splits: list[Fault], seed: str) -> None:
    assert typed(writing, *splits, seed=seed) == typed(seed=seed)


@given(count=st.integers(1, 100), seed=st.integers().map(str))
@quick
def test_damage_of_an_event_stays_inside_its_data(count: int, seed: str) -> None:
    clean, hurt = (
        read_reply(wire(said(*faults, seed=seed))) for faults in ((), (CorruptEvent(at=AtEvent("ping"), count=count),))
    )
    places = [place for place, (old, new) in enumerate(zip(clean.body, hurt.body, strict=True)) if old != new]
    data = clean.body.index(b'{"type": "ping"}')
    assert set(places) <= set(range(data, data + 16))
    assert len(places) == min(count, 16)
