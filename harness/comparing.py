"""What changed between two runs, two versions of a client, or two clients. Pure: two runs in, lines out.

What a client did is compared, and not what was known of it: its verdicts, the laws that it broke, and the harm. It got
worse where it fails and did not, and where it breaks a law that it kept, though it failed before. Where what was told
is unknown now, nobody can say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never, runtime_checkable

from harness.errors import UsageError, unknown_name
from harness.events import CaseFinished
from harness.plain import plain
from harness.reporter import MARKS, Table
from harness.verdict import Verdict

_MOST_NAMES = 12
_LONGEST_HARM = 160
_NUMBER = re.compile(r"\d+")
_PORT = re.compile(r"127\.0\.0\.1:\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs: under which name it was given, and of which client only (empty: of all)."""

    name: str
    run: Table
    client: str = ""

    @property
    def clients(self) -> tuple[str, ...]:
        """Whose results are compared.

        Raises:
            UsageError: the run has no such client.
        """
        if self.client and self.client not in self.run.run.clients:
            raise unknown_name(f"client in {self.name}", self.client, self.run.run.clients)
        return (self.client,) if self.client else self.run.run.clients


@runtime_checkable
class Comparing(Protocol):
    """A reporter that can also show earlier runs; nothing is compared until it is told."""

    def compare(self, baseline: Side | None, earlier: Sequence[Side]) -> None:
        """Compare with ``baseline``, and show how it went over ``earlier`` runs; called before the first event."""
        ...


class Kind(StrEnum):
    """How a case changed, in the order in which it is told."""

    BROKEN = "newly failing"
    LAW = "failing by other laws"
    DOUBTFUL = "newly unknown"
    HARM = "other harm"
    REPAIRED = "newly passing"
    OTHER = "otherwise changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A case that ended otherwise."""

    kind: Kind
    before: CaseFinished
    after: CaseFinished

    @property
    def is_worse(self) -> bool:
        """Whether it is proven that the client did worse."""
        if self.kind is Kind.LAW:
            return bool(laws_of(self.after) - laws_of(self.before))
        return self.kind is Kind.BROKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One client before and one after."""

    before: str
    after: str
    both: int
    """Scenarios that both finished."""
    changes: tuple[Change, ...]
    gone: tuple[str, ...]
    """Scenarios that only the first finished."""
    new: tuple[str, ...]
    """Scenarios that only the second finished."""

    @property
    def worse(self) -> int:
        """How many got worse."""
        return sum(change.is_worse for change in self.changes)

    @property
    def doubtful(self) -> int:
        """How many were told before, and are unknown now."""
        return sum(change.kind is Kind.DOUBTFUL for change in self.changes)


def laws_of(case: CaseFinished) -> set[str]:
    """The codes of the laws that it broke."""
    return {one.law for one in case.rulings if one.verdict is Verdict.FAIL}


def compared(before: Side, after: Side) -> list[Pair]:
    """Every client that both have; or the one of each, whatever they are called.

    Raises:
        UsageError: a client that was named is not there, or there is none in common.
    """
    first, second = before.clients, after.clients
    if len(first) == len(second) == 1:
        return [_pair(before, first[0], after, second[0])]
    common = [client for client in first if client in second]
    if not common:
        raise UsageError(
            f"no client is in both: {before.name} has {', '.join(first)}, {after.name} has {', '.join(second)}; "
            "name one of each, FILE#CLIENT"
        )
    return [_pair(before, client, after, client) for client in common]


def _pair(before: Side, first: str, after: Side, second: str) -> Pair:
    old = {case.scenario: case for case in before.run.cases() if case.client == first}
    new = {case.scenario: case for case in after.run.cases() if case.client == second}
    is_exact = before.run.run.seed == after.run.run.seed
    changes = (change(old[name], new[name], is_exact=is_exact) for name in old if name in new)
    return Pair(
        before=first,
        after=second,
        both=len(old.keys() & new.keys()),
        changes=tuple(one for one in changes if one is not None),
        gone=tuple(name for name in old if name not in new),
        new=tuple(name for name in new if name not in old),
    )


def change(before: CaseFinished, after: CaseFinished, *, is_exact: bool) -> Change | None:
    """How the case changed; None when it did not.

    Args:
        is_exact: compare the numbers in what was seen, too; of two seeds they differ anyway.
    """
    kind = _kind(before, after, is_exact)
    return Change(kind=kind, before=before, after=after) if kind is not None else None


def _kind(before: CaseFinished, after: CaseFinished, is_exact: bool) -> Kind | None:
    match before.verdict, after.verdict:
        case Verdict.FAIL, Verdict.FAIL if laws_of(before) != laws_of(after):
            return Kind.LAW
        case Verdict.FAIL, Verdict.FAIL:
            return None if _harm(before, is_exact) == _harm(after, is_exact) else Kind.HARM
        case _, Verdict.FAIL:
            return Kind.BROKEN
        case Verdict.FAIL, Verdict.PASS:
            return Kind.REPAIRED
        case Verdict.FAIL | Verdict.PASS, Verdict.UNKNOWN:
            return Kind.DOUBTFUL
        case _:
            return None if before.verdict is after.verdict else Kind.OTHER


def _harm(case: CaseFinished, is_exact: bool) -> str:
    harm = case.finding.harm if case.finding is not None else ""
    return _PORT.sub("127.0.0.1:*", harm) if is_exact else _NUMBER.sub("#", harm)


# For people.


def told(before: Side, after: Side, pairs: Sequence[Pair]) -> Iterator[str]:
    """The comparison in lines."""
    yield f"before: {_run(before)}"
    yield f"after:  {_run(after)}"
    first, second = before.run.run, after.run.run
    if first.seed != second.seed:
        yield "two seeds: numbers in what users saw are not compared"
    if first.policy != second.policy:
        yield f"two policies: {first.policy or 'of each client'}, {second.policy or 'of each client'}"
    if first.tier != second.tier:
        yield f"two tiers: {first.tier}, {second.tier}"
    for side, clients in ((before, {pair.before for pair in pairs}), (after, {pair.after for pair in pairs})):
        if left := [plain(client) for client in side.clients if client not in clients]:
            yield f"only in {plain(side.name)}: {', '.join(left)}"
    for pair in pairs:
        yield ""
        yield from _of_pair(pair)


def _run(side: Side) -> str:
    run, end = side.run.run, side.run.end
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    interrupted = ", interrupted" if end.interrupted else ""
    return plain(f"{side.name}: seed {run.seed}, {len(run.scenarios)} scenarios{interrupted}; {versions}")


def _of_pair(pair: Pair) -> Iterator[str]:
    name = pair.before if pair.before == pair.after else f"{pair.before} → {pair.after}"
    doubtful = f", {pair.doubtful} newly unknown" if pair.doubtful else ""
    yield plain(f"{name}: {len(pair.changes)} of {pair.both} scenarios changed, {pair.worse} for the worse{doubtful}")
    for kind in Kind:
        group = [one for one in pair.changes if one.kind is kind]
        if group:
            yield f"{kind} ({len(group)})"
            yield from (f"  {plain(line)}" for one in group for line in _of_change(one))
    for where, names in (("before", pair.gone), ("after", pair.new)):
        if names:
            yield plain(f"only {where} ({len(names)}): {_listed(names)}")


def _of_change(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    line = f"{MARKS[after.standing]} {after.scenario}  "
    match change.kind:
        case Kind.BROKEN | Kind.DOUBTFUL:
            yield f"{line}{_told(after)} (was {before.verdict}{_flaky(before)})"
        case Kind.REPAIRED:
            yield f"{line}was {_told(before)}"
        case Kind.LAW:
            yield f"{line}{', '.join(sorted(laws_of(before)))} → {', '.join(sorted(laws_of(after)))}; {_told(after)}"
        case Kind.HARM:
            yield f"{line}{_told(after)}"
            yield f"    was {_told(before)}"
        case Kind.OTHER:
            yield f"{line}{before.verdict} → {after.verdict}{_flaky(after)}"
        case _:
            assert_never(change.kind)


def _told(case: CaseFinished) -> str:
    finding = case.finding
    return (
        f"{finding.law}: {plain(finding.harm, _LONGEST_HARM)}" if finding is not None else str(case.verdict)
    ) + _flaky(case)


def _flaky(case: CaseFinished) -> str:
    return f" [{case.note}]" if case.is_flaky else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
