"""Traces for OpenTelemetry: one span for each call, retries included, as the GenAI semantic conventions have it.

Source: ``gen_ai.client.inference`` of https://github.com/open-telemetry/semantic-conventions-genai (in development:
names may still change there). Names that are not of the conventions begin with ``llm_stream.``. The values of
``error.type`` are the classes of :mod:`client_under_test.errors`. Neither prompts nor text are recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, assert_never
from urllib.parse import urlsplit

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider, get_tracer
from opentelemetry.util.types import AttributeValue

from client_under_test.answer import Answer, Outcome
from client_under_test.errors import StreamError
from client_under_test.metrics.timeline import Asked, Began, Ended, Noticed, Timeline, Wrote, model_of
from client_under_test.observe import Observer
from client_under_test.redact import Redactor, without_quotes
from client_under_test.signals import Signal
from client_under_test.usage import count

ATTEMPT: Final = "llm_stream.attempt"
FIRST_TOKEN: Final = "llm_stream.first_token"
PAUSE: Final = "llm_stream.pause"
EXCEPTION: Final = "exception"

_ASKED_FOR = ("max_tokens", "temperature", "top_p", "top_k")
_CACHE = {
    "cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_input_tokens": "gen_ai.usage.cache_write.input_tokens",
}
_PORTS = {"https": 443, "http": 80}


class OtelSpans:
    """Makes a span ``chat {model}`` for each call, as a child of the span that is current where the call begins.

    Times are the API's own: the clock of a call stands still while its caller holds an event.

    Args:
        tracer_provider: where the spans go; the global one when None.
        secrets: texts that are never recorded, apart from what looks like a key.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        secrets: Iterable[str] = (),
    ) -> None:
        self._tracer = get_tracer("client_under_test", tracer_provider=tracer_provider)
        self._secrets = tuple(secrets)

    def __call__(self, request: Mapping[str, Any], /) -> Observer:
        """An observer of the call that makes ``request``."""
        return _Call(self._tracer, request, Redactor(self._secrets)).take


class _Call:
    """One call, and its span from the first moment on."""

    def __init__(self, tracer: Tracer, request: Mapping[str, Any], redactor: Redactor) -> None:
        self._tracer, self._request, self._redactor = tracer, request, redactor
        self._server: Mapping[str, AttributeValue] = {}
        """Of the first target: the others name what is different."""
        self._timeline = Timeline()
        self._span: Span | None = None

    def take(self, signal: Signal, now: float) -> None:
        moment = self._timeline.take(signal, now)
        if isinstance(moment, Began):
            self._span = self._begin()
        elif moment is not None and self._span is not None:
            self._tell(self._span, moment)

    def _begin(self) -> Span:
        model = model_of(self._request)
        given = {f"gen_ai.request.{name}": _number(self._request.get(name)) for name in _ASKED_FOR}
        attributes: dict[str, AttributeValue | None] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": model,
            **given,
        }
        return self._tracer.start_span(f"chat {model}", kind=SpanKind.CLIENT, attributes=_known(attributes))

    def _tell(self, span: Span, moment: Asked | Wrote | Noticed | Ended) -> None:
        match moment:
            case Wrote(first=first):
                if first is not None:
                    span.add_event(FIRST_TOKEN)
            case Asked():
                self._asked(span, moment)
            case Noticed():
                self._noticed(span, moment)
            case Ended():
                self._end(span, moment)
            case _:
                assert_never(moment)

    def _asked(self, span: Span, moment: Asked) -> None:
        self._redactor.learn(moment.target.api_key)
        streams = moment.body.get("stream") is True
        if moment.attempt == 1:
            self._server = _server(moment.target.base_url)
            span.set_attributes({**self._server, **({"gen_ai.request.stream": True} if streams else {})})
            span.set_attribute("gen_ai.provider.name", moment.provider)
        attributes: dict[str, AttributeValue | None] = {
            "llm_stream.attempt": moment.attempt,
            "gen_ai.request.model": moment.target.model or model_of(moment.body),
            "gen_ai.request.stream": streams,
            **(_server(moment.target.base_url) or self._server),
        }
        span.add_event(ATTEMPT, _known(attributes))

    def _noticed(self, span: Span, moment: Noticed) -> None:
        told: dict[str, AttributeValue] = {
            "llm_stream.next": moment.next.name.lower(),
            "llm_stream.wait": moment.wait,
        }
        if moment.error is None:
            span.add_event(PAUSE, told)
        else:
            span.add_event(EXCEPTION, {**self._exception(moment.error), **told})

    def _end(self, span: Span, moment: Ended) -> None:
        if moment.last_error is not None:
            span.add_event(EXCEPTION, self._exception(moment.last_error))
        span.set_attributes(_known(_result(moment)))
        if moment.failed:
            span.set_attribute("error.type", _class(moment.answer.error))
            span.set_status(Status(StatusCode.ERROR, self._message(moment.answer.error)))
        span.end()

    def _exception(self, error: StreamError) -> dict[str, AttributeValue]:
        return {"exception.type": _class(error), "exception.message": self._message(error) or ""}

    def _message(self, error: StreamError | None) -> str | None:
        return None if error is None else self._redactor.text(without_quotes(error))


def _result(end: Ended) -> dict[str, AttributeValue | None]:
    answer = end.answer
    return {
        "gen_ai.response.model": answer.model,
        "gen_ai.response.id": answer.message_id,
        "gen_ai.response.finish_reasons": [_finish_reason(answer)],
        "gen_ai.response.time_to_first_chunk": end.first,
        "gen_ai.usage.input_tokens": answer.billed.input,
        "gen_ai.usage.output_tokens": answer.billed.output,
        **{name: count(answer.usage, key) for key, name in _CACHE.items()},
        "llm_stream.outcome": answer.outcome.value,
        "llm_stream.attempts": answer.attempts,
        "llm_stream.request_ids": list(answer.request_ids),
        "llm_stream.wasted.input_tokens": answer.wasted.input,
        "llm_stream.wasted.output_tokens": answer.wasted.output,
    }


def _finish_reason(answer: Answer) -> str:
    """What the API said; ``error`` when the generation did not end in its own way, as the conventions ask."""
    broken = answer.outcome in (Outcome.FAILED, Outcome.INCOMPLETE, Outcome.CANCELLED)
    return "error" if broken or answer.stop_reason is None else answer.stop_reason


def _server(base_url: str | None) -> dict[str, AttributeValue]:
    try:
        url = urlsplit(base_url or "")
        port = url.port or _PORTS.get(url.scheme)
    except ValueError:
        return {}
    if url.hostname is None or port is None:
        return {}
    return {"server.address": url.hostname, "server.port": port}


def _known(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _class(error: StreamError | None) -> str:
    return "_OTHER" if error is None else type(error).__name__
