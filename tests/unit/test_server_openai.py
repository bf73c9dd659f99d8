"""OpenAI's two dialects as the server speaks them: what is said, refused and understood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from fake_server.answer import Answer, InTurns, Refuse
from fake_server.blocks import text_block, thinking_block, tool_block
from fake_server.dialect import Dialect, dialect_at, dialect_of
from fake_server.dialects import openai_chat, openai_responses
from fake_server.effects import Send
from fake_server.exchange import Asked
from fake_server.replayed import Piece, Replayed
from fake_server.script import Reply, Request, script
from fake_server.speech import speech_of
from harness.asking import asked

CHAT, RESPONSES = Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
BOTH = (CHAT, RESPONSES)
BLOCKS = (
    thinking_block("Nobody is told this."),
    text_block("I will go there now."),
    tool_block("go", {"to": "the mill"}),
    tool_block("wait", {}),
)
KEY = {"authorization": "Bearer k"}


def reply(step: Answer | Refuse | InTurns, dialect: Dialect, **body: Any) -> Reply:
    body = {**asked({}, dialect), "stream": True, **body}
    return step.reply(Request(attempt=1, seed="s", body=body, dialect=dialect))


def events(found: Reply) -> list[Send]:
    return [one for one in found.body if isinstance(one, Send)]


def data(sent: Send) -> Any:
    return json.loads(sent.data.partition(b"data: ")[2])


def body(found: Reply) -> Any:
    return json.loads(b"".join(one.data for one in events(found)))


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("v1/messages", Dialect.ANTHROPIC),
        ("messages", Dialect.ANTHROPIC),
        ("v1/chat/completions", CHAT),
        ("chat/completions", CHAT),
        ("v1/responses", RESPONSES),
        ("v1/v1/responses", None),
        ("completions", None),
        ("", None),
    ],
)
def test_the_path_tells_the_dialect(path: str, dialect: Dialect | None) -> None:
    assert dialect_at(path) is dialect
    assert dialect is None or dialect_of(f"/case/x/{path}") is dialect


def test_a_path_that_tells_none_is_taken_for_the_first_dialect() -> None:
    assert dialect_of("/case/x/v1/completions") is Dialect.ANTHROPIC


@pytest.mark.parametrize("dialect", BOTH)
def test_a_thought_is_not_told(dialect: Dialect) -> None:
    answer = Answer(blocks=BLOCKS, stop_reason="tool_use")
    said = b"".join(one.data for one in events(reply(answer, dialect)))
    assert b"Nobody" not in said
    assert b"Nobody" not in json.dumps(body(reply(answer, dialect, stream=False))).encode()


def test_chunks_have_no_names_and_end_with_done() -> None:
    sent = events(reply(Answer(blocks=BLOCKS[1:2]), CHAT))
    assert not any(one.data.startswith(b"event:") for one in sent)
    assert sent[-1].data == b"data: [DONE]\n\n"
    assert [one.event for one in sent[:1] + sent[-2:]] == ["content_block_start", "message_delta", "message_stop"]


def test_usage_is_told_only_to_those_who_ask_for_it() -> None:
    answer = Answer(blocks=BLOCKS[1:2], input_tokens=7, output_tokens=3, final_usage={"input_tokens": 9})
    counted = data(events(reply(answer, CHAT, stream_options={"include_usage": True}))[-2])
    assert counted["choices"] == []
    assert (counted["usage"]["prompt_tokens"], counted["usage"]["completion_tokens"]) == (9, 3)
    assert all("usage" not in data(one) for one in events(reply(answer, CHAT))[:-1])


def test_a_call_is_told_with_its_index_its_id_and_its_name_first() -> None:
    sent = [data(one) for one in events(reply(Answer(blocks=BLOCKS, stop_reason="tool_use"), CHAT))[:-1]]
    calls = [call for one in sent for call in one["choices"][0]["delta"].get("tool_calls", ())]
    assert [(one["index"], one["id"], one["function"]["name"]) for one in calls if "id" in one] == [
        (0, "call_go", "go"),
        (1, "call_wait", "wait"),
    ]
    assert "".join(one["function"]["arguments"] for one in calls if one["index"] == 0) == '{"to": "the mill"}'
    assert sent[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("blocks", "content", "part"),
    [(BLOCKS[1:], "", "content_block_start"), (BLOCKS[2:], None, "message_start"), ((), None, "message_start")],
)
def test_the_first_chunk_opens_the_text_where_text_comes_first(blocks: Any, content: str | None, part: str) -> None:
    first = events(reply(Answer(blocks=blocks), CHAT))[0]
    assert data(first)["choices"][0]["delta"]["content"] == content
    assert first.event == part


@pytest.mark.parametrize(
    ("said", "chat", "responses"),
    [
        ("end_turn", "stop", None),
        ("max_tokens", "length", "max_output_tokens"),
        ("refusal", "content_filter", "content_filter"),
        ("weather", "weather", None),
        (None, None, None),
    ],
)
def test_the_reason_of_the_end_is_told_in_the_words_of_the_dialect(
    said: str | None, chat: str | None, responses: str | None
) -> None:
    answer = Answer(blocks=BLOCKS[1:2], stop_reason=said)
    assert body(reply(answer, CHAT, stream=False))["choices"][0]["finish_reason"] == chat
    whole = body(reply(answer, RESPONSES, stream=False))
    assert whole["incomplete_details"] == (responses and {"reason": responses})
    assert whole["status"] == ("incomplete" if responses else "completed")


def test_a_whole_answer_has_text_and_calls_in_each_dialect() -> None:
    answer = Answer(blocks=BLOCKS, stop_reason="tool_use")
    message = body(reply(answer, CHAT, stream=False))["choices"][0]["message"]
    assert message["content"] == "I will go there now."
    assert [one["function"]["arguments"] for one in message["tool_calls"]] == ['{"to": "the mill"}', "{}"]
    output = body(reply(answer, RESPONSES, stream=False))["output"]
    assert [one["type"] for one in output] == ["message", "function_call", "function_call"]
    assert output[1]["call_id"] == "call_go"


@pytest.mark.parametrize("dialect", BOTH)
def test_a_citation_is_not_told(dialect: Dialect) -> None:
    cited = text_block("The heron is home.")
    citing = replace(cited, deltas=(*cited.deltas, {"type": "citations_delta", "citation": {"cited_text": "heron"}}))
    said = [b"".join(one.data for one in events(reply(Answer(blocks=(one,)), dialect))) for one in (cited, citing)]
    assert said[0].count(b"delta") == said[1].count(b"delta")


def test_an_answer_of_calls_alone_has_no_content() -> None:
    message = body(reply(Answer(blocks=BLOCKS[2:3]), CHAT, stream=False))["choices"][0]["message"]
    assert message["content"] is None


def test_events_of_a_response_are_numbered_and_the_last_repeats_it_all() -> None:
    sent = events(reply(Answer(blocks=BLOCKS, stop_reason="tool_use"), RESPONSES))
    assert [data(one)["sequence_number"] for one in sent] == list(range(len(sent)))
    assert {one.data.splitlines()[0].decode() for one in sent} == {f"event: {data(one)['type']}" for one in sent}
    assert data(sent[-1])["response"]["output"][0]["content"][0]["text"] == "I will go there now."
    assert (sent[0].event, sent[-1].event) == ("message_start", "message_delta")


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("refused", "named"),
    [
        (Refuse(status=401), ("invalid_request_error", "invalid_api_key")),
        (Refuse(status=429), ("requests", "rate_limit_exceeded")),
        (Refuse(status=429, kind="billing_error"), ("insufficient_quota", "insufficient_quota")),
        (Refuse(status=500), ("server_error", None)),
        (Refuse(status=400), ("invalid_request_error", None)),
    ],
)
def test_a_refusal_has_a_type_and_a_code(refused: Refuse, named: tuple[str, str | None], dialect: Dialect) -> None:
    found = reply(refused, dialect)
    error = body(found)["error"]
    assert (error["type"], error["code"]) == named
    assert error["message"]
    assert found.head.header("x-request-id")


QUOTED = "I will go there now, said the miller. And then he went."


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        (CHAT, {"messages": [{"role": "user", "content": f"It broke off: {QUOTED[:30]}"}]}),
        (
            CHAT,
            {
                "messages": [
                    {"role": "system", "content": f"Go on after {QUOTED[:30]}"},
                    {"role": "user", "content": [{"type": "text", "text": "Hello"}, "?"]},
                ]
            },
        ),
        (RESPONSES, {"input": f"It broke off: {QUOTED[:30]}"}),
        (RESPONSES, {"input": "Hello", "instructions": f"Go on after {QUOTED[:30]}"}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_text", "text": QUOTED[:30]}]}]}),
    ],
)
def test_a_model_goes_on_after_what_is_quoted(dialect: Dialect, more: Mapping[str, Any]) -> None:
    assert reply(Answer(blocks=(text_block(QUOTED),)), dialect, **more).says == QUOTED[30:]


@pytest.mark.parametrize(("dialect", "field"), [(CHAT, "messages"), (RESPONSES, "input")])
def test_a_turn_of_the_assistant_at_the_end_is_no_prefill(dialect: Dialect, field: str) -> None:
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": QUOTED[:30]}]
    assert reply(Answer(blocks=(text_block(QUOTED),)), dialect, **{field: turns}).says == QUOTED


@pytest.mark.parametrize("dialect", BOTH)
def test_what_is_no_conversation_is_one_without_turns(dialect: Dialect) -> None:
    said = speech_of(dialect).conversation({"messages": 5, "input": 5, "instructions": 5})
    assert (said["messages"], said["system"].strip()) == ([], "")


@pytest.mark.parametrize("dialect", BOTH)
def test_a_long_turn_begins_where_no_turn_can_pause(dialect: Dialect) -> None:
    turn = InTurns((Answer(blocks=BLOCKS[1:2], stop_reason="pause_turn"), Answer()))
    assert reply(turn, dialect).says == "I will go there now."


@pytest.mark.parametrize("dialect", BOTH)
def test_a_recorded_answer_is_told_again_in_the_words_of_the_dialect(dialect: Dialect) -> None:
    recorded = Replayed(
        headers=(("content-type", "text/event-stream"),), pieces=(Piece("x"),), says=QUOTED, stop_reason="end_turn"
    )
    request = Request(attempt=1, seed="s", body={"stream": False}, dialect=dialect)
    assert QUOTED in json.dumps(body(script(recorded).reply(request)))


GOOD = {
    CHAT: [
        {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
                {"role": "tool", "tool_call_id": "1", "content": "done"},
            ],
        },
    ],
    RESPONSES: [
        {"model": "m", "input": "Hi"},
        {
            "model": "m",
            "input": [
                {"role": "user", "content": "Hi"},
                {"type": "function_call", "call_id": "1", "name": "go", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "done"},
            ],
        },
    ],
}
BAD = [
    (CHAT, [], "could not parse"),
    (CHAT, {"model": "m"}, "'messages'"),
    (CHAT, {"messages": [{"role": "user", "content": "Hi"}]}, "model"),
    (CHAT, {"model": "m", "messages": []}, "empty array"),
    (CHAT, {"model": "m", "messages": ["Hi"]}, "messages[0].role"),
    (CHAT, {"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
    (CHAT, {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": "yes"}, "stream"),
    (CHAT, {"model": "m", "messages": [{"role": "tool", "tool_call_id": "1", "content": ""}]}, "preceding message"),
    (CHAT, {"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]}, "response messages: 1"),
    (RESPONSES, {"model": "m"}, "'input'"),
    (RESPONSES, {"model": "m", "input": []}, "not empty"),
    (RESPONSES, {"model": "m", "input": [5]}, "input[0]"),
    (RESPONSES, {"model": "m", "input": [{"type": "function_call", "call_id": "1"}]}, "No tool output"),
    (RESPONSES, {"model": "m", "input": [{"type": "function_call_output", "call_id": "1"}]}, "No tool call"),
]


@pytest.mark.parametrize("dialect", BOTH)
def test_a_good_request_is_taken(dialect: Dialect) -> None:
    assert [speech_of(dialect).problem_in(one, KEY) for one in GOOD[dialect]] == [None, None]


@pytest.mark.parametrize(("dialect", "asked_for", "says"), BAD)
def test_a_bad_request_is_refused_with_a_reason(dialect: Dialect, asked_for: Any, says: str) -> None:
    problem = speech_of(dialect).problem_in(asked_for, KEY)
    assert problem is not None
    assert problem.status == 400
    assert says in problem.message


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"x-api-key": "k"}])
def test_a_request_without_a_key_is_not_authorized(dialect: Dialect, headers: dict[str, str]) -> None:
    problem = speech_of(dialect).problem_in(GOOD[dialect][0], headers)
    assert problem is not None
    assert problem.status == 401


def test_what_no_path_tells_is_refused_as_not_found() -> None:
    nowhere = Asked(method="POST", path="/x", inside="v1/completions", headers=KEY, body={})
    assert nowhere.dialect is Dialect.ANTHROPIC
    assert nowhere.problem is not None
    assert nowhere.problem.status == 404


def test_every_reason_of_the_messages_api_has_a_word() -> None:
    assert set(openai_responses.INCOMPLETE) < set(openai_chat.FINISH_REASONS)
