"""Signals as lines of a log, for development: what was sent, what came, byte for byte, and what was made of it.

``DEBUG`` has every signal, the texts of prompts and answers included; ``INFO`` the attempts and the end of each call;
``WARNING`` the failures. Keys are never shown. A line is one line: whatever came over the wire, it cannot forge
another one or move the cursor of a terminal.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, assert_never

from client_under_test.answer import Answer
from client_under_test.errors import StreamError
from client_under_test.events import Done, Event, Notice, Reset, Sentence, Text, ToolCall
from client_under_test.metrics.timeline import model_of
from client_under_test.observe import Observer
from client_under_test.redact import LONGEST_KEY, Redactor, as_json, visible
from client_under_test.signals import (
    BodyEnded,
    BytesReceived,
    CancelRequested,
    Deliver,
    Drop,
    HeadReceived,
    Open,
    Signal,
    Started,
    TimerFired,
    TransportFailed,
    WakeAt,
)


class SignalLog:
    """Writes every signal to ``logger``: ``call 7 at 0.250 s: 529 {...}``, with the clock of the call.

    Args:
        logger: the one named ``client_under_test.signals`` when None.
        max_bytes: how much of each chunk, body or text is shown.
        secrets: texts that are never shown, apart from what looks like a key.
    """

    def __init__(
        self, logger: logging.Logger | None = None, *, max_bytes: int = 2000, secrets: Iterable[str] = ()
    ) -> None:
        self._logger = logger or logging.getLogger("client_under_test.signals")
        self._max_bytes = max_bytes
        self._secrets = tuple(secrets)
        self._numbers = count(1)

    def __call__(self, request: Mapping[str, Any], /) -> Observer:
        """An observer of the call that makes ``request``."""
        return _Call(self._logger, next(self._numbers), self._max_bytes, Redactor(self._secrets)).take


class _Call:
    """The lines of one call."""

    def __init__(self, logger: logging.Logger, number: int, max_bytes: int, redactor: Redactor) -> None:
        self._logger, self._number, self._max_bytes, self._redactor = logger, number, max_bytes, redactor
        self._began = self._now = 0.0
        self._attempt = 0
        self._tail = b""
        """The last bytes that came: a key may go on in the next ones."""

    def take(self, signal: Signal, now: float) -> None:
        self._now = now
        match signal:
            case BytesReceived(data):
                self._bytes(data)
            case Started():
                self._began = now
                self._write(logging.DEBUG, "the call begins")
            case HeadReceived(status, headers):
                self._write(logging.DEBUG, "received", status, lambda: self._shown(headers))
            case BodyEnded():
                self._write(logging.DEBUG, "the body ended")
            case TransportFailed(error):
                self._write(logging.DEBUG, "the connection failed:", self._error(error))
            case TimerFired():
                self._write(logging.DEBUG, "the timer fired")
            case CancelRequested():
                self._write(logging.INFO, "the caller wants no more")
            case Open():
                self._open(signal)
            case Drop():
                self._write(logging.DEBUG, "drop the connection")
            case WakeAt(at):
                self._write(logging.DEBUG, "no timer" if at is None else f"set the timer to {at - self._began:.3f} s")
            case Deliver(event):
                self._deliver(event)
            case _:
                assert_never(signal)

    def _open(self, signal: Open) -> None:
        self._attempt += 1
        self._tail = b""
        target = signal.target
        self._redactor.learn(target.api_key)
        way = "streamed" if signal.body.get("stream") is True else "in one piece"
        where = f"at {target.base_url}" if target.base_url else ""
        model = target.model or model_of(signal.body)
        self._write(logging.INFO, f"attempt {self._attempt}, {way}, asks", self._text(model), self._text(where))
        self._write(logging.DEBUG, "send", lambda: self._shown(signal.body))

    def _bytes(self, data: bytes) -> None:
        before, self._tail = self._tail, (self._tail + data)[-LONGEST_KEY:]
        self._write(
            logging.DEBUG, f"received {len(data)} bytes:", lambda: self._cut(self._redactor.chunk(before, data))
        )

    def _deliver(self, event: Event) -> None:
        match event:
            case Text(text) | Sentence(text):
                self._write(logging.DEBUG, f"deliver {type(event).__name__}", lambda: self._shown(text))
            case Reset():
                self._write(logging.DEBUG, "deliver Reset")
            case ToolCall():
                self._write(logging.DEBUG, "deliver ToolCall", lambda: self._shown([event.id, event.name, event.input]))
            case Notice():
                self._notice(event)
            case Done(answer):
                self._done(answer)
            case _:
                assert_never(event)

    def _notice(self, notice: Notice) -> None:
        plan = f"{notice.next.value} in {notice.wait:.3f} s (attempt {notice.attempt})"
        if notice.error is None:
            self._write(logging.INFO, f"the turn paused; the client {plan}")
        else:
            self._write(logging.WARNING, self._error(notice.error), f"- the client {plan}")

    def _done(self, answer: Answer) -> None:
        told = f"the call is {answer.outcome.value} after {answer.attempts} attempts, {len(answer.text)} characters"
        if answer.error is None:
            self._write(logging.INFO, told)
        else:
            self._write(logging.WARNING, f"{told}:", self._error(answer.error))

    def _error(self, error: StreamError) -> str:
        return f"{type(error).__name__}: {self._text(error.message)}"

    def _text(self, text: str) -> str:
        return self._cut(visible(self._redactor.text(text)))

    def _shown(self, value: Any) -> str:
        return self._cut(as_json(self._redactor.value(value)))

    def _cut(self, text: str | bytes) -> str:
        more, kept = len(text) - self._max_bytes, text[: self._max_bytes]
        shown = kept if isinstance(kept, str) else repr(kept)
        return shown if more <= 0 else f"{shown} and {more} more"

    def _write(self, level: int, *parts: object) -> None:
        """Write a line; a part that costs something is a function, and called only when the line is wanted."""
        if self._logger.isEnabledFor(level):
            texts = [str(part() if callable(part) else part) for part in parts]
            line = " ".join(text for text in texts if text)
            self._logger.log(level, "call %d at %.3f s: %s", self._number, self._now - self._began, line)
