"""Many events that are read at once are those that are read one by one: none is lost, mended, or taken for another."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import BLOCK_STOP, PING, STOP, text, tool

from client_under_test.dialects.anthropic import parse, read
from client_under_test.dialects.events import BlockDelta, Event
from client_under_test.errors import ProtocolError
from client_under_test.sse import SseDecoder, SseEvent

SAID = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
NAMES = st.sampled_from(["content_block_delta"] * 4 + ["message", "ping", "message_start", "hologram"])
TYPES = st.sampled_from(['"content_block_delta"'] * 6 + ['"ping"', "null", "7", '"content_block_stop"'])
INDEXES = st.sampled_from(["0"] * 6 + ["1", "-1", "true", "0.0", "1e0", "null", '"0"', "00", "9" * 30])
KINDS = st.sampled_from(
    ['"text_delta"'] * 4 + ['"thinking_delta"', '"input_json_delta"', '"signature_delta"', "7", "null"]
)
FIELDS = st.sampled_from(["text"] * 4 + ["thinking", "partial_json", "signature", "citations"])
TEXTS = ['"a"', '"é東🌍"', '""', r'"\ud83d"', r'"\ude00"', r'"\ud83d\ude00"', r'"\n\u0000\/"', '"\x7f"']
VALUES = st.sampled_from([*TEXTS, '"\t"', "7", "null", '"\udc80"'])
MEMBERS = st.tuples(FIELDS, VALUES).map(lambda both: f'"{both[0]}":{both[1]}')
DELTAS = st.tuples(KINDS, st.lists(MEMBERS, min_size=1, max_size=2)).map(
    lambda both: '{"type":' + both[0] + "," + ",".join(both[1]) + "}"
)
EXTRAS = st.sampled_from(
    ["", "", "", ',"index":1', ',"type":"ping"', ',"x":"\udc80"', ',"x":NaN', ",", "} ", "}x", "  "]
)
RAWS = st.tuples(TYPES, INDEXES, DELTAS, EXTRAS).map(
    lambda all_: f'{{"type":{all_[0]},"index":{all_[1]},"delta":{all_[2]}{all_[3]}}}'
)
DRAWN = st.builds(SseEvent, NAMES, RAWS.map(lambda raw: raw.encode("utf-8", "surrogateescape")))
SPOKEN = st.sampled_from(
    SseDecoder().feed("".join([text("a"), text("b", 1), PING, STOP, BLOCK_STOP, *tool("{", "}")]).encode())
)


def one_by_one(arrived: list[SseEvent]) -> Iterator[Event]:
    """The law, slow and obvious: pieces of one block that follow each other are one."""
    run: BlockDelta | None = None
    for sse in arrived:
        try:
            event = parse(sse)
        except ProtocolError:
            yield from [run] if run else []
            raise
        piece = event if isinstance(event, BlockDelta) and is_piece(sse, event) else None
        if run and piece and (run.index, run.delta["type"]) == (piece.index, piece.delta["type"]):
            name = SAID[piece.delta["type"]]
            run = BlockDelta(run.index, {**run.delta, name: run.delta[name] + piece.delta[name]})
            continue
        yield from [run] if run else []
        run = piece
        yield from [] if piece else [event]
    yield from [run] if run else []


def is_piece(sse: SseEvent, event: BlockDelta) -> bool:
    name = SAID.get(event.delta["type"], "")
    wanted = event.delta.keys() == {"type", name} and isinstance(event.delta[name], str)
    return wanted and sse.name in ("content_block_delta", "message")


def all_of(events: Iterator[Event]) -> tuple[list[Event], str]:
    """The events, and the words of the error at their end."""
    found: list[Event] = []
    try:
        found.extend(events)  # it keeps what came before an error
    except ProtocolError as error:
        return found, str(error)
    return found, ""


@settings(max_examples=500)
@given(arrived=st.lists(DRAWN | SPOKEN, max_size=6))
def test_many_at_once_are_read_as_each_by_itself(arrived: list[SseEvent]) -> None:
    assert all_of(read(arrived)) == all_of(one_by_one(arrived))
