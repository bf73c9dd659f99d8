"""Chat completions: what each kind of stream and body comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from spoken_openai import DONE, call, chunk, completion, data, text, usage, whole
from virtual import POLICY
from virtual import Call as VirtualCall

from client_under_test.answer import Answer, Outcome
from client_under_test.continuation import Strategy
from client_under_test.dialects import OPENAI_CHAT
from client_under_test.errors import (
    AnswerTruncated,
    ApiError,
    ConnectionLost,
    NotAuthorized,
    Overloaded,
    PromptTooLarge,
    ProtocolError,
    RateLimited,
    RequestRefused,
    ServerFailed,
    Stalled,
    StreamError,
    ToolInputBroken,
    UnknownStopReason,
)
from client_under_test.policy import Policy, RetryPolicy
from client_under_test.signals import BodyEnded, BytesReceived, HeadReceived, Input, TransportFailed
from client_under_test.sse import SseDecoder
from client_under_test.usage import Tokens

STREAM = HeadReceived(200, {"content-type": "text/event-stream", "x-request-id": "req_1"})
JSON = HeadReceived(200, {"content-type": "application/json", "x-request-id": "req_1"})
LOST = TransportFailed(ConnectionLost("the connection broke"))
NO_RETRY = Policy(limits=POLICY.limits, retry=RetryPolicy(max_attempts=1), sentence_idle=0)
REQUEST: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
LONG = "The heron of the old mill looks at the water and "


def asked(policy: Policy = NO_RETRY, **more: Any) -> VirtualCall:
    return VirtualCall(policy=policy, request={**REQUEST, **more}, dialect=OPENAI_CHAT)


def stream(*events: str) -> list[Input | float]:
    return [STREAM, *(BytesReceived(one.encode()) for one in events)]


def answer(*events: str, ending: Input | float = BodyEnded()) -> Answer:  # noqa: B008
    return asked().run([*stream(*events), ending])


def body(raw: bytes) -> Answer:
    return asked().run([JSON, BytesReceived(raw), BodyEnded()])


def test_a_whole_answer_is_told_with_its_usage_and_its_names() -> None:
    said = answer(*whole("Hello ", "world."))
    assert (said.outcome, said.text, said.stop_reason) == (Outcome.COMPLETE, "Hello world.", "stop")
    assert said.usage == {
        "input_tokens": 9, "output_tokens": 5, "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14
    }  # fmt: skip
    assert said.billed == Tokens(input=9, output=5)
    assert (said.message_id, said.model, said.request_ids) == ("chatcmpl-1", "gpt-5", ("req_1",))
    assert said.content == ({"role": "assistant", "content": "Hello world."},)


@pytest.mark.parametrize("seen", [[], [chunk({"role": "assistant"})], whole("Hello")[:-3], [text("Hello"), usage()]])
def test_an_end_without_reason_and_done_is_never_complete(seen: list[str]) -> None:
    assert isinstance(answer(*seen).error, AnswerTruncated)


@pytest.mark.parametrize("ending", [BodyEnded(), LOST, 5.0])
def test_a_reason_without_done_is_the_end_however_the_body_ends(ending: Input | float) -> None:
    assert answer(*whole("Hello")[:-1], ending=ending).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("reason", [None, ""])
def test_done_without_a_reason_is_the_end(reason: str | None) -> None:
    said = answer(*whole("Hello", reason=reason))
    assert (said.outcome, said.text, said.stop_reason) == (Outcome.COMPLETE, "Hello", None)


@pytest.mark.parametrize("seen", [[DONE], [chunk({"role": "assistant"}), usage(), DONE]])
def test_done_behind_nothing_is_no_answer(seen: list[str]) -> None:
    assert isinstance(answer(*seen).error, ProtocolError)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("length", Outcome.TRUNCATED), ("content_filter", Outcome.REFUSED), ("stop", Outcome.COMPLETE)],
)
def test_the_reason_decides_the_outcome(reason: str, outcome: Outcome) -> None:
    said = answer(*whole("Hello", reason=reason))
    assert (said.outcome, said.stop_reason) == (outcome, reason)


def test_an_unknown_reason_is_no_success() -> None:
    assert isinstance(answer(*whole("Hello", reason="bored")).error, UnknownStopReason)


def test_chunks_without_choices_may_be_anywhere() -> None:
    azure = data({"choices": [], "id": "", "model": "", "prompt_filter_results": []})
    about_its_filter = data({"choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {}}]})
    said = answer(azure, text("Hel"), usage(9, 1), about_its_filter, text("lo"), chunk({}, "stop"), usage(9, 2), DONE)
    assert (said.text, said.usage["output_tokens"], said.message_id) == ("Hello", 2, "chatcmpl-1")


def test_usage_that_comes_all_the_time_is_no_last_count() -> None:
    said = asked().run([*stream(text("Hel"), usage(9, 1)), LOST])
    assert said.billed == Tokens(input=9, output=1, exact=False)


@pytest.mark.parametrize("kind", ["server_error", "engine_overloaded", "rate_limit_exceeded", "insufficient_quota"])
@pytest.mark.parametrize("reason", [None, "error"])
@pytest.mark.parametrize("after", [[], [DONE]])
def test_an_error_in_a_chunk_is_that_error(kind: str, reason: str | None, after: list[str]) -> None:
    error = answer(text("Hel"), chunk({}, reason, error={"code": kind, "message": "no"}), *after).error
    assert isinstance(error, ApiError)
    assert (error.kind, error.message, error.partial) == (kind, "no", "Hel")
    assert type(error) in (ServerFailed, Overloaded, RateLimited, RequestRefused)


@pytest.mark.parametrize(
    ("said", "kind", "name"),
    [
        ({"code": 502, "message": "m"}, ServerFailed, "502"),
        ({"code": 429, "message": "m"}, RateLimited, "429"),
        ({"code": None, "type": "invalid_request_error", "message": "m"}, RequestRefused, "invalid_request_error"),
        ({"type": "tokens", "code": "context_length_exceeded"}, PromptTooLarge, "context_length_exceeded"),
        ("overloaded", ServerFailed, None),
        ({"metadata": {}}, ServerFailed, None),
    ],
)
def test_errors_have_many_forms(said: Any, kind: type[StreamError], name: str | None) -> None:
    error = answer(text("Hel"), data({"error": said})).error
    assert isinstance(error, ApiError)
    assert (type(error), error.kind) == (kind, name)


@pytest.mark.parametrize("seen", [chunk({}, "error"), "event: error\ndata: it broke\n\n", "event: error\ndata: []\n\n"])
def test_an_error_that_says_nothing_is_an_error_too(seen: str) -> None:
    assert isinstance(answer(text("Hel"), seen).error, ServerFailed)


@pytest.mark.parametrize(
    ("status", "code", "kind", "tries"),
    [
        (429, "rate_limit_exceeded", RateLimited, 5),
        (429, "insufficient_quota", RequestRefused, 1),
        (400, "context_length_exceeded", PromptTooLarge, 1),
        (401, "invalid_api_key", NotAuthorized, 1),
        (404, "model_not_found", RequestRefused, 1),
        (500, "server_error", ServerFailed, 5),
        (503, None, ServerFailed, 5),
    ],
)
def test_a_status_has_its_error_unless_the_code_says_more(
    status: int, code: str | None, kind: type[StreamError], tries: int
) -> None:
    raw = json.dumps({"error": {"message": "no", "type": "t", "param": None, "code": code}}).encode()
    call_made = asked(POLICY)
    error = call_made.run([HeadReceived(status, {"x-request-id": "r"}), BytesReceived(raw), BodyEnded()]).error
    assert (type(error), len(call_made.opened)) == (kind, tries)
    assert isinstance(error, ApiError)
    assert (error.kind, error.request_id, error.status) == (code or "t", "r", status)


def test_a_retry_after_is_waited_for() -> None:
    refused = [HeadReceived(429, {"retry-after": "7"}), BytesReceived(b'{"error": {"message": "m"}}'), BodyEnded()]
    call_made = asked(POLICY)
    call_made.run(refused, stream(*whole("Hello")))
    assert call_made.notices[0].wait >= 7


def test_a_refusal_is_no_text_and_decides_the_outcome() -> None:
    said = answer(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"), DONE)
    assert (said.outcome, said.text, said.stop_reason) == (Outcome.REFUSED, "", "stop")
    assert said.stop_details == {"refusal": "I cannot."}
    assert said.content == ()


def test_only_the_first_of_several_answers_is_read() -> None:
    other = data({"choices": [{"index": 1, "delta": {"content": "Bye"}, "finish_reason": "stop"}]})
    assert answer(text("Hel"), other, *whole("lo")[1:]).text == "Hello"


def test_what_is_not_understood_is_kept_and_not_mixed_into_the_text() -> None:
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "lo"}]
    said = answer(chunk({"reasoning_content": "hm"}), text("Hel"), chunk({"content": parts}), *whole()[1:])
    assert (said.text, [one.get("reasoning_content") for one in said.unknown_deltas]) == ("Hello", ["hm", None])
    assert said.content == ({"role": "assistant", "content": "Hello"},)


@pytest.mark.parametrize(
    "seen",
    [
        "data: {broken\n\n", "data: 42\n\n", data({"choices": 7}), data({"choices": [7]}), chunk([1]),
        data({"choices": [{"index": 0, "message": {"content": "Hello"}}]}), chunk({"content": 7}),
        chunk({"content": [7]}), chunk({"refusal": 7}), chunk({"tool_calls": [None]}), chunk({}, 7),  # type: ignore[arg-type]
        call(7, id="a", name="go"), chunk({"tool_calls": 7}),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_a_protocol_error(seen: str) -> None:
    assert isinstance(answer(text("Hel"), seen, *whole("lo")).error, ProtocolError)


@pytest.mark.parametrize("sign", [": ping\n\n", "data:\n\n", "event: ping\ndata:\n\n", data({"object": "ping"})])
def test_a_sign_of_life_is_no_progress(sign: str) -> None:
    kept = [29.0, BytesReceived(sign.encode())] * 4
    silent = asked().run([*stream(text("Hel")), *kept])
    assert isinstance(silent.error, Stalled)
    assert answer(text("Hel"), sign, *whole("lo")).text == "Hello"


def test_pieces_of_a_tool_call_are_progress() -> None:
    calls = [BytesReceived(call(" ", index=0).encode()), 29.0]
    said = asked().run(
        [*stream(call("", index=0, id="a", name="go")), *calls * 4, *stream(call("{}", index=0), *whole())[1:]]
    )
    assert said.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call", None])
def test_whole_tool_calls_are_handed_over_with_the_end_of_the_turn(reason: str | None) -> None:
    first, second = call("", index=0, id="a", name="go"), call("{}", index=1, id="b", name="stay")
    said = answer(text("So:"), first, call('{"a"', index=0), call(": 1}", index=0), second, *whole(reason=reason)[1:])
    assert [(one.id, one.name, one.input) for one in said.tool_calls] == [("a", "go", {"a": 1}), ("b", "stay", {})]
    (message,) = said.content
    assert message["tool_calls"][0]["function"] == {"name": "go", "arguments": '{"a": 1}'}
    assert (message["content"], message["tool_calls"][1]["id"]) == ("So:", "b")


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_no_tool_call_is_handed_over_after_a_cut(reason: str) -> None:
    said = answer(call('{"a"', index=0, id="a", name="go"), *whole(reason=reason)[1:])
    assert (said.tool_calls, said.error, said.content) == ((), None, ())


@pytest.mark.parametrize("arguments", ['{"a"', "", "null", "[]", '{"a": 1}}'])
@pytest.mark.parametrize("reason", ["tool_calls", "stop", None])
def test_an_input_that_is_not_one_whole_object_is_never_handed_over(arguments: str, reason: str | None) -> None:
    said = answer(call(arguments, index=0, id="a", name="go"), *whole(reason=reason)[1:])
    assert isinstance(said.error, ToolInputBroken)
    assert said.tool_calls == ()


def test_a_promised_tool_call_that_did_not_come_is_lost() -> None:
    assert isinstance(answer(*whole("So:", reason="tool_calls")).error, ProtocolError)


@pytest.mark.parametrize("late", [text(" more"), call("{}", index=0, id="a", name="go"), chunk({"refusal": "no"})])
def test_what_comes_after_the_reason_is_no_part_of_the_answer(late: str) -> None:
    said = answer(*whole("Hello")[:2], chunk({}, "stop"), chunk({"note": 1}), late, DONE)
    assert (said.outcome, said.text, said.tool_calls) == (Outcome.COMPLETE, "Hello", ())


def test_the_old_form_of_a_function_call_is_read() -> None:
    pieces = [chunk({"function_call": one}) for one in ({"name": "go", "arguments": "{"}, {"arguments": "}"})]
    said = answer(*pieces, chunk({}, "function_call"), DONE)
    assert [(one.name, one.input) for one in said.tool_calls] == [("go", {})]


def test_a_body_that_is_no_stream_is_read() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "go", "arguments": {"a": 1}}}]
    said = body(completion({"content": "Hello", "tool_calls": calls}, "tool_calls"))
    assert (said.text, said.usage["input_tokens"]) == ("Hello", 3)
    assert [(one.name, one.input) for one in said.tool_calls] == [("go", {"a": 1})]
    assert body(completion({"content": None, "refusal": "No."})).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    "raw",
    [b"{}", b'{"choices": []}', b'{"choices": [{"message": 7}]}', completion({"content": 7}), completion({}, 7)],  # type: ignore[arg-type]
)
def test_a_body_that_is_no_completion_is_a_protocol_error(raw: bytes) -> None:
    assert isinstance(body(raw).error, ProtocolError)


def test_an_error_object_with_status_200_is_an_error() -> None:
    assert isinstance(body(b'{"error": {"message": "m", "code": "engine_overloaded"}}').error, Overloaded)


def test_a_stream_is_asked_for_with_its_usage_unless_the_caller_says_otherwise() -> None:
    cut = [*stream(text("Hel")), BodyEnded()]
    call_made = asked(POLICY)
    call_made.run(cut, cut, [JSON, BytesReceived(completion({"content": "Hello"})), BodyEnded()])
    assert [one.body["stream"] for one in call_made.opened] == [True, True, False]
    assert call_made.opened[0].body["stream_options"] == {"include_usage": True}
    assert "stream_options" not in call_made.opened[2].body
    assert call_made.display == "Hello"
    assert OPENAI_CHAT.asking({"stream_options": None}, streams=True) == {"stream_options": None, "stream": True}


@pytest.mark.parametrize("more", [{"max_tokens": 64_000}, {"max_completion_tokens": 64_000, "max_tokens": 10}])
def test_an_answer_that_may_be_too_long_never_falls_back(more: dict[str, Any]) -> None:
    call_made = asked(POLICY, **more)
    call_made.run([*stream(text("Hel")), BodyEnded()])
    assert all(one.body["stream"] for one in call_made.opened)


def test_an_interrupted_answer_is_continued_by_a_message_that_quotes_it() -> None:
    call_made = asked(POLICY)
    said = call_made.run([*stream(text(LONG)), LOST], stream(*whole("waits.")))
    turn = call_made.opened[1].body["messages"][-1]
    assert turn["role"] == "user"
    assert LONG.strip() in turn["content"]
    assert (said.text, said.content) == (LONG + "waits.", ({"role": "assistant", "content": LONG + "waits."},))


@pytest.mark.parametrize("more", [{"tools": [{}]}, {"response_format": {"type": "json_object"}}, {"functions": [{}]}])
def test_with_tools_or_a_format_the_answer_is_asked_for_anew(more: dict[str, Any]) -> None:
    call_made = asked(POLICY, **more)
    call_made.run([*stream(text(LONG)), LOST], stream(*whole(LONG, "waits.")))
    assert call_made.opened[1].body["messages"] == REQUEST["messages"]
    assert call_made.display == LONG + "waits."


@pytest.mark.parametrize(
    ("model", "forced", "turns"),
    [
        ("gpt-5", None, 2), ("openai/o3", None, 2), ("claude-sonnet-4-5", None, 2), ("llama-4", None, 1),
        ("gpt-5", Strategy.PREFILL, 2), ("gpt-5", Strategy.SYSTEM, 1), ("llama-4", Strategy.USER_TURN, 2),
    ],
)  # fmt: skip
def test_no_prefill_is_ever_sent(model: str, forced: Strategy | None, turns: int) -> None:
    call_made = asked(replace(POLICY, strategy=forced), model=model, response_format={"type": "text"})
    call_made.run([*stream(text(LONG)), LOST], stream(*whole(LONG)))
    assert [turn["role"] for turn in call_made.opened[1].body["messages"]] == ["user"] * turns


def test_a_model_that_was_only_told_what_it_said_may_repeat_it() -> None:
    call_made = asked(replace(POLICY, strategy=Strategy.PREFILL))
    call_made.run([*stream(text(LONG)), LOST], stream(*whole(LONG, "waits.")))
    assert (call_made.display, call_made.resets) == (LONG + "waits.", 0)


def test_a_tool_call_after_the_reason_is_a_protocol_error() -> None:
    reader = OPENAI_CHAT.reader()
    first, second = SseDecoder().feed((chunk({}, "stop") + call("{}", id="a", name="go")).encode())
    assert [*reader.read([first])]
    with pytest.raises(ProtocolError):
        [*reader.read([second])]


def test_messages_that_are_no_list_are_left_to_the_api() -> None:
    (turn,) = OPENAI_CHAT.continued({"messages": 7}, LONG, Strategy.USER_TURN)["messages"]
    assert turn["role"] == "user"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        ("https://x/v1beta/openai", "https://x/v1beta/openai/chat/completions"),
        ("http://127.0.0.1:1/a.b/t0/", "http://127.0.0.1:1/a.b/t0/v1/chat/completions"),
    ],
)
def test_a_base_url_may_end_with_the_version(base: str, url: str) -> None:
    assert OPENAI_CHAT.url(base) == url


def test_the_key_is_a_bearer_token() -> None:
    assert OPENAI_CHAT.headers("k") == {"authorization": "Bearer k"}
    assert OPENAI_CHAT.headers("") == {}


def test_nothing_pauses() -> None:
    assert OPENAI_CHAT.after_pauses(REQUEST, [], None) is REQUEST
