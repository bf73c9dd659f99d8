"""What a server did and saw, as data: its half of a history.

Every record has ``t``, seconds since the case began, and ``attempt``, the number of the HTTP request (from 1, every
request counted). Bytes are kept as they went out; nothing secret gets in (see :func:`redact`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec

SECRET_HEADERS = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})
KEPT_BYTES = 1 << 20
"""Of one ``Sent``; a longer one keeps its beginning, and ``size`` says how long it was."""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="did", gc=False):
    """Base of all records of the server."""

    t: float
    attempt: int


class Requested(Record, frozen=True, kw_only=True, tag="requested"):
    """A request came in whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    streams: bool
    peer: str = ""
    """Address and port that the request came from; it tells connections apart."""


class Replied(Record, frozen=True, kw_only=True, tag="replied"):
    """A reply begins. ``step`` counts the script's steps from 1; 0 is the server's own refusal."""

    step: int
    status: int
    headers: dict[str, str]
    faults: list[str]
    problem: str | None = None
    says: str | None = None
    """The text in it before its faults; None where that is not known."""


class Sent(Record, frozen=True, kw_only=True, tag="sent"):
    """Bytes were handed to the operating system. ``total`` counts the bytes of this reply so far, these included."""

    data: bytes
    size: int
    total: int
    event: str | None = None


class Struck(Record, frozen=True, kw_only=True, tag="struck"):
    """A fault strikes after ``total`` bytes."""

    fault: str
    note: str
    total: int


class Waited(Record, frozen=True, kw_only=True, tag="waited"):
    """The server was silent for ``seconds``, on purpose."""

    seconds: float


class Ended(Record, frozen=True, kw_only=True, tag="ended"):
    """The reply is over; ``how`` is end, close, reset, peer_closed (the client left first) or abandoned."""

    how: str
    total: int


ServerRecord: TypeAlias = Requested | Replied | Sent | Struck | Waited | Ended
Sink: TypeAlias = Callable[[ServerRecord], None]
Hold: TypeAlias = Callable[[ServerRecord], Awaitable[None]]


def redact(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with lower-case names, without the values of those that carry secrets."""
    return {name.lower(): "[redacted]" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}
