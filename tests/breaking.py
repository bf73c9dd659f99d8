"""Clients that are broken on purpose, for campaigns: as ``breaking:every_end`` they are found from any process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Any

from client_under_test.dialects.anthropic import Anthropic, parse
from client_under_test.dialects.events import Event
from client_under_test.driver_async import StreamClient
from client_under_test.errors import StreamError
from client_under_test.session import Session, State
from client_under_test.sse import SseEvent
from harness.adapters.bundled import BundledAdapter, arguments
from harness.model import Job, Observed


class OneByOne(Anthropic):
    """Joins no pieces that arrive together: what the first one is does not depend on how bytes are read."""

    def reader(self) -> OneByOne:
        return self

    def read(self, arrived: Iterable[SseEvent]) -> Iterator[Event]:
        return map(parse, arrived)


class EveryEndIsComplete(Session):
    """Takes whatever ends a stream for the end of the answer, once there is some text."""

    def _break_off(self, error: StreamError) -> None:
        if self.state is State.STREAMING and self._transcript.text:
            self._attempt.message.stop_reason, self._attempt.message.stopped = "end_turn", True
            self._complete()
        else:
            super()._break_off(error)


class FirstTextIsComplete(Session):
    """Ends the call with the first piece of text: nearly every case shows it."""

    def _take_event(self, event: Event, text: str) -> None:
        super()._take_event(event, text)
        if text:
            self._attempt.message.stop_reason, self._attempt.message.stopped = "end_turn", True


class Raises(Session):
    """Has a bug that raises while it reads the stream."""

    def _take_event(self, event: Event, text: str) -> None:
        raise KeyError("index")


class HangsOnSockets(BundledAdapter):
    """Is simulated as any other, and never ends on sockets."""

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        await asyncio.Event().wait()
        yield


def _with(broken: type[Session], name: str, adapter: type[BundledAdapter] = BundledAdapter) -> BundledAdapter:
    class Client(StreamClient):
        def session(self, request: Mapping[str, Any]) -> Session:
            return broken(request, self.policy, self._chance, self._targets, OneByOne())

    return adapter(lambda job: Client(**arguments(job)), name=name)


every_end = _with(EveryEndIsComplete, "every-end")
first_text = _with(FirstTextIsComplete, "first-text")
hangs_on_sockets = _with(FirstTextIsComplete, "hangs-on-sockets", HangsOnSockets)
raises = _with(Raises, "raises")
