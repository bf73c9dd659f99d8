"""Every case of a kind: a stream split at every byte, cut at every byte, and every pair of faults. Pure.

A sweep is numbered, and any of its cases can be made without those before it, so its parts run anywhere. What is right
follows from what is done: a split changes nothing; a cut is recovered by a client that promises it, or honestly told;
of a pair of faults only the lies are failures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from itertools import combinations
from typing import Annotated, Any, Literal, get_args, get_origin

from fake_server import fault
from fake_server.answer import Answer
from fake_server.bounds import Examples, Usually
from fake_server.dialect import Dialect
from fake_server.effects import Send
from fake_server.fault import Fault
from fake_server.faults.close_early import CloseEarly
from fake_server.faults.end_early import EndEarly
from fake_server.faults.pause import Pause
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.split_at import SplitAt
from fake_server.faults.split_in_frame import SplitInFrame
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtByte, AtEvent, Position
from fake_server.script import Request, Script, render, script
from harness.asking import MODELS
from harness.fields import fields_of
from harness.fuzz import LIMITS, SEED
from harness.model import Expect, Outcome, Scenario
from harness.states import Delivered

FAMILY = "sweep"
MOST_BYTES = 1 << 16
"""Of a stream that can be swept; there is no longer story."""
CUTS: tuple[type[Any], ...] = (EndEarly, CloseEarly, ResetConnection, StallForever)
"""A clean end of the body, FIN in the middle of it, RST, silence."""
_MOMENT = 0.01
"""Seconds between two parts, so that they are two reads."""


class Sweep(StrEnum):
    """What is swept."""

    SPLITS = "splits"
    """A whole stream in two parts, at every byte of its body and of the wire."""
    CUTS = "cuts"
    """A stream that ends at every byte of its body, in four ways, and then comes whole."""
    PAIRS = "pairs"
    """Two faults at once, of every two kinds, in each state of the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The stream that is swept: the shortest story with so many bytes."""

    seed: str
    size: int = 4096

    @property
    def answer(self) -> Answer:
        """What the model says."""
        return _measured(self)[0]

    @property
    def body(self) -> int:
        """Bytes of its body."""
        return _measured(self)[1]

    @property
    def wire(self) -> int:
        """Bytes of the whole response."""
        return _measured(self)[2]


@lru_cache(maxsize=16)
def _measured(stream: Stream) -> tuple[Answer, int, int]:
    """The answer, the bytes of its body, and those of the response."""
    request = Request(attempt=1, seed=f"{SEED}/{SEED}", body={"model": MODELS[Dialect.ANTHROPIC], "stream": True})
    sentences, body = 0, 0
    while body < min(stream.size, MOST_BYTES):
        sentences += 1
        answer = Answer(story=stream.seed, sentences=sentences)
        reply = answer.reply(request)
        body = sum(len(one.data) for one in reply.body if isinstance(one, Send))
    return answer, body, sum(len(one.data) for one in render(reply, request)[1] if isinstance(one, Send))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """One case of a sweep."""

    of: str
    """What is counted: bytes of the body or of the wire, or pairs."""
    at: int
    """The number of the one at which it happens."""
    scenario: Scenario


def size_of(sweep: Sweep, stream: Stream) -> int:
    """How many cases there are."""
    match sweep:
        case Sweep.SPLITS:
            return stream.body - 1 + stream.wire - 1
        case Sweep.CUTS:
            return stream.body * len(CUTS)
        case Sweep.PAIRS:
            return len(_pairs())


def swept(sweep: Sweep, stream: Stream, numbers: range) -> Iterator[Swept]:
    """The cases with these numbers, from 0 to :func:`size_of`, each made when it is asked for."""
    make = {Sweep.SPLITS: _split, Sweep.CUTS: _cut, Sweep.PAIRS: _pair}[sweep]
    return (make(stream, number) for number in numbers)


def _split(stream: Stream, number: int) -> Swept:
    inside = stream.body - 1
    if number < inside:
        at = number + 1
        return _whole(stream, at, "body", SplitAt(at=AtByte(at)), Pause(at=AtByte(at), seconds=_MOMENT))
    at = number - inside + 1
    return _whole(stream, at, "wire", SplitInFrame(at=AtByte(at), seconds=_MOMENT))


def _whole(stream: Stream, at: int, where: str, *faults: Fault) -> Swept:
    name, title = f"split_{where}_{at}", f"A stream in two parts, split at byte {at} of the {where}."
    scenario = _scenario(name, title, script(stream.answer.but(*faults)), Expect(healthy=True))
    return Swept(of=f"bytes of the {where}", at=at, scenario=scenario)


def _cut(stream: Stream, number: int) -> Swept:
    at, way = divmod(number, len(CUTS))
    cut: Fault = CUTS[way](at=AtByte(at))
    expect = Expect(may_fail=True, stalls=CUTS[way] is StallForever)
    title = f"{cut.name} at byte {at} of the body, then a whole answer."
    scenario = _recovers(f"{cut.name}_{at}", title, stream.answer, (cut,), expect)
    return Swept(of="bytes of the body", at=at, scenario=scenario)


def _pair(stream: Stream, number: int) -> Swept:
    one, two, state = _pairs()[number]
    title = f"{one.name} and {two.name} ({state}), then a whole answer."
    name = f"{one.name}_and_{two.name}_{state}"
    return Swept(of="pairs", at=number, scenario=_recovers(name, title, stream.answer, (one, two), _LENIENT))


_LENIENT = Expect(also=tuple(one for one in Outcome if one is not Outcome.COMPLETE), may_fail=True)
"""Any outcome is right if it is honest."""


def _recovers(name: str, title: str, answer: Answer, faults: tuple[Fault, ...], expect: Expect) -> Scenario:
    return _scenario(name, title, script(answer.but(*faults), answer), expect)


def _scenario(name: str, title: str, said: Script, expect: Expect) -> Scenario:
    return Scenario(name=name, family=FAMILY, title=title, script=said, expect=expect, limits=LIMITS, drawn_as=SEED)


# ---- pairs of faults -------------------------------------------------------------------------------------------------

_PLACES: dict[Delivered, tuple[Position, AtEvent]] = {
    Delivered.NOTHING: (AtByte(0), AtEvent("message_start")),
    Delivered.STARTED: (AtEvent("content_block_start"), AtEvent("content_block_start")),
    Delivered.CONTENT: (AtEvent("content_block_delta", 2), AtEvent("content_block_delta", 2)),
    Delivered.ENDED: (AtEvent("message_stop"), AtEvent("message_stop")),
}
"""Where a fault strikes, and where one that needs an event does. Nothing of the body is there at byte 0."""
_SETTINGS: dict[str, dict[str, Any]] = {
    "EditJson": {"remove": ("type",)},
    "Oversized": {"size": 1 << 16},
    "SplitEvery": {"size": 7},
}
"""Where the types of the fields say too little, or what they say takes long."""
_NUMBERS: dict[Any, Any] = {int: 3, float: 0.3}


@cache
def _pairs() -> tuple[tuple[Fault, Fault, Delivered], ...]:
    """Every two kinds in each state; two that strike everywhere are the same in all of them, and come once."""
    kinds = [kind for _, kind in sorted(fault.kinds().items())]
    found: dict[tuple[Fault, Fault], Delivered] = {}
    for one, two in combinations(kinds, 2):
        for state in Delivered:
            found.setdefault((sensible(one, state), sensible(two, state)), state)
    return tuple((one, two, state) for (one, two), state in found.items())


def sensible(kind: type[Fault], state: Delivered) -> Fault:
    """A fault of this kind with sensible settings that strikes when the client has so much of the reply."""
    fields = {name: one for name, one in fields_of(kind).items() if one.is_needed or _is_place(one.hint)}
    return kind(**{name: _value(one.hint, state) for name, one in fields.items()} | _SETTINGS.get(kind.__name__, {}))


def _is_place(hint: Any) -> bool:
    return hint is AtEvent or hint == Position


def _value(hint: Any, state: Delivered) -> Any:
    if _is_place(hint):
        return _PLACES[state][hint is AtEvent]
    plain, *said = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if get_origin(plain) is Literal:
        return get_args(plain)[0]
    for one in said:
        if isinstance(one, Examples):
            return one.values[0]
        if isinstance(one, Usually):
            return plain(one.high)
    return _NUMBERS[plain]
