"""Reads a run back from its JSON-lines file, whole or cut short by a kill."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from harness.engine import finished
from harness.errors import UsageError
from harness.events import CaseFinished, CaseTried, Event, RunFinished, RunStarted
from harness.law import Law
from harness.tries import Tally, settled, tried

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """One event as one line of JSON. Lone surrogates, which some clients hand out, are kept as escapes."""
    try:
        return _encoder.encode(event) + b"\n"
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(event)).encode() + b"\n"


def decode(line: bytes) -> Event:
    """The event in one line.

    Raises:
        msgspec.MsgspecError: the line is not JSON, or JSON but no event.
    """
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        if b"\\ud" not in line:
            raise
    try:
        tree = json.loads(line)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from error
    event: Event = msgspec.convert(tree, Event)
    return event


def read(path: Path) -> Iterator[Event]:
    """The events of the run in ``path``; the last one is always :class:`RunFinished`.

    A run that was killed has no such event, and perhaps half a last line: what is whole is read, and the missing end
    is made up from it, with ``interrupted`` where not all of its cases were finished.

    Raises:
        UsageError: there is no such file, it is no history, or a line in its middle is damaged.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    tally, planned = Tally(), 0
    event: Event | None = None
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            event = decode(line)
        except msgspec.MsgspecError as error:
            if number == len(lines):
                break
            raise UsageError(f"{path}, line {number} is no event of a run: {error}") from error
        tally.take(event)
        planned = event.cases if isinstance(event, RunStarted) else planned
        yield event
    if event is None:
        raise UsageError(f"{path} holds no run")
    if not isinstance(event, RunFinished):
        yield from _end_of_killed(tally, planned, event.number + 1)


def _end_of_killed(tally: Tally, planned: int, number: int) -> Iterator[Event]:
    """What a run could not say any more: what the cases come to that were tried and not finished, and its end."""
    interrupted = tally.finished < planned
    for case in tally.settle():
        yield msgspec.structs.replace(case, number=number)
        number += 1
    yield RunFinished(number=number, counts=tally.counts, interrupted=interrupted)


def judged_again(events: Iterable[Event], laws: Iterable[Law]) -> Iterator[Event]:
    """The same events with every case, and every try of one, judged by ``laws`` as they are today."""
    laws, tally = tuple(laws), Tally()
    for event in events:
        if isinstance(event, CaseTried):
            event = msgspec.structs.replace(tried(_again(event, laws), event.nth), number=event.number)
        elif isinstance(event, CaseFinished):
            tries = tally.tries(event.case)
            again = settled(tries) if tries else _again(event, laws)
            event = msgspec.structs.replace(again, number=event.number, known=event.known)
        elif isinstance(event, RunFinished):
            event = msgspec.structs.replace(event, counts=tally.counts)
        tally.take(event)
        yield event


def _again(event: CaseFinished | CaseTried, laws: Iterable[Law]) -> CaseFinished:
    if event.record is not None:
        return finished(event.record, laws, seconds=event.seconds)
    return settled([event]) if isinstance(event, CaseTried) else event  # a skipped case; a try without a record is none
