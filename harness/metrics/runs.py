"""Metrics of a run."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from harness.events import CaseFinished, CaseStarted, CaseTried, Event, RunFinished, RunStarted
from harness.plain import plain
from harness.standing import Standing

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)


class RunMetrics:
    """Counts the cases of a run as they end; takes its events as a reporter does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._planned = Gauge("streamproof_run_planned_cases", "Cases that the run is to finish.", registry=registry)
        self._in_flight = Gauge("streamproof_run_cases_in_flight", "Cases that are going on.", registry=registry)
        self._going = Gauge("streamproof_run_in_progress", "1 until the run is over.", registry=registry)
        labels = ["client", "family", "standing"]
        self._finished = Counter("streamproof_run_finished_cases", "Cases that are over.", labels, registry=registry)
        self._laws = Counter(
            "streamproof_run_broken_laws",
            "Failed cases, by the law that decided.",
            ["client", "law"],
            registry=registry,
        )
        self._seconds = Histogram(
            "streamproof_run_case_seconds", "What a case took.", ["client"], buckets=_SECONDS, registry=registry
        )
        self._running: set[str] = set()

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case RunStarted():
                self._begin(event)
            case CaseStarted():
                self._running.add(event.case)
            case CaseTried():
                self._running.discard(event.case)
            case CaseFinished():
                self._running.discard(event.case)
                self._finish(event)
            case RunFinished():
                self._running.clear()
                self._going.set(0)
        self._in_flight.set(len(self._running))

    def _begin(self, run: RunStarted) -> None:
        self._planned.set(run.cases)
        self._going.set(1)
        for client in map(plain, run.clients):
            for family in dict.fromkeys(_family(scenario) for scenario in run.scenarios):
                for stands in Standing:
                    self._finished.labels(client, family, stands)  # what has not happened yet is 0, and not absent

    def _finish(self, case: CaseFinished) -> None:
        client = plain(case.client)
        self._finished.labels(client, _family(case.scenario), case.standing).inc()
        if case.record is not None:
            self._seconds.labels(client).observe(case.seconds)
        if case.standing in (Standing.FAIL, Standing.KNOWN) and case.finding is not None:
            self._laws.labels(client, case.finding.law).inc()


def _family(scenario: str) -> str:
    return scenario.partition(".")[0]
