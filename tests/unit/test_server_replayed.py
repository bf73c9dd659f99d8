"""A recorded answer is said again as it was, and nobody is blamed for what it cannot know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fake_server.answer import Answer
from fake_server.effects import Close, End, Reset, Send, Wait
from fake_server.faults.drop_event import DropEvent
from fake_server.position import AtEvent
from fake_server.replayed import Piece, Replayed
from fake_server.script import Reply, Request, render
from fake_server.wire import Head, NoBody, Sized, frame
from harness.reference import read_events

STREAM = (("content-type", "Text/Event-Stream; charset=utf-8"), ("x-odd", "1"))
SAID = "The heron visits the mill at dawn, and the miller looks up."
PIECES = (Piece("event: a\ndata: 1\n\n"), Piece("data: \udcff", 0.5), Piece("2\n\n"))
WHOLE = Replayed(headers=STREAM, pieces=PIECES, says=SAID, stop_reason="tool_use")
BROKEN = Replayed(headers=STREAM, pieces=PIECES, ends="close", says=SAID)


def asked(*, stream: bool = True, said: str = "", told: tuple[str, ...] = ()) -> Request:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Tell me."}]
    if said:
        messages.append({"role": "assistant", "content": said})
    return Request(attempt=2, seed="s", body={"stream": stream, "messages": messages}, told=told)


def text_of(reply: Reply) -> str:
    (body,) = (one.data for one in reply.body if isinstance(one, Send))
    return "".join(block["text"] for block in json.loads(body)["content"])


@pytest.mark.parametrize(("ends", "last"), [("end", End()), ("close", Close()), ("reset", Reset())])
def test_bytes_pauses_and_end_are_as_recorded(ends: Any, last: Any) -> None:
    reply = Replayed(headers=STREAM, pieces=PIECES, ends=ends).reply(asked())
    assert list(reply.body) == [
        Send(b"event: a\ndata: 1\n\n", "a"),
        Wait(0.5),
        Send(b"data: \xff", "message"),
        Send(b"2\n\n"),
        last,
    ]
    assert (reply.head.status, reply.head.headers, reply.says) == (200, STREAM, None)


def test_what_is_no_stream_has_no_events() -> None:
    reply = Replayed(status=500, framing=Sized(), pieces=PIECES[:1]).reply(asked())
    assert list(reply.body) == [Send(b"event: a\ndata: 1\n\n"), End()]


def test_faults_strike_its_events() -> None:
    replayed = Replayed(headers=STREAM, pieces=PIECES, faults=(DropEvent(at=AtEvent("a")),))
    written = [one.data for one in render(replayed.reply(asked()), asked())[1] if isinstance(one, Send)]
    assert not any(b"event: a" in data for data in written)


def test_a_whole_answer_is_told_again_as_json_to_a_request_without_stream() -> None:
    reply = WHOLE.reply(asked(stream=False))
    assert (text_of(reply), reply.says) == (SAID, SAID)


def test_a_whole_answer_is_continued_where_it_is_quoted() -> None:
    assert text_of(WHOLE.reply(asked(stream=False, said=SAID[:30]))) == SAID[30:]
    streamed = b"".join(one.data for one in WHOLE.reply(asked(said=SAID[:30])).body if isinstance(one, Send))
    texts = [json.loads(data)["delta"]["text"] for name, data in read_events(streamed) if name == "content_block_delta"]
    assert "".join(texts) == SAID[30:]


def test_a_whole_answer_without_text_is_told_again_without_blocks() -> None:
    silent = Replayed(headers=STREAM, says="", stop_reason="end_turn")
    assert text_of(silent.reply(asked(stream=False))) == ""
    assert silent.texts("s") == ()


def test_a_message_of_json_is_said_as_it_is_to_everybody() -> None:
    message = Replayed(headers=(("content-type", "application/json"),), says=SAID, stop_reason="end_turn")
    assert list(message.reply(asked(stream=False)).body) == [End()]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (asked(), SAID),
        (asked(stream=False), SAID),
        (asked(said=SAID[:30]), SAID[30:]),
        (asked(said=SAID), ""),
        (
            asked(said="Another answer, of another attempt.", told=("Another answer, of another attempt. It ends.",)),
            " It ends.",
        ),
    ],
)
def test_a_broken_answer_is_repeated_and_says_what_was_to_be_said(request_: Request, says: str) -> None:
    reply = BROKEN.reply(request_)
    assert next(iter(reply.body)) == Send(b"event: a\ndata: 1\n\n", "a")
    assert reply.says == says


def test_its_text_is_known() -> None:
    assert WHOLE.texts("s") == (SAID,)
    assert Replayed().texts("s") == ()


def test_a_piece_that_stands_for_no_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'\\ud800' stands for no byte"):
        Piece("a\ud800")


@pytest.mark.parametrize(
    ("length", "head"),
    [(None, b"HTTP/1.1 204 No Content\r\n\r\n"), (7, b"HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n")],
)
def test_a_head_without_a_body_says_no_more_than_it_knows(length: int | None, head: bytes) -> None:
    assert list(frame(Head(status=204, framing=NoBody(length)), (End(),))) == [Send(head), End()]


def test_it_says_what_an_answer_said() -> None:
    request = asked()
    reply = Answer().reply(request)
    pieces = tuple(Piece(one.data.decode()) for one in reply.body if isinstance(one, Send))
    again = Replayed(headers=reply.head.headers, pieces=pieces)
    assert list(render(again.reply(request), request)[1]) == list(render(reply, request)[1])
