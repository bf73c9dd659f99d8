"""A broken law as trackers keep it: how bad, where, and under a name that is the same in every run.

Code scanners, code-quality widgets and annotations hold a finding against a line of a file, and tell by a fingerprint
whether they know it already. All of that is made here, from a finished case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness import catalog
from harness.definition import Definition, defined
from harness.events import CaseFinished
from harness.model import Level
from harness.standing import Standing
from harness.verdict import Ruling, Verdict

_HOME = catalog.RECORDED.parents[1]
"""The folder that holds the package ``scenarios``: the repository, or where it was installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One law that one client broke in one scenario."""

    case: CaseFinished
    ruling: Ruling
    """Its verdict is FAIL."""

    @property
    def is_known(self) -> bool:
        """Whether the case fails as it is known to."""
        return self.case.standing is Standing.KNOWN

    @property
    def level(self) -> Level:
        """How much it matters."""
        return level(self.case)

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits: the same as long as law, scenario and client are, whatever seed, text and line say."""
        said = "\0".join((self.ruling.law, self.case.scenario, self.case.client))
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def broken(case: CaseFinished) -> Iterator[Broken]:
    """Every law that ``case`` broke, the most harmful first; also where the scenario only informs."""
    return (Broken(case=case, ruling=one) for one in case.rulings if one.verdict is Verdict.FAIL)


def level(case: CaseFinished) -> Level:
    """How much the scenario of ``case`` matters; MUST, when the history does not say."""
    return case.record.info.level if case.record is not None else Level.MUST


@cache
def definition(scenario: str) -> Definition:
    """Where ``scenario`` is defined; see :func:`~harness.definition.defined`."""
    return defined(scenario, _source)


def _source(path: str) -> str | None:
    try:
        return Path(_HOME, path).read_text("utf-8")
    except OSError:
        return None
