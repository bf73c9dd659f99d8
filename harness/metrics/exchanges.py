"""Metrics of a server that stands by itself: the scripted one, or the proxy before a real one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck


class Exchanges:
    """Counts requests and what was answered to them.

    Args:
        kind: what the names begin with, after ``streamproof_``.
    """

    def __init__(self, registry: CollectorRegistry, kind: str) -> None:
        name = f"streamproof_{kind}"
        scenario = ["scenario"]
        self._requests = Counter(f"{name}_requests", "Requests that came.", scenario, registry=registry)
        self._replies = Counter(f"{name}_replies", "Replies that began.", ["scenario", "status"], registry=registry)
        self._faults = Counter(f"{name}_faults", "Faults that struck.", ["scenario", "fault"], registry=registry)
        self._ends = Counter(f"{name}_ends", "Replies that are over, by their end.", ["how"], registry=registry)
        self._bytes = Counter(f"{name}_sent_bytes", "Bytes of replies.", registry=registry)
        self._running: set[tuple[str, int]] = set()
        self._in_flight = Gauge(f"{name}_replies_in_flight", "Replies that are going on.", registry=registry)

    def take(self, record: ServerRecord, scenario: str = "", token: str = "") -> None:
        """Take the next record.

        Args:
            scenario: its id; empty where the faults are of none.
            token: tells requests of one number apart, where several cases are served.
        """
        match record:
            case Requested():
                self._requests.labels(scenario).inc()
            case Replied():
                self._replies.labels(scenario, str(record.status)).inc()
                self._running.add((token, record.attempt))
            case Sent():
                self._bytes.inc(record.size)
            case Struck():
                self._faults.labels(scenario, record.fault).inc()
            case Ended():
                self._ends.labels(record.how).inc()
                # A request that its client left before there was a reply has an end as well.
                self._running.discard((token, record.attempt))
            case _:
                pass
        self._in_flight.set(len(self._running))
