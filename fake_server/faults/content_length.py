"""A declared length that is not the true one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fake_server.bounds import Between
from fake_server.fault import HeadFault
from fake_server.wire import Head, Sized


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLength(HeadFault):
    """Declare ``Content-Length`` instead of chunks, ``error`` bytes more (or fewer) than the body has; then FIN."""

    error: Annotated[int, Between(-100_000, 100_000)] = 100

    def head(self, head: Head) -> Head:
        return replace(head, framing=Sized(self.error))
