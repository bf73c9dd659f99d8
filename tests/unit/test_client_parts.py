"""How events become a message."""

from __future__ import annotations

from typing import Any

import pytest

from client_under_test.assemble import Message, without_blanks
from client_under_test.dialects.anthropic import parse
from client_under_test.dialects.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    ErrorReported,
    MessageDelta,
    MessageStart,
    NoContent,
)
from client_under_test.dialects.reading import whole_characters
from client_under_test.errors import ApiError, NotAuthorized, ProtocolError, ServerFailed
from client_under_test.sse import SseEvent


def delta(kind: str, index: int = 0, **fields: Any) -> BlockDelta:
    return BlockDelta(index, {"type": kind, **fields})


def opened(kind: str = "text") -> Message:
    message = Message()
    message.apply(BlockStart(0, {"type": kind, "text": ""} if kind == "text" else {"type": kind}))
    return message


@pytest.mark.parametrize(
    "event",
    [
        delta("text_delta", 7, text="x"),
        delta("thinking_delta", thinking="x"),
        delta("input_json_delta", partial_json="{}"),
        delta("text_delta"),
        delta("text_delta", text=None),
        BlockStart(1, {"type": None}),
        BlockStart(1, {"type": "text", "text": 7}),
        BlockStart(1, {"type": "text", "citations": 7}),
        BlockStart(1, {"type": "thinking", "signature": 7}),
        BlockStart(0, {"type": "text"}),
        BlockStop(3),
        MessageStart({}),
    ],
)
def test_an_event_that_cannot_follow_is_a_protocol_error(event: Any) -> None:
    with pytest.raises(ProtocolError):
        opened().apply(event)


def test_a_surrogate_pair_split_between_two_deltas_becomes_one_character() -> None:
    message = opened()
    assert message.apply(delta("text_delta", text="a\ud83d")) == "a"
    assert message.apply(delta("text_delta", text="\ude00b")) == "😀b"


def test_half_a_surrogate_pair_at_the_end_of_a_block_is_replaced() -> None:
    message = opened()
    message.apply(delta("text_delta", text="a\ud83d"))
    assert message.apply(BlockStop(0)) == "\ufffd"
    assert message.text == "a\ufffd"


def test_an_index_that_is_used_again_begins_a_new_block() -> None:
    message = opened()
    message.apply(delta("text_delta", text="one "))
    for event in (BlockStop(0), BlockStart(0, {"type": "text", "text": ""}), delta("text_delta", text="two")):
        message.apply(event)
    assert message.text == "one two"
    assert len(message.blocks) == 2


def test_what_is_not_understood_is_kept_and_not_mixed_into_the_text() -> None:
    message = opened()
    message.apply(delta("sparkle_delta", sparkle="*"))
    message.apply(BlockStart(1, {"type": "hologram", "shape": "cube"}))
    assert message.text == ""
    assert message.blocks[0].unknown == [{"type": "sparkle_delta", "sparkle": "*"}]
    assert message.blocks[1].fields == {"type": "hologram", "shape": "cube"}


@pytest.mark.parametrize("raw", [b"42", b"[]", b"{", b'{"a":1}x', b"\xff", b"[" * 100_000])
def test_data_that_is_no_json_object_is_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(SseEvent("content_block_delta", raw))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"content_block_delta","index":true,"delta":{}}',
        b'{"type":"content_block_delta","index":0,"delta":[]}',
        b'{"type":"content_block_start","index":0}',
        b'{"type":"message_start","message":7}',
        b'{"type":"content_block_delta","index":0,"delta":{"text":"x"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":7}}',
        b'{"type":"content_block_start","index":0,"content_block":{}}',
    ],
)
def test_a_known_event_without_what_it_needs_is_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match="lacks or misuses field"):
        parse(SseEvent("message", raw))


@pytest.mark.parametrize("name", ["content_block_delta", "message_start"])
@pytest.mark.parametrize("raw", [b"", b" ", b'{"type":"hologram"}'])
def test_an_event_that_lost_its_data_or_contradicts_its_name_is_a_protocol_error(name: str, raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(SseEvent(name, raw))


def test_a_nameless_event_without_data_is_a_sign_of_life() -> None:
    assert parse(SseEvent("message", b"")) == NoContent("message")
    assert parse(SseEvent("content_block_stop", b'{"type":null,"index":0}')) == BlockStop(0)


def test_an_error_object_without_an_event_line_is_an_error() -> None:
    raw = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert isinstance(parse(SseEvent("message", raw)), ErrorReported)


@pytest.mark.parametrize(
    ("raw", "kind", "said"),
    [
        (b'{"error":{"type":"authentication_error","message":"Who?"}}', NotAuthorized, "Who?"),
        (b'{"error":{"message":"Slow down","code":429}}', ServerFailed, "Slow down"),
        (b'{"error":"Slow down"}', ServerFailed, "Slow down"),
    ],
)
def test_an_error_in_the_words_of_a_gateway_is_no_sign_of_life(raw: bytes, kind: type[ApiError], said: str) -> None:
    event = parse(SseEvent("message", raw))
    assert isinstance(event, ErrorReported)
    assert isinstance(event.error, kind)
    assert said in event.error.message


@pytest.mark.parametrize("sse", [SseEvent("ping", b'{"error":"x"}'), SseEvent("message", b'{"error":null}')])
def test_what_is_named_or_empty_is_no_error_of_a_gateway(sse: SseEvent) -> None:
    assert isinstance(parse(sse), NoContent)


def test_usage_that_is_no_object_is_not_counted() -> None:
    message = opened()
    message.apply(MessageDelta("end_turn", 7))  # type: ignore[arg-type]
    assert message.usage == {}


@pytest.mark.parametrize("raw", [b"", b" ", b'{"type":"ping"}', b'{"type":"brand_new","x":1}', b'{"type":7}'])
def test_events_without_content_are_signs_of_life_and_no_more(raw: bytes) -> None:
    assert isinstance(parse(SseEvent("message", raw)), NoContent)


@pytest.mark.parametrize(("before", "after"), [("a\ud83d", "a\ufffd"), ("\ud83d\ude00", "😀"), ("\ude00", "\ufffd")])
def test_text_can_always_be_encoded(before: str, after: str) -> None:
    assert whole_characters(before) == after


def test_citations_are_kept_with_their_text_and_not_mixed_into_it() -> None:
    message = opened()
    for event in (delta("text_delta", text="Rain."), delta("citations_delta", citation={"url": "u"}), BlockStop(0)):
        message.apply(event)
    assert message.content() == ({"type": "text", "text": "Rain.", "citations": [{"url": "u"}]},)


def ended(*blocks: dict[str, Any], stop_reason: str | None = "end_turn") -> Message:
    message = Message()
    for index, block in enumerate(blocks):
        message.apply(BlockStart(index, block))
        message.apply(BlockStop(index))
    message.apply(MessageDelta(stop_reason, {}))
    return message


SAID = {"type": "text", "text": "Said."}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "Eq"}
CALL = {"type": "tool_use", "id": "t", "name": "go", "input": {"a": 1}}
SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
HOLOGRAM = {"type": "hologram", "shape": "cube"}


@pytest.mark.parametrize("reason", ["end_turn", "tool_use", "pause_turn"])
def test_a_turn_that_ended_is_sent_back_as_it_came(reason: str) -> None:
    blocks = (THOUGHT, SAID, SEARCH, FOUND, HOLOGRAM, CALL)
    assert ended(*blocks, stop_reason=reason).content() == blocks


@pytest.mark.parametrize("reason", [None, "max_tokens", "refusal"])
def test_of_a_turn_that_was_cut_no_tool_is_sent_back(reason: str | None) -> None:
    assert ended(THOUGHT, SAID, SEARCH, FOUND, HOLOGRAM, CALL, stop_reason=reason).content() == (
        THOUGHT,
        SAID,
        HOLOGRAM,
    )


@pytest.mark.parametrize("block", [{"type": "text", "text": " \n"}, {**THOUGHT, "signature": ""}])
def test_what_the_api_refuses_is_not_sent_back(block: dict[str, Any]) -> None:
    assert without_blanks(ended(block, SAID).content()) == (SAID,)


def test_thinking_without_any_text_is_not_worth_sending_back() -> None:
    assert ended(THOUGHT, stop_reason=None).content() == ()


def test_a_thought_whose_block_never_stopped_is_not_sent_back() -> None:
    message = ended(SAID, stop_reason=None)
    message.apply(BlockStart(1, THOUGHT))
    assert message.content() == (SAID,)


def test_a_tool_whose_input_is_broken_is_not_sent_back() -> None:
    message = Message()
    for event in (
        BlockStart(0, {**CALL, "input": {}}),
        delta("input_json_delta", partial_json='{"a'),
        BlockStop(0),
        MessageDelta("end_turn", {}),
    ):
        message.apply(event)
    assert message.content() == ()


def test_a_message_is_counted_when_its_last_count_came() -> None:
    message = Message()
    message.apply(MessageStart({"usage": {"input_tokens": 3, "output_tokens": 1}}))
    assert not message.counted
    message.apply(MessageDelta("end_turn", {"output_tokens": 9}))
    assert message.counted
