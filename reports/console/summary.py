"""What a run came to, in so many lines: its clients, then what failed by the law that it broke, the worst law first.

A law has four lines (how often it was broken and by whom, what that did to the first user, in which scenarios, how to
see it again), or one where there is not room for all. What has no room at all is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from harness import catalog
from harness.events import CaseFinished
from harness.plain import plain
from harness.reporter import MARKS, Table
from harness.standing import ATTENTION, Standing
from reports.console import clients
from reports.console.clients import STYLES
from reports.console.page import Page

_CLIENTS = 12
"""Lines for clients."""
_FULL = 2
"""Laws that are told in full before one is left out."""
_NAMES = 3
"""Clients and scenarios that are named of a law."""


def summary(table: Table, page: Page, most: int) -> list[Text]:
    """What to print of a run that is over.

    Args:
        most: lines on the page that it may take.
    """
    groups = grouped(table)
    if not groups:
        return [_all_well(table), *_known(table), totals(table)]
    head = [*clients.lines(_counts(table), page.width, _CLIENTS), Text()]
    tail = [Text(), *_known(table), totals(table), _more(groups[0])]
    return [*head, *_told(groups, page, most - page.height([*head, *tail])), *tail]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The cases that stand alike, by one law."""

    stands: Standing
    law: str
    """Its code; empty where no law says why."""
    cases: Sequence[CaseFinished]
    replay: str
    """The command that runs the first one again."""

    @property
    def head(self) -> Text:
        """One line."""
        name = _law(self.law)[1]
        said = f"{MARKS[self.stands]} {plain(self.law) or 'no law'} {name}".rstrip()
        who = Counter(plain(case.client) for case in self.cases)
        named = ", ".join(f"{name} {count}" for name, count in who.most_common(_NAMES))
        others = f" and {_count(len(who) - _NAMES, 'more client')}" if len(who) > _NAMES else ""
        return Text(f"{said}: {_count(len(self.cases), 'case')}", STYLES[self.stands]).append(
            f" ({named}{others})", "not bold"
        )

    @property
    def full(self) -> list[Text]:
        """What it does to whom, and how to see it."""
        first = self.cases[0]
        harm = plain(first.finding.harm) if first.finding is not None else ""
        told = [one for one in (harm, plain(first.note)) if one] or ["no law says why"]
        names = list(dict.fromkeys(plain(case.scenario) for case in self.cases))
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        where = [f"{', '.join(names[:_NAMES])}{more}"] if len(names) > 1 else []
        lines = [Text(f"  {one}") for one in (*told, *where)]
        return [self.head, *lines, Text(f"  {plain(self.replay)}", "dim")]


def grouped(table: Table) -> list[Broken]:
    """What somebody has to look at, by how it stands and by law, the worst first."""
    found: dict[tuple[Standing, str], list[CaseFinished]] = {}
    for client in table.run.clients:
        for case in table.findings(client):
            law = case.finding.law if case.finding is not None else case.known.law if case.known is not None else ""
            found.setdefault((case.standing, law), []).append(case)
    worst = sorted(found, key=lambda one: (ATTENTION.index(one[0]), _law(one[1])[0], one[1]))
    return [
        Broken(stands=stands, law=law, cases=found[stands, law], replay=table.replay(found[stands, law][0]))
        for stands, law in worst
    ]


def totals(table: Table) -> Text:
    """How many cases there were, in what time, and how to have the same again."""
    run, end = table.run, table.end
    done = sum(1 for _ in table.cases())
    interrupted = ", interrupted" if end.interrupted else ""
    flaky = f"; {len(table.flaky())} flaky" if table.flaky() else ""
    return Text(f"{done} of {run.cases} cases in {table.duration}{interrupted}{flaky}; seed {plain(run.seed)}")


def _told(groups: Sequence[Broken], page: Page, room: int) -> list[Text]:
    """What is told of these: the most that has room, and what is left as a number."""
    full, heads = [one.full for one in groups], [[one.head] for one in groups]
    tall, low = [page.height(one) for one in full], [page.height(one) for one in heads]
    lines: list[Text] = []
    for most, shown in _choices(len(groups)):
        rest = [_left(groups[shown:])] if shown < len(groups) else []
        lines = [line for one in (*full[:most], *heads[most:shown], rest) for line in one]
        if sum(tall[:most]) + sum(low[most:shown]) + page.height(rest) <= room:
            break
    return lines


def _choices(count: int) -> Iterator[tuple[int, int]]:
    """How many are told in full, and how many at all; the longest choice first."""
    few = min(_FULL, count)
    for full in range(count, few, -1):
        yield full, count
    for full in range(few, -1, -1):
        for shown in range(count, full - 1, -1):
            yield full, shown


def _left(groups: Sequence[Broken]) -> Text:
    cases = sum(len(one.cases) for one in groups)
    return Text(f"and {_count(len(groups), 'more law')}: {_count(cases, 'case')}")


def _all_well(table: Table) -> Text:
    """Who passed, and how often."""
    stands = sum(_counts(table).values(), Counter[Standing]())
    names = ", ".join(map(plain, table.run.clients))
    who = names if len(table.run.clients) <= _NAMES else f"{len(table.run.clients)} clients"
    counts = ", ".join(f"{stands[one]} {_COUNTED[one]}" for one in _COUNTED if stands[one])
    is_well = stands[Standing.PASS] and not table.end.interrupted
    mark = Standing.PASS if is_well else Standing.UNKNOWN if table.end.interrupted else Standing.SKIP
    return Text(f"{MARKS[mark]} {who}: {counts or 'nothing finished'}", STYLES[mark])


_COUNTED = {Standing.PASS: "passed", Standing.KNOWN: "failed as known", Standing.SKIP: "skipped"}


def _known(table: Table) -> list[Text]:
    return [Text(said)] if (said := table.expectations()) else []


def _more(worst: Broken) -> Text:
    law = f" · streamproof explain {plain(worst.law)}" if worst.law else ""
    return Text(f"every case: streamproof report marks HISTORY{law}", "dim")


def _counts(table: Table) -> dict[str, Counter[Standing]]:
    counts: dict[str, Counter[Standing]] = {client: Counter() for client in table.run.clients}
    for case in table.cases():
        counts[case.client][case.standing] += 1
    return counts


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _law(code: str) -> tuple[int, str]:
    """Rank and name of a law; of one that there is not any more, nothing."""
    return next(((law.rank, law.name) for law in catalog.laws() if law.code == code), (0, ""))
