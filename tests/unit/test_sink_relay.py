"""What is relayed can be read by any client of the Messages API, and ends cleanly only when the answer did."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sinking import Step, at_once, done, played, spoken

from client_under_test.answer import Outcome, ToolCall
from client_under_test.assemble import Message
from client_under_test.dialects.anthropic import parse
from client_under_test.dialects.events import MessageStop, NoContent
from client_under_test.errors import (
    AnswerTruncated,
    ConnectionLost,
    NotAuthorized,
    Overloaded,
    PromptTooLarge,
    RateLimited,
    RequestNotSendable,
    RequestRefused,
    ServerFailed,
    Stalled,
    StreamError,
)
from client_under_test.events import Reset, Sentence, Text
from client_under_test.sinks.relay import CannotTakeBack, refusal, relay
from client_under_test.sse import SseDecoder


class Relayed:
    """A stream was relayed."""

    def __init__(self, steps: list[Step], **more: Any) -> None:
        self.chunks: list[bytes] = []
        self.error: StreamError | None = None
        at_once(self._relay(steps, more))

    async def _relay(self, steps: list[Step], more: dict[str, Any]) -> None:
        try:
            async for chunk in relay(played(steps), **more):
                self.chunks.append(chunk)
        except StreamError as error:
            self.error = error

    @property
    def events(self) -> list[dict[str, Any]]:
        parts = [chunk.decode().partition("\ndata: ") for chunk in self.chunks]
        events = [json.loads(data) for _, _, data in parts]
        assert [name for name, _, _ in parts] == [f"event: {event['type']}" for event in events]
        return events

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def message(self) -> Message:
        """As a client of the API would read it."""
        message = Message()
        for sse in SseDecoder().feed(b"".join(self.chunks)):
            event = parse(sse)
            if not isinstance(event, NoContent):
                message.apply(event)
        return message


def test_a_whole_answer_is_relayed_as_the_api_would_send_it() -> None:
    relayed = Relayed(spoken("Hello ", "you."), model="m")
    assert relayed.types == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert relayed.error is None
    assert relayed.events[0]["message"]["model"] == "m"


def test_a_client_reads_the_same_text_tools_usage_and_stop_reason() -> None:
    calls = (ToolCall(id="t1", name="look", input={"at": "ä"}), ToolCall(id="t2", name="go", input={}))
    usage = {"input_tokens": 12, "output_tokens": 34}
    answer = done("Hello 🌍.", stop_reason="tool_use", tool_calls=calls, usage=usage)
    message = Relayed([Text("Hello "), Sentence("Hello "), calls[0], answer]).message()
    assert (message.text, message.stop_reason, message.stopped) == ("Hello 🌍.", "tool_use", True)
    assert message.tool_calls() == calls
    assert message.usage == usage


def test_an_answer_of_tool_calls_alone_has_no_text_block() -> None:
    message = Relayed([done("", tool_calls=(ToolCall(id="t1", name="f", input={}),))]).message()
    assert [block.kind for block in message.blocks] == ["tool_use"]


@pytest.mark.parametrize(("outcome", "reason"), [(Outcome.TRUNCATED, "max_tokens"), (Outcome.REFUSED, "refusal")])
def test_why_the_model_stopped_is_passed_on(outcome: Outcome, reason: str) -> None:
    relayed = Relayed([Text("a"), done("a", outcome=outcome, stop_reason=reason)])
    assert relayed.message().stop_reason == reason


@pytest.mark.parametrize(
    ("outcome", "reason", "told"),
    [
        (Outcome.COMPLETE, "stop", "end_turn"),
        (Outcome.COMPLETE, None, "end_turn"),
        (Outcome.TRUNCATED, "length", "max_tokens"),
        (Outcome.REFUSED, "content_filter", "refusal"),
    ],
)
def test_why_a_model_of_another_api_stopped_is_said_in_the_words_of_this_one(
    outcome: Outcome, reason: str | None, told: str
) -> None:
    assert Relayed([Text("a"), done("a", outcome=outcome, stop_reason=reason)]).message().stop_reason == told
    calls = (ToolCall(id="t", name="go", input={}),)
    called = Relayed([done("", stop_reason="tool_calls", tool_calls=calls)])
    assert called.message().stop_reason == "tool_use"


def test_text_is_passed_on_as_it_comes() -> None:
    async def run() -> bool:
        chunks = relay(played([Text("Hello"), 60.0, done("Hello")]))
        first = [await anext(chunks) for _ in range(3)]
        await chunks.aclose()
        return b"Hello" in first[-1]

    assert at_once(run())


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RateLimited("r", status=429), 429, "rate_limit_error"),
        (RequestNotSendable("u"), 400, "invalid_request_error"),
        (Overloaded("o", status=200), 529, "overloaded_error"),
        (Stalled("s"), 504, "timeout_error"),
        (ConnectionLost("c"), 500, "api_error"),
        (ServerFailed("f", status=503), 500, "api_error"),
        (RequestRefused("b", status=404, kind="not_found_error"), 404, "not_found_error"),
        (PromptTooLarge("p"), 400, "invalid_request_error"),
    ],
)
def test_an_error_is_told_as_the_api_would(error: StreamError, status: int, kind: str) -> None:
    assert refusal(error) == (status, {}, {"type": "error", "error": {"type": kind, "message": error.message}})
    relayed = Relayed([Text("Hel"), error])
    assert relayed.events[-1] == refusal(error)[2]
    assert relayed.error is error
    assert "message_stop" not in relayed.types


def test_that_the_relay_is_not_let_in_is_all_that_is_told_of_it() -> None:
    status, _, body = refusal(NotAuthorized("key sk-1 of Ann", status=401, kind="authentication_error"))
    assert (status, body["error"]) == (500, {"type": "api_error", "message": "the relay is not authorized"})


def test_who_asks_the_relay_is_told_when_to_ask_again() -> None:
    assert refusal(RateLimited("r", status=429, retry_after=2.1))[1] == {"retry-after": "3"}


def test_a_failure_before_anything_was_sent_leaves_the_server_free_to_answer_with_a_status() -> None:
    relayed = Relayed([Overloaded("busy")])
    assert (relayed.chunks, type(relayed.error)) == ([], Overloaded)


def test_events_that_end_without_an_answer_are_a_failure() -> None:
    relayed = Relayed([Text("Hel")])
    assert isinstance(relayed.error, AnswerTruncated)
    assert relayed.types[-1] == "error"


def test_an_answer_that_carries_an_error_is_a_failure() -> None:
    relayed = Relayed([Text("Hel"), done("Hel", outcome=Outcome.INCOMPLETE, error=Stalled("s"))])
    assert isinstance(relayed.error, Stalled)
    assert relayed.types[-1] == "error"


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.INCOMPLETE, Outcome.FAILED])
def test_an_answer_that_was_broken_off_never_ends_cleanly(outcome: Outcome) -> None:
    relayed = Relayed([Text("Hel"), done("Hel", outcome=outcome, stop_reason=None)])
    assert isinstance(relayed.error, AnswerTruncated)
    assert relayed.types[-1] == "error"


def test_a_new_start_after_text_was_sent_is_a_failure_that_may_be_retried() -> None:
    relayed = Relayed([Text("Hel"), Reset(), Text("Bye"), done("Bye")])
    assert isinstance(relayed.error, CannotTakeBack)
    assert relayed.error.partial == "Hel"
    assert relayed.events[-1]["error"]["type"] == "api_error"


def test_a_new_start_before_text_was_sent_costs_nothing() -> None:
    assert Relayed([Text(""), Reset(), Text("Bye"), done("Bye")]).message().text == "Bye"


def test_an_answer_that_is_not_what_was_sent_is_a_failure() -> None:
    assert isinstance(Relayed([Text("Hel"), done("Bye")]).error, CannotTakeBack)


def test_the_rest_of_an_answer_that_no_event_brought_is_sent_at_the_end() -> None:
    assert Relayed([Text("Hel"), done("Hello")]).message().text == "Hello"


def test_text_that_is_held_is_sent_when_the_answer_is_whole_whatever_came_before() -> None:
    relayed = Relayed([Text("Hel"), 20.0, Reset(), 20.0, Text("Bye"), done("Bye")], hold=True)
    assert relayed.types[:3] == ["message_start", "ping", "ping"]
    assert relayed.message().text == "Bye"
    assert relayed.error is None


def test_pings_are_sent_while_nothing_comes() -> None:
    relayed = Relayed([50.0, Text("Hello"), 40.0, done("Hello")], ping=15)
    assert relayed.types[:5] == ["message_start", "ping", "ping", "ping", "content_block_start"]
    assert relayed.types.count("ping") == 5
    assert relayed.message().text == "Hello"


def test_a_relay_that_is_left_closes_its_stream() -> None:
    closed = []

    async def stream() -> Any:
        try:
            yield Text("Hello")
            await asyncio.sleep(60)
        finally:
            closed.append(asyncio.get_running_loop().time())

    async def run() -> None:
        chunks = relay(stream())
        while b"ping" not in await anext(chunks):
            pass
        await chunks.aclose()

    at_once(run())
    assert closed == [15.0]


def test_a_relay_of_events_that_are_no_generator_needs_no_closing() -> None:
    class Events:
        def __init__(self) -> None:
            self._left = [Text("a"), done("a")]

        def __aiter__(self) -> Events:
            return self

        async def __anext__(self) -> Any:
            if not self._left:
                raise StopAsyncIteration
            return self._left.pop(0)

    async def run() -> list[bytes]:
        return [chunk async for chunk in relay(Events())]

    assert at_once(run())[-1].startswith(b"event: message_stop")


def test_nothing_the_model_writes_can_end_an_event() -> None:
    hostile = "a\n\nevent: message_stop\r\ndata: {}\n\n\u2028\ud800"
    relayed = Relayed([Text(hostile), done(hostile)])
    assert all(chunk.count(b"\n") == 3 and chunk.isascii() for chunk in relayed.chunks)
    events = [parse(one) for one in SseDecoder().feed(b"".join(relayed.chunks))]
    assert sum(isinstance(one, MessageStop) for one in events) == 1
