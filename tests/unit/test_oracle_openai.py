"""Where the oracle sees a flaw in a stream of OpenAI's, and what it makes of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fake_server.dialect import Dialect
from harness.grammar import Told
from harness.reading import reading_of
from harness.reference import Response

CHAT, RESPONSES = reading_of(Dialect.OPENAI_CHAT.path), reading_of(Dialect.OPENAI_RESPONSES.path)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"


def chunk(content: Any = None, *, finish_reason: Any = None, index: Any = 0, **delta: Any) -> dict[str, Any]:
    said = {**({} if content is None else {"content": content}), **delta}
    return {"choices": [{"index": index, "delta": said, "finish_reason": finish_reason}]}


def call(index: Any = 0, arguments: Any = "", **more: Any) -> dict[str, Any]:
    """A piece of a tool call; with a name it is the first."""
    name = {"name": more.pop("name")} if "name" in more else {}
    identity = {} if index is None else {"index": index}
    return chunk(tool_calls=[{**identity, "function": {**name, "arguments": arguments}, **more}])


def chat(*chunks: Any, done: bool = True) -> Response:
    said = [one if isinstance(one, str) else json.dumps(one) for one in chunks]
    body = "".join(f"data: {one}\n\n" for one in (*said, *(("[DONE]",) if done else ())))
    return CHAT.reply(HEAD + body.encode("utf-8", "surrogatepass"))


def responses(*events: dict[str, Any], name: str = "x") -> Response:
    body = "".join(f"event: {name}\ndata: {json.dumps(one)}\n\n" for one in events)
    return RESPONSES.reply(HEAD + body.encode())


END = chunk(finish_reason="stop")
GO = call(0, "", id="1", name="go")


@pytest.mark.parametrize(
    ("chunks", "flaw"),
    [
        (("{", END), "no JSON"),
        (("5", END), "no object"),
        (({"error": {"code": "x"}},), "reports an error"),
        (({"object": "nothing"}, END), "no choices"),
        (({"choices": [5]}, END), "choice is no object"),
        ((chunk("a", index=1), END), "another choice"),
        (({"choices": [{"index": 0, "delta": None}]}, END), "no delta"),
        ((END, chunk("a")), "behind the end"),
        ((chunk(5), END), "no text"),
        ((chunk(tool_calls=5), END), "no list"),
        ((chunk(tool_calls=[5]), END), "call is no object"),
        ((chunk(finish_reason=5),), "finish_reason"),
        ((call(None, "{}", id="1", name="go"), END), "no index"),
        ((call(1, "{}", id="1", name="go"), END), "wrong index"),
        ((call(0, "{}", name="go"), END), "no id"),
        ((call(0, "{}", id="1"), END), "no text"),
        ((GO, call(0, "{}", id="2", name="wait"), END), "index of another"),
        ((GO, call(1, "{}", id="2", name="wait"), call(0, "{}"), END), "behind the next"),
        ((GO, call(0, 5), END), "no text"),
        ((GO, call(0, "{"), END), "no object of JSON"),
    ],
)
def test_a_stream_of_chunks_is_read_up_to_its_first_flaw(chunks: tuple[Any, ...], flaw: str) -> None:
    told = CHAT.told(chat(chunk("Good. "), *chunks))
    assert flaw in told.flaw
    assert told.text.startswith("Good. ")
    assert not told.is_flawless


def test_bytes_that_are_no_text_are_a_flaw() -> None:
    response = CHAT.reply(HEAD + b'data: {"choices": [{"index": 0, "delta": {"content": "\xff"}}]}\n\n')
    assert CHAT.told(response).flaw == "bytes that are no UTF-8"
    event = b'event: response.output_text.delta\ndata: {"type": "response.output_text.delta", "delta": "\xff"}\n\n'
    assert RESPONSES.told(RESPONSES.reply(HEAD + event)).flaw == "bytes that are no UTF-8"


@pytest.mark.parametrize(
    "chunks",
    [
        (GO, call(0, '{"a":'), call(0, "1}")),
        (call(None, "", id="1", name="go"), call(None, '{"a":'), call(None, "1}")),
        (call(7, "", id="1", name="go"), call(8, '{"a": 1}')),
        (call(0, "", name="go"), call(0, '{"a": 1}')),
        (call(0, "", id="1", name="go"), call(0, '{"a": 1}', id="1")),
    ],
)
def test_the_lenient_tell_calls_apart_by_id_index_and_order(chunks: tuple[Any, ...]) -> None:
    more = call(0, '{"b": 2}', id="2", name="wait")
    assert CHAT.told(chat(*chunks, more, END), is_lenient=True).tools == [("go", {"a": 1}), ("wait", {"b": 2})]


def test_a_piece_of_no_call_is_a_flaw_for_the_lenient_too() -> None:
    assert CHAT.told(chat(call(0, "{}"), END), is_lenient=True).flaw == "a piece of no tool call"


def test_the_lenient_read_the_first_choice_alone() -> None:
    assert CHAT.told(chat(chunk("a"), chunk("b", index=1), END), is_lenient=True).text == "a"


def test_a_piece_that_says_nothing_adds_nothing() -> None:
    told = CHAT.told(chat(GO, call(0, None), call(0, '{"a": 1}'), END))
    assert (told.flaw, told.tools) == ("", [("go", {"a": 1})])


def test_a_call_whose_input_is_none_is_none_for_the_lenient() -> None:
    told = CHAT.told(chat(GO, call(0, "{"), END), is_lenient=True)
    assert (told.flaw, told.tools) == ("", [])


@pytest.mark.parametrize(
    ("chunks", "done", "reason", "terminal"),
    [
        ((END,), True, "end_turn", True),
        ((END,), False, "end_turn", True),
        ((), True, None, True),
        ((), False, None, False),
        ((chunk(finish_reason="length"),), False, "max_tokens", True),
        ((chunk(finish_reason="weather"),), False, "weather", True),
    ],
)
def test_a_reason_ends_an_answer_and_so_does_done(
    chunks: tuple[Any, ...], done: bool, reason: str | None, terminal: bool
) -> None:
    response = chat(chunk("a"), *chunks, done=done)
    assert (response.stop_reason, response.terminal, response.started) == (reason, terminal, True)


def test_an_empty_chunk_starts_nothing_and_counts() -> None:
    response = chat({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": True}}, "")
    assert not response.started
    assert response.usage == {"input_tokens": 3, "output_tokens": 4}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "a", "type": "b"}, "a"),
        ({"code": 502}, "502"),
        ({"code": None, "type": "b"}, "b"),
        ({"message": "m"}, ""),
        ("down", ""),
    ],
)
def test_an_error_is_called_by_its_code_or_by_its_type(error: Any, kind: str) -> None:
    body = json.dumps({"error": error}).encode()
    assert chat({"error": error}).error_kind == kind
    assert CHAT.reply(JSON + body).error_kind == kind
    assert RESPONSES.reply(JSON + body).error_kind == kind
    failed = {"type": "response.failed", "response": {"error": error}}
    assert responses(failed).error_kind == kind
    assert RESPONSES.told(responses(failed)).flaw == "it reports an error"


def test_an_error_event_says_its_code_itself() -> None:
    assert responses({"type": "error", "code": "a", "message": "m"}).error_kind == "a"


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": 5},
        {"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"tool_calls": [5]}}]},
        5,
    ],
)
def test_what_is_no_whole_answer_tells_nothing(body: Any) -> None:
    response = CHAT.reply(JSON + json.dumps(body).encode())
    assert CHAT.told(response) == Told()
    assert response.text == ""
    assert RESPONSES.told(RESPONSES.reply(JSON + json.dumps(body).encode())) == Told()


def test_a_whole_call_whose_input_is_none_is_a_flaw() -> None:
    function = {"name": "go", "arguments": "{"}
    body = {"choices": [{"message": {"content": "a", "tool_calls": [{"function": function}]}, "finish_reason": "stop"}]}
    assert "no object of JSON" in CHAT.told(CHAT.reply(JSON + json.dumps(body).encode())).flaw
    item = {"type": "function_call", **function}
    whole = {"object": "response", "status": "completed", "output": [item]}
    assert "no object of JSON" in RESPONSES.told(RESPONSES.reply(JSON + json.dumps(whole).encode())).flaw


def event(kind: str, number: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **({} if number is None else {"sequence_number": number}), **more}


def ended(text: str | None, number: Any = None, **more: Any) -> dict[str, Any]:
    """The last event, which repeats ``text``, or nothing."""
    parts = [{"type": "output_text", "text": text}, {"type": "refusal", "refusal": "no"}]
    output = [] if text is None else [{"type": "message", "content": parts}]
    return event("completed", number, response={"status": "completed", "output": output, **more})


@pytest.mark.parametrize(
    ("events", "flaw", "is_lenient"),
    [
        ([event("output_text.delta", 0, delta="a"), ended("a", 1)], "", False),
        ([event("output_text.delta", delta="a"), ended("a")], "wrong number", False),
        ([event("output_text.delta", delta="a"), ended("a")], "", True),
        ([event("output_text.delta", delta="a"), ended(None)], "", True),
        ([event("output_text.delta", 0, delta="a"), ended(None, 1)], "repeated otherwise", False),
        ([event("output_text.delta", delta="a"), ended("ab")], "repeated otherwise", True),
        ([event("output_text.delta", delta=5)], "no text", True),
        ([{"no": "type"}], "no type", True),
    ],
)
def test_a_response_repeats_what_it_said(events: list[dict[str, Any]], flaw: str, is_lenient: bool) -> None:
    found = RESPONSES.told(responses(*events), is_lenient=is_lenient).flaw
    assert flaw in found
    assert bool(flaw) == bool(found)


def test_what_is_no_json_is_a_flaw_and_what_is_blank_is_a_sign_of_life() -> None:
    response = RESPONSES.reply(HEAD + b"event: ping\ndata:\n\nevent: x\ndata: {\n\n")
    assert RESPONSES.told(response).flaw == "the data of x is no JSON"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "end_turn"),
        ({"output": [{"type": "function_call", "name": "go", "arguments": "{}"}]}, "tool_use"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_tokens"),
        ({"status": "incomplete", "incomplete_details": {"reason": "weather"}}, "weather"),
        ({"status": "failed"}, None),
    ],
)
def test_a_status_is_a_reason_in_the_words_of_the_messages_api(more: dict[str, Any], reason: str | None) -> None:
    response = responses(ended(None, **more))
    assert response.stop_reason == reason


def test_output_that_is_none_says_nothing() -> None:
    assert responses(ended(None, output=5)).text == ""
