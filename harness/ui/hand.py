"""What a person may do to the network of a case while that goes on, and what it does to a Toxiproxy. Pure.

Sliders and the switch for silence are toxics that stay as they were set. A strike is a toxic that comes and goes at
once: it meets the connections that are open, and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec

BY_HAND = "_by_hand"
"""How the names of these toxics end, in the history as well."""

Strike: TypeAlias = Literal["cut", "reset"]
STRIKES: Mapping[Strike, tuple[str, Mapping[str, int]]] = {
    "cut": ("limit_time", {"time": 0}),
    "reset": ("reset_now", {"delay": 0}),
}
"""The toxic of each strike, with its attributes: a FIN and a RST in the middle, whether data flow or not."""


class Knobs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the sliders stand."""

    latency: Annotated[int, msgspec.Meta(ge=0, le=5000)] = 0
    """Milliseconds."""
    jitter: Annotated[int, msgspec.Meta(ge=0, le=2000)] = 0
    """Milliseconds more or less."""
    bandwidth: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    """KB/s; 0 is no limit."""
    silence: bool = False
    """Whether nothing comes through; what is held comes when it ends."""


UNTOUCHED = Knobs()
"""Nothing is in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Have this toxic, with these attributes."""

    type: str
    attributes: Mapping[str, int]
    said: str
    """In words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Have this toxic no more."""

    type: str
    said: str


Change: TypeAlias = Put | Take


def name_of(type_: str) -> str:
    """The name of a toxic of that type that a person has put there."""
    return f"{type_}{BY_HAND}"


def changes(before: Knobs, after: Knobs) -> Iterator[Change]:
    """What must be done to the network when the sliders are moved."""
    old = {one.type: one for one in _wanted(before)}
    new = {one.type: one for one in _wanted(after)}
    for type_, one in new.items():
        if old.get(type_) != one:
            yield one
    for type_ in old:
        if type_ not in new:
            yield Take(type=type_, said=_GONE[type_])


_GONE = {"latency": "no latency", "bandwidth": "full bandwidth", "stall": "silence is over"}


def _wanted(knobs: Knobs) -> Iterator[Put]:
    """The toxics of these settings."""
    if knobs.latency or knobs.jitter:
        spread = f" ± {knobs.jitter}" if knobs.jitter else ""
        attributes = {"latency": knobs.latency, "jitter": knobs.jitter}
        yield Put(type="latency", attributes=attributes, said=f"latency {knobs.latency}{spread} ms")
    if knobs.bandwidth:
        yield Put(type="bandwidth", attributes={"rate": knobs.bandwidth}, said=f"at most {knobs.bandwidth} KB/s")
    if knobs.silence:
        yield Put(type="stall", attributes={"duration": 0}, said="silence")
