"""What a right parser makes of difficult streams: bytes and events, from the standard and from other parsers' tests.

A parser passes a case when it finds the same events however the bytes are cut in two, and byte by byte. The data is in
``cases/*.toml``, with its sources and their licences. Pure but for reading it.

Source: WHATWG HTML §9.2.6, "Interpreting an event stream".
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct, ValidationError, convert

from harness.errors import InternalError

CASES = Path(__file__).with_name("cases")


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stream and what is right."""

    name: str
    stream: str = ""
    """As text, which is sent as UTF-8."""
    hex: str = ""
    """As bytes, where they are no text."""
    events: list[tuple[str, str, str]]
    """Name, data and last id of each event."""

    @property
    def data(self) -> bytes:
        """The bytes."""
        return bytes.fromhex(self.hex) or self.stream.encode()


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where cases are from."""

    name: str
    url: str
    licence: str
    left_out: list[str] = []
    """What of it is no case, and why."""
    case: list[Case] = []


@cache
def sources() -> Sequence[Source]:
    """All sources, the standard first.

    Raises:
        InternalError: a file is malformed.
    """
    found = [_read(file) for file in sorted(CASES.glob("*.toml"), reverse=True)]
    return [one for sources in found for one in sources]


def _read(file: Path) -> list[Source]:
    tree = tomllib.loads(file.read_text("utf-8"))
    try:
        return convert(tree["source"], list[Source])
    except ValidationError as error:
        raise InternalError(f"{file.name}: {error}") from error


def cases() -> list[dict[str, Any]]:
    """Every case once, as a parser's process takes it; the name is that of the source and its own."""
    every = {one.data: (source, one) for source in reversed(sources()) for one in reversed(source.case)}
    return [
        {"name": f"{source.name}: {one.name}", "hex": data.hex(), "events": one.events}
        for data, (source, one) in reversed(every.items())
    ]
