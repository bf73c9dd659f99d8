"""What a fault is: a value that rewrites one reply on its way out.

A reply has three layers and a fault overrides the method of the one it strikes:

* ``head``: status, headers, framing;
* ``body``: the stream of SSE events before HTTP framing, where one ``Send`` is one event;
* ``wire``: the bytes on the connection, after HTTP framing.

``body`` and ``wire`` are functions from effects to effects. They yield a :class:`~fake_server.effects.Mark` where they
strike, which becomes the proof of delivery in the history. A fault is one file in ``fake_server/faults``.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from fake_server import bounds
from fake_server.effects import Effect, Mark, Send
from fake_server.position import AtEvent, strike
from fake_server.wire import Head

_FAULTS = "fake_server.faults"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that does nothing; each kind overrides one layer.

    Raises:
        fake_server.bounds.OutOfBounds: at construction, when a setting is outside its declared range.
    """

    def __post_init__(self) -> None:
        bounds.check(self)

    @property
    def name(self) -> str:
        """The name used in histories and reports: ``EndEarly`` is ``end_early``."""
        kind: Any = type(self)
        return _name_of(kind)

    def strikes(self, layer: str) -> bool:
        """Whether this kind does anything in ``layer``: head, body or wire."""
        kind: Any = type(self)
        return _overrides(kind, layer)

    def head(self, head: Head) -> Head:
        """Rewrite status line, headers or framing."""
        return head

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        """Rewrite the body; ``chance`` is seeded for this fault alone."""
        yield from effects

    def wire(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        """Rewrite the bytes on the connection; ``chance`` is seeded for this fault alone."""
        yield from effects

    def mark(self, note: str = "") -> Mark:
        """The mark that this fault leaves where it strikes."""
        return Mark(self.name, note)


@cache
def _name_of(kind: Any) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


@cache
def _overrides(kind: Any, layer: str) -> bool:
    return getattr(kind, layer) is not getattr(Fault, layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFault(Fault):
    """A fault of the head alone: its mark comes right before the bytes of the head."""

    def wire(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield self.mark()
        yield from effects


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFault(Fault):
    """A fault that strikes the one event at ``at`` and lets the rest pass."""

    at: AtEvent

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        return strike(effects, self.at, lambda rest: self._struck(rest, chance))

    def _struck(self, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        event = next(rest)
        assert isinstance(event, Send)
        if self.fits(event):
            yield self.mark(event.event or "")
            yield from self.rewrite(event, rest, chance)
        else:
            yield event
        yield from rest

    def fits(self, event: Send) -> bool:
        """Whether ``event`` still has what is to be changed: a fault before this one may have taken it away.

        An event that does not fit passes as it is and leaves no mark.
        """
        return True

    def rewrite(self, event: Send, rest: Iterator[Effect], chance: Random) -> Iterator[Effect]:
        """What is sent in place of ``event``; ``rest`` follows it."""
        yield event


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFault(Fault):
    """A fault that rewrites every ``Send`` of the body in the same way."""

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield self.mark()
        for effect in effects:
            yield from self.rewrite(effect, chance) if isinstance(effect, Send) else (effect,)

    def rewrite(self, send: Send, chance: Random) -> Iterable[Effect]:
        """What is sent in place of ``send``."""
        return (send,)


def kinds() -> dict[str, type[Fault]]:
    """Every kind of fault by the name of its class, found by walking the package."""
    return dict(_kinds(tuple(importlib.import_module(_FAULTS).__path__)))


@cache
def _kinds(folders: tuple[str, ...]) -> dict[str, type[Fault]]:
    """Those in ``folders``: walked once, as long as the package has no other."""
    found: dict[str, type[Fault]] = {}
    for file in pkgutil.iter_modules(folders):
        module = importlib.import_module(f"{_FAULTS}.{file.name}")
        own = [one for one in vars(module).values() if _is_fault(one) and one.__module__ == module.__name__]
        found |= {one.__name__: one for one in own}
    return found


def _is_fault(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Fault)
