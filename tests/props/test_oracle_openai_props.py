"""What the oracle makes of OpenAI's dialects is what was said; and in one of them nothing can be lost unnoticed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.answer import Answer
from fake_server.blocks import Block
from fake_server.dialect import Dialect
from fake_server.effects import Send
from fake_server.faults.split_every import SplitEvery
from fake_server.script import Request, render
from harness.reading import reading_of
from harness.strategies.content import answers

BOTH = (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)
LENGTHS = ("max_tokens", "model_context_window_exceeded")
REASONS = {"stop_sequence": "end_turn", "pause_turn": "end_turn", "model_context_window_exceeded": "max_tokens"}


def events(answer: Answer, dialect: Dialect) -> list[Send]:
    request = Request(attempt=1, seed="s", body={"stream": True}, dialect=dialect)
    return [one for one in answer.reply(request).body if isinstance(one, Send)]


def wire(answer: Answer, dialect: Dialect, *, streams: bool) -> bytes:
    request = Request(attempt=1, seed="s", body={"stream": streams}, dialect=dialect)
    return b"".join(one.data for one in render(answer.reply(request), request)[1] if isinstance(one, Send))


def tools_of(blocks: tuple[Block, ...] | None) -> list[tuple[str, Any]]:
    calls = [one.whole for one in blocks or () if one.whole["type"] == "tool_use"]
    return [(one["name"], one["input"]) for one in calls]


@pytest.mark.parametrize("dialect", BOTH)
@settings(max_examples=60)
@given(answer=answers(), size=st.integers(1, 40), streams=st.booleans())
def test_an_answer_is_read_as_it_was_said(dialect: Dialect, answer: Answer, size: int, streams: bool) -> None:
    reading = reading_of(dialect.path)
    response = reading.reply(wire(answer.but(SplitEvery(size=size)), dialect, streams=streams))
    told = reading.told(response)
    text = answer.texts("s")[0]
    assert (response.text, told.text) == (text, text)
    assert told.tools == tools_of(answer.blocks)
    assert told.flaw == ""
    assert told.is_over
    if answer.stop_reason != "tool_use" or told.tools:
        wanted = REASONS.get(answer.stop_reason or "", answer.stop_reason)
        ended = response.stop_reason
        assert ended == told.stop_reason
        assert ended == wanted or dialect is Dialect.OPENAI_RESPONSES


@settings(max_examples=60)
@given(answer=answers(), data=st.data())
def test_no_event_of_a_response_is_lost_doubled_or_moved_without_a_flaw(answer: Answer, data: st.DataObject) -> None:
    said = events(answer, Dialect.OPENAI_RESPONSES)
    place = data.draw(st.integers(0, len(said) - 2))
    change = data.draw(st.sampled_from(("lost", "doubled", "moved")))
    one, rest = said[place], said[place + 1 :]
    changed = {"lost": rest, "doubled": [one, one, *rest], "moved": [rest[0], one, *rest[1:]]}[change]
    body = b"".join(part.data for part in (*said[:place], *changed))
    reading = reading_of(Dialect.OPENAI_RESPONSES.path)
    response = reading.reply(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body)
    assert reading.told(response).flaw
    assert reading.told(response, is_lenient=True).flaw


@pytest.mark.parametrize("dialect", BOTH)
@settings(max_examples=60)
@given(body=st.binary(max_size=200), streams=st.booleans())
def test_whatever_comes_is_read_to_its_end(dialect: Dialect, body: bytes, streams: bool) -> None:
    kind = b"text/event-stream" if streams else b"application/json"
    reading = reading_of(dialect.path)
    response = reading.reply(b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\n\r\n" + body)
    assert not reading.told(response).is_flawless
