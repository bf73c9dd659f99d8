"""The file of known failures: what it says, and what it should say after a run. Pure; :mod:`harness.standing` judges.

It is TOML, written to be read in a diff: one table for each known failure, named by client and scenario::

    # their client reads over a clean end; told them in March
    [naive."cutoff.clean_end_mid_text"]
    law = "SP02"
    harm = "the user saw 41% of the answer and was told that it was whole"
    reason = "will not be repaired before 2.0"

An author may put comments above a table, and ``flaky = true`` into it.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from harness.errors import UsageError, unknown_name
from harness.events import CaseFinished, Event
from harness.plain import plain
from harness.standing import PLACEHOLDER, Known
from harness.toml_blocks import Block, Blocks, Key, header, read
from harness.verdict import Verdict

PREAMBLE = """\
# Known failures of clients. `streamproof run --expect FILE` fails on every other failure, and on an entry that passes:
# remove it then, or write the file again with --write-expect. Say in `reason` why each is not repaired.
"""
_NEW = Blocks(parts=(Block(tail=PREAMBLE),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """A file of known failures, by client and scenario."""

    entries: Mapping[Key, Known] = field(default_factory=dict)
    blocks: Blocks = _NEW

    @property
    def unexplained(self) -> int:
        """How many entries have no reason yet."""
        return sum(not known.has_reason for known in self.entries.values())

    def expecting(self, event: Event) -> Event:
        """``event`` with what is known of its case."""
        if not isinstance(event, CaseFinished):
            return event
        return msgspec.structs.replace(event, known=self.entries.get(_key(event)))

    def check_scenarios(self, scenarios: Iterable[str], family: str, name: str) -> None:
        """Complain of an entry whose scenario does not exist.

        Args:
            scenarios: all that there are, selected or not.
            family: of the scenarios that come from files, which need not be here.
            name: of the file, for errors.

        Raises:
            UsageError: there is one; with the close matches.
        """
        known = set(scenarios)
        for key in self.entries:
            if key[1] not in known and not key[1].startswith(f"{family}."):
                raise UsageError(f"{name}, {header(key)}: {unknown_name('scenario', key[1], known)}")

    def absences(self, clients: Iterable[str]) -> Iterator[str]:
        """What to say of each client that has entries and is not in the run, with the close matches."""
        present = [plain(client) for client in clients]
        count = Counter(client for client, _ in self.entries if client not in present)
        for client in sorted(count):
            yield plain(f"{unknown_name('client in this run', client, present)} ({count[client]} left alone)")


def parse(text: str, name: str) -> Expectations:
    """What a file says.

    Args:
        name: of the file, for errors.

    Raises:
        UsageError: it is no TOML, has something else than entries, or an entry that is no table of its own.
    """
    if not text.strip():
        return Expectations()
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is no TOML: {error}") from error
    entries = {key: _known(value, f"{name}, {header(key)}") for key, value in _tables(tree, name)}
    blocks = read(text)
    odd = [key for key in entries if blocks.keys.count(key) != 1] or [key for key in blocks.keys if key not in entries]
    if odd:
        raise UsageError(f"{name}: an entry is a table that begins with one line of its own, {header(odd[0])}")
    return Expectations(entries=entries, blocks=blocks)


def _tables(tree: Mapping[str, object], name: str) -> Iterator[tuple[Key, object]]:
    for client, scenarios in tree.items():
        if not isinstance(scenarios, dict):
            raise UsageError(f'{name}: {client!r} is no client; an entry begins with [client."family.scenario"]')
        yield from (((client, scenario), value) for scenario, value in scenarios.items())


def _known(value: object, place: str) -> Known:
    try:
        return msgspec.convert(value, Known)
    except msgspec.ValidationError as error:
        raise UsageError(f"{place}: {error}; an entry has law, harm, reason, and flaky = true if it is") from error


def _key(case: CaseFinished) -> Key:
    return plain(case.client), case.scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A file as it should be after a run, and how many of its entries are new, gone, or of another law than before."""

    file: Expectations
    added: int = 0
    dropped: int = 0
    changed: int = 0

    @property
    def told(self) -> str:
        """In words."""
        parts = [f"{self.added} added", f"{self.dropped} dropped that pass now"]
        parts += [f"{self.changed} by another law (does the reason still hold?)"] if self.changed else []
        return f"{', '.join(parts)}; {len(self.file.entries)} in all, {self.file.unexplained} of them without a reason"


def updated(file: Expectations, cases: Iterable[CaseFinished]) -> Update:
    """What the file should say after a run with these cases.

    A new failure gets an entry, whose reason its author fills in. One that passes loses its entry, unless that says
    flaky. One by another law is written anew, with the old reason. All else stays as it is: also the harm of one that
    fails as before, since seeds and times change it; entries that the run did not touch; what is UNKNOWN or skipped.
    """
    update = Update(file=file)
    for case in cases:
        update = _after(update, case)
    return update


def _after(update: Update, case: CaseFinished) -> Update:
    known, finding = update.file.entries.get(_key(case)), case.finding
    if case.verdict is Verdict.PASS and known is not None and not known.flaky:
        return replace(update, file=_without(update.file, _key(case)), dropped=update.dropped + 1)
    if case.verdict is not Verdict.FAIL or finding is None:
        return update
    seen = Known(law=finding.law, harm=plain(finding.harm), reason=PLACEHOLDER, flaky=case.is_flaky)
    if known is None:
        return replace(update, file=_with(update.file, _key(case), seen), added=update.added + 1)
    if known.law != seen.law:
        other = msgspec.structs.replace(seen, reason=known.reason, flaky=known.flaky or seen.flaky)
        return replace(update, file=_with(update.file, _key(case), other), changed=update.changed + 1)
    if seen.flaky and not known.flaky:
        return replace(update, file=_with(update.file, _key(case), msgspec.structs.replace(known, flaky=True)))
    return update


def _without(file: Expectations, key: Key) -> Expectations:
    entries = {one: known for one, known in file.entries.items() if one != key}
    return replace(file, entries=entries, blocks=file.blocks.without(key))


def _with(file: Expectations, key: Key, known: Known) -> Expectations:
    values: dict[str, str | bool] = {"law": known.law, "harm": known.harm, "reason": known.reason}
    blocks = file.blocks.with_table(key, {**values, "flaky": True} if known.flaky else values)
    return replace(file, entries={**file.entries, key: known}, blocks=blocks)
