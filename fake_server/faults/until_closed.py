"""A body that only the end of the connection delimits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fake_server.fault import HeadFault
from fake_server.wire import Head, UntilClose


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilClosed(HeadFault):
    """Neither length nor chunks, as in HTTP/1.0: a cut is invisible to HTTP."""

    def head(self, head: Head) -> Head:
        return replace(head, framing=UntilClose())
