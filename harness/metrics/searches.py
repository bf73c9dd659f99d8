"""Metrics of a campaign of fuzzing; what was done before it was interrupted counts as well."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from harness.confirm import Confirmed
from harness.searched import Searched


class SearchMetrics:
    """Counts what the parts of a campaign found.

    Args:
        client: its name.
        planned: cases of the campaign; 0 when something else ends it.
    """

    def __init__(self, registry: CollectorRegistry, client: str, planned: int) -> None:
        self._client = client
        Gauge("streamproof_fuzz_planned_cases", "Cases of the campaign; 0 when time ends it.", registry=registry).set(
            planned
        )
        self._cases = Counter("streamproof_fuzz_cases", "Cases that were run.", ["client"], registry=registry)
        self._shards = Counter("streamproof_fuzz_shards", "Parts that are done.", ["client"], registry=registry)
        labels = ["client", "law"]
        self._failing = Counter("streamproof_fuzz_failing_cases", "Failed cases, by law.", labels, registry=registry)
        self._distinct = Gauge("streamproof_fuzz_distinct_failures", "Distinct ones.", ["client"], registry=registry)
        self._pairs = Gauge(
            "streamproof_fuzz_covered_pairs", "Pairs of a fault and a state.", ["client"], registry=registry
        )
        self._proofs = Counter(
            "streamproof_fuzz_proofs", "Failures played on sockets.", ["client", "result"], registry=registry
        )
        self._codes: set[str] = set()
        self._covered: set[tuple[str, str]] = set()
        for one in (self._cases, self._shards, self._distinct, self._pairs):
            one.labels(client)
        for result in ("confirmed", "doubtful"):
            self._proofs.labels(client, result)

    def take(self, what: Searched) -> None:
        """Take the next part, or the next proof."""
        if isinstance(what, Confirmed):
            self._proofs.labels(self._client, "doubtful" if what.doubt else "confirmed").inc()
            return
        self._cases.labels(self._client).inc(what.cases)
        self._shards.labels(self._client).inc()
        for code, times in what.times.items():
            self._failing.labels(self._client, code.partition("/")[0]).inc(times)
        self._codes.update(what.failures)
        self._covered.update(what.coverage)
        self._distinct.labels(self._client).set(len(self._codes))
        self._pairs.labels(self._client).set(len(self._covered))
