"""Metrics of a load."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from harness.load.result import MEASURES, Result, value
from harness.verdict import Verdict

_QUANTILES = {"0.5": "p50", "0.95": "p95", "0.99": "p99"}


class LoadMetrics:
    """How a load stands, second by second. What is not known has no series.

    Args:
        client: its name.
    """

    def __init__(self, registry: CollectorRegistry, client: str) -> None:
        self._client = client
        self._calls = Counter(
            "streamproof_load_calls", "Calls that are over.", ["client", "verdict"], registry=registry
        )
        self._lost = Counter("streamproof_load_lost_calls", "Calls without a verdict.", ["client"], registry=registry)
        self._requests = Counter("streamproof_load_requests", "Requests that came.", ["client"], registry=registry)
        self._open = Gauge("streamproof_load_streams", "Calls that go on.", ["client"], registry=registry)
        self._seconds = Gauge(
            "streamproof_load_seconds",
            "Quantiles since the load began.",
            ["client", "measure", "quantile"],
            registry=registry,
        )
        self._told = dict.fromkeys(Verdict, 0)
        self._told_lost = self._told_requests = 0
        for verdict in Verdict:
            self._calls.labels(client, verdict)
        for one in (self._lost, self._requests, self._open):
            one.labels(client)

    def take(self, result: Result) -> None:
        """The next state."""
        client, tally = self._client, result.tally
        for verdict in Verdict:
            count = result.count(verdict)
            self._calls.labels(client, verdict).inc(count - self._told[verdict])
            self._told[verdict] = count
        self._lost.labels(client).inc(tally.lost - self._told_lost)
        self._requests.labels(client).inc(tally.requests - self._told_requests)
        self._told_lost, self._told_requests = tally.lost, tally.requests
        self._open.labels(client).set(tally.open)
        for name, measure in MEASURES.items():
            for quantile, stat in _QUANTILES.items() if measure.of is not None else ():
                if (seconds := value(result, name, stat)) is not None:
                    self._seconds.labels(client, name, quantile).set(seconds)
