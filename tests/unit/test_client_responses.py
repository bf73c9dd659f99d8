"""The Responses API: what each kind of stream and body comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from spoken_openai import (
    CREATED,
    answer,
    completed,
    event,
    function,
    function_events,
    item,
    message,
    message_events,
    numbered,
    piece,
    response,
)
from virtual import POLICY
from virtual import Call as VirtualCall

from client_under_test.answer import Answer, Outcome
from client_under_test.continuation import Strategy
from client_under_test.dialects import OPENAI_RESPONSES
from client_under_test.errors import (
    AnswerTruncated,
    ApiError,
    ConnectionLost,
    Overloaded,
    PromptTooLarge,
    ProtocolError,
    RateLimited,
    RequestRefused,
    ServerFailed,
    StreamError,
    ToolInputBroken,
    UnknownStopReason,
)
from client_under_test.policy import Policy, RetryPolicy
from client_under_test.signals import BodyEnded, BytesReceived, HeadReceived, Input, TransportFailed
from client_under_test.usage import Tokens

STREAM = HeadReceived(200, {"content-type": "text/event-stream", "x-request-id": "req_1"})
JSON = HeadReceived(200, {"content-type": "application/json", "x-request-id": "req_1"})
LOST = TransportFailed(ConnectionLost("the connection broke"))
NO_RETRY = Policy(limits=POLICY.limits, retry=RetryPolicy(max_attempts=1), sentence_idle=0)
REQUEST: dict[str, Any] = {"model": "gpt-5", "input": "Hi"}
LONG = "The heron of the old mill looks at the water and "
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x"}


def asked(policy: Policy = NO_RETRY, **more: Any) -> VirtualCall:
    return VirtualCall(policy=policy, request={**REQUEST, **more}, dialect=OPENAI_RESPONSES)


def stream(*events: str) -> list[Input | float]:
    return [STREAM, *(BytesReceived(one.encode()) for one in events)]


def told(*events: str) -> Answer:
    return asked().run([*stream(*events), BodyEnded()])


def body(fields: dict[str, Any]) -> Answer:
    return asked().run([JSON, BytesReceived(json.dumps(fields).encode()), BodyEnded()])


def test_a_whole_answer_is_told_with_its_usage_and_its_names() -> None:
    said = told(*numbered(answer("Hello ", "world.")))
    assert (said.outcome, said.text, said.stop_reason) == (Outcome.COMPLETE, "Hello world.", "completed")
    assert said.usage == {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    assert said.billed == Tokens(input=9, output=5)
    assert (said.message_id, said.model, said.request_ids) == ("resp_1", "gpt-5", ("req_1",))
    assert said.content == (message("Hello world."),)


def test_the_end_is_the_terminal_event_and_nothing_after_it_counts() -> None:
    assert told(*answer("Hello"), *answer(" again")).text == "Hello"


@pytest.mark.parametrize("count", range(8))
def test_an_end_without_a_terminal_event_is_never_complete(count: int) -> None:
    said = told(*answer("Hello")[:count], "data: [DONE]\n\n")
    assert isinstance(said.error, AnswerTruncated)


@pytest.mark.parametrize(
    ("why", "outcome", "reason"),
    [
        ({"reason": "max_output_tokens"}, Outcome.TRUNCATED, "max_output_tokens"),
        ({"reason": "content_filter"}, Outcome.REFUSED, "content_filter"),
    ],
)
def test_an_incomplete_response_says_why(why: Any, outcome: Outcome, reason: str) -> None:
    end = completed(message("Hello"), kind="incomplete", incomplete_details=why)
    said = told(CREATED, *message_events("Hello")[:3], end)
    assert (said.outcome, said.text, said.stop_reason) == (outcome, "Hello", reason)


@pytest.mark.parametrize("why", [None, {}, {"reason": "steered"}])
def test_an_incomplete_response_of_which_nobody_knows_why_is_no_success(why: Any) -> None:
    end = completed(message("Hello"), kind="incomplete", incomplete_details=why)
    assert isinstance(told(CREATED, *message_events("Hello"), end).error, UnknownStopReason)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", ServerFailed),
        ("rate_limit_exceeded", RateLimited),
        ("invalid_prompt", RequestRefused),
        ("vector_store_timeout", ServerFailed),
    ],
)
def test_a_response_that_failed_is_that_error(code: str, kind: type[StreamError]) -> None:
    end = event("response.failed", response=response(status="failed") | {"error": {"code": code, "message": "no"}})
    error = told(CREATED, *message_events("Hello")[:3], end).error
    assert isinstance(error, ApiError)
    assert (type(error), error.kind, error.message, error.partial) == (kind, code, "no", "Hello")


def test_a_response_that_was_cancelled_is_an_error() -> None:
    error = told(CREATED, event("response.cancelled", response=response(status="cancelled"))).error
    assert isinstance(error, ServerFailed)
    assert error.kind == "cancelled"


@pytest.mark.parametrize(
    "said",
    [
        event("error", code="context_length_exceeded", message="no", param=None),
        'data: {"type": "error", "error": {"code": "context_length_exceeded", "message": "no"}}\n\n',
        'data: {"type": "error", "code": "context_length_exceeded", "message": "no"}\n\n',
        'data: {"error": {"code": "context_length_exceeded", "message": "no"}}\n\n',
    ],
)
def test_an_error_event_is_that_error(said: str) -> None:
    error = told(CREATED, said).error
    assert isinstance(error, PromptTooLarge)
    assert (error.kind, error.message) == ("context_length_exceeded", "no")


def test_an_error_event_without_a_code_has_no_kind() -> None:
    error = told(CREATED, event("error", message="no")).error
    assert isinstance(error, ServerFailed)
    assert error.kind is None


EVENTS = numbered([CREATED, *message_events("Hel", "lo ", "all"), completed(message("Hello all"))])


@pytest.mark.parametrize("number", range(1, len(EVENTS) - 1))
def test_a_lost_event_is_a_hole_and_a_repeated_one_too(number: int) -> None:
    assert isinstance(told(*EVENTS[:number], *EVENTS[number + 1 :]).error, ProtocolError)
    assert isinstance(told(*EVENTS[: number + 1], *EVENTS[number:]).error, ProtocolError)


def test_the_first_number_may_be_any() -> None:
    assert told(*EVENTS[1:]).text == "Hello all"


@pytest.mark.parametrize("kept", [3, 4, 5])
@pytest.mark.parametrize("whole", [slice(0, 0), slice(6, 9)])
def test_a_lost_piece_without_numbers_is_noticed_by_what_is_told_as_a_whole(kept: int, whole: slice) -> None:
    events = [CREATED, *message_events("Hel", "lo ", "all"), completed(message("Hello all"))]
    seen = [one for at, one in enumerate(events[:6]) if at != kept]
    assert isinstance(told(*seen, *events[whole], events[-1]).error, ProtocolError)


def test_a_lost_piece_is_noticed_by_the_end_of_its_part_where_the_final_response_says_nothing() -> None:
    events = [CREATED, *message_events("Hel", "lo ", "all"), completed()]
    assert told(*events).text == "Hello all"
    assert isinstance(told(*events[:4], *events[5:]).error, ProtocolError)


def test_a_final_response_without_output_says_nothing_about_the_text() -> None:
    assert told(CREATED, *message_events("Hello")[:3], completed()).text == "Hello"
    without = response()
    del without["output"]
    assert told(CREATED, *message_events("Hello"), event("response.completed", response=without)).text == "Hello"


@pytest.mark.parametrize("seen", [[], message_events("Hello")[:1], message_events("Hello")[:2]])
def test_text_of_which_no_piece_came_is_taken_from_the_whole(seen: list[str]) -> None:
    said = told(CREATED, *seen, completed(message("Hello")))
    assert (said.outcome, said.text) == (Outcome.COMPLETE, "Hello")
    assert told(CREATED, *seen, item("output_item.done", item=message("Hello")), completed()).text == "Hello"


def test_half_a_surrogate_pair_in_each_of_two_pieces_is_one_character_of_the_whole() -> None:
    assert told(CREATED, *message_events("a\ud83d", "\ude00b")[:4], completed(message("a😀b"))).text == "a😀b"


def test_several_messages_are_one_text_and_stay_apart() -> None:
    other = message("world.", "msg_2")
    said = told(CREATED, *message_events("Hello "), item("output_item.done", 1, item=other),
                completed(message("Hello "), other))  # fmt: skip
    assert (said.text, said.content) == ("Hello world.", (message("Hello "), other))


def test_the_parts_of_a_message_stay_together() -> None:
    both = {**message("Hello "), "content": [*message("Hello ")["content"], *message("world.")["content"]]}
    assert told(CREATED, completed(both)).content == (both,)


def test_a_refusal_is_no_text_and_decides_the_outcome() -> None:
    part = {"type": "refusal", "refusal": "I cannot."}
    pieces = [item("refusal.delta", content_index=0, delta=one) for one in ("I can", "not.")]
    done = item("refusal.done", content_index=0, refusal="I cannot.")
    said = told(CREATED, *pieces, done, completed({**message(""), "content": [part]}))
    assert (said.outcome, said.text, said.stop_reason) == (Outcome.REFUSED, "", "completed")
    assert said.stop_details == {"refusal": "I cannot."}


def test_whole_tool_calls_are_handed_over_and_sent_back_with_the_reasoning_before_them() -> None:
    reasoning = [item("output_item.added", item=REASONING), item("output_item.done", item=REASONING)]
    calls = function_events('{"a"', ": 1}", output_index=1)
    said = told(*numbered([CREATED, *reasoning, *calls, completed(REASONING, function())]))
    assert [(one.id, one.name, one.input) for one in said.tool_calls] == [("call_1", "go", {"a": 1})]
    assert said.content == (REASONING, function())


@pytest.mark.parametrize("seen", [[], function_events("")[:1], [item("output_item.done", item=function())]])
def test_a_tool_call_of_which_no_piece_came_is_taken_from_the_whole(seen: list[str]) -> None:
    assert [one.input for one in told(CREATED, *seen, completed(function())).tool_calls] == [{"a": 1}]


@pytest.mark.parametrize(
    "seen",
    [
        [*function_events('{"a": 2}')[:2]],
        [*function_events('{"a"', ": 1}")[:2]],
        [item("function_call_arguments.delta", delta="{}")],
        [item("output_item.added", item={**function(), "call_id": None})],
    ],
)
def test_a_tool_call_that_is_not_that_of_the_whole_is_never_handed_over(seen: list[str]) -> None:
    said = told(CREATED, *seen, completed(function()))
    assert isinstance(said.error, ProtocolError)
    assert said.tool_calls == ()


@pytest.mark.parametrize("arguments", ['{"a"', "", "[]"])
def test_an_input_that_is_not_one_whole_object_is_never_handed_over(arguments: str) -> None:
    said = told(CREATED, *function_events(arguments), completed(function(arguments)))
    assert isinstance(said.error, ToolInputBroken)
    assert told(CREATED, *function_events(arguments), completed()).tool_calls == ()


def test_no_tool_call_is_handed_over_after_a_cut() -> None:
    why = {"reason": "max_output_tokens"}
    end = completed(function(), kind="incomplete", incomplete_details=why)
    said = told(CREATED, *function_events('{"a"')[:2], end)
    assert (said.outcome, said.tool_calls, said.content) == (Outcome.TRUNCATED, (), ())


@pytest.mark.parametrize(
    "seen",
    [
        "data: {broken\n\n", "data: 42\n\n", "event: response.output_text.delta\ndata:\n\n",
        item("output_text.delta", content_index=0), event("response.output_text.delta", delta="x"),
        item("output_text.delta", content_index="0", delta="x"), item("output_text.delta", content_index=0, delta=7),
        item("refusal.delta", content_index=0, delta="no"), item("output_item.done"), event("response.completed"),
        event("response.completed", response={"output": 7}), completed(7),
        item("output_item.done", item={"type": "message", "content": 7}),
        completed({"type": "message", "content": [7]}),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_a_protocol_error(seen: str) -> None:
    assert isinstance(told(CREATED, *message_events("Hello")[:3], seen, *answer("Hello")[4:]).error, ProtocolError)


def test_a_piece_behind_the_whole_of_its_part_is_a_protocol_error() -> None:
    assert isinstance(told(CREATED, *message_events("Hello")[:4], piece("!"), completed()).error, ProtocolError)


@pytest.mark.parametrize(
    "sign", [": ping\n\n", "data:\n\n", event("keepalive"), event("response.reasoning_text.delta", delta="x"),
             event("response.in_progress", response=response(status="in_progress")), "data: [DONE]\n\n"],
)  # fmt: skip
def test_what_has_no_text_changes_nothing(sign: str) -> None:
    events = answer("Hello ", "world.")
    for place in range(len(events)):
        assert told(*events[:place], sign, *events[place:]).text == "Hello world."


def test_reasoning_is_progress_and_a_keepalive_is_not() -> None:
    def after(sign: str) -> Outcome:
        return (
            asked()
            .run([*stream(CREATED), *[BytesReceived(sign.encode()), 29.0] * 4, *stream(*answer("Hello")[1:])[1:]])
            .outcome
        )

    assert after(event("response.reasoning_text.delta", delta="x")) is Outcome.COMPLETE
    assert after(event("keepalive")) is Outcome.FAILED


def test_a_body_that_is_no_stream_is_read() -> None:
    said = body(response(REASONING, message("Hello"), function()))
    assert (said.text, said.usage["output_tokens"], said.stop_reason) == ("Hello", 5, "completed")
    assert [one.name for one in said.tool_calls] == ["go"]
    cut = response(message("Hel"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert body(cut).outcome is Outcome.TRUNCATED


@pytest.mark.parametrize(
    "fields",
    [
        {},
        response(status="in_progress"),
        {**response(), "output": None},
        response(7),
        response({"type": "message", "content": [7]}),
    ],
)
def test_a_body_that_is_no_response_is_a_protocol_error(fields: dict[str, Any]) -> None:
    assert isinstance(body(fields).error, ProtocolError)


def test_an_error_with_status_200_is_an_error() -> None:
    assert isinstance(body({"error": {"message": "m", "code": "engine_overloaded"}}).error, Overloaded)
    assert isinstance(body(response(status="failed")).error, ServerFailed)


def test_an_interrupted_answer_is_continued_by_a_message_that_quotes_it() -> None:
    call_made = asked(POLICY)
    said = call_made.run([*stream(CREATED, *message_events(LONG)[:3]), LOST], stream(*answer("waits.")))
    first, turn = call_made.opened[1].body["input"]
    assert first == {"role": "user", "content": "Hi"}
    assert turn["role"] == "user"
    assert LONG.strip() in turn["content"]
    assert said.text == LONG + "waits."
    assert [part["text"] for one in said.content for part in one["content"]] == [LONG + "waits."]


@pytest.mark.parametrize("more", [{"tools": [{}]}, {"text": {"format": {"type": "json_schema"}}}])
def test_with_tools_or_a_format_the_answer_is_asked_for_anew(more: dict[str, Any]) -> None:
    call_made = asked(POLICY, **more)
    call_made.run([*stream(CREATED, *message_events(LONG)[:3]), LOST], stream(*answer(LONG, "waits.")))
    assert call_made.opened[1].body["input"] == "Hi"
    assert call_made.display == LONG + "waits."


def test_a_request_says_whether_it_streams_and_how_long_its_answer_may_be() -> None:
    assert OPENAI_RESPONSES.asking(REQUEST, streams=False) == {**REQUEST, "stream": False}
    assert OPENAI_RESPONSES.most_tokens({"max_output_tokens": 7}) == 7
    assert OPENAI_RESPONSES.url("https://api.openai.com/v1") == "https://api.openai.com/v1/responses"
    turns = OPENAI_RESPONSES.continued({"input": [{"role": "user"}]}, LONG, Strategy.USER_TURN)["input"]
    assert turns[0] == {"role": "user"}


def test_what_is_not_understood_of_a_message_is_no_text() -> None:
    said = message("Hello")
    said["content"].insert(0, {"type": "hologram", "shape": "cube"})
    assert told(CREATED, completed(REASONING, said)).text == "Hello"


def test_an_item_that_is_told_twice_is_kept_once() -> None:
    done = item("output_item.done", item=REASONING)
    assert told(CREATED, done, done, completed(REASONING, message("Hello"))).content == (REASONING, message("Hello"))


def test_an_unfinished_answer_is_sent_back_as_a_message() -> None:
    content = asked().run([*stream(CREATED, *message_events(LONG)[:3]), BodyEnded()]).content
    assert [part["text"] for one in content for part in one["content"]] == [LONG]
    assert OPENAI_RESPONSES.sent_back([{"type": "text", "text": "x"}])[0]["role"] == "assistant"
    assert OPENAI_RESPONSES.sent_back([{"type": "refusal", "refusal": "x"}]) == ()
