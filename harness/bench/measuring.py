"""Measures parsers: every one in turn in each round, so that what else this machine does strikes all alike."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from msgspec import structs

from harness.bench.cases import cases
from harness.bench.corpora import SIZES, Corpus
from harness.bench.parsers import Parser
from harness.bench.results import Away, Cell, Entrant, Kind, Machine, Place, Run, Stage
from harness.bench.working import Died, Refused, TooSlow, Worker
from harness.errors import UsageError

_CHECK_SECONDS = 120.0
_MOST_TOLD = 200
"""Characters of what a parser made of a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured, and how long."""

    parsers: Sequence[Parser]
    corpora: Sequence[Corpus]
    chunkings: Sequence[str]
    stages: Sequence[Stage]
    rounds: int = 5
    seconds: float = 0.02
    """CPU seconds that one measurement lasts at least."""
    patience: float = 20.0
    """Seconds after which a reading is given up."""
    away: Sequence[Away] = ()
    checks: bool = True
    """Whether it is asked how right they are."""


class _Unfit(Exception):
    """This parser cannot be measured, for the reason given."""


@dataclass
class _Bench:
    """What is under way."""

    plan: Plan
    folder: Path
    tell: Callable[[str], object]
    workers: dict[str, Worker] = field(default_factory=dict)
    parsers: list[Parser] = field(default_factory=list)
    """Those that can run."""
    away: list[Away] = field(default_factory=list)

    def entrants(self) -> Iterator[Entrant]:
        """Each parser, and how right it is; a peer that cannot run is away.

        Raises:
            UsageError: the user's own is no parser.
        """
        file = self.folder / "cases.json"
        file.write_text(json.dumps(cases() if self.plan.checks else []), "utf-8")
        for one in self.plan.parsers:
            self.tell(f"is {one.name} right?")
            try:
                yield self._entrant(one, file)
            except _Unfit as error:
                if one.kind is not Kind.PEER:
                    raise UsageError(f"{one.name} {error}") from error
                self.away.append(Away(name=one.name, why=str(error)))
            else:
                self.parsers.append(one)

    def _entrant(self, parser: Parser, file: Path) -> Entrant:
        entrant = Entrant(name=parser.name, kind=parser.kind, version=parser.version)
        if parser.kind is Kind.LIMIT:
            return entrant
        wrong = self._wrong(parser, file)
        asked = len(cases()) if self.plan.checks else 0
        return structs.replace(entrant, passed=asked - len(wrong), cases=asked, wrong=wrong)

    def _wrong(self, parser: Parser, file: Path) -> tuple[str, ...]:
        try:
            answer = self.workers[parser.name].ask({"do": "check", "cases": str(file)}, _CHECK_SECONDS)
        except Refused as error:
            raise _Unfit(f"is no parser: {error}") from error
        except (TooSlow, Died) as error:
            raise _Unfit(f"cannot be checked: {error}") from error
        if "raised" in answer:
            raise _Unfit(f"cannot be checked: {answer['raised']}")
        return tuple(_told(one) for one in answer["wrong"])

    def cells(self) -> Iterator[Cell]:
        """Every parser in every place."""
        for corpus in self.plan.corpora:
            file = self.folder / f"{corpus.name}.sse"
            file.write_bytes(corpus.data)
            for chunking in self.plan.chunkings:
                sizes = SIZES[chunking] or [len(piece) for piece in corpus.pieces]
                for stage in self.plan.stages:
                    self.tell(f"{corpus.name}, {chunking}, {stage}")
                    place = Place(corpus.name, chunking, stage)
                    yield from self._cells(corpus, place, {"corpus": str(file), "sizes": sizes, "stage": stage})

    def _cells(self, corpus: Corpus, place: Place, job: dict[str, Any]) -> Iterator[Cell]:
        trouble, seconds = dict[str, str](), dict[str, list[float]]()
        entering = [one for one in self.parsers if place.stage in one.stages]
        for one in entering:
            seconds[one.name] = []
            trouble[one.name] = self._misread(one, corpus, job) or self._time(one, job, [], 0.0)
        for number in range(self.plan.rounds):
            turn = number % len(entering) if entering else 0
            for one in (*entering[turn:], *entering[:turn]):
                if trouble[one.name] in _MEASURED:
                    failed = self._time(one, job, seconds[one.name], self.plan.seconds)
                    trouble[one.name] = failed or trouble[one.name]
        for one in entering:
            yield Cell(
                parser=one.name,
                place=place,
                events=len(corpus.events),
                size=len(corpus.data),
                seconds=tuple(seconds[one.name]),
                trouble=trouble[one.name],
            )

    def _misread(self, parser: Parser, corpus: Corpus, job: dict[str, Any]) -> str:
        """What is wrong with how it reads the corpus; empty when nothing is, or when another stage says it."""
        if parser.kind is Kind.LIMIT or job["stage"] is Stage.DECODE:
            return ""
        answer = self._ask(parser, {**job, "do": "read"})
        wanted = corpus.says if job["stage"] is Stage.ACCUMULATE else corpus.events
        if "trouble" in answer or answer["digest"] == _digest(wanted):
            return str(answer.get("trouble", ""))
        return MISREAD

    def _time(self, parser: Parser, job: dict[str, Any], seconds: list[float], least: float) -> str:
        """Measure once; returns why that cannot be done, if it cannot."""
        answer = self._ask(parser, {**job, "do": "time", "seconds": least})
        if "trouble" in answer:
            seconds.clear()
            return str(answer["trouble"])
        seconds.append(answer["cpu"])
        return ""

    def _ask(self, parser: Parser, job: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self.workers[parser.name].ask(job, self.plan.patience)
        except (TooSlow, Died, Refused) as error:
            return {"trouble": str(error)}
        return {"trouble": f"it raised {answer['raised']}"} if "raised" in answer else answer


MISREAD = "it reads this corpus otherwise than it is"
_MEASURED = ("", MISREAD)
"""With these its speed is measured all the same."""


def measured(plan: Plan, tell: Callable[[str], object] = lambda _: None) -> Run:
    """Measure.

    Args:
        plan: what.
        tell: is told what is measured now.

    Raises:
        UsageError: one of the parsers is none.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamproof-bench-")))
        bench = _Bench(plan, folder, tell)
        for one in plan.parsers:
            bench.workers[one.name] = stack.enter_context(Worker(one.command, one.variables))
        entrants = tuple(bench.entrants())
        return Run(
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=_machine(),
            version=version("streamproof"),
            rounds=plan.rounds,
            entrants=entrants,
            away=(*plan.away, *bench.away),
            cells=tuple(bench.cells()),
        )


def _told(wrong: dict[str, Any]) -> str:
    made = wrong["told"] if isinstance(wrong["told"], str) else f"made {wrong['told']}"
    return f"{wrong['name']}: of {' '.join(wrong['pieces'])} {made}"[:_MOST_TOLD]


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def _machine() -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor() or platform.machine(),
        cores=os.cpu_count() or 0,
        python=sys.version.split()[0],
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
