"""The history of a case: what both sides did, complete enough to judge it again years later.

One line of JSON for each case; a run's file begins with one line about the run. Laws read a :class:`Case` and nothing
else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck
from harness.model import (
    AdapterFailed,
    Cancelled,
    Capability,
    Cleared,
    ClientRecord,
    Endpoint,
    Expect,
    Finished,
    Level,
    Limits,
    Policy,
    Shown,
    TimedOut,
)
from harness.reference import Response, read_reply


class CaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of whom."""

    id: str
    """``scenario@client:seed``."""
    scenario: str
    client: str
    seed: str
    title: str
    policy: Policy
    level: Level
    expect: Expect
    texts: tuple[str, ...]
    """The whole texts that the script's answers say; the first is the main one."""
    limits: Limits
    max_attempts: int
    capabilities: tuple[Capability, ...]
    faults: tuple[str, ...] = ()
    """The faults of the first step, in their order; a client that never asks for a stream never meets them."""
    endpoint: Endpoint = Endpoint.SERVER
    sources: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One case as it is written down."""

    info: CaseInfo
    server: tuple[ServerRecord, ...] = ()
    client: tuple[ClientRecord, ...] = ()
    lag: float = 0.0
    """The longest time, in seconds, that the harness's own event loop came late while the case ran."""


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


class Case:
    """A record with the questions that laws ask of it."""

    def __init__(self, record: Record) -> None:
        self.info = record.info
        self.server = record.server
        self.client = record.client
        self.lag = record.lag

    @cached_property
    def attempts(self) -> list[Attempt]:
        """The requests that the server saw, in order."""
        found: dict[int, Attempt] = {}
        for record in self.server:
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

    @property
    def finished(self) -> Finished | None:
        """How the client says it ended, None when it never did."""
        return next((record for record in self.client if isinstance(record, Finished)), None)

    @property
    def timed_out(self) -> TimedOut | None:
        """The harness's own stop, when the client did not end in time."""
        return next((record for record in self.client if isinstance(record, TimedOut)), None)

    @property
    def adapter_failure(self) -> AdapterFailed | None:
        """What the adapter did wrong, if it did."""
        return next((record for record in self.client if isinstance(record, AdapterFailed)), None)

    def displays(self) -> Iterator[str]:
        """What the user saw after each change."""
        text = ""
        for record in self.client:
            if isinstance(record, Shown):
                text += record.text
                yield text
            elif isinstance(record, Cleared):
                text = ""
                yield text

    @property
    def displayed(self) -> str:
        """What the user saw in the end."""
        return next(reversed(list(self.displays())), "")

    @property
    def final_text(self) -> str:
        """The text that the client calls its answer: what it returned, or else what it showed."""
        finished = self.finished
        return finished.text if finished is not None and finished.text is not None else self.displayed

    def can(self, capability: Capability) -> bool:
        """Whether the client declares ``capability``."""
        return capability in self.info.capabilities

    @property
    def cancelled(self) -> bool:
        """Whether the harness cancelled the call."""
        return any(isinstance(record, Cancelled) for record in self.client)

    @property
    def streamed(self) -> bool:
        """Whether the client showed text while it came."""
        return any(isinstance(record, Shown) for record in self.client)


def canonical(record: Record) -> dict[str, Any]:
    """The record without what differs between two runs with one seed: times, ports, and how reads were sliced.

    Adjacent pieces of shown text are joined, because where a read ends is a matter of time; runs of the same ping are
    counted as one.
    """
    tree: dict[str, Any] = msgspec.to_builtins(record)
    tree["client"] = _joined(tree["client"])
    tree["server"] = _without_repeats(tree["server"])
    for one in tree["server"]:
        if one["did"] == "sent":
            _without_dates(one)
        elif one["did"] == "replied" and one["headers"].get("retry-after", "").endswith("GMT"):
            del one["headers"]["retry-after"]
    _strip(tree)
    error = (tree["client"] or [{}])[-1].get("error")
    if error:
        error["message"] = _PORT.sub("127.0.0.1:*", error["message"])
    return tree


def _joined(lane: list[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for record in lane:
        if joined and record["saw"] == joined[-1]["saw"] == "shown":
            joined[-1] = {**joined[-1], "text": joined[-1]["text"] + record["text"]}
        else:
            joined.append(record)
    return joined


def _without_repeats(lane: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for record in lane:
        key = {name: value for name, value in record.items() if name not in ("t", "total")}
        earlier = [{n: v for n, v in one.items() if n not in ("t", "total")} for one in kept[-2:]]
        if key not in earlier:
            kept.append(record)
    return kept


def _without_dates(sent: dict[str, Any]) -> None:
    """The time of day that the server wrote into its headers is a time like any other."""
    data = base64.b64decode(sent["data"])
    sent["data"] = _DATES.sub(b"", data).decode("utf-8", "backslashreplace")


_PORT = re.compile(r"127\.0\.0\.1:\d+")
_DATES = re.compile(rb"(?m)^(?:date|retry-after): \w{3}, [^\r]*GMT\r$")


def _strip(tree: Any) -> None:
    if isinstance(tree, dict):
        for name in ("t", "total", "lag", "date", "host"):
            tree.pop(name, None)
        for value in tree.values():
            _strip(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            _strip(value)
