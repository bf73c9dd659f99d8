"""Sends an answer to a URL, sentence by sentence and whole at the end: for n8n, Zapier, or a server of yours.

Every request is a signed JSON object (:mod:`client_under_test.sinks.signing`)::

    {"type": "answer.sentences", "timestamp": "2026-01-01T00:00:00+00:00",
     "data": {"stream": "6f…", "sequence": 1, "text": "…"}}
    {"type": "answer.reset", …, "data": {"stream": "6f…", "sequence": 2}}
    {"type": "answer.finished", …, "data": {"stream": "6f…", "sequence": 3, "outcome": "complete", "complete": true,
     "text": "…", "sentences_complete": true, "stop_reason": "end_turn", "usage": {…}, …}}

Rules:

1. Requests go out one after the other, in the order of ``sequence``, which counts from 1. A gap is what was given up.
2. A request that is sent again has the same ``webhook-id``, sequence and body. Receivers may get it twice, and tell by
   the id.
3. After a reset the text of earlier sentences is void.
4. When sentences cannot be delivered none are sent any more; the last request has ``sentences_complete: false``.
5. The last request always has the whole text, its outcome, and whether it is complete.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import httpx

from client_under_test.answer import Outcome
from client_under_test.events import Event, Reset, Sentence
from client_under_test.sinks.courier import PATIENCE_SECONDS, Courier, NotNow, Refused
from client_under_test.sinks.deliver import Interrupted
from client_under_test.sinks.pace import Pace, retry_after
from client_under_test.sinks.signing import key, signed
from client_under_test.sinks.view import View

_PASSING = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """When sentences are sent: as soon as one of these is reached."""

    sentences: int = 10
    characters: int = 2_000
    seconds: float = 2.0
    """Since the first of them came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    id: str
    body: bytes
    text: str = ""
    """What the receiver has more of when it took this."""
    voids: bool = False
    """Whether it voids what the receiver has."""
    is_last: bool = False


class Webhook(Courier):
    """Sends the answer by POST.

    Args:
        url: where to. Redirects are not followed.
        secret: ``whsec_…`` or bytes; several while one is being replaced.
        http: an httpx client; it is not closed.
        stream: the name of this answer; made up when there is none.
        batch: when sentences are sent.
        tries: how often sentences are sent before they are given up.
        pace: when requests may be made.
        patience: seconds that the last request may take after the stream is over.
        chance: the source of jitter.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: str | bytes | Sequence[str | bytes],
        http: httpx.AsyncClient,
        stream: str | None = None,
        batch: Batch | None = None,
        tries: int = 4,
        pace: Pace | None = None,
        patience: float = PATIENCE_SECONDS,
        chance: Random | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(pace=pace or Pace(0.0), patience=patience, chance=chance)
        self._url, self._http, self._wall = url, http, wall
        self._keys = [key(one) for one in ([secret] if isinstance(secret, str | bytes) else secret)]
        self._stream = stream or uuid4().hex
        self._batch = batch or Batch()
        self._tries = tries
        self._held: list[str] = []
        self._since = 0.0
        self._out: deque[_Envelope] = deque()
        self._sequence = 0
        self._tried = 0
        """How often the first envelope was sent."""
        self._sends_sentences = True
        self._taken: list[str] = []
        """The text that the receiver took, in parts."""
        self._is_last_out = False

    def delivered(self) -> str:
        return "".join(self._taken)

    async def take(self, event: Event) -> None:
        if self._sends_sentences:
            self._note(event)
        await super().take(event)

    def due(self) -> float | None:
        if self._out:
            return 0.0
        if self._held:
            return 0.0 if self.view.over or self._is_full() else self._age_left()
        return 0.0 if self.view.over and not self._is_last_out else None

    async def bring(self) -> None:
        if not self._out:
            self._out.append(self._sealed() if self._held else self._last())
        envelope = self._out[0]
        self._tried += 1
        try:
            await self._post(envelope)
        except NotNow:
            if self._tried >= self._tries and not envelope.is_last:
                self._give_sentences_up()
            raise
        except Refused:
            if envelope.is_last:
                raise
            self._give_sentences_up()
        else:
            self._took(envelope)

    def _note(self, event: Event) -> None:
        if isinstance(event, Sentence):
            self._since = self._since if self._held else self.pace.clock()
            self._held.append(event.text)
        elif isinstance(event, Reset):
            self._held = []
            if self._sequence:
                self._out.append(self._envelope("answer.reset", {}, voids=True))

    def _is_full(self) -> bool:
        return len(self._held) >= self._batch.sentences or sum(map(len, self._held)) >= self._batch.characters

    def _age_left(self) -> float:
        return max(0.0, self._since + self._batch.seconds - self.pace.clock())

    def _sealed(self) -> _Envelope:
        text = "".join(self._held)
        self._held = []
        return self._envelope("answer.sentences", {"text": text}, text=text)

    def _last(self) -> _Envelope:
        self._is_last_out = True
        data = {**summary(self.view), "sentences_complete": self._sends_sentences}
        return self._envelope("answer.finished", data, text=self.view.text, voids=True, is_last=True)

    def _envelope(self, kind: str, data: dict[str, Any], **more: Any) -> _Envelope:
        self._sequence += 1
        moment = datetime.fromtimestamp(self._wall(), UTC).isoformat()
        named = {"stream": self._stream, "sequence": self._sequence, **data}
        body = json.dumps({"type": kind, "timestamp": moment, "data": named}).encode()
        return _Envelope(id=f"msg_{self._stream}_{self._sequence}", body=body, **more)

    async def _post(self, envelope: _Envelope) -> None:
        headers = signed(envelope.id, int(self._wall()), envelope.body, self._keys)
        headers["content-type"] = "application/json"
        try:
            response = await self.in_time(
                self._http.post(self._url, content=envelope.body, headers=headers, follow_redirects=False)
            )
        except httpx.HTTPError as error:
            raise NotNow(f"no answer from the webhook: {type(error).__name__}") from error
        status = response.status_code
        if status in _PASSING or status >= 500:
            raise NotNow(f"the webhook answers {status}", after=retry_after(response.headers, self._wall))
        if not response.is_success:
            raise Refused(f"the webhook answers {status}")

    def _took(self, envelope: _Envelope) -> None:
        self._out.popleft()
        self._tried = 0
        self._taken = [envelope.text] if envelope.voids else [*self._taken, envelope.text]

    def _give_sentences_up(self) -> None:
        self._sends_sentences, self._tried = False, 0
        self._held = []
        self._out.clear()


def summary(view: View) -> dict[str, Any]:
    """What there is to say of an answer that is over, ready for JSON."""
    answer, error = view.answer, view.error
    outcome = answer.outcome if answer is not None else _outcome(view)
    return {
        "outcome": outcome.value,
        "complete": outcome is Outcome.COMPLETE,
        "text": view.text,
        "stop_reason": answer.stop_reason if answer else None,
        "tool_calls": [{"id": one.id, "name": one.name, "input": one.input} for one in answer.tool_calls]
        if answer
        else [],
        "model": answer.model if answer else None,
        "usage": dict(answer.usage) if answer else None,
        "billed": {"input": answer.billed.input, "output": answer.billed.output, "exact": answer.billed.exact}
        if answer
        else None,
        "attempts": answer.attempts if answer else error.attempts if error else 1,
        "error": {"type": type(error).__name__, "message": error.message} if error else None,
    }


def _outcome(view: View) -> Outcome:
    if isinstance(view.error, Interrupted):
        return Outcome.CANCELLED
    return Outcome.INCOMPLETE if view.text else Outcome.FAILED
