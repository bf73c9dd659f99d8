"""The oracle and the client read damaged answers alike: what one takes for whole and true, the other does, too.

They are written apart, the oracle to be obvious, the client to be fast. Where they read the same bytes otherwise, a
client would be blamed for what it could not see, or let off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from client_under_test.answer import Outcome
from client_under_test.attempt import Attempt
from client_under_test.continuation import Strategy
from client_under_test.errors import StreamError
from client_under_test.policy import Limits
from client_under_test.signals import HeadReceived
from fake_server.answer import Answer
from fake_server.blocks import text_block, thinking_block, tool_block, whole_block
from fake_server.effects import Send
from fake_server.script import Request
from harness.grammar import Told, read_in_order, read_message
from harness.reference import read_reply

BLOCKS = st.sampled_from([
    text_block('A word, 東京 and "another".'), text_block("More 🌍 text\n here."), thinking_block("Let me see."),
    tool_block("pay", {"amount": 7, "to": "x"}), whole_block({"type": "redacted_thinking", "data": "EmwK"}),
    whole_block({"type": "something_new", "x": 1}),
    whole_block({"type": "web_search_tool_result", "tool_use_id": "a", "content": []}),
])  # fmt: skip
REASONS = ("end_turn", "tool_use", "max_tokens", "refusal", "stop_sequence")
VALUES = st.sampled_from([
    None, 0, 1, True, False, "", [], {}, -1, 2.0, "text", "text_delta", "content_block_stop", "message_stop", "error",
    {"type": "text", "text": "q"}, "end_turn",
])  # fmt: skip
SCRAPS = st.sampled_from([b"", b"\n", b"\n\n", b"\r", b"data: ", b": x\n", b"event: error\n", b"\xef\xbb\xbf", b"\xff"])
STREAM, JSON = "text/event-stream", "application/json"


# ---- damage


def drop(pieces: list[bytes], at: int, inside: int, value: Any) -> list[bytes]:
    return pieces[:at] + pieces[at + 1 :]


def repeat(pieces: list[bytes], at: int, inside: int, value: Any) -> list[bytes]:
    return [*pieces[: at + 1], *pieces[at:]]


def swap(pieces: list[bytes], at: int, inside: int, value: Any) -> list[bytes]:
    return [*pieces[:at], *pieces[at : at + 2][::-1], *pieces[at + 2 :]]


def edit(pieces: list[bytes], at: int, inside: int, value: Any) -> list[bytes]:
    """Put ``value`` somewhere into the JSON of a piece, or take something away where it is a list."""
    head, field, data = pieces[at].rpartition(b"data: ")
    try:
        tree = json.loads(data)
    except ValueError:
        return pieces
    places = [*_places(tree)]
    if not places:
        return pieces
    owner, key = places[inside % len(places)]
    owner[key] = value.decode("latin-1") if isinstance(value, bytes) else value
    if value == []:
        del owner[key]
    ending = b"\n\n" if field else b""
    return [*pieces[:at], head + field + json.dumps(tree).encode() + ending, *pieces[at + 1 :]]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def splice(pieces: list[bytes], at: int, inside: int, value: Any) -> list[bytes]:
    """Put some bytes in place of one."""
    place = inside % (len(pieces[at]) + 1)
    scrap = value if isinstance(value, bytes) else bytes([inside % 256])
    return [*pieces[:at], pieces[at][:place] + scrap + pieces[at][place + 1 :], *pieces[at + 1 :]]


Damage = Callable[[list[bytes], int, int, Any], list[bytes]]
DAMAGES: list[Damage] = [drop, repeat, swap, edit, edit, splice, splice]


@st.composite
def damaged(draw: st.DrawFn, *, stream: bool) -> bytes:
    """The body of an answer, damaged once to four times, perhaps with other line ends."""
    blocks = draw(st.lists(BLOCKS, min_size=1, max_size=4))
    answer = Answer(blocks=tuple(blocks), stop_reason=draw(st.sampled_from(REASONS)))
    reply = answer.reply(Request(attempt=1, seed="s", body={"stream": stream}))
    pieces = [effect.data for effect in reply.body if isinstance(effect, Send)]
    for _ in range(draw(st.integers(1, 4))):
        damage = draw(st.sampled_from(DAMAGES if stream else [edit, splice]))
        at, inside = draw(st.integers(0, len(pieces) - 1)), draw(st.integers(0, 500))
        pieces = damage(pieces, at, inside, draw(VALUES | SCRAPS)) or [b""]
    end = draw(st.sampled_from([b"\n", b"\n", b"\r", b"\r\n"])) if stream else b"\n"
    return b"".join(pieces).replace(b"\n", end)


# ---- the two readings


class Read:
    """What the client and the oracle make of one body."""

    def __init__(self, body: bytes, media_type: str) -> None:
        attempt = Attempt(Strategy.RESTART, Limits())
        attempt.take_head(HeadReceived(200, {"content-type": media_type}, 0.0))
        self.shown, self.outcome, self.tools = "", None, list[tuple[str, Any]]()
        try:
            for _, text in attempt.take_bytes(body):
                self.shown += text
            if media_type == JSON:
                attempt.read_body()
                self.shown = attempt.message.text
        except StreamError:
            pass
        if attempt.message.whole:
            self._end(attempt)
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n\r\n"
        self.strict, self.lenient = _told(head.encode() + body, media_type)

    def _end(self, attempt: Attempt) -> None:
        try:
            self.outcome, tools = attempt.result()
        except StreamError:
            return
        self.tools = [(tool.name, tool.input) for tool in tools]

    outcome: Outcome | None


def _told(wire: bytes, media_type: str) -> tuple[Told, Told]:
    response = read_reply(wire)
    if media_type == JSON:
        return (read_message(response.body),) * 2
    strict, lenient = (
        read_in_order(response.events, is_utf8=response.is_utf8, is_lenient=is_lenient) for is_lenient in (False, True)
    )
    return strict, lenient


def whole_characters(text: str) -> str | None:
    """The text with halves of characters joined; None where one has no other."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return None if re.search("[\ud800-\udfff]", joined) else joined


def agree(read: Read) -> None:
    """The laws."""
    told = whole_characters(read.lenient.text)
    if told is None:
        return  # what becomes of half a character is another law's matter
    if read.outcome is None:
        assert told.startswith(read.shown.rstrip("\ufffd"))
        return
    assert read.lenient.stop_reason is not None
    assert read.shown == told
    assert all(call in read.lenient.tools for call in read.tools)


thorough = settings(max_examples=400)


@thorough
@given(damaged(stream=True))
def test_what_the_client_takes_of_a_stream_the_lenient_reader_reads_just_so(body: bytes) -> None:
    agree(Read(body, STREAM))


@thorough
@given(damaged(stream=False))
@example(b'{"type": "message", "content": [{"type": "text", "text": "No reason."}]}')
def test_what_the_client_takes_of_a_message_the_reader_reads_just_so(body: bytes) -> None:
    agree(Read(body, JSON))


@thorough
@given(damaged(stream=True))
def test_what_is_flawless_to_the_oracle_the_client_takes(body: bytes) -> None:
    read = Read(body, STREAM)
    assert read.outcome is not None or not (read.strict.is_flawless and read.strict.stop_reason in REASONS)


@thorough
@given(damaged(stream=True))
def test_the_lenient_read_at_least_what_the_strict_read(body: bytes) -> None:
    read = Read(body, STREAM)
    assert read.lenient.text.startswith(read.strict.text)
    assert read.lenient.tools[: len(read.strict.tools)] == read.strict.tools
    assert read.strict.flaw or read.lenient == read.strict
