"""The parts of the client that hold text: assembly, display, sentence buffer."""

from __future__ import annotations

from typing import Any

import pytest

from client_under_test.assemble import Message, whole_characters
from client_under_test.buffer import SentenceBuffer
from client_under_test.continuation import Display, Shown
from client_under_test.dialects.anthropic import (
    BlockDelta,
    BlockStart,
    BlockStop,
    ErrorReported,
    MessageDelta,
    MessageStart,
    NoContent,
    parse,
)
from client_under_test.errors import ProtocolError
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
    ],
)
def test_a_known_event_without_what_it_needs_is_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match="lacks or misuses field"):
        parse(SseEvent("message", raw))


def test_an_error_object_without_an_event_line_is_an_error() -> None:
    raw = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert isinstance(parse(SseEvent("message", raw)), ErrorReported)


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


def test_a_display_shows_only_what_is_missing() -> None:
    display = Display()
    display.say("Hello ")
    display.begin()
    assert display.say("Hel") == Shown("")
    assert display.say("lo wor") == Shown("wor")
    assert display.say("ld") == Shown("ld")
    assert display.text == "Hello world"


def test_a_display_starts_over_where_the_new_answer_differs() -> None:
    display = Display()
    display.say("Hello")
    display.begin()
    assert display.say("Help") == Shown("Help", reset=True)
    assert display.say("!") == Shown("!")
    assert (display.finish(), display.text) == (Shown(), "Help!")


def test_sentences_are_given_out_whole_and_the_rest_on_demand() -> None:
    buffer = SentenceBuffer(max_age=10)
    assert buffer.push("One. Two", 0) == "One. "
    assert buffer.push(" and three! Four", 1) == "Two and three! "
    assert buffer.flush() == "Four"
    assert buffer.due is None


@pytest.mark.parametrize("text", ["3.14", "e.g.x", "wait"])
def test_text_without_a_natural_break_is_held(text: str) -> None:
    assert SentenceBuffer(max_age=10).push(text, 0) == ""


def test_text_is_not_held_longer_than_its_age_nor_beyond_its_length() -> None:
    buffer = SentenceBuffer(max_age=10, max_chars=20)
    assert buffer.push("a long", 0) == ""
    assert buffer.due == 10
    assert buffer.push(" wait", 10) == "a long wait"
    assert buffer.push("word " * 5, 11) == "word " * 5
    assert buffer.push("x" * 30, 12) == "x" * 30
    assert buffer.push("終わり。次", 13) == "終わり。"
