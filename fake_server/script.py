"""What a server answers to attempt 1, 2, 3 of one case.

A :class:`Script` has one step for each attempt and repeats the last. A step looks at the request and makes a
:class:`Reply`; :func:`render` turns the reply and its faults into the effects on the connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Any, Protocol

from fake_server.dialect import Dialect
from fake_server.effects import Effect, Send
from fake_server.fault import Fault
from fake_server.wire import Head, frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a step may look at."""

    attempt: int
    """1 for the first request of the case that passed validation."""
    seed: str
    """Seed of the case; texts and ids are drawn from it by name."""
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0
    """Wall clock, whole seconds since the epoch, for dates in headers: HTTP has no finer ones."""
    dialect: Dialect = Dialect.ANTHROPIC
    """Whose words it uses, and is to be answered in."""
    told: tuple[str, ...] = ()
    """The texts of the whole script: a model that is asked to continue one goes on with that one."""

    @property
    def streams(self) -> bool:
        """Whether a stream is asked for. The body says so; no client says it in ``Accept``."""
        return self.body.get("stream") is True

    def chance(self, name: str) -> Random:
        """A random source of its own for ``name``, so that one more fault does not reshuffle the others."""
        return Random(self.chance_name(name))

    def chance_name(self, name: str) -> str:
        """The seed of :meth:`chance`."""
        return f"{self.seed}/{self.attempt}/{name}"

    def identity(self, name: str) -> str:
        """An id of 24 letters and digits for what is called ``name`` in its reply."""
        return _identity(self.chance_name(name))


@lru_cache(maxsize=1 << 12)
def _identity(seed: str) -> str:
    return "".join(Random(seed).choices("0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz", k=24))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP response before its faults are applied."""

    head: Head
    body: Iterable[Effect]
    faults: tuple[Fault, ...] = ()
    says: str | None = None
    """The text in it before its faults; None where that is not known."""

    def size(self) -> int:
        """Bytes of the body before its faults."""
        return sum(len(effect.data) for effect in self.body if isinstance(effect, Send))


class Step(Protocol):
    """Makes the reply to one attempt. Pure: the same request gives the same reply."""

    def reply(self, request: Request) -> Reply:
        """The reply to ``request``."""
        ...

    def texts(self, seed: str) -> tuple[str, ...]:
        """The whole texts that this step may say, the main one first. The oracle compares with them."""
        ...


@dataclass(frozen=True, slots=True)
class Script:
    """One step for each attempt, the last one repeating.

    Raises:
        ValueError: when there is no step.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a script needs at least one step")

    def reply(self, request: Request) -> Reply:
        """The reply to ``request`` by its attempt number."""
        told = self.texts(request.seed) if request.attempt > 1 else ()
        return self.steps[min(request.attempt, len(self.steps)) - 1].reply(replace(request, told=told))

    def texts(self, seed: str) -> tuple[str, ...]:
        """Every different whole text that the steps would say, in order of first appearance."""
        return tuple(dict.fromkeys(text for step in self.steps for text in step.texts(seed)))


def script(*steps: Step) -> Script:
    """``script(a, b)`` answers ``a`` to the first attempt and ``b`` to all others."""
    return Script(steps)


def render(reply: Reply, request: Request) -> tuple[Head, Iterator[Effect]]:
    """Apply the faults of ``reply``, layer by layer in their order, and frame the result as HTTP.

    Returns the head as it will be sent, and the effects on the connection, lazily.
    """
    head = reply.head
    for fault in reply.faults:
        head = fault.head(head)
    return head, _on_the_wire(head, reply, request)


def _on_the_wire(head: Head, reply: Reply, request: Request) -> Iterator[Effect]:
    body: Iterable[Effect] = reply.body
    for number, fault in enumerate(reply.faults):
        if fault.strikes("body"):
            body = fault.body(body, request.chance(f"{number}.{fault.name}.body"))
    wire: Iterable[Effect] = frame(head, body, reply.size)
    for number, fault in enumerate(reply.faults):
        if fault.strikes("wire"):
            wire = fault.wire(wire, request.chance(f"{number}.{fault.name}.wire"))
    return iter(wire)
