"""Places in a reply where a fault can strike, and the one function that finds them.

Every place is reached by counting what the effects themselves carry (events, bytes, characters, waited
time), so a fault lands on the same byte live, simulated, and in ``streamproof show``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from fake_server.effects import Effect, End, Send, Wait

_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")


@dataclass(frozen=True, slots=True)
class AtByte:
    """Before byte ``offset`` of the stream; 0 is before everything."""

    offset: int = 0


@dataclass(frozen=True, slots=True)
class AtEvent:
    """Before the ``nth`` event called ``name`` (any event when ``name`` is None); both count from 0."""

    name: str | None = None
    nth: int = 0


@dataclass(frozen=True, slots=True)
class InEvent:
    """Inside that event, after its first ``byte`` bytes (clipped to its length minus one)."""

    name: str | None = None
    nth: int = 0
    byte: int = 1


@dataclass(frozen=True, slots=True)
class InCharacter:
    """Inside the ``nth`` multi-byte UTF-8 character, after its first ``byte`` bytes (never all of them)."""

    nth: int = 0
    byte: int = 1


@dataclass(frozen=True, slots=True)
class AfterSeconds:
    """When the reply has waited ``seconds`` in all."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AtEnd:
    """After the last byte, in place of the clean end."""


Position: TypeAlias = AtByte | AtEvent | InEvent | InCharacter | AfterSeconds | AtEnd
Action: TypeAlias = Callable[[Iterator[Effect]], Iterable[Effect]]


def strike(effects: Iterable[Effect], at: Position, action: Action) -> Iterator[Effect]:
    """Yield every effect (and every byte) before ``at``, then what ``action`` makes of the rest.

    If the stream ends before ``at`` is reached it passes unchanged: the fault then leaves no mark, and the
    harness sees that it was never delivered.
    """
    meter = _Meter(at)
    stream = iter(effects)
    for effect in stream:
        cut = meter.reach(effect)
        if cut is None:
            yield effect
            continue
        before, after = _split(effect, cut)
        if before is not None:
            yield before
        yield from action(_chain(after, stream))
        return


def instead(*effects: Effect) -> Action:
    """The action that sends ``effects`` and drops the rest."""
    return lambda _rest: effects


def _split(effect: Effect, cut: float) -> tuple[Effect | None, Effect | None]:
    """Divide one effect: bytes for a ``Send``, seconds for a ``Wait``; 0 leaves it whole on the far side."""
    if cut == 0:
        return None, effect
    if isinstance(effect, Send):
        rest = effect.data[int(cut) :]
        return Send(effect.data[: int(cut)], effect.event), Send(rest) if rest else None
    assert isinstance(effect, Wait)
    return replace(effect, seconds=cut), replace(effect, seconds=effect.seconds - cut)


def _chain(first: Effect | None, rest: Iterator[Effect]) -> Iterator[Effect]:
    if first is not None:
        yield first
    yield from rest


class _Meter:
    """Counts what has passed and says where in the next effect the position lies, if it lies there."""

    def __init__(self, at: Position) -> None:
        self._at = at
        self._count: float = 0

    def reach(self, effect: Effect) -> float | None:
        """Offset of the position inside ``effect`` (bytes or seconds), or None when it lies further on."""
        at = self._at
        match at:
            case AtEvent():
                return 0 if self._is_event(effect, at.name, at.nth) else None
            case InEvent():
                if isinstance(effect, Send) and self._is_event(effect, at.name, at.nth):
                    return max(1, min(at.byte, len(effect.data) - 1))
                return None
            case AtByte():
                return self._pass(len(effect.data), at.offset) if isinstance(effect, Send) else None
            case AfterSeconds():
                return self._pass(effect.seconds, at.seconds) if isinstance(effect, Wait) else None
            case InCharacter():
                return self._character(effect, at)
            case AtEnd():
                return 0 if isinstance(effect, End) else None
            case _:
                assert_never(at)

    def _is_event(self, effect: Effect, name: str | None, nth: int) -> bool:
        if not isinstance(effect, Send) or effect.event is None or name not in (None, effect.event):
            return False
        self._count += 1
        return self._count == nth + 1

    def _pass(self, amount: float, goal: float) -> float | None:
        before, self._count = self._count, self._count + amount
        return goal - before if before <= goal < self._count else None

    def _character(self, effect: Effect, at: InCharacter) -> float | None:
        if not isinstance(effect, Send):
            return None
        for match in _MULTIBYTE.finditer(effect.data):
            self._count += 1
            if self._count == at.nth + 1:
                return match.start() + max(1, min(at.byte, len(match.group()) - 1))
        return None
