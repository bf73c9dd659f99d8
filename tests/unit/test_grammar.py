"""The order in which a stream may say things: what is in order is read, and the first flaw is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fake_server.answer import Answer
from fake_server.blocks import Block, text_block, thinking_block, tool_block, whole_block
from fake_server.effects import Send
from fake_server.fault import Fault
from fake_server.faults.corrupt_event import CorruptEvent
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.edit_json import EditJson
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.inject import Inject
from fake_server.faults.no_event_field import NoEventField
from fake_server.faults.repeat_event import RepeatEvent
from fake_server.faults.swap_events import SwapEvents
from fake_server.position import AtEvent
from fake_server.script import Request, render
from harness.grammar import Told, read_in_order, read_message
from harness.reference import read_reply

BLOCKS = (
    thinking_block("Let me see."),
    text_block("A word, and another."),
    whole_block({"type": "something_new", "x": 1}),
    tool_block("pay", {"amount": 7}),
)
DELTA, START, STOP = "content_block_delta", "content_block_start", "content_block_stop"


def told(*faults: Fault, is_lenient: bool = False, blocks: tuple[Block, ...] = BLOCKS) -> Told:
    request = Request(attempt=1, seed="s", body={"stream": True})
    answer = Answer(blocks=blocks, stop_reason="tool_use").but(*faults)
    wire = b"".join(one.data for one in render(answer.reply(request), request)[1] if isinstance(one, Send))
    return read_in_order(read_reply(wire).events, is_lenient=is_lenient)


def test_a_whole_answer_is_flawless_and_read() -> None:
    whole = told()
    assert whole.is_flawless, whole.flaw
    assert (whole.text, whole.tools, whole.stop_reason) == (
        "A word, and another.",
        [("pay", {"amount": 7})],
        "tool_use",
    )


def test_events_are_known_by_their_type_alone() -> None:
    assert told(NoEventField()).is_flawless


def test_a_tool_call_that_never_stops_is_none_for_the_lenient_too() -> None:
    endless = told(DropEvent(at=AtEvent(STOP)), blocks=BLOCKS[3:], is_lenient=True)
    assert (endless.flaw, endless.tools, endless.stop_reason) == ("", [], "tool_use")


FORGIVEN = {
    "the message never starts": DropEvent(at=AtEvent("message_start")),
    "the last block never stops": DropEvent(at=AtEvent(STOP, 3)),
    "a block begins inside another": SwapEvents(at=AtEvent(STOP, 1)),
    "a block never stops": DropEvent(at=AtEvent(STOP, 0)),
    "a block has the wrong index": EditJson(at=AtEvent(START, 2), put=(("index", 9),)),
    "the message's delta says nothing": EditJson(at=AtEvent("message_delta"), remove=("delta",)),
    "the message's delta is lost": DropEvent(at=AtEvent("message_delta")),
    "an event comes under another's name": EditJson(at=AtEvent(STOP, 3), put=(("type", "message_stop"),)),
    "an index is false": EditJson(at=AtEvent(DELTA, 0), put=(("index", False),)),
    "the index of a block is true": EditJson(at=AtEvent(START, 1), put=(("index", True),)),
    "a type is null": EditJson(at=AtEvent(DELTA, 1), put=(("type", None),)),
    "a block begins with no text": EditJson(at=AtEvent(START, 1), put=(("content_block.text", None),)),
    "a tool has no name": EditJson(at=AtEvent(START, 3), remove=("content_block.name",)),
    "a citation is in thinking": EditJson(at=AtEvent(DELTA, 0), put=(("delta.type", "citations_delta"),)),
}


@pytest.mark.parametrize("fault", FORGIVEN.values(), ids=FORGIVEN)
def test_the_lenient_read_all_text_where_nothing_but_the_order_is_wrong(fault: Fault) -> None:
    assert told(fault).flaw
    assert told(fault, is_lenient=True).text == "A word, and another."


def test_no_block_begins_in_one_of_its_own_index_for_the_lenient_either() -> None:
    twice = told(RepeatEvent(at=AtEvent(START, 1)), is_lenient=True)
    assert (twice.flaw, twice.text) == ("a block has the wrong index", "")


def test_a_start_that_comes_late_is_a_flaw_for_the_lenient_too() -> None:
    late = told(SwapEvents(at=AtEvent("message_start")), is_lenient=True)
    assert late.flaw == "message_start where the message has begun"


def test_a_message_that_came_whole_is_read() -> None:
    content = [{"type": "text", "text": "A "}, {"type": "new"}, {"type": "text", "text": "word."}]
    tool = {"type": "tool_use", "name": "pay", "input": {"amount": 7}}
    whole = read_message(
        json.dumps({"type": "message", "content": [*content, tool], "stop_reason": "tool_use"}).encode()
    )
    assert (whole.is_flawless, whole.text, whole.tools) == (True, "A word.", [("pay", {"amount": 7})])


NO_MESSAGES = [
    b"<html>", b"[]", b"{}", b'{"content": [], "stop_reason": "a"}', b'{"type": "message", "content": [1]}',
    b'{"type": "message", "content": [], "stop_reason": 1}',
    b'{"type": "message", "content": [{"type": "text"}], "stop_reason": "a"}',
    b'{"type": "message", "content": [{"type": "tool_use", "name": null, "input": {}}], "stop_reason": "a"}',
]  # fmt: skip


@pytest.mark.parametrize("body", NO_MESSAGES)
def test_what_is_no_message_tells_nothing(body: bytes) -> None:
    assert read_message(body) == Told()


@pytest.mark.parametrize(
    ("content", "usage", "flaw"),
    [
        ([{"type": "tool_use", "name": "pay"}], None, "the input of a tool is no object of JSON"),
        ([{"type": "text", "text": "A."}], {"input_tokens": "9"}, "usage is no numbers"),
    ],
)
def test_what_is_wrong_in_a_message_that_came_whole_is_named(content: Any, usage: Any, flaw: str) -> None:
    message = {"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage}
    found = read_message(json.dumps(message).encode())
    assert (found.flaw, found.tools, found.is_flawless) == (flaw, [], False)


def test_a_beginning_is_in_order_and_not_whole() -> None:
    cut = told(EndEarly(at=AtEvent("message_delta")))
    assert (cut.flaw, cut.is_flawless, cut.text) == ("", False, "A word, and another.")


@pytest.mark.parametrize(
    ("fault", "flaw"),
    [
        (DropEvent(at=AtEvent("message_start")), "content_block_start where the message has not begun"),
        (RepeatEvent(at=AtEvent("message_start")), "message_start where the message has begun"),
        (DropEvent(at=AtEvent(START, 1)), "a delta of no open block"),
        (DropEvent(at=AtEvent(STOP, 1)), "a block begins inside another"),
        (RepeatEvent(at=AtEvent(STOP, 1)), "a block stops that is not open"),
        (SwapEvents(at=AtEvent("message_start")), "content_block_start where the message has not begun"),
        (DropEvent(at=AtEvent("message_delta")), "message_stop without message_delta"),
        (DropEvent(at=AtEvent(STOP, 3)), "message_delta inside a block"),
        (EditJson(at=AtEvent(START, 1), put=(("index", 5),)), "a block has the wrong index"),
        (EditJson(at=AtEvent(START, 1), remove=("content_block.type",)), "a block has no type"),
        (EditJson(at=AtEvent(DELTA, 0), put=(("delta.type", "text_delta"),)), "text_delta in thinking"),
        (EditJson(at=AtEvent(DELTA, 0), put=(("delta.thinking", 7),)), "text is no text"),
        (EditJson(at=AtEvent(START, 1), put=(("content_block.text", 0),)), "text is no str"),
        (EditJson(at=AtEvent(START, 0), put=(("content_block.signature", None),)), "signature is null"),
        (EditJson(at=AtEvent(DELTA, 0), remove=("delta",)), "a delta has no type"),
        (EditJson(at=AtEvent("message_start"), remove=("message",)), "message_start has no message"),
        (EditJson(at=AtEvent("message_delta"), remove=("delta",)), "message_delta has no delta"),
        (EditJson(at=AtEvent("message_delta"), put=(("usage.output_tokens", False),)), "usage is no numbers"),
        (EditJson(at=AtEvent("message_start"), put=(("message.usage", 7),)), "usage is no numbers"),
        (EditJson(at=AtEvent("message_delta"), put=(("delta.stop_reason", 1),)), "stop_reason is no text"),
        (EditJson(at=AtEvent(STOP, 0), put=(("type", "message_stop"),)), "content_block_stop says that it is"),
        (ErrorEvent(at=AtEvent(DELTA, 2)), "it reports an error"),
        (Inject(at=AtEvent(DELTA, 2), data=b'data: {"error":{"message":"Slow down"}}\n\n'), "it reports an error"),
    ],
)
def test_the_first_event_that_is_out_of_order_is_named(fault: Fault, flaw: str) -> None:
    found = told(fault)
    assert flaw in found.flaw
    assert not found.is_flawless


def test_bytes_that_are_no_json_are_a_flaw() -> None:
    assert told(CorruptEvent(at=AtEvent(DELTA, 1), count=60)).flaw


@pytest.mark.parametrize("data", ["7", "[]", '"x"'])
def test_data_that_is_no_object_is_a_flaw(data: str) -> None:
    assert read_in_order([("message_start", data)]).flaw == "the data of message_start is no object"


def stream(*events: dict[str, Any], is_lenient: bool = False) -> Told:
    return read_in_order([(one["type"], json.dumps(one)) for one in events], is_lenient=is_lenient)


BEGIN: dict[str, Any] = {"type": "message_start", "message": {}}
PAY = {"type": "tool_use", "name": "pay", "input": []}


def begins(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": START, "index": index, "content_block": block}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


@pytest.mark.parametrize(("block", "flaw"), [(text("One, "), "wrong index"), (PAY, "no object of JSON")])
def test_the_lenient_read_on_behind_a_block_whose_index_comes_again_or_whose_input_is_none(
    block: dict[str, Any], flaw: str
) -> None:
    events = BEGIN, begins(0, block), {"type": STOP, "index": 0}, begins(0, text("two."))
    assert flaw in stream(*events).flaw
    lenient = stream(*events, is_lenient=True)
    assert (lenient.flaw, lenient.text[-4:], lenient.tools) == ("", "two.", [])


def test_a_block_behind_the_reason_is_a_flaw_for_the_lenient_too() -> None:
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    late = stream(BEGIN, ended, begins(0, text("Late.")), is_lenient=True)
    assert (late.flaw, late.text) == ("a block begins behind the last", "")


@pytest.mark.parametrize("raw", ["{", "[1]"])
def test_the_input_of_a_tool_must_be_an_object(raw: str) -> None:
    delta = {"type": "input_json_delta", "partial_json": raw}
    broken = stream(
        BEGIN,
        begins(0, PAY),
        {"type": DELTA, "index": 0, "delta": delta},
        {"type": STOP, "index": 0},
    )
    assert broken.flaw == "the input of a tool is no object of JSON"


def test_a_ping_is_in_order_anywhere() -> None:
    assert read_in_order([("ping", '{"type": "ping"}'), ("ping", "{}")]).flaw == ""
    assert read_in_order([("ping", "{")]).flaw == "the data of ping is no JSON"


def test_an_event_without_data_is_a_sign_of_life_unless_its_name_says_something() -> None:
    assert read_in_order([("message", ""), ("ping", " ")]).flaw == ""
    assert read_in_order([("message_start", "")]).flaw == "the data of message_start is no JSON"


def test_bytes_that_are_no_utf8_are_a_flaw() -> None:
    events = [("ping", '{"type": "p\ufffdng"}')]
    assert read_in_order(events).flaw == ""
    assert read_in_order(events, is_utf8=False).flaw == "bytes that are no UTF-8"


def test_what_follows_the_end_is_not_read() -> None:
    over = {"type": "message_stop"}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    told_all = stream(BEGIN, end, over, BEGIN)
    assert (told_all.flaw, told_all.is_over) == ("", True)
    assert not told_all.is_flawless, "it says nothing"
