"""One request and its reply, as far as the client could see it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck
from harness.reference import Response, read_reply


@dataclass
class Attempt:
    """What the server knows of one request."""

    number: int
    requested: Requested
    replied: Replied | None = None
    sent: list[Sent] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    ended: Ended | None = None

    @cached_property
    def wire(self) -> bytes:
        """The bytes of the reply as they were written (each write is kept up to a limit)."""
        return b"".join(record.data for record in self.sent)

    @property
    def whole(self) -> bool:
        """Whether :attr:`wire` has every byte that was sent."""
        return all(len(record.data) == record.size for record in self.sent)

    @cached_property
    def response(self) -> Response:
        """What the oracle's own reader makes of those bytes."""
        return read_reply(self.wire)

    @property
    def before_fault(self) -> Response:
        """The same for the bytes before the last fault that struck inside the body; all of them when none did."""
        begins = self.wire.find(b"\r\n\r\n") + 4
        inside = [one.total for one in self.struck if begins < one.total]
        return read_reply(self.wire[: inside[-1]]) if inside else self.response

    @property
    def over_at(self) -> float | None:
        """When the reply was over for the server, None while it was not."""
        return self.ended.t if self.ended is not None else None


def attempts_in(records: tuple[ServerRecord, ...]) -> list[Attempt]:
    """The requests that the server saw, in order, each with its records."""
    found: dict[int, Attempt] = {}
    for record in records:
        match record:
            case Requested():
                found[record.attempt] = Attempt(record.attempt, record)
            case Replied():
                found[record.attempt].replied = record
            case Sent():
                found[record.attempt].sent.append(record)
            case Struck():
                found[record.attempt].struck.append(record)
            case Ended():
                found[record.attempt].ended = record
    return list(found.values())
