"""What a process that makes calls is told, and what it tells: one JSON object a line. Pure."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from harness.load.tally import Sample, Tally


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is to do."""

    client: str
    mix: str
    """The text of the file; empty for the usual one."""
    file: str = ""
    """Its name, for errors."""
    seed: str
    streams: int
    seconds: float
    ramp: float
    part: tuple[int, int]
    """Which process of how many."""
    url: str = ""
    """The server to ask; empty for one of ours."""
    model: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="says"):
    """Base of what it tells."""


class Progress(Message, frozen=True, kw_only=True, tag="progress"):
    """How it stands."""

    tally: Tally
    sample: Sample
    held: float


class Failure(Message, frozen=True, kw_only=True, tag="failure"):
    """One of the few failed calls that are kept."""

    event: str
    """As a line of a history."""


class Stopping(Message, frozen=True, kw_only=True, tag="stopping"):
    """It was asked to end: no more calls are begun."""


class Over(Message, frozen=True, kw_only=True, tag="over"):
    """It is done."""

    leaked: int | None


Told: TypeAlias = Progress | Failure | Stopping | Over

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)


def encoded(message: Told) -> bytes:
    """One line."""
    return _encoder.encode(message) + b"\n"


def decoded(line: bytes) -> Told:
    """What it says.

    Raises:
        msgspec.MsgspecError: nothing that is known.
    """
    return _decoder.decode(line)
