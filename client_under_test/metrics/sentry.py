"""Incidents for Sentry: one event for each call that failed, or needed more than one attempt to succeed.

An event is made from the errors alone. It has no stack frames, so no local variable (a prompt, a key) leaves with it;
the answer's text stays here unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sentry_sdk

from client_under_test.errors import ApiError, StreamError
from client_under_test.metrics.timeline import Asked, Ended, Timeline, model_of
from client_under_test.observe import Observer
from client_under_test.redact import Redactor, without_quotes
from client_under_test.signals import Signal

if TYPE_CHECKING:
    from sentry_sdk.types import Event

NAME = "client_under_test"


class SentryIncidents:
    """Reports each incident once, when its call is over: never a retry.

    The level is ``error`` when the caller got no answer and ``warning`` when the call recovered or was cancelled while
    it tried to. Incidents are grouped by the class of the last error, and by which of the two it is.

    Args:
        send_text: whether the partial text, and messages that quote the answer, are sent.
        report_recovered: whether calls that recovered are reported at all.
        client: what sends the events; the current one of ``sentry_sdk`` when None.
        secrets: texts that are never sent, apart from what looks like a key.
    """

    def __init__(
        self,
        *,
        send_text: bool = False,
        report_recovered: bool = True,
        client: sentry_sdk.Client | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self.send_text = send_text
        self._report_recovered = report_recovered
        self._client = client
        self._secrets = tuple(secrets)

    def __call__(self, request: Mapping[str, Any], /) -> Observer:
        """An observer of the call that makes ``request``."""
        timeline, redactor = Timeline(), Redactor(self._secrets)

        def take(signal: Signal, now: float) -> None:
            moment = timeline.take(signal, now)
            if isinstance(moment, Asked):
                redactor.learn(moment.target.api_key)
            elif isinstance(moment, Ended) and moment.errors and (moment.failed or self._report_recovered):
                self._send(_event(moment, model_of(request), redactor, send_text=self.send_text))

        return take

    def _send(self, event: Event) -> None:
        """Send ``event`` with what the caller's scopes say, and leave nothing behind in them."""
        with sentry_sdk.isolation_scope(), sentry_sdk.new_scope() as scope:
            if self._client is not None:
                scope.set_client(self._client)
            scope.capture_event(event)


def _event(end: Ended, model: str, redactor: Redactor, *, send_text: bool) -> Event:
    last, answer = end.errors[-1], end.answer
    tags = {
        "model": model,
        "outcome": answer.outcome.value,
        "error": _class(last),
        "first_cause": _class(end.errors[0]),
        "attempts": str(answer.attempts),
        "request_id": answer.request_ids[-1] if answer.request_ids else "none",
    }
    exceptions = [_exception(error, redactor, send_text=send_text) for error in end.errors]
    return {
        "level": "error" if end.failed else "warning",
        "logger": NAME,
        "fingerprint": [NAME, _class(last), "failed" if end.failed else "recovered"],
        "exception": {"values": exceptions},
        "tags": {f"llm_stream.{name}": redactor.text(value)[:200] for name, value in tags.items()},
        "contexts": {"llm_stream": redactor.value(_context(end, model, send_text=send_text))},
    }


def _exception(error: StreamError, redactor: Redactor, *, send_text: bool) -> dict[str, Any]:
    message = error.message if send_text else without_quotes(error)
    data = {"retryable": error.retryable, **_api_data(error)}
    return {
        "type": _class(error),
        "module": type(error).__module__,
        "value": redactor.text(message),
        "mechanism": {"type": NAME, "handled": True, "data": data},
    }


def _api_data(error: StreamError) -> dict[str, Any]:
    if not isinstance(error, ApiError):
        return {}
    return {"status": error.status, "kind": error.kind, "retry_after": error.retry_after}


def _context(end: Ended, model: str, *, send_text: bool) -> dict[str, Any]:
    answer = end.answer
    told = {
        "model": model,
        "answered_by": answer.model,
        "outcome": answer.outcome.value,
        "stop_reason": answer.stop_reason,
        "attempts": answer.attempts,
        "request_ids": list(answer.request_ids),
        "seconds": end.took,
        "seconds_to_first_text": end.first,
        "characters": len(answer.text),
        "billed_input_tokens": answer.billed.input,
        "billed_output_tokens": answer.billed.output,
        "wasted_input_tokens": answer.wasted.input,
        "wasted_output_tokens": answer.wasted.output,
    }
    return {**told, "text": answer.text} if send_text else told


def _class(error: StreamError) -> str:
    return type(error).__name__
