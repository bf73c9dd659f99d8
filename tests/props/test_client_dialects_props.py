"""Properties of every dialect: the same for every chunking, no surprise from any bytes, nothing half handed over."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken_openai import (
    CREATED,
    DONE,
    answer,
    call,
    chunk,
    completed,
    data,
    event,
    function,
    function_events,
    item,
    message,
    message_events,
    numbered,
    usage,
    whole,
)
from virtual import STREAM, Call

from client_under_test.answer import Answer, Outcome
from client_under_test.dialects import OPENAI_CHAT, OPENAI_RESPONSES
from client_under_test.dialects.dialect import Dialect
from client_under_test.errors import StreamError
from client_under_test.signals import BodyEnded, BytesReceived

CALL = [call("", index=0, id="a", name="go"), call('{"a"', index=0), call(": 1}", index=0)]
CHAT = [
    *whole("Hel", "lo é\ud83d", "\ude00"), *CALL, chunk({}, "tool_calls"), chunk({}, "length"),
    chunk({"refusal": "no"}), call("{}", id="b", name="stay"), usage(), data({"error": {"code": "server_error"}}),
    DONE, ": ping\n\n", data(7),
]  # fmt: skip
BOTH = completed(message("Hello é😀"), function())
RESPONSES = [
    CREATED, *message_events("Hel", "lo é\ud83d", "\ude00"), *function_events('{"a"', ": 1}", output_index=1), BOTH,
    completed(kind="incomplete", incomplete_details={"reason": "max_output_tokens"}), event("error", message="no"),
    item("refusal.delta", 2, content_index=0, delta="no"), *numbered(answer("Hello")), DONE, ": ping\n\n", data(7),
]  # fmt: skip
SPOKEN = {OPENAI_CHAT: CHAT, OPENAI_RESPONSES: RESPONSES}
WHOLE = {
    OPENAI_CHAT: [*whole("Hello é", "😀")[:-3], *CALL, chunk({}, "tool_calls"), usage(), DONE],
    OPENAI_RESPONSES: [*RESPONSES[:12], BOTH],
}
DIALECTS = pytest.mark.parametrize("dialect", SPOKEN, ids=["chat", "responses"])


def pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges)]


def heard(dialect: Dialect, raw: bytes, cuts: list[int]) -> Answer:
    got = [BytesReceived(one) for one in pieces(raw, cuts) if one]
    return Call(dialect=dialect, request={"model": "x"}).run([STREAM, *got, BodyEnded()])


def essence(one: Answer) -> tuple[object, ...]:
    return (one.outcome, one.text, one.content, one.tool_calls, one.usage, one.stop_reason, str(one.error))


@DIALECTS
@given(data=st.data(), cuts=st.lists(st.integers(0, 5000), max_size=12))
def test_the_answer_is_the_same_however_the_bytes_are_cut(
    dialect: Dialect, data: st.DataObject, cuts: list[int]
) -> None:
    events = data.draw(st.just(WHOLE[dialect]) | st.lists(st.sampled_from(SPOKEN[dialect]), max_size=8))
    raw = "".join(events).encode()
    assert essence(heard(dialect, raw, cuts)) == essence(heard(dialect, raw, []))


@DIALECTS
@given(data=st.data())
def test_any_events_settle_a_call_and_only_whole_tool_calls_come_out(dialect: Dialect, data: st.DataObject) -> None:
    events = data.draw(st.lists(st.sampled_from(SPOKEN[dialect]), max_size=12))
    said = heard(dialect, "".join(events).encode() + data.draw(st.binary(max_size=5)), [])
    assert said.error is None or isinstance(said.error, StreamError)
    assert (said.error is None) == (said.outcome not in (Outcome.INCOMPLETE, Outcome.FAILED))
    assert all(one.input in ({"a": 1}, {}) for one in said.tool_calls)
    assert not said.tool_calls or said.outcome is Outcome.COMPLETE


@DIALECTS
@given(data=st.data())
def test_a_whole_answer_without_any_one_event_is_itself_or_no_success(dialect: Dialect, data: st.DataObject) -> None:
    events = WHOLE[dialect] if dialect is OPENAI_CHAT else numbered(WHOLE[dialect])
    lost = data.draw(st.integers(0, len(events) - 1))
    said = heard(dialect, "".join(one for at, one in enumerate(events) if at != lost).encode(), [])
    wanted = heard(dialect, "".join(events).encode(), [])
    assert wanted.outcome is Outcome.COMPLETE
    text_was_lost = dialect is OPENAI_CHAT and "content" in events[lost]  # which nothing in this API can show
    assert text_was_lost or said.outcome is not Outcome.COMPLETE or said.tool_calls == wanted.tool_calls
