"""What changed since an earlier run. Pure.

Machines differ and are busy, so no times are compared: only how many times as fast a parser is as another one in the
same run.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, fsum, log

from msgspec import Struct

from harness.bench.results import Entrant, Kind, Place, Run

YARDSTICK = "httpx-sse"
"""The parser that others are measured by, where both runs have it in the same version."""


class Change(Struct, frozen=True, kw_only=True):
    """One parser in one place, beside its yardstick."""

    parser: str
    to: str
    place: Place
    before: float
    """How many times as fast it was."""
    after: float

    @property
    def factor(self) -> float:
        """Above 1 when it became faster."""
        return self.after / self.before


def compared(before: Run, after: Run) -> list[Change]:
    """All that both runs have."""
    return [
        Change(parser=one.name, to=to, place=place, before=was, after=now)
        for place in after.places
        for one in after.entrants
        if one.kind is not Kind.LIMIT
        if (to := yardstick(before, after, one, place))
        if (was := before.ratio(one.name, to, place)) is not None
        if (now := after.ratio(one.name, to, place)) is not None
    ]


def yardstick(before: Run, after: Run, measured: Entrant, place: Place) -> str:
    """By whom a parser is measured there: another one that did not change between the runs; empty when there is none.

    The one that most people know if it is there, or else a peer, or else a limit, which is Python's own.
    """
    was = {(one.name, one.version) for one in before.entrants if before.cell(one.name, place) is not None}
    same = [one for one in after.entrants if (one.name, one.version) in was and after.cell(one.name, place) is not None]
    others = [one for one in same if one.name != measured.name and one.kind in (Kind.PEER, Kind.LIMIT)]
    others.sort(key=lambda one: (one.name != YARDSTICK, one.kind is Kind.LIMIT))
    return next((one.name for one in others), "")


def told(before: Run, after: Run) -> Iterator[str]:
    """The changes as lines; what is within the spread of both runs is not called a change."""
    changes = compared(before, after)
    if not changes:
        yield f"nothing to compare with the run of {before.date}: no parser was measured beside the same one in both"
        return
    yield f"since {before.date} (streamproof {before.version}), each beside a parser in the same run:"
    for name in dict.fromkeys(one.parser for one in changes):
        mine = [one for one in changes if one.parser == name]
        mean = exp(fsum(log(one.factor) for one in mine) / len(mine))
        certain = [_line(one) for one in mine if _is_more_than_noise(one, before, after)]
        noise = "" if certain else ", each within the spread"
        yield f"{name}: {_factor(mean)} over {len(mine)} place{'s' if len(mine) > 1 else ''}{noise}"
        yield from certain


def _line(change: Change) -> str:
    place = change.place
    where = f"{place.corpus} {place.chunking} {place.stage}"
    return f"  {where:<28} {change.before:6.2f} → {change.after:6.2f} × {change.to}  {_factor(change.factor)}"


def _factor(factor: float) -> str:
    if 0.995 < factor < 1.005:
        return "the same"
    return f"{factor:.2f} × as fast"


def _is_more_than_noise(change: Change, before: Run, after: Run) -> bool:
    spread = fsum(
        cell.spread
        for run in (before, after)
        for name in (change.parser, change.to)
        if (cell := run.cell(name, change.place)) is not None
    )
    return abs(log(change.factor)) > spread
