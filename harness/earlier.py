"""An earlier run to compare with: a history, or the matrix that was kept of one (``matrix.json``).

Of both only what was told is kept: verdicts, laws and harms, without both sides' bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness import journal
from harness.comparing import Side
from harness.errors import UsageError
from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.reporter import Table
from harness.standing import Try
from harness.verdict import Ruling, Verdict

MATRIX = ".json"
"""How the name of a matrix ends; of a history it is ``.jsonl``."""


def read(path: Path) -> Side:
    """The run in a file.

    Raises:
        UsageError: it cannot be read, or is neither a history nor a matrix.
    """
    return Side(name=str(path), run=told(_of_matrix(path) if path.suffix == MATRIX else journal.read(path)))


def told(events: Iterable[Event]) -> Table:
    """The run without its histories, which would be held for nothing."""
    run = Table()
    for event in events:
        run.take(msgspec.structs.replace(event, record=None) if isinstance(event, CaseFinished) else event)
    return run


def _of_matrix(path: Path) -> Iterator[Event]:
    try:
        return matrix(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no matrix of a run: {type(error).__name__}: {error}") from error


def matrix(tree: Any) -> Iterator[Event]:
    """The events that a matrix can tell of: each case with the law that decided.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no matrix.
    """
    clients, scenarios = tuple(tree["counts"]), tuple(tree["cells"])
    cases = [case for scenario, row in tree["cells"].items() for case in _cases(scenario, row, str(tree["seed"]))]
    started = RunStarted(
        seed=str(tree["seed"]),
        clients=clients,
        versions=dict(tree["versions"]),
        scenarios=scenarios,
        cases=len(cases),
        tries=int(tree["tries"]),
        date=str(tree["date"]),
    )
    return iter([started, *cases, RunFinished(counts={})])


def _cases(scenario: str, row: dict[str, Any], seed: str) -> Iterator[CaseFinished]:
    flaky = row.get("flaky", {})
    told = {name: cells for name, cells in row.items() if name not in ("pass", "flaky")}
    for name, cells in {"pass": {client: {} for client in row["pass"]}, **told}.items():
        for client, cell in cells.items():
            yield _case(scenario, client, seed, Verdict(name), {**flaky.get(client, {}), **cell})


def _case(scenario: str, client: str, seed: str, verdict: Verdict, cell: dict[str, Any]) -> CaseFinished:
    ruled = Verdict.FAIL if verdict is Verdict.SKIP else verdict  # of a scenario that only informs
    return CaseFinished(
        case=f"{scenario}@{client}:{seed}",
        scenario=scenario,
        client=client,
        verdict=verdict,
        rulings=(Ruling(verdict=ruled, law=cell["law"], harm=cell["harm"]),) if "law" in cell else (),
        why=cell.get("why", ""),
        tries=tuple(Try(verdict=Verdict(one)) for one in cell.get("tries", ())),
    )
