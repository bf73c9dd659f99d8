"""Spans as the GenAI semantic conventions have them."""

from __future__ import annotations

from typing import Any

import pytest
from metrics_calls import CANCEL, KEY, OPEN, REQUEST, START, Passed, done, failed, notice, play, recovering, text
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from client_under_test.answer import Outcome
from client_under_test.dialects import OPENAI_CHAT
from client_under_test.errors import ConnectionLost, Overloaded, ProtocolError
from client_under_test.events import Next
from client_under_test.metrics.otel import OtelSpans
from client_under_test.signals import Open
from client_under_test.targets import Target
from client_under_test.usage import Tokens

LOST, BUSY = ConnectionLost("the connection broke"), Overloaded("overloaded", status=529)


class Recorded:
    """A provider of its own, and the spans that ended."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._memory))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._memory.get_finished_spans()


def span(*passed: Passed, request: Any = REQUEST, **settings: Any) -> ReadableSpan:
    recorded = Recorded()
    play(OtelSpans(recorded.provider, **settings), *passed, request=request)
    (only,) = recorded.spans
    return only


def attributes(*passed: Passed, **more: Any) -> dict[str, Any]:
    return dict(span(*passed, **more).attributes or {})


def events(one: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    return [(event.name, dict(event.attributes or {})) for event in one.events]


PLAIN: list[Passed] = [(10.0, START), (10.0, OPEN), (10.5, text()), (10.7, text()), (12.0, done())]


def test_a_call_is_one_client_span_named_after_operation_and_model() -> None:
    one = span(*recovering(LOST, BUSY))
    assert (one.name, one.kind) == ("chat claude-sonnet-5-5", SpanKind.CLIENT)


def test_the_request_is_told_as_the_conventions_say() -> None:
    request = {**REQUEST, "temperature": 0.5, "top_p": 0.9, "top_k": 5}
    told = attributes(*PLAIN, request=request)
    assert {key: value for key, value in told.items() if key.partition(".request")[0] != key or "name" in key} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-5-5",
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.stream": True,
        "llm_stream.request_ids": (),
    }


@pytest.mark.parametrize("nonsense", ["x", True, None, [1]])
def test_a_setting_that_is_no_number_is_left_out(nonsense: Any) -> None:
    assert "gen_ai.request.top_k" not in attributes(*PLAIN, request={**REQUEST, "top_k": nonsense})


def test_the_response_is_told_as_the_conventions_say() -> None:
    end = done(
        model="claude-sonnet-5-5-20260101",
        message_id="msg_1",
        stop_reason="end_turn",
        usage={"cache_read_input_tokens": 5, "cache_creation_input_tokens": 3},
        billed=Tokens(input=18, output=4),
        wasted=Tokens(input=0, output=2),
        attempts=1,
        request_ids=("req_1",),
    )
    told = attributes((10.0, START), (10.0, OPEN), (10.5, text()), (12.0, end))
    assert {key: value for key, value in told.items() if ".request." not in key} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.model": "claude-sonnet-5-5-20260101",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 18,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "llm_stream.outcome": "complete",
        "llm_stream.attempts": 1,
        "llm_stream.request_ids": ("req_1",),
        "llm_stream.wasted.input_tokens": 0,
        "llm_stream.wasted.output_tokens": 2,
    }


def test_a_request_that_does_not_stream_does_not_say_that_it_does() -> None:
    elsewhere = attributes((0.0, START), (0.0, Open(REQUEST, Target(), OPENAI_CHAT)), (1.0, done()))
    assert elsewhere["gen_ai.provider.name"] == "openai"
    assert "gen_ai.request.stream" not in attributes((0.0, START), (0.0, Open(REQUEST, Target())), (1.0, done()))


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (done(stop_reason="max_tokens", outcome=Outcome.TRUNCATED), "max_tokens"),
        (failed(LOST, Outcome.INCOMPLETE, stop_reason="end_turn"), "error"),
        (done(Outcome.CANCELLED), "error"),
        (done(), "error"),
    ],
)
def test_a_generation_that_did_not_end_by_itself_finished_with_error(end: Any, reason: str) -> None:
    assert attributes((0.0, START), (1.0, end))["gen_ai.response.finish_reasons"] == (reason,)


@pytest.mark.parametrize(
    ("base_url", "server"),
    [
        ("https://api.anthropic.com", ("api.anthropic.com", 443)),
        ("http://127.0.0.1:8080/v1", ("127.0.0.1", 8080)),
        ("http://host", ("host", 80)),
        ("gopher://host", (None, None)),
        ("http://[::1", (None, None)),
        ("http://host:99999", (None, None)),
        (None, (None, None)),
    ],
)
def test_the_server_is_told_by_address_and_port(base_url: str | None, server: tuple[Any, Any]) -> None:
    told = attributes((0.0, START), (0.0, Open(REQUEST, Target(base_url=base_url))), (1.0, done()))
    assert (told.get("server.address"), told.get("server.port")) == server


def test_every_attempt_is_an_event_that_tells_whom_it_asked() -> None:
    first = Open({**REQUEST, "stream": True}, Target(base_url="https://first.example"))
    elsewhere = Open(REQUEST, Target(model="claude-opus-5", base_url="https://other.example"))
    another_model = Open(REQUEST, Target(model="claude-haiku-5"))
    asked: list[Passed] = [(0.0, first), (1.0, elsewhere), (2.0, another_model)]
    one = span((0.0, START), *asked, (3.0, done()))
    assert events(one) == [
        (
            "llm_stream.attempt",
            {
                "llm_stream.attempt": 1,
                "gen_ai.request.model": "claude-sonnet-5-5",
                "gen_ai.request.stream": True,
                "server.address": "first.example",
                "server.port": 443,
            },
        ),
        (
            "llm_stream.attempt",
            {
                "llm_stream.attempt": 2,
                "gen_ai.request.model": "claude-opus-5",
                "gen_ai.request.stream": False,
                "server.address": "other.example",
                "server.port": 443,
            },
        ),
        (
            "llm_stream.attempt",
            {
                "llm_stream.attempt": 3,
                "gen_ai.request.model": "claude-haiku-5",
                "gen_ai.request.stream": False,
                "server.address": "first.example",
                "server.port": 443,
            },
        ),
    ]


def test_every_failure_is_an_exception_event_the_last_one_too() -> None:
    one = span((0.0, START), (1.0, notice(LOST, Next.CONTINUE, wait=0.5)), (2.0, failed(BUSY)))
    assert events(one) == [
        (
            "exception",
            {
                "exception.type": "ConnectionLost",
                "exception.message": "the connection broke",
                "llm_stream.next": "continue",
                "llm_stream.wait": 0.5,
            },
        ),
        ("exception", {"exception.type": "Overloaded", "exception.message": "overloaded"}),
    ]


def test_a_pause_is_an_event_and_no_exception() -> None:
    one = span((0.0, START), (1.0, notice(None, Next.GO_ON, wait=0.0)), (2.0, done()))
    assert events(one) == [("llm_stream.pause", {"llm_stream.next": "go_on", "llm_stream.wait": 0.0})]


def test_the_first_token_is_an_event_and_later_ones_are_not() -> None:
    broken: list[Passed] = [(0.0, START), (0.0, OPEN), (1.0, text()), (1.5, text()), (2.0, text()), (3.0, failed(LOST))]
    assert [name for name, _ in events(span(*broken))] == ["llm_stream.attempt", "llm_stream.first_token", "exception"]
    assert [name for name, _ in events(span((0.0, START), (1.0, text()), (2.0, done())))] == ["llm_stream.first_token"]


def test_a_call_that_fails_has_the_status_error_and_says_of_which_type() -> None:
    one = span((0.0, START), (1.0, failed(BUSY)))
    assert (one.status.status_code, one.status.description) == (StatusCode.ERROR, "overloaded")
    assert (one.attributes or {})["error.type"] == "Overloaded"


def test_a_call_that_fails_without_an_error_is_of_another_type() -> None:
    one = span((0.0, START), (1.0, done(Outcome.FAILED)))
    assert one.status.status_code is StatusCode.ERROR
    assert (one.attributes or {})["error.type"] == "_OTHER"


@pytest.mark.parametrize("outcome", [one for one in Outcome if one not in (Outcome.FAILED, Outcome.INCOMPLETE)])
def test_every_other_end_leaves_the_status_unset(outcome: Outcome) -> None:
    one = span(*recovering(LOST, end=done(outcome)))
    assert one.status.status_code is StatusCode.UNSET
    assert "error.type" not in (one.attributes or {})


def test_a_span_is_the_child_of_the_span_in_which_its_call_begins() -> None:
    recorded = Recorded()
    observer = OtelSpans(recorded.provider)(REQUEST)
    with recorded.provider.get_tracer("app").start_as_current_span("request") as parent:
        observer(START, 0.0)
    observer(done(), 1.0)
    child = next(one for one in recorded.spans if one.name.startswith("chat"))
    assert child.parent == parent.get_span_context()


def test_the_span_of_a_call_is_not_the_current_one_for_the_callers_code() -> None:
    recorded = Recorded()
    observer = OtelSpans(recorded.provider)(REQUEST)
    observer(START, 0.0)
    recorded.provider.get_tracer("app").start_span("theirs").end()
    observer(done(), 1.0)
    assert next(one for one in recorded.spans if one.name == "theirs").parent is None


def test_a_call_that_is_called_off_before_it_began_has_no_span() -> None:
    recorded = Recorded()
    play(OtelSpans(recorded.provider), (1.0, CANCEL), (1.0, done(Outcome.CANCELLED)))
    assert recorded.spans == ()


def test_without_a_provider_nothing_is_recorded_and_nothing_fails() -> None:
    play(OtelSpans(), *PLAIN)


def test_neither_keys_nor_text_are_recorded() -> None:
    quoting = ProtocolError("event 'x' lacks field 'y': the secret text")
    asked = Open(REQUEST, Target(api_key="gateway-key", base_url="https://user:gateway-key@host"))
    one = span(
        (0.0, START),
        (0.0, asked),
        (1.0, notice(quoting)),
        (1.0, notice(Overloaded(f"no {KEY}, no gateway-key"))),
        (2.0, failed(Overloaded("no second-key"), said="the secret text")),
        secrets=["second-key"],
    )
    told = one.to_json()
    assert not [text for text in ("secret", KEY, "gateway-key", "second-key") if text in told]
