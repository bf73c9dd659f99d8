"""A scripted server in the test's own event loop, and records that can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fake_server.app import Case, FakeServer
from fake_server.record import Hold, ServerRecord
from fake_server.script import Step, script

T = TypeVar("T", bound=ServerRecord)


class Records(list[ServerRecord]):
    """What the server recorded of one case."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def take(self, record: ServerRecord) -> None:
        self.append(record)
        self._news.set()

    def of(self, kind: type[T]) -> list[T]:
        return [record for record in self if isinstance(record, kind)]

    async def until(self, happened: Callable[[ServerRecord], bool]) -> None:
        """Wait for a record, already there or yet to come."""
        while not any(happened(record) for record in self):
            self._news.clear()
            await self._news.wait()


def serve(server: FakeServer, *steps: Step, token: str = "case", hold: Hold | None = None) -> tuple[str, Records]:
    """Open a case; returns its base URL and its records."""
    records = Records()
    return server.open_case(token, Case(script=script(*steps), seed="1", sink=records.take, hold=hold)), records
