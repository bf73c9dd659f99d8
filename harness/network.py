"""The network part of a scenario: which toxics are in the way, and when. Pure.

A toxic begins and ends at a moment of the case, told by what the server has seen and sent. The server waits until the
network has changed, so the same bytes are before and after the change in every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

import msgspec

from fake_server.record import Ended, Requested, Sent, ServerRecord
from harness.errors import unknown_name
from harness.toxiproxy.events import (
    Carried,
    Closed,
    Left,
    Opened,
    Started,
    Stopped,
    Struck,
    ToxicAdded,
    ToxicRemoved,
    ToxicUpdated,
    Unreachable,
)
from harness.toxiproxy.profiles import PROFILES
from harness.toxiproxy.toxic import STREAMS, Activation, Stream, attributes_of, is_standard, kinds

DOWN = "down"
"""Not a toxic, but the proxy's own end: connections are closed, and new ones refused."""


@dataclass(frozen=True, slots=True)
class AtStart:
    """Before the client begins."""


@dataclass(frozen=True, slots=True)
class AtAttempt:
    """When this request (from 1) has reached the server, before it is answered."""

    number: int


@dataclass(frozen=True, slots=True)
class AfterBytes:
    """When the server has written so many bytes of its reply to this attempt, its head included."""

    count: int
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class AfterEvents:
    """When the server has written so many events of that name (of any name) of its reply to this attempt."""

    count: int
    name: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class AfterReply:
    """When the server has written all of its reply to this attempt."""

    attempt: int = 1


@dataclass(frozen=True, slots=True)
class AfterSeconds:
    """So long after the case began."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Lasting:
    """So long after the fault itself began; for ends only."""

    seconds: float


When: TypeAlias = AtStart | AtAttempt | AfterBytes | AfterEvents | AfterReply | AfterSeconds
End: TypeAlias = AtAttempt | AfterBytes | AfterEvents | AfterReply | AfterSeconds | Lasting


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFault:
    """One toxic (or ``down``) and its time.

    Raises:
        UsageError: there is no such type, stream or attribute; with the closest that there are.
    """

    type: str
    stream: Stream = "downstream"
    attributes: Mapping[str, float] = field(default_factory=dict)
    toxicity: float = 1.0
    begins: When = AtStart()
    ends: End | None = None
    avoidable: bool = False
    """Whether a client may do right and never meet it, such as a dead connection in a pool that it does not use."""

    def __post_init__(self) -> None:
        if self.type != DOWN and self.type not in kinds():
            raise unknown_name("toxic", self.type, [*kinds(), DOWN])
        if self.stream not in STREAMS:
            raise unknown_name("stream", self.stream, STREAMS)
        known = {} if self.type == DOWN else {**attributes_of(kinds()[self.type]), **attributes_of(Activation)}
        for name in self.attributes:
            if name not in known:
                raise unknown_name(f"attribute of {self.type}", name, known)

    @property
    def is_standard(self) -> bool:
        """Whether the real Toxiproxy can do it."""
        return self.type == DOWN or is_standard(self.type, self.attributes)

    @property
    def is_due(self) -> bool:
        """Whether every client must meet it: it acts on the first connection and begins with the first attempt."""
        begins = self.begins
        first = begins.attempt if isinstance(begins, AfterBytes | AfterEvents | AfterReply) else 1
        first = begins.number if isinstance(begins, AtAttempt) else first
        return first == 1 and self.toxicity >= 1 and not self.attributes.get("skip_connections") and not self.avoidable


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """All that is wrong with the network of one scenario."""

    faults: tuple[NetworkFault, ...]

    def named(self) -> Iterator[tuple[str, NetworkFault]]:
        """Each fault with a name of its own: ``latency_downstream``, and ``_2`` behind the second of one kind."""
        seen: dict[str, int] = {}
        for fault in self.faults:
            name = DOWN if fault.type == DOWN else f"{fault.type}_{fault.stream}"
            seen[name] = seen.get(name, 0) + 1
            yield (name if seen[name] == 1 else f"{name}_{seen[name]}"), fault

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names of the faults that only our own Toxiproxy can do."""
        return tuple(name for name, fault in self.named() if not fault.is_standard)


NOTHING = Network(faults=())
"""Nothing is wrong: bytes go through as they come."""


def network(*faults: NetworkFault) -> Network:
    """A network with these faults, in this order."""
    return Network(faults=faults)


def toxic(
    type_: str,
    *,
    stream: Stream = "downstream",
    begins: When = AtStart(),
    ends: End | None = None,
    toxicity: float = 1.0,
    avoidable: bool = False,
    **attributes: float,
) -> NetworkFault:
    """A toxic with its attributes as keywords."""
    return NetworkFault(
        type=type_,
        stream=stream,
        attributes=attributes,
        toxicity=toxicity,
        begins=begins,
        ends=ends,
        avoidable=avoidable,
    )


def down(*, begins: When = AtStart(), ends: End | None = None, avoidable: bool = False) -> NetworkFault:
    """Connections are closed and new ones refused."""
    return NetworkFault(type=DOWN, begins=begins, ends=ends, avoidable=avoidable)


def profile(name: str) -> Network:
    """A whole network by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in PROFILES:
        raise unknown_name("network profile", name, PROFILES)
    found = PROFILES[name]
    faults = [
        NetworkFault(type=one.type, stream=one.stream, attributes=one.attributes, toxicity=one.toxicity)
        for one in found.toxics
    ]
    return Network(faults=(down(), *faults) if found.offline else tuple(faults))


EventCounts: TypeAlias = "Counter[tuple[int, str | None]]"
"""Events that were written, by attempt and name; of any name under None."""


def count_event(record: ServerRecord, counts: EventCounts) -> None:
    """Count the event that ``record`` says was written, if it does."""
    if isinstance(record, Sent) and record.event is not None:
        counts[record.attempt, record.event] += 1
        counts[record.attempt, None] += 1


def is_due(when: When | End, record: ServerRecord, counts: EventCounts) -> bool:
    """Whether the moment has come with ``record``; moments that a clock tells come with none."""
    match when:
        case AtAttempt(number):
            return isinstance(record, Requested) and record.attempt >= number
        case AfterBytes(count, attempt):
            return isinstance(record, Sent) and record.attempt == attempt and record.total >= count
        case AfterEvents(count, name, attempt):
            return isinstance(record, Sent) and counts[attempt, name] >= count
        case AfterReply(attempt):
            return isinstance(record, Ended) and record.attempt == attempt
        case _:
            return False


# ---- what is written down --------------------------------------------------------------------------------------------


class NetworkFailed(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="failed"):
    """Toxiproxy did not do what the scenario asks of it, so the case proves nothing."""

    number: int = 0
    at: float
    proxy: str
    why: str


class Counted(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="counted"):
    """What a Toxiproxy that tells nothing of single connections had carried on those that were over.

    It was counted when request ``attempt`` had come, before its answer; the last one when the case was over, with 0.
    """

    number: int = 0
    at: float
    proxy: str
    attempt: int
    upstream_received: int
    upstream_sent: int
    downstream_received: int
    downstream_sent: int


NetworkRecord: TypeAlias = (
    Started
    | Stopped
    | ToxicAdded
    | ToxicUpdated
    | ToxicRemoved
    | Opened
    | Unreachable
    | Struck
    | Carried
    | Left
    | Closed
    | Counted
    | NetworkFailed
)
"""The network's lane of a history; ``at`` is in seconds since the case began."""

ABANDONED = "abandoned"
"""In :attr:`Closed.how`: the connection was still open when the harness took the proxy away."""


def describe(fault: NetworkFault) -> str:
    """A fault and its time, in words."""
    what = "down" if fault.type == DOWN else f"{fault.type} {fault.stream}"
    settings = ", ".join(f"{name} {value}" for name, value in fault.attributes.items())
    chance = f", on {fault.toxicity * 100:g}% of connections" if fault.toxicity < 1 else ""
    until = f" until {_moment(fault.ends)}" if fault.ends is not None else ""
    return f"{what}{f' ({settings})' if settings else ''}{chance}: from {_moment(fault.begins)}{until}"


def _moment(when: When | End) -> str:
    match when:
        case AtStart():
            return "the start"
        case AtAttempt(number):
            return f"request {number}"
        case AfterBytes(count, attempt):
            return f"byte {count} of reply {attempt}"
        case AfterEvents(count, name, attempt):
            return f"{name or 'event'} {count} of reply {attempt}"
        case AfterReply(attempt):
            return f"the end of reply {attempt}"
        case AfterSeconds(seconds):
            return f"{seconds:g} s after the start"
        case Lasting(seconds):
            return f"{seconds:g} s later"
        case _:
            assert_never(when)
