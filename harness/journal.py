"""Reads a run back from its JSON-lines file, whole or cut short by a kill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from harness.engine import finished
from harness.errors import UsageError
from harness.events import CaseFinished, Event, RunFinished
from harness.law import Law
from harness.verdict import Verdict

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
    is made up from it, with ``interrupted``.

    Raises:
        UsageError: there is no such file, it is no history, or a line in its middle is damaged.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    counts: dict[str, Counter[Verdict]] = {}
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
        if isinstance(event, CaseFinished):
            counts.setdefault(event.client, Counter())[event.verdict] += 1
        yield event
    if event is None:
        raise UsageError(f"{path} holds no run")
    if not isinstance(event, RunFinished):
        yield RunFinished(number=event.number + 1, counts={k: dict(v) for k, v in counts.items()}, interrupted=True)


def judged_again(events: Iterable[Event], laws: Iterable[Law]) -> Iterator[Event]:
    """The same events with every case judged by ``laws``, as they are today."""
    laws = tuple(laws)
    counts: dict[str, Counter[Verdict]] = {}
    for event in events:
        if isinstance(event, CaseFinished):
            if event.record is not None:
                again = finished(event.record, laws, seconds=event.seconds)
                event = msgspec.structs.replace(again, number=event.number)
            counts.setdefault(event.client, Counter())[event.verdict] += 1
        if isinstance(event, RunFinished):
            event = msgspec.structs.replace(event, counts={name: dict(one) for name, one in counts.items()})
        yield event
