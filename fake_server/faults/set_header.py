"""A header missing, added or changed."""

from __future__ import annotations

from dataclasses import dataclass

from fake_server.fault import HeadFault
from fake_server.wire import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class SetHeader(HeadFault):
    """Set the response header ``header`` to ``value``; None removes it."""

    header: str
    value: str | None

    def head(self, head: Head) -> Head:
        return head.with_header(self.header, self.value)
