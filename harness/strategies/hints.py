"""Values drawn by the types of fields: numbers within their bounds, places in a reply, and so any fault."""

from __future__ import annotations

import math
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fake_server import fault
from fake_server.bounds import Between, Examples, Usually
from fake_server.fault import Fault
from fake_server.position import AfterSeconds, AtByte, AtEnd, AtEvent, InCharacter, InEvent, Position
from harness.errors import UsageError, unknown_name
from harness.fields import Field, fields_of

MOST = 64 * 1024
"""What a drawn whole number may be at most, so that a case is quick."""
LONGEST = 3
"""What any other drawn number may be at most; most are seconds."""

DELTA = "content_block_delta"
_ONCE = ("message_start", "content_block_start", "ping", "content_block_stop", "message_delta", "message_stop")
_EVENTS: tuple[tuple[str | None, int], ...] = (
    *((DELTA, number) for number in range(4)),
    *((name, 0) for name in _ONCE),
    *((None, number) for number in range(12)),
    *((DELTA, number) for number in range(4, 12)),
    *((name, 1) for name in _ONCE),
)
"""Names and numbers, the most telling ones first."""

_POSITIONS: dict[Any, SearchStrategy[Any]] = {
    AtEnd: st.just(AtEnd()),
    AtEvent: st.sampled_from([AtEvent(*one) for one in _EVENTS]),
    InEvent: st.builds(
        lambda event, byte: InEvent(event[0], event[1], byte),
        st.sampled_from(_EVENTS),
        st.integers(1, 8) | st.integers(1, 120),
    ),
    InCharacter: st.builds(InCharacter, st.integers(0, 12), st.integers(1, 3)),
    AtByte: st.builds(AtByte, st.integers(0, 16) | st.integers(0, 4096)),
    AfterSeconds: st.builds(AfterSeconds, st.integers(0, 1000).map(lambda number: number / 1000)),
}


def positions(*kinds: type[Position]) -> SearchStrategy[Position]:
    """Places in a reply, mostly where something begins or ends, and near the beginning.

    Args:
        kinds: classes of :mod:`fake_server.position`; none of them means all.

    Raises:
        UsageError: one of them is no such class.
    """
    if strange := next((one for one in kinds if one not in _POSITIONS), None):
        raise unknown_name("position", strange.__name__, [one.__name__ for one in _POSITIONS])
    return st.one_of(*(places for kind, places in _POSITIONS.items() if not kinds or kind in kinds))


def faults(*kinds: type[Fault]) -> SearchStrategy[Fault]:
    """Faults with settings from their ranges, of ``kinds`` or of any kind in ``fake_server/faults``.

    Raises:
        UsageError: a kind has a field of which nothing says what to draw.
    """
    found = fault.kinds()
    ordered = kinds or tuple(sorted(found.values(), key=lambda kind: (len(fields_of(kind)), kind.__name__)))
    return st.one_of(*(_made(kind) for kind in ordered))


def _made(kind: Any) -> SearchStrategy[Any]:
    return st.builds(kind, **{name: _field(one, kind) for name, one in fields_of(kind).items()})


def _field(field: Field, kind: Any) -> SearchStrategy[Any]:
    try:
        found = values(field.hint)
    except UsageError as error:
        raise UsageError(f"{kind.__name__}.{field.name}: {error}") from None
    return found if field.is_needed else st.just(field.default) | found


def values(hint: Any) -> SearchStrategy[Any]:
    """Whatever a type hint allows, within what is annotated and within reason.

    Raises:
        UsageError: it does not say what to draw.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, UnionType):
        return positions(*args) if _POSITIONS.keys() >= {*args} else st.one_of(*map(values, args))
    if origin is tuple:
        return _tuples(args)
    if hint in _POSITIONS:
        return _POSITIONS[hint]
    if hint in _PLAIN:
        return _PLAIN[hint]
    raise UsageError(f"nothing is drawn for {hint}: annotate the field with fake_server.bounds.Examples")


def _tuples(args: tuple[Any, ...]) -> SearchStrategy[tuple[Any, ...]]:
    if args[-1] is Ellipsis:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    return st.tuples(*map(values, args))


def _annotated(hint: Any, said: tuple[Any, ...]) -> SearchStrategy[Any]:
    if examples := next((one for one in said if isinstance(one, Examples)), None):
        return st.sampled_from(examples.values)
    ranges = [one for one in said if isinstance(one, Between | Usually)]
    if not ranges or hint not in (int, float):
        return values(hint)
    low, high = max(one.low for one in ranges), min(one.high for one in ranges)
    return _integers(math.ceil(low), math.floor(high)) if hint is int else _numbers(low, high)


def _integers(low: int, high: int) -> SearchStrategy[int]:
    """Whole numbers of a range, mostly near its end that is nearest to 0, and none that takes long."""
    least, most = max(low, min(-MOST, high)), min(high, max(MOST, low))
    near = min(max(0, least), most)
    return st.integers(max(least, near - 16), min(most, near + 16)) | st.integers(least, most)


def _numbers(low: float, high: float) -> SearchStrategy[float]:
    """Thousandths of a range, up to some seconds."""
    most = min(high, max(LONGEST, low))
    steps = (math.ceil(low * 1000), math.floor(most * 1000))
    return st.just(low) if steps[0] > steps[1] else st.integers(*steps).map(lambda number: number / 1000)


_WORDS = st.text(max_size=12)
_SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False, allow_infinity=False)
JSON: SearchStrategy[Any] = st.recursive(
    _SCALARS | _WORDS, lambda one: st.lists(one, max_size=3) | st.dictionaries(_WORDS, one, max_size=3), max_leaves=6
)
"""Any JSON, of a few values."""

_PLAIN: dict[Any, SearchStrategy[Any]] = {
    NoneType: st.none(),
    bool: st.booleans(),
    int: _integers(0, 1000),
    float: _numbers(0, LONGEST),
    str: _WORDS,
    bytes: st.binary(max_size=32),
    Any: JSON,
}
