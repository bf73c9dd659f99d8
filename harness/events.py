"""What the engine says while it runs: frozen events, numbered from 0; the last is always :class:`RunFinished`."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from harness.history import Record
from harness.model import Policy
from harness.plan import Tier
from harness.standing import Known, Standing, Try, are_flaky, note, standing
from harness.verdict import Ruling, Verdict


class RunEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events."""

    number: int = 0


class RunStarted(RunEvent, frozen=True, kw_only=True, tag="run_started"):
    """A run begins: what it will do, and with what."""

    seed: str
    clients: tuple[str, ...]
    """Names, in the order of the command line."""
    versions: dict[str, str]
    """Of the clients, of streamproof and of Python."""
    scenarios: tuple[str, ...]
    """Ids, in the order of the catalogue."""
    cases: int
    policy: Policy | None = None
    """The promise that every client is judged by, when it is not its own."""
    tier: Tier = Tier.LIVE
    tries: int = 1
    """How often a case may be tried that fails or is unknown."""
    date: str = ""
    """When it began, in UTC: ``2026-11-28T16:00:00Z``."""
    gate: tuple[str, ...] = ()
    """The clients that alone decide the exit status; empty: all, or a history that does not say."""
    asked_for: dict[str, str] = {}
    """What the command line called each client, by its name; one that is not in it was called by that."""


class CaseStarted(RunEvent, frozen=True, kw_only=True, tag="case_started"):
    """A case begins, for the ``nth`` time."""

    case: str
    nth: int = 1


class Judged(RunEvent, frozen=True, kw_only=True):
    """What a try and a finished case have in common."""

    case: str
    scenario: str
    client: str
    verdict: Verdict
    rulings: tuple[Ruling, ...] = ()
    """What each law said, the most harmful first."""
    why: str = ""
    """Why the case was skipped."""
    record: Record | None = None
    """Both sides' history; None for a skipped case."""
    seconds: float = 0.0

    @property
    def finding(self) -> Ruling | None:
        """The ruling that decided: the most harmful failure (even if only noted), or the first thing unknown."""
        sought = Verdict.FAIL if self.verdict is Verdict.SKIP else self.verdict
        return next((one for one in self.rulings if one.verdict is sought and one.harm), None)


class CaseTried(Judged, frozen=True, kw_only=True, tag="case_tried"):
    """One of several tries of a case is over and judged; :class:`CaseFinished` follows when all are."""

    nth: int
    """The how-manieth try, from 1."""


class CaseFinished(Judged, frozen=True, kw_only=True, tag="case_finished"):
    """A case is over and judged; of one that was tried several times, this holds the try that decides."""

    tries: tuple[Try, ...] = ()
    """How every try ended, in their order; empty when there was one."""
    known: Known | None = None
    """What was known of it; None when it was not expected to fail."""

    @property
    def is_flaky(self) -> bool:
        """Whether its tries ended in different verdicts."""
        return are_flaky(self.tries)

    @property
    def standing(self) -> Standing:
        """What it is to the run: its verdict, unless it was expected to fail."""
        law = self.finding.law if self.finding is not None else ""
        failed = [one.law for one in self.tries if one.verdict is Verdict.FAIL]
        return standing(self.verdict, failed or [law], self.known)

    @property
    def note(self) -> str:
        """What its verdict does not tell, in words: what was known of it, and how its tries differ."""
        return note(self.standing, self.known, self.tries)


class RunFinished(RunEvent, frozen=True, kw_only=True, tag="run_finished"):
    """The run is over; also after Ctrl-C, and then ``interrupted``."""

    counts: dict[str, dict[Verdict, int]]
    """By client."""
    interrupted: bool = False
    seconds: float | None = None
    """How long the run took; None when it was killed before it could tell."""


Event: TypeAlias = RunStarted | CaseStarted | CaseTried | CaseFinished | RunFinished
