"""What must hold in every call, whatever the server does: the properties of a streaming client, one test each.

Each call is simulated: a script of the fake server, with faults, against the client's state machine in virtual time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import HEADERS, LIMITS, POLICY, Simulation

from client_under_test.answer import Outcome
from client_under_test.errors import ApiError, NotAuthorized, RequestRefused, StreamError
from client_under_test.events import Notice, Reset, Sentence, Text, ToolCall
from client_under_test.policy import RetryPolicy
from client_under_test.sse import SseDecoder
from client_under_test.targets import Target
from fake_server.answer import Answer, Refuse, Respond
from fake_server.blocks import Block, text_block, thinking_block, tool_block, whole_block
from fake_server.faults.close_early import CloseEarly
from fake_server.faults.corrupt_event import CorruptEvent
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.inject import Inject
from fake_server.faults.malformed_json import MalformedJson
from fake_server.faults.pause import Pause
from fake_server.faults.repeat_bytes import RepeatBytes
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtByte, AtEnd, AtEvent, InCharacter, InEvent
from fake_server.script import Step, script
from fake_server.text import Damage, closest, story
from fake_server.validate import problem_in
from harness.reference import Response, read_events, read_reply

DELTA = "content_block_delta"
TRUTH = story("s/", 5)
MODELS = st.sampled_from(["claude-sonnet-5-5", "claude-sonnet-4-5", "claude-3-5-haiku-20241022", "some-local-model"])
POSITIONS = st.one_of(
    st.builds(AtEvent, st.just(DELTA), st.integers(0, 14)),
    st.builds(AtByte, st.integers(0, 2500)),
    st.builds(InEvent, st.just(DELTA), st.integers(0, 14), st.integers(1, 90)),
    st.builds(InCharacter, st.integers(0, 6), st.integers(1, 3)),
    st.builds(AtEvent, st.sampled_from(["message_start", "content_block_stop", "message_delta", "message_stop"])),
    st.just(AtEnd()),
)
EVENTS = st.builds(AtEvent, st.just(DELTA), st.integers(0, 14))
ERRORS = st.sampled_from(["overloaded_error", "api_error", "rate_limit_error", "weather_error"])
FAULTS = st.one_of(
    st.builds(EndEarly, at=POSITIONS),
    st.builds(CloseEarly, at=POSITIONS),
    st.builds(StallForever, at=POSITIONS),
    st.builds(ErrorEvent, at=EVENTS, kind=ERRORS),
    st.builds(MalformedJson, at=EVENTS),
    st.builds(CorruptEvent, at=EVENTS),
    st.builds(RepeatBytes, at=EVENTS, every=st.just(5.0), count=st.integers(1, 40)),
)
HARMLESS = st.one_of(
    st.builds(Pause, at=EVENTS, seconds=st.floats(0, 29)),
    st.builds(Inject, at=EVENTS, data=st.sampled_from([b": c\n\n", b"event: ping\ndata: {}\n\n", b"id: 7\n\n"])),
)
HINTS = st.sampled_from([(), (("retry-after", "3"),), (("retry-after", "nan"),), (("retry-after-ms", "1500"),)])
REFUSALS = st.builds(Refuse, status=st.sampled_from([429, 500, 503, 529]), headers=HINTS)
THOUGHT = thinking_block("The village must be thought about.")
CALL = tool_block("go", {"to": "the mill — 東京", "n": [1, 2.5, None]})
TOOLS = [{"name": "go", "description": "Go", "input_schema": {"type": "object"}}]


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    words, place = draw(st.integers(1, 7)), draw(st.sampled_from([0, 40, 150]))
    blocks: list[Block] = [text_block(TRUTH[place:], words=words)]
    if draw(st.booleans()):
        blocks.insert(0, THOUGHT)
    if place:
        blocks.insert(0, text_block(TRUTH[:place], words=words))
    faults = draw(st.lists(FAULTS, max_size=1)) + draw(st.lists(HARMLESS, max_size=1))
    repeats = draw(st.sampled_from([0, 0, 0, 40, 60, 400]))
    return Answer(blocks=tuple(blocks), faults=tuple(faults), repeats=repeats)


@st.composite
def calls(draw: st.DrawFn, *, last: st.SearchStrategy[Step] | None = None) -> Simulation:
    """A call whose server says one story, however often it fails; what it says last is whole, or ``last``."""
    steps = draw(st.lists(answers() | REFUSALS, max_size=4))
    good: Step = Answer(blocks=(text_block(TRUTH),))
    request = {"model": draw(MODELS), "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
    ending = draw(last) if last is not None else good
    return Simulation(script(*steps, ending), request, seed=str(draw(st.integers(0, 99))))


def hopeless() -> st.SearchStrategy[Simulation]:
    return calls(last=st.sampled_from([Refuse(status=529), Refuse(status=401), Respond(body=b"<html>")]))


REQUEST = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
laws = settings(max_examples=80)


def shown(call: Simulation) -> Iterator[str]:
    """What the reader saw after each change."""
    text = ""
    for event in call.events:
        if isinstance(event, Reset):
            text = ""
        elif isinstance(event, Text):
            text += event.text
            yield text


def response(received: bytes) -> Response:
    return read_reply(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + received)


@laws
@given(call=calls())
def test_complete_is_said_only_after_the_protocols_own_end(call: Simulation) -> None:
    call.run()
    assert call.answer is not None
    if call.answer.outcome is Outcome.COMPLETE:
        last = call.attempts[-1]
        assert b'"stop_reason"' in last.received
        assert not last.request["stream"] or response(bytes(last.received)).terminal


@laws
@given(call=calls())
def test_at_every_moment_the_text_on_display_is_a_beginning_of_the_answer(call: Simulation) -> None:
    assert all(TRUTH.startswith(text) for text in shown(call.run()))


@laws
@given(call=calls())
def test_whatever_happens_before_a_whole_answer_is_the_answer_once(call: Simulation) -> None:
    call.run()
    assert call.answer is not None
    if call.answer.outcome is Outcome.COMPLETE:
        assert call.answer.text == TRUTH == [*shown(call)][-1]


@laws
@given(call=calls())
def test_an_answer_that_can_be_had_within_the_budget_is_had(call: Simulation) -> None:
    call.run()
    assert call.answer is not None
    assert call.answer.outcome is Outcome.COMPLETE, call.answer.error


@laws
@given(call=calls())
def test_no_character_is_lost_or_invented(call: Simulation) -> None:
    for text in shown(call.run()):
        assert "\ufffd" not in text
        assert text.encode()


@laws
@given(call=calls())
def test_pieces_and_sentences_say_the_same(call: Simulation) -> None:
    pieces: list[str] = []
    sentences: list[str] = []
    for event in call.run().events:
        if isinstance(event, Reset):
            pieces, sentences = [], []
        pieces += [event.text] if isinstance(event, Text) else []
        sentences += [event.text] if isinstance(event, Sentence) else []
    assert "".join(pieces) == "".join(sentences)


@laws
@given(
    raw=st.binary(max_size=200) | st.text("data: event:{}\n\r\x00é", max_size=80).map(str.encode), seed=st.integers()
)
def test_any_bytes_in_any_pieces_are_the_events_of_the_standard(raw: bytes, seed: int) -> None:
    chance, decoder, events, rest = Random(seed), SseDecoder(), [], raw
    while rest:
        size = chance.randint(1, len(rest))
        events += decoder.feed(rest[:size])
        rest = rest[size:]
    assert [(event.name, event.data) for event in events] == read_events(raw)


SEARCH = tool_block("web_search", {"q": "é"}, kind="server_tool_use")
REDACTED = whole_block({"type": "redacted_thinking", "data": "x"})
HOLOGRAM = whole_block({"type": "hologram", "shape": {"a": [1, None]}})
KINDS = st.sampled_from([THOUGHT, text_block("One. "), text_block("Two."), SEARCH, REDACTED, HOLOGRAM])


@laws
@given(blocks=st.lists(KINDS, max_size=6), seed=st.integers(0, 99))
def test_blocks_keep_their_kind_order_and_content(blocks: list[Block], seed: int) -> None:
    answer = Answer(blocks=tuple(blocks), stop_reason="end_turn", output_tokens=1)
    call = Simulation(script(answer), REQUEST, str(seed))
    call.run()
    assert call.answer is not None
    assert call.answer.content == tuple(block.whole for block in blocks)


@st.composite
def tool_calls(draw: st.DrawFn) -> Simulation:
    faulty = Answer(
        blocks=(text_block(TRUTH), CALL),
        stop_reason="tool_use",
        faults=tuple(draw(st.lists(FAULTS, min_size=1, max_size=1))),
    )
    steps = [faulty] * draw(st.integers(1, 2))
    ending = draw(
        st.sampled_from(
            [replace(faulty, faults=()), Refuse(status=401), replace(faulty, stop_reason="max_tokens", faults=())]
        )
    )
    request = {"model": draw(MODELS), "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": TOOLS}
    return Simulation(script(*steps, ending), request, seed=str(draw(st.integers(0, 99))))


@laws
@given(call=tool_calls())
def test_a_tool_is_handed_over_once_whole_and_only_when_the_turn_ended_for_it(call: Simulation) -> None:
    call.run()
    assert call.answer is not None
    tools = [event for event in call.events if isinstance(event, ToolCall)]
    if call.answer.outcome is Outcome.COMPLETE:
        assert [(tool.name, tool.input) for tool in tools] == [("go", CALL.whole["input"])]
    else:
        assert tools == []
    assert tuple(tools) == call.answer.tool_calls


@laws
@given(call=hopeless() | tool_calls(), cancel=st.none() | st.floats(0, 20))
def test_what_is_kept_may_be_sent_back_whatever_was_interrupted(call: Simulation, cancel: float | None) -> None:
    call.cancel_at = cancel
    call.run()
    assert call.answer is not None
    content = [*call.answer.content]
    if content and call.answer.stop_reason != "tool_use":
        turns = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": content},
            {"role": "user", "content": "y"},
        ]
        assert problem_in({"model": "claude-sonnet-5-5", "max_tokens": 1, "messages": turns}, HEADERS) is None
    signatures = {block["signature"] for block in content if block["type"] == "thinking"}
    assert signatures <= {THOUGHT.whole["signature"]}
    assert "".join(block["text"] for block in content if block["type"] == "text").strip() == call.answer.text.strip()


@laws
@given(cut=POSITIONS, end=st.sampled_from([Refuse(status=401), Answer(blocks=(text_block("x" * 20),), repeats=0)]))
def test_thinking_that_was_cut_or_never_signed_is_never_kept(cut: Any, end: Step) -> None:
    blocks = (text_block(TRUTH[:40], words=1), thinking_block("Hm, and then?", None), THOUGHT, text_block(TRUTH[40:]))
    call = Simulation(script(Answer(blocks=blocks, faults=(EndEarly(at=cut),)), end), REQUEST).run()
    assert call.answer is not None
    kept = [block for block in call.answer.content if block["type"] == "thinking"]
    assert kept in ([], [THOUGHT.whole])


@laws
@given(call=calls() | hopeless() | tool_calls())
def test_every_request_of_a_call_is_one_that_the_api_takes(call: Simulation) -> None:
    assert [attempt.problem for attempt in call.run().attempts] == [None] * len(call.attempts)


@laws
@given(
    end=st.integers(40, len(TRUTH) - 1),
    repeats=st.sampled_from([0, 40, 60, 10_000]),
    words=st.integers(1, 9),
    model=st.sampled_from(["claude-sonnet-5-5", "claude-sonnet-4-5"]),
)
def test_a_seam_is_exact_wherever_the_text_was_cut(end: int, repeats: int, words: int, model: str) -> None:
    block = text_block(TRUTH, pieces=(TRUTH[:end], TRUTH[end:]))
    rest = Answer(blocks=(text_block(TRUTH, words=words),), repeats=repeats if model == "claude-sonnet-5-5" else 0)
    cut = Answer(blocks=(block,), faults=(EndEarly(at=AtEvent(DELTA, 1)),))
    call = Simulation(
        script(cut, rest), {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    )
    call.run()
    assert call.answer is not None
    assert (call.answer.text, len(call.attempts)) == (TRUTH, 2)
    assert not any(isinstance(event, Reset) for event in call.events)


@laws
@given(headers=st.sampled_from(["text/event-stream", "text/html", "application/json", "text/plain"]))
def test_a_200_without_any_event_is_never_complete(headers: str) -> None:
    empty = Respond(content_type=headers)
    call = Simulation(script(empty), REQUEST)
    call.run()
    assert call.answer is not None
    assert call.answer.outcome is Outcome.FAILED


@laws
@given(call=hopeless())
def test_every_failure_is_an_error_of_ours_with_the_text_so_far_and_every_cause(call: Simulation) -> None:
    call.run()
    assert call.answer is not None
    error = call.answer.error
    assert (error is None) == (call.answer.outcome is Outcome.COMPLETE)
    if error is not None:
        assert isinstance(error, StreamError)
        assert error.partial == call.answer.text == ([*shown(call), ""][-2] if [*shown(call)] else "")
        assert error.attempts == len(call.attempts) == len(error.earlier) + 1
        assert call.answer.outcome is (Outcome.INCOMPLETE if error.partial else Outcome.FAILED)


@laws
@given(call=hopeless())
def test_a_status_and_a_type_that_are_told_were_really_received(call: Simulation) -> None:
    call.run()
    assert call.answer is not None
    if call.answer.error is not None:
        for error, attempt in zip((*call.answer.error.earlier, call.answer.error), call.attempts, strict=True):
            if isinstance(error, ApiError):
                assert error.status == attempt.status
                assert error.kind is None or error.kind.encode() in attempt.received


@laws
@given(call=calls() | hopeless())
def test_the_bill_is_the_sum_over_the_attempts_and_never_invents_a_zero(call: Simulation) -> None:
    call.run()
    assert call.answer is not None
    begun = [attempt for attempt in call.attempts if b"input_tokens" in attempt.received]
    inputs = [25 for attempt in begun if response(bytes(attempt.received)).started or not attempt.request["stream"]]
    assert call.answer.billed.input == (sum(inputs) if inputs else None)
    assert call.answer.billed.output is None or call.answer.billed.output > 0
    wasted = call.answer.wasted.input or 0
    assert wasted <= (call.answer.billed.input or 0)
    assert call.answer.outcome is not Outcome.FAILED or wasted == (call.answer.billed.input or 0)


@laws
@given(last=st.integers(1, 99), times=st.integers(1, 3))
def test_cumulative_usage_replaces_and_is_never_added(last: int, times: int) -> None:
    answer = Answer(sentences=1, input_tokens=7, output_tokens=last, final_usage={"input_tokens": 7})
    again = Inject(
        at=AtEvent("message_stop"),
        data=b'event: message_delta\ndata: {"type":"message_delta","delta":{},"usage":{"output_tokens":%d}}\n\n' % last,
    )
    call = Simulation(
        script(answer.but(*[again] * times)),
        REQUEST,
    )
    call.run()
    assert call.answer is not None
    assert dict(call.answer.usage) == {"input_tokens": 7, "output_tokens": last}
    assert (call.answer.billed.input, call.answer.billed.output, call.answer.billed.exact) == (7, last, True)


@laws
@given(call=hopeless())
def test_no_request_comes_before_the_time_that_the_server_asked_for(call: Simulation) -> None:
    call.run()
    for before, after in pairwise(call.attempts):
        hint = before.headers.get("retry-after", "0")
        asked = float(before.headers["retry-after-ms"]) / 1000 if "retry-after-ms" in before.headers else float(hint)
        if asked == asked:
            assert before.ended_at is None or after.opened_at - before.ended_at >= asked


def test_clients_that_were_refused_together_do_not_come_back_together() -> None:
    refused = script(Refuse(status=429, headers=(("retry-after", "5"),)), Answer(sentences=1))
    back = [Simulation(refused, REQUEST, seed=str(seed)).run().attempts[1].opened_at for seed in range(30)]
    assert min(back) >= 5
    assert len({round(at, 2) for at in back}) > 20


@laws
@given(call=calls() | hopeless(), most=st.integers(1, 6), elsewhere=st.integers(0, 2))
def test_no_call_makes_more_requests_than_its_budget_whatever_the_layers(
    call: Simulation, most: int, elsewhere: int
) -> None:
    call.policy = replace(POLICY, retry=RetryPolicy(max_attempts=most, base=1))
    call.targets = (Target(), *[Target(model="other")] * elsewhere)
    call.__post_init__()
    assert len(call.run().attempts) <= most


@laws
@given(call=hopeless(), total=st.floats(1, 100))
def test_every_call_ends_within_its_total_time(call: Simulation, total: float) -> None:
    call.policy = replace(POLICY, limits=replace(LIMITS, total=total))
    call.__post_init__()
    assert call.run().now <= total + LIMITS.closing


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (StallForever(at=AtByte(0)), LIMITS.first_event),
        (StallForever(at=AtEvent(DELTA, 2)), LIMITS.idle),
        (RepeatBytes(at=AtEvent(DELTA, 2), every=5.0, count=500), LIMITS.progress),
    ],
)
def test_each_kind_of_silence_has_its_own_limit(fault: Any, seconds: float) -> None:
    policy = replace(POLICY, retry=RetryPolicy(max_attempts=1))
    assert Simulation(script(Answer(faults=(fault,))), REQUEST, policy=policy).run().now == pytest.approx(seconds)


@laws
@given(pauses=st.lists(HARMLESS, max_size=4, unique_by=lambda fault: repr(fault.at)))
def test_a_stream_that_is_slow_and_alive_is_never_left(pauses: list[Any]) -> None:
    call = Simulation(script(Answer(sentences=4, faults=tuple(pauses))), REQUEST).run()
    assert call.answer is not None
    assert (call.answer.outcome, len(call.attempts)) == (Outcome.COMPLETE, 1)


@laws
@given(call=calls())
def test_what_was_shown_is_said_again_only_behind_a_reset(call: Simulation) -> None:
    texts = [*shown(call.run())]
    resets = sum(isinstance(event, Reset) for event in call.events)
    shrinks = sum(len(after) < len(before) for before, after in pairwise(texts))
    assert shrinks <= resets
    assert closest(texts[-1], [TRUTH]).damage in (Damage.WHOLE, Damage.TRUNCATED)


@laws
@given(status=st.sampled_from([400, 401, 403, 404, 413]))
def test_an_error_that_would_come_again_is_met_once(status: int) -> None:
    call = Simulation(script(Refuse(status=status)), REQUEST).run()
    assert len(call.attempts) == 1
    assert call.answer is not None
    assert isinstance(call.answer.error, NotAuthorized if status in (401, 403) else RequestRefused)


@laws
@given(call=calls() | hopeless() | tool_calls(), cancel=st.none() | st.floats(0, 60))
def test_every_connection_is_dropped_at_once_after_the_end_a_cancel_or_an_error(
    call: Simulation, cancel: float | None
) -> None:
    call.cancel_at = cancel
    call.run()
    for attempt, following in zip(call.attempts, [*call.attempts[1:], None], strict=True):
        assert attempt.dropped_at is not None
        assert attempt.dropped_at <= (following.opened_at if following is not None else call.now)


@laws
@given(call=calls() | hopeless() | tool_calls(), cancel=st.none() | st.floats(0, 60))
def test_every_call_ends_once_with_one_answer(call: Simulation, cancel: float | None) -> None:
    call.cancel_at = cancel
    call.run()
    assert call.answer is not None
    assert (call.answer.error is None) == (call.answer.outcome not in (Outcome.INCOMPLETE, Outcome.FAILED))
    assert call.answer.attempts == len(call.attempts)


@laws
@given(call=calls() | hopeless())
def test_every_failure_is_visible_to_a_reader_who_registers_nothing(call: Simulation) -> None:
    notices = [event for event in call.run().events if isinstance(event, Notice)]
    assert len(notices) == len(call.attempts) - 1
    assert [notice.attempt for notice in notices] == [*range(2, len(call.attempts) + 1)]


@pytest.mark.parametrize("size", [16, 1000])
def test_four_times_the_bytes_are_about_four_times_the_work_however_they_are_cut(size: int) -> None:
    """A decoder that copies what it holds at each read needs sixteen times as long."""

    def seconds(length: int) -> float:
        raw, decoder, start = b"data: " + b"x" * length + b"\n\n", SseDecoder(), process_time()
        for place in range(0, len(raw), size):
            decoder.feed(raw[place : place + size])
        return process_time() - start

    once, four_times = (min(seconds(length) for _ in range(5)) for length in (size * 1_000, size * 4_000))
    assert four_times < 9 * once
