"""The two counters of Toxiproxy, in Prometheus' text format. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.toxiproxy.toxic import Stream

KEPT_SERIES = 10_000
"""The oldest are forgotten: a harness makes a proxy for every case."""


class Series(NamedTuple):
    """The labels of one counter, in the order in which they are shown."""

    direction: Stream
    listener: str
    proxy: str
    upstream: str


class Traffic:
    """Bytes received and sent, counted when a connection is over."""

    def __init__(self) -> None:
        self._counts: dict[Series, tuple[int, int]] = {}

    def add(self, series: Series, received: int, sent: int) -> None:
        """A connection is over that read and wrote so many bytes in this direction."""
        before = self._counts.pop(series, (0, 0))
        self._counts[series] = (before[0] + received, before[1] + sent)
        if len(self._counts) > KEPT_SERIES:
            del self._counts[next(iter(self._counts))]

    def text(self) -> str:
        """Both counters, as Toxiproxy shows them with ``-proxy-metrics``."""
        return "\n".join([*self._counter("received", 0), *self._counter("sent", 1), ""])

    def _counter(self, what: str, index: int) -> Iterator[str]:
        name = f"toxiproxy_proxy_{what}_bytes_total"
        if self._counts:
            yield f"# HELP {name} Total bytes {what} on a given proxy link in a given direction"
            yield f"# TYPE {name} counter"
        for series, counts in sorted(self._counts.items()):
            labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in series._asdict().items())
            yield f"{name}{{{labels}}} {counts[index]}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
