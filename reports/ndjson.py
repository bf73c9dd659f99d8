"""NDJSON, for log pipelines: a flat line of JSON for each case as it finishes, without its history."""

from __future__ import annotations

from typing import TextIO

import msgspec

from fake_server.record import Requested
from harness.broken import broken, level
from harness.events import CaseFinished, Event, RunStarted
from harness.plain import plain
from harness.reporter import Table


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One case. Fields are only ever added; none is a list or an object, and none is ever null."""

    event: str = "streamproof_case"
    """What kind of line this is, for pipelines that mix logs."""
    case: str
    """``scenario@client:seed``; ``streamproof replay`` takes it."""
    scenario: str
    family: str
    client: str
    client_version: str
    streamproof_version: str
    seed: str
    tier: str
    policy: str
    """The promise that the client was judged by; empty for a case that was skipped."""
    level: str
    """``must``, ``should`` or ``info``; empty for a case that was skipped."""
    verdict: str
    """``pass``, ``fail``, ``unknown`` or ``skip``."""
    standing: str
    """What it is to the run: its verdict, or ``known`` (failed as it is known to), or ``fixed`` (known, and passed)."""
    flaky: bool
    """Whether its tries ended in different verdicts."""
    law: str
    """Code of the law that decided; empty for a pass."""
    harm: str
    """What the user saw, for a failure; why not, for what is unknown or skipped."""
    laws: str
    """Codes of all laws that were broken, with spaces between."""
    requests: int
    """How many the client sent."""
    seconds: float
    """How long the case took."""
    replay: str
    """The command that runs it again."""


class Reporter:
    """Writes a line for each case, in the order in which they finish, and hands it to the operating system at once."""

    suffix = "ndjson"

    def __init__(self, out: TextIO) -> None:
        self._out, self._table = out, Table()

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, RunStarted):
            self._table.take(event)
        if isinstance(event, CaseFinished):
            self._out.write(msgspec.json.encode(line(event, self._table)).decode() + "\n")
            self._out.flush()


def line(case: CaseFinished, table: Table) -> Line:
    """What is said of ``case``."""
    run, finding, record = table.run, case.finding, case.record
    return Line(
        case=plain(case.case),
        scenario=plain(case.scenario),
        family=plain(case.scenario.partition(".")[0]),
        client=plain(case.client),
        client_version=plain(run.versions.get(case.client, "")),
        streamproof_version=plain(run.versions.get("streamproof", "")),
        seed=plain(run.seed),
        tier=run.tier,
        policy=record.info.policy if record is not None else "",
        level=level(case) if record is not None else "",
        verdict=case.verdict,
        standing=case.standing,
        flaky=case.is_flaky,
        law=plain(finding.law) if finding is not None else "",
        harm=plain(finding.harm if finding is not None else case.why),
        laws=plain(" ".join(one.ruling.law for one in broken(case))),
        requests=sum(isinstance(one, Requested) for one in record.server) if record is not None else 0,
        seconds=case.seconds,
        replay=plain(table.replay(case)),
    )
