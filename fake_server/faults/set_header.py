"""A header missing, added or changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fake_server.bounds import Examples
from fake_server.fault import HeadFault
from fake_server.wire import Head

_VALUES = (
    *(None, "", "text/event-stream", "text/event-stream; charset=iso-8859-1", "text/plain", "application/json"),
    *("identity", "gzip", "no-store"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetHeader(HeadFault):
    """Set the response header ``header`` to ``value``; None removes it."""

    header: Annotated[str, Examples(("content-type", "content-encoding", "request-id", "cache-control", "x-novelty"))]
    value: Annotated[str | None, Examples(_VALUES)]

    def head(self, head: Head) -> Head:
        return head.with_header(self.header, self.value)
