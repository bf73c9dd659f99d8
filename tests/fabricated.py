"""Events that nobody ran, for what reads events and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from harness.events import CaseFinished, CaseTried, Event, RunFinished, RunStarted
from harness.reporter import Table
from harness.standing import Known
from harness.tries import Tally, settled, tried
from harness.verdict import Ruling, Verdict

PASS, FAIL, UNKNOWN, SKIP = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP
HARM = "the user saw 41% of the answer"


def ended(
    verdict: Verdict,
    *laws: str,
    scenario: str = "cutoff.fin",
    client: str = "naive",
    harm: str = HARM,
    known: Known | None = None,
    seed: str = "1",
) -> CaseFinished:
    """A case; ``laws`` broke, or could not be judged, the first of them decides."""
    bad = laws or (("SP02",) if verdict in (FAIL, UNKNOWN) else ())
    return CaseFinished(
        case=f"{scenario}@{client}:{seed}",
        scenario=scenario,
        client=client,
        verdict=verdict,
        rulings=tuple(Ruling(verdict=verdict, law=law, harm=harm) for law in bad),
        known=known,
    )


def tries(*ends: tuple[Verdict, str] | Verdict, scenario: str = "cutoff.fin", client: str = "naive") -> list[CaseTried]:
    """Several tries of one case; a verdict, or verdict and law."""
    pairs = [end if isinstance(end, tuple) else (end, "") for end in ends]
    cases = (ended(verdict, *filter(None, [law]), scenario=scenario, client=client) for verdict, law in pairs)
    return [tried(case, nth) for nth, case in enumerate(cases, start=1)]


def several(
    *ends: tuple[Verdict, str] | Verdict, known: Known | None = None, scenario: str = "cutoff.fin"
) -> CaseFinished:
    """What these tries come to."""
    return msgspec.structs.replace(settled(tries(*ends, scenario=scenario)), known=known)


def run_of(cases: Sequence[CaseFinished], seed: str = "1", scenarios: Iterable[str] = ()) -> list[Event]:
    """A run with these cases."""
    tally = Tally()
    for case in cases:
        tally.take(case)
    started = RunStarted(
        seed=seed,
        clients=tuple(dict.fromkeys(case.client for case in cases)),
        versions={case.client: "1.0" for case in cases},
        scenarios=tuple(dict.fromkeys([*(case.scenario for case in cases), *scenarios])),
        cases=len(cases),
        tries=3,
    )
    return [started, *cases, RunFinished(counts=tally.counts, seconds=1.0)]


def table_of(cases: Sequence[CaseFinished], seed: str = "1") -> Table:
    """The same as a table."""
    table = Table()
    for event in run_of(cases, seed):
        table.take(event)
    return table
