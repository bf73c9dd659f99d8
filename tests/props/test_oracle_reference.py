"""The oracle reads back what the server writes, however it is written, and is surprised by nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.answer import Answer, Refuse
from fake_server.blocks import text_block, thinking_block, tool_block
from fake_server.effects import Send
from fake_server.fault import Fault
from fake_server.faults.between_events import BetweenEvents
from fake_server.faults.content_length import ContentLength
from fake_server.faults.gzip_body import GzipBody
from fake_server.faults.line_ends import LineEnds
from fake_server.faults.merge_all import MergeAll
from fake_server.faults.no_space import NoSpace
from fake_server.faults.split_characters import SplitCharacters
from fake_server.faults.split_every import SplitEvery
from fake_server.faults.until_closed import UntilClosed
from fake_server.script import Request, Step, render
from fake_server.wire import sse
from harness.reference import read_events, read_reply

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n東🌍"), max_size=30)
ANSWERS = st.builds(
    lambda texts, reason: Answer(blocks=tuple(map(text_block, texts)), stop_reason=reason),
    st.lists(TEXTS, max_size=3),
    st.sampled_from(["end_turn", "max_tokens", None]),
)
WRITING: st.SearchStrategy[tuple[Fault, ...]] = st.sampled_from(
    [(), (BetweenEvents(data=b":\r\n"),), (NoSpace(), LineEnds(style="mixed")), (LineEnds(style="cr"),)]
)
SPLITTING: st.SearchStrategy[tuple[Fault, ...]] = st.builds(
    lambda size: (SplitEvery(size=size),), st.integers(1, 50)
) | (st.sampled_from([(), (MergeAll(),), (SplitCharacters(),), (GzipBody(),)]))
FRAMING: st.SearchStrategy[tuple[Fault, ...]] = st.sampled_from([(), (UntilClosed(),), (ContentLength(error=0),)])
RICH = Answer(blocks=(thinking_block("Hm, 東京"), text_block("🌍 é a b c d"), tool_block("f", {"x": [1]})))
STEPS: list[tuple[Step, bool]] = [
    (RICH, True),
    (RICH, False),
    (RICH.but(GzipBody()), True),
    (RICH.but(UntilClosed(), LineEnds(style="mixed")), True),
    (RICH.but(ContentLength(error=50)), True),
    (Refuse(status=529, message="Zu viel 東京"), True),
]
LINES = st.sampled_from(["data: a", "data", "data:", ": x", "event: x", "id: 1", "", "é"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
quick = settings(max_examples=50)


def written(step: Step, **body: Any) -> bytes:
    request = Request(attempt=1, seed="s", body=body)
    return b"".join(effect.data for effect in render(step.reply(request), request)[1] if isinstance(effect, Send))


WIRES = [written(step, stream=stream) for step, stream in STEPS]


@given(answer=ANSWERS, writing=WRITING, splitting=SPLITTING, framing=FRAMING)
@quick
def test_what_the_server_writes_in_any_way_is_read_back(
    answer: Answer, writing: tuple[Fault, ...], splitting: tuple[Fault, ...], framing: tuple[Fault, ...]
) -> None:
    request = Request(attempt=1, seed="s", body={"stream": True})
    reply = answer.reply(request)
    response = read_reply(written(answer.but(*writing, *splitting, *framing), stream=True))
    assert (response.status, response.ended, response.error_kind) == (200, True, None)
    assert dict(reply.head.headers).items() <= response.headers.items()
    sends = [effect for effect in reply.body if isinstance(effect, Send)]
    assert [sse(name, data) for name, data in response.events] == [send.data for send in sends]
    assert (response.text, response.terminal) == (answer.texts("s")[0], True)


@given(answer=ANSWERS)
@quick
def test_a_message_is_read_back(answer: Answer) -> None:
    response = read_reply(written(answer))
    assert (response.status, response.ended, response.text) == (200, True, answer.texts("s")[0])
    assert response.terminal == (answer.stop_reason is not None)


@given(status=st.integers(400, 599), kind=st.text("abc_", min_size=1, max_size=9), message=TEXTS)
@quick
def test_a_refusal_is_read_back(status: int, kind: str, message: str) -> None:
    response = read_reply(written(Refuse(status=status, kind=kind, message=message)))
    assert (response.status, response.error_kind, response.ended, response.terminal) == (status, kind, True, False)


@pytest.mark.parametrize("number", range(len(WIRES)))
def test_names_of_codings_and_of_media_types_are_read_in_any_case(number: int) -> None:
    """RFC 9110 §8.3.1 and §8.4.1, RFC 9112 §7."""
    head, blank, body = WIRES[number].partition(b"\r\n\r\n")
    loud = re.sub(rb"(?<=: )(chunked|gzip|application/json|text/event-stream)", lambda name: name[0].upper(), head)
    assert loud != head
    plain, shouted = read_reply(WIRES[number]), read_reply(loud + blank + body)
    assert replace(shouted, headers=plain.headers) == plain


@pytest.mark.parametrize("kind", [{}, {"type": None}], ids=["no type", "null"])
def test_an_event_without_a_type_is_what_its_name_says(kind: dict[str, Any]) -> None:
    body = f"event: message_delta\ndata: {json.dumps({**kind, 'delta': {'stop_reason': 'end_turn'}})}\n\n"
    response = read_reply(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body.encode())
    assert (response.stop_reason, response.terminal) == ("end_turn", True)


@given(data=st.data(), wire=st.sampled_from(WIRES))
@quick
def test_a_beginning_of_a_reply_reads_as_a_beginning(data: st.DataObject, wire: bytes) -> None:
    whole = read_reply(wire)
    part = read_reply(wire[: data.draw(st.integers(0, len(wire) - 1))])
    assert part.status in (None, whole.status)
    assert whole.body.startswith(part.body)
    assert whole.text.startswith(part.text)
    assert part.events == whole.events[: len(part.events)]
    assert whole.headers.items() >= part.headers.items()


@given(data=st.data(), wire=st.sampled_from([wire for wire in WIRES if b"connection: close" not in wire]))
@quick
def test_a_reply_that_says_where_it_ends_is_whole_only_with_its_last_byte(data: st.DataObject, wire: bytes) -> None:
    assert not read_reply(wire[: data.draw(st.integers(0, len(wire) - 1))]).ended


@given(lines=st.lists(st.tuples(LINES, ENDS), max_size=9))
@quick
def test_the_kind_of_line_end_does_not_matter(lines: list[tuple[str, str]]) -> None:
    mixed = "".join(line + end + ("x\n" if end == "\r" else "") for line, end in lines)
    plain = "".join(line + "\n" + ("x\n" if end == "\r" else "") for line, end in lines)
    assert read_events(mixed.encode()) == read_events(plain.encode())


@given(
    head=st.lists(st.sampled_from([b"HTTP/1.1 ", b"200 ", b"\r\n", b"a: b", b"content-length: ", b"\xff"])),
    body=st.binary(),
)
@quick
def test_no_bytes_make_the_reader_raise(head: list[bytes], body: bytes) -> None:
    read_reply(b"".join(head) + b"\r\n\r\n" + body)
    read_events(body)


@given(data=st.data(), wire=st.sampled_from(WIRES), noise=st.binary(min_size=1, max_size=5))
@quick
def test_no_damage_to_the_body_of_a_reply_makes_the_reader_raise(
    data: st.DataObject, wire: bytes, noise: bytes
) -> None:
    place = data.draw(st.integers(wire.index(b"\r\n\r\n") + 4, len(wire)))
    assert read_reply(wire[:place] + noise + wire[place + data.draw(st.integers(0, 5)) :]).status is not None


def test_signatures_are_those_of_their_blocks_whatever_else_is_open() -> None:
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "signature": "a"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "thinking", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "b"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "c"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_stop", "index": 0},
    ]
    body = b"".join(sse(one["type"], json.dumps(one)) for one in events)
    response = read_reply(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body)
    assert response.signatures == ["c", "ab"]
