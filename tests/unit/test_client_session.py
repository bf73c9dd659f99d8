"""The state machine of one call, in virtual time."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from spoken import BLOCK, BLOCK_STOP, PING, START, STOP, error, event, message, reason, text, tool, whole
from virtual import JSON, POLICY, REQUEST, STREAM, Call, stream

from client_under_test.answer import Outcome
from client_under_test.call import Call as DrivenCall
from client_under_test.errors import (
    AnswerTruncated,
    ConnectionFailed,
    ConnectionLost,
    LimitExceeded,
    NotAuthorized,
    Overloaded,
    ProtocolError,
    RateLimited,
    RequestRefused,
    ServerFailed,
    Stalled,
    StreamError,
    ToolInputBroken,
    UnknownStopReason,
    WrongContentType,
)
from client_under_test.events import Next
from client_under_test.observe import Observers
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.session import NEXT, Session, State
from client_under_test.signals import (
    BodyEnded,
    BytesReceived,
    CancelRequested,
    HeadReceived,
    Input,
    Open,
    Started,
    TimerFired,
    TransportFailed,
)
from client_under_test.targets import Target

LOST = TransportFailed(ConnectionLost("the connection broke"))
GOOD = stream(*whole("Hello ", "world."))
NO_RETRY = Policy(limits=POLICY.limits, retry=RetryPolicy(max_attempts=1), sentence_idle=0)
FOREIGN = {"model": "some-local-model", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
"""A request to a model that is not known to continue anything."""


def refused(status: int, kind: str = "api_error", **headers: str) -> list[Input]:
    body = f'{{"type":"error","error":{{"type":"{kind}","message":"no"}}}}'.encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [HeadReceived(status, {"content-type": "application/json", **named}), BytesReceived(body), BodyEnded()]


def test_a_whole_answer_is_complete_at_message_stop_without_waiting_for_the_end_of_the_body() -> None:
    call = Call()
    answer = call.run(GOOD)
    assert (answer.outcome, answer.text, call.display) == (Outcome.COMPLETE, "Hello world.", "Hello world.")
    assert call.drops == 1


def test_sentences_are_given_out_where_somebody_reads_them() -> None:
    told, untold = Call(), Call()
    untold.session.in_sentences = False
    assert told.run(GOOD) == untold.run(GOOD)
    assert (told.sentences, untold.sentences) == (["Hello ", "world."], [])
    assert told.display == untold.display


@pytest.mark.parametrize("seen", [[], [START], [START, BLOCK], [START, BLOCK, text("Hel")], whole("Hello")[:-2]])
def test_a_clean_end_without_a_stop_reason_is_never_complete(seen: list[str]) -> None:
    answer = Call(policy=NO_RETRY).run([*stream(*seen), BodyEnded()])
    assert answer.outcome in (Outcome.INCOMPLETE, Outcome.FAILED)
    assert isinstance(answer.error, AnswerTruncated)


@pytest.mark.parametrize("ending", [BodyEnded(), LOST, 5.0])
def test_a_final_stop_reason_completes_the_answer_however_the_body_ends(ending: Input | float) -> None:
    assert Call().run([*stream(*whole("Hello"))[:-1], ending]).outcome is Outcome.COMPLETE


@pytest.mark.parametrize(
    ("stop_reason", "outcome"),
    [
        ("end_turn", Outcome.COMPLETE),
        ("stop_sequence", Outcome.COMPLETE),
        ("max_tokens", Outcome.TRUNCATED),
        ("model_context_window_exceeded", Outcome.TRUNCATED),
        ("refusal", Outcome.REFUSED),
        ("pause_turn", Outcome.PAUSED),
    ],
)
def test_the_stop_reason_decides_the_outcome(stop_reason: str, outcome: Outcome) -> None:
    call = Call(policy=replace(POLICY, max_pauses=0))
    assert call.run(stream(*whole("Hello", stop_reason=stop_reason))).outcome is outcome
    assert len(call.opened) == 1


def test_an_unknown_stop_reason_is_no_success_and_is_not_retried() -> None:
    call = Call()
    answer = call.run(stream(*whole("Hello", stop_reason="quota_exceeded")))
    assert (answer.outcome, len(call.opened)) == (Outcome.INCOMPLETE, 1)
    assert isinstance(answer.error, UnknownStopReason)


def test_text_that_was_shown_is_not_shown_again_by_the_next_attempt() -> None:
    call = Call()
    answer = call.run([*stream(START, BLOCK, text("Hello ")), LOST], GOOD)
    assert (answer.outcome, call.display, call.resets) == (Outcome.COMPLETE, "Hello world.", 0)
    assert call.displays == ["Hello ", "Hello world."]


def test_a_different_second_answer_is_announced_by_a_reset() -> None:
    call = Call()
    answer = call.run([*stream(START, BLOCK, text("Good ")), LOST], GOOD)
    assert (answer.text, call.display, call.resets) == ("Hello world.", "Hello world.", 1)


def test_a_shorter_second_answer_is_announced_by_a_reset() -> None:
    call = Call(request=FOREIGN)
    answer = call.run([*stream(START, BLOCK, text("Hello world. And")), LOST], GOOD)
    assert (answer.text, call.display, call.resets) == ("Hello world.", "Hello world.", 1)


def test_sentences_and_pieces_say_the_same_also_after_a_reset() -> None:
    call = Call(policy=replace(POLICY, sentence_idle=5), request=FOREIGN)
    call.run([*stream(START, BLOCK, text("Good day. Once")), LOST], GOOD)
    assert (call.display, call.sentences, call.resets) == ("Hello world.", ["Hello world."], 1)


def test_an_unfinished_sentence_is_given_out_when_nothing_more_comes() -> None:
    call = Call(policy=replace(POLICY, sentence_idle=0.5))
    call.feed(Started())
    for happened in stream(START, BLOCK, text("Hello, the")):
        call.feed(happened)
    assert call.sentences == []
    call.wait(0.6)
    assert call.sentences == ["Hello, the"]


def test_the_third_attempt_after_two_failed_streams_does_not_stream() -> None:
    call = Call()
    cut = [*stream(START, BLOCK, text("Hello ")), BodyEnded()]
    answer = call.run(cut, cut, [JSON, BytesReceived(message("Hello world.")), BodyEnded()])
    assert [one.body["stream"] for one in call.opened] == [True, True, False]
    assert (answer.outcome, call.display, call.resets) == (Outcome.COMPLETE, "Hello world.", 0)


def test_refusals_by_status_do_not_count_as_failed_streams() -> None:
    call = Call()
    call.run(refused(529), refused(500), refused(503), GOOD)
    assert all(one.body["stream"] for one in call.opened)


def test_an_answer_that_may_be_too_long_never_falls_back() -> None:
    call = Call(request={"model": "m", "max_tokens": 64_000, "messages": []})
    cut = [*stream(START), BodyEnded()]
    call.run(cut, cut, cut, GOOD)
    assert all(one.body["stream"] for one in call.opened)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_an_error_that_would_come_again_ends_the_call_at_once(status: int) -> None:
    call = Call()
    answer = call.run(refused(status))
    assert (answer.outcome, len(call.opened)) == (Outcome.FAILED, 1)
    assert isinstance(answer.error, RequestRefused)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 520, 529])
def test_an_error_that_may_pass_is_retried(status: int) -> None:
    call = Call()
    assert call.run(refused(status), GOOD).outcome is Outcome.COMPLETE
    assert len(call.opened) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotAuthorized), (403, NotAuthorized), (429, RateLimited), (529, Overloaded), (500, ServerFailed)],
)
def test_each_status_has_its_error(status: int, kind: type[StreamError]) -> None:
    error_seen = Call(policy=NO_RETRY).run(refused(status, request_id="req_9")).error
    assert type(error_seen) is kind
    assert error_seen.request_id == "req_9"


def test_x_should_retry_overrules_the_table_of_statuses() -> None:
    call = Call()
    assert call.run(refused(400, x_should_retry="true"), GOOD).outcome is Outcome.COMPLETE
    assert len(finished(refused(503, x_should_retry="false")).opened) == 1


def finished(*attempts: list[Input]) -> Call:
    call = Call()
    call.run(*attempts)
    return call


@pytest.mark.parametrize(("kind", "tries"), [("overloaded_error", 5), ("api_error", 5), ("invalid_request_error", 1)])
def test_an_error_inside_a_200_is_classified_by_its_type(kind: str, tries: int) -> None:
    call = Call()
    call.run(stream(START, error(kind)))
    assert len(call.opened) == tries


def test_the_error_keeps_the_partial_text_and_every_earlier_cause() -> None:
    answer = Call().run([*stream(START, BLOCK, text("Hello ")), LOST], refused(529), refused(401))
    assert answer.outcome is Outcome.INCOMPLETE
    assert isinstance(answer.error, NotAuthorized)
    assert answer.error.partial == "Hello "
    assert [type(one) for one in answer.error.earlier] == [ConnectionLost, Overloaded]


def test_waits_grow_and_a_rate_limit_waits_longer() -> None:
    def waits(status: int) -> list[float]:
        return [one.wait for one in finished(refused(status)).notices]

    overloaded, limited = waits(529), waits(429)
    assert overloaded == sorted(overloaded)
    assert all(slow > quick for slow, quick in zip(limited[:2], overloaded[:2], strict=True))


def test_a_retry_after_is_a_floor_under_the_wait() -> None:
    assert finished(refused(429, retry_after="7"), GOOD).notices[0].wait >= 7


def test_a_retry_after_beyond_the_limit_is_told_and_not_waited_for() -> None:
    call = Call()
    answer = call.run(refused(429, retry_after="7200"))
    assert (call.now, len(call.opened)) == (0.0, 1)
    assert isinstance(answer.error, RateLimited)
    assert answer.error.retry_after == 7200


@pytest.mark.parametrize("value", ["nan", "inf", "-5", "120junk", "", "1e9"])
def test_a_retry_after_that_is_nonsense_changes_nothing(value: str) -> None:
    assert finished(refused(429, retry_after=value), GOOD).notices[0].wait < 10


@pytest.mark.parametrize(
    ("inputs", "seconds"),
    [([], 10), ([STREAM], 20), (stream(START), 30), ([*stream(START), *[29.0, BytesReceived(PING.encode())] * 4], 60)],
)
def test_each_kind_of_silence_has_its_own_deadline(inputs: list[Input | float], seconds: float) -> None:
    call = Call(policy=NO_RETRY)
    answer = call.run(inputs)
    assert isinstance(answer.error, Stalled)
    assert call.now == pytest.approx(seconds)


def test_pings_keep_a_thinking_model_alive_below_the_progress_limit() -> None:
    pings = [29.0, BytesReceived(PING.encode())]
    assert Call(policy=NO_RETRY).run([*stream(START), *pings, *GOOD[2:]]).outcome is Outcome.COMPLETE


def test_the_total_deadline_ends_a_call_in_the_middle_of_a_wait() -> None:
    call = Call(policy=Policy(limits=Limits(total=3), retry=POLICY.retry))
    answer = call.run(refused(529))
    assert call.now == pytest.approx(3)
    assert isinstance(answer.error, Stalled)


def test_damage_in_the_middle_fails_the_attempt_and_damage_after_the_stop_reason_does_not() -> None:
    garbage = "event: content_block_delta\ndata: {broken\n\n"
    assert isinstance(Call(policy=NO_RETRY).run(stream(START, BLOCK, garbage)).error, ProtocolError)
    assert Call(policy=NO_RETRY).run(stream(*whole("Hello")[:-1], garbage)).outcome is Outcome.COMPLETE


def test_what_comes_after_message_stop_is_not_part_of_the_answer() -> None:
    assert Call().run(stream("".join([*whole("Hello"), *whole(" again")]))).text == "Hello"


def test_a_web_page_with_status_200_is_no_answer() -> None:
    page: list[Input] = [HeadReceived(200, {"content-type": "text/html"}), BytesReceived(b"<html>"), BodyEnded()]
    assert isinstance(Call(policy=NO_RETRY).run(page).error, WrongContentType)


def test_a_json_message_in_place_of_a_stream_is_taken() -> None:
    assert Call().run([JSON, BytesReceived(message("Hello.")), BodyEnded()]).text == "Hello."


def test_an_error_object_with_status_200_is_an_error() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert isinstance(Call(policy=NO_RETRY).run([JSON, BytesReceived(body), BodyEnded()]).error, Overloaded)


def test_a_whole_tool_call_is_handed_over() -> None:
    answer = Call().run(stream(START, *tool("", '{"a"', ": 1}"), reason("tool_use"), STOP))
    assert [(call.name, call.input) for call in answer.tool_calls] == [("go", {"a": 1})]


@pytest.mark.parametrize(
    "events",
    [
        [START, *tool('{"path": "/a", "content": "hel'), reason("tool_use"), STOP],
        [START, *tool('{"a": 1}', stop=False), reason("tool_use"), STOP],
    ],
)
def test_a_tool_call_that_is_not_whole_fails_the_attempt(events: list[str]) -> None:
    answer = Call(policy=NO_RETRY).run(stream(*events))
    assert isinstance(answer.error, ToolInputBroken)
    assert (answer.error.tool, answer.error.raw[:4]) in {("go", '{"pa'), ("go", '{"a"')}
    assert answer.tool_calls == ()


def test_a_tool_call_cut_by_max_tokens_is_not_handed_over() -> None:
    answer = Call().run(stream(START, *tool('{"path": "/a"'), reason("max_tokens"), STOP))
    assert (answer.outcome, answer.tool_calls) == (Outcome.TRUNCATED, ())


def test_usage_is_replaced_by_later_values_and_unknown_stays_unknown() -> None:
    answer = Call().run(stream(*whole("Hi")[:-2], reason(input_tokens=12, output_tokens=3), STOP))
    assert answer.usage == {"input_tokens": 12, "output_tokens": 3}


def test_billed_tokens_without_any_content_are_lost_output() -> None:
    call = Call()
    call.run(stream(START, reason(output_tokens=157), STOP), GOOD)
    assert len(call.opened) == 2
    assert Call().run(stream(START, reason(output_tokens=2), STOP)).outcome is Outcome.COMPLETE


LONG = "The heron of the old mill looks at the water and "
CUT_TEXT = [*stream(START, BLOCK, text(LONG)), LOST]
REST = stream(*whole(" waits."))


def last_turn(call: Call) -> dict[str, object]:
    turn: dict[str, object] = call.opened[-1].body["messages"][-1]
    return turn


def test_text_that_was_shown_is_continued_and_not_asked_for_anew() -> None:
    call = Call()
    answer = call.run(CUT_TEXT, REST)
    assert (answer.text, call.resets) == (LONG + "waits.", 0)
    assert LONG.strip() in str(last_turn(call)["content"])
    assert [notice.next for notice in call.notices] == [Next.CONTINUE]
    assert answer.content == ({"type": "text", "text": LONG + "waits."},)


def test_a_continuation_that_the_server_refuses_is_asked_for_in_another_way_at_once() -> None:
    call = Call(request={**REQUEST, "model": "claude-sonnet-4-5"})
    answer = call.run(CUT_TEXT, refused(400), refused(400), GOOD)
    assert [one.body["messages"][-1]["role"] for one in call.opened] == ["user", "assistant", "user", "user"]
    assert len(call.opened[2].body["messages"]) == 2
    assert call.opened[3].body["messages"] == REQUEST["messages"]
    assert [notice.wait for notice in call.notices[1:]] == [0.0, 0.0]
    assert answer.text == "Hello world."


def test_a_refused_continuation_is_asked_for_in_another_way_when_the_server_wants_it() -> None:
    call = Call(request={**REQUEST, "model": "claude-sonnet-4-5"})
    answer = call.run(CUT_TEXT, refused(400, retry_after="3"), GOOD)
    assert call.notices[1].wait == 3.0
    assert answer.outcome is Outcome.COMPLETE


def test_a_refused_continuation_is_not_waited_for_longer_than_any_other() -> None:
    call = Call(request={**REQUEST, "model": "claude-sonnet-4-5"})
    answer = call.run(CUT_TEXT, refused(400, retry_after="7200"), GOOD)
    assert (len(call.opened), answer.outcome) == (2, Outcome.INCOMPLETE)


def test_another_refusal_of_a_continuation_is_told_with_its_first_cause() -> None:
    answer = Call().run(CUT_TEXT, refused(403))
    assert isinstance(answer.error, NotAuthorized)
    assert isinstance(answer.error.first_cause, ConnectionLost)
    assert answer.error.partial == LONG


def paused_at(content: str) -> list[Input]:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    block = event("content_block_start", index=1, content_block=search)
    events = whole(content, stop_reason="pause_turn")
    return stream(*events[:-2], block, event("content_block_stop", index=1), *events[-2:])


def test_a_turn_that_pauses_is_sent_back_and_gone_on_with() -> None:
    call = Call()
    answer = call.run(paused_at("One. "), paused_at("Two. "), stream(*whole("Three.")))
    assert (answer.outcome, answer.text, answer.attempts) == (Outcome.COMPLETE, "One. Two. Three.", 3)
    assert last_turn(call)["content"] == list(answer.content[:-1])
    assert [notice.next for notice in call.notices] == [Next.GO_ON] * 2
    assert (answer.billed.input, answer.wasted.input) == (27, None)


def test_a_turn_that_pauses_is_gone_on_with_in_its_container_and_the_answer_tells_it() -> None:
    call, ran = Call(), {"id": "container_1", "expires_at": "2026-01-01T00:00:00Z"}
    pausing = event("message_delta", delta={"stop_reason": "pause_turn", "container": ran}, usage={"output_tokens": 1})
    answer = call.run(stream(START, BLOCK, text("One. "), BLOCK_STOP, pausing, STOP), stream(*whole("Two.")))
    assert call.opened[1].body["container"] == "container_1"
    assert (answer.text, answer.container) == ("One. Two.", ran)


def test_a_summary_of_the_conversation_is_kept_and_handed_over_before_the_turn_goes_on() -> None:
    call = Call()
    begun = event("content_block_start", index=0, content_block={"type": "compaction", "content": None})
    said = {"type": "compaction_delta", "content": "So far: herons.", "encrypted_content": "e"}
    summary = [begun, event("content_block_delta", index=0, delta=said), BLOCK_STOP]
    answer = call.run(stream(START, *summary, reason("compaction"), STOP))
    assert (answer.outcome, answer.attempts, answer.unknown_deltas) == (Outcome.PAUSED, 1, ())
    assert answer.content == ({**said, "type": "compaction"},)


def test_the_input_of_a_call_to_a_connected_server_is_put_together_and_sent_back_whole() -> None:
    call = Call(policy=replace(POLICY, max_pauses=0))
    begun = {"type": "mcp_tool_use", "id": "m", "name": "search", "server_name": "s", "input": {}}
    piece = {"type": "input_json_delta", "partial_json": '{"query": "rivers"}'}
    start = event("content_block_start", index=0, content_block=begun)
    delta = event("content_block_delta", index=0, delta=piece)
    answer = call.run(stream(START, start, delta, BLOCK_STOP, reason("pause_turn"), STOP))
    assert answer.content == ({**begun, "input": {"query": "rivers"}},)


@pytest.mark.parametrize("connected", ["tools", "mcp_servers"])
def test_an_answer_with_tools_that_breaks_off_is_asked_for_anew(connected: str) -> None:
    call = Call(request={**REQUEST, connected: [{"name": "search"}]})
    call.run(CUT_TEXT, stream(*whole(LONG, "waits.")))
    assert [len(one.body["messages"]) for one in call.opened] == [1, 1]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("invalid x-api-key: secret-of-ours", "HTTP 401: invalid x-api-key: [redacted]"),
        ("no such key as sk-ant-api03-abcdefgh", "HTTP 401: no such key as [redacted]"),
    ],
)
def test_a_key_that_the_server_quotes_is_in_no_error(said: str, told: str) -> None:
    body = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": said}}).encode()
    call = Call(targets=(Target(api_key="secret-of-ours"),))
    answer = call.run([HeadReceived(401, {"content-type": "application/json"}), BytesReceived(body), BodyEnded()])
    assert answer.error is not None
    assert answer.error.message == told


def test_a_turn_that_pauses_too_often_is_handed_over_paused() -> None:
    call = Call(policy=replace(POLICY, max_pauses=1))
    answer = call.run(paused_at("One. "), paused_at("Two. "))
    assert (answer.outcome, answer.text) == (Outcome.PAUSED, "One. Two. ")


def test_a_turn_that_is_cut_after_a_pause_is_gone_on_with_from_the_pause() -> None:
    call = Call()
    answer = call.run(paused_at("One. "), CUT_TEXT, stream(*whole(LONG, "waits.")))
    assert (answer.text, call.resets) == ("One. " + LONG + "waits.", 0)
    assert [one.body["messages"][-1]["role"] for one in call.opened] == ["user", "assistant", "assistant"]


@pytest.mark.parametrize(("turns", "sent"), [((), False), ((paused_at("One. "),), True)], ids=["no turn", "a turn"])
def test_a_call_was_sent_when_a_turn_of_it_paused_though_nobody_can_be_reached_behind_it(
    turns: tuple[list[Input], ...], sent: bool
) -> None:
    error = Call().run(*turns, [TransportFailed(ConnectionFailed("refused"))]).error
    assert error is not None
    assert error.sent is sent


def test_another_target_is_asked_for_the_rest() -> None:
    elsewhere = Target(model="claude-sonnet-4-5", base_url="https://example.com", api_key="z")
    retry = replace(POLICY.retry, attempts_per_target=1)
    call = Call(policy=replace(POLICY, retry=retry), targets=(Target(base_url="u", api_key="k"), elsewhere))
    answer = call.run(CUT_TEXT, REST)
    assert [one.target for one in call.opened] == [Target(base_url="u", api_key="k"), elsewhere]
    assert (call.opened[1].body["model"], last_turn(call)["role"]) == ("claude-sonnet-4-5", "assistant")
    assert [notice.next for notice in call.notices] == [Next.ELSEWHERE]
    assert answer.text == LONG + "waits."


def test_tool_calls_are_events_at_the_end_and_before_the_last_one() -> None:
    call = Call()
    answer = call.run(stream(START, *tool('{"a": 1}'), reason("tool_use"), STOP))
    assert tuple(call.tools) == answer.tool_calls != ()


def test_the_reason_of_a_refusal_is_told() -> None:
    details = {"type": "refusal", "category": "cyber"}
    ending = event("message_delta", delta={"stop_reason": "refusal", "stop_details": details, "stop_sequence": "x"})
    answer = Call().run(stream(START, ending, STOP))
    assert (answer.outcome, answer.stop_details, answer.stop_sequence) == (Outcome.REFUSED, details, "x")


def test_a_cancelled_call_drops_its_connection_and_keeps_the_text() -> None:
    call = Call()
    call.feed(Started())
    for happened in [*stream(START, BLOCK, text("Hello ")), CancelRequested()]:
        call.feed(happened)
    assert call.answer is not None
    assert (call.answer.outcome, call.answer.text, call.drops) == (Outcome.CANCELLED, "Hello ", 1)


def test_nothing_comes_out_of_a_session_that_is_over() -> None:
    call = Call()
    call.run(GOOD)
    assert call.session.handle(BytesReceived(text("more").encode()), 99.0) == []


def test_a_driver_that_reports_bytes_before_the_head_is_told_so() -> None:
    call = Call()
    call.feed(Started())
    with pytest.raises(RuntimeError, match="waiting"):
        call.feed(BytesReceived(b"x"))


def test_a_second_message_start_does_not_join_two_attempts() -> None:
    answer = Call(policy=NO_RETRY).run(stream(START, BLOCK, text("Hel"), START, event("ping")))
    assert isinstance(answer.error, ProtocolError)
    assert answer.error.partial == "Hel"


def test_text_blocks_are_joined_in_order_and_a_missing_block_stop_does_no_harm() -> None:
    second = [event("content_block_start", index=1, content_block={"type": "text", "text": ""}), text("world.", 1)]
    assert Call().run(stream(START, BLOCK, text("Hello "), BLOCK_STOP, *second, reason(), STOP)).text == "Hello world."


@pytest.mark.parametrize("late", ["data: {broken\n\n", text("two"), event("content_block_start", index=1)])
def test_an_answer_whose_block_is_open_is_not_whole_at_its_stop_reason(late: str) -> None:
    answer = Call(policy=NO_RETRY).run(stream(START, BLOCK, text("one "), reason(), late, BLOCK_STOP, STOP))
    assert isinstance(answer.error, ProtocolError)


@pytest.mark.parametrize("odd", [["x"], {"a": 1}, 7, True])
def test_a_stop_reason_that_is_no_string_is_a_protocol_error(odd: object) -> None:
    events = [START, event("message_delta", delta={"stop_reason": odd}), STOP]
    assert isinstance(Call(policy=NO_RETRY).run(stream(*events)).error, ProtocolError)


@pytest.mark.parametrize("given", [5, "abc", [1], [["a", 1]], True, None])
def test_a_tool_input_that_is_no_object_is_never_made_into_one(given: object) -> None:
    start = event("content_block_start", index=0, content_block={"type": "tool_use", "name": "go", "input": given})
    answer = Call(policy=NO_RETRY).run(stream(START, start, BLOCK_STOP, reason("tool_use"), STOP))
    assert isinstance(answer.error, ProtocolError)


@pytest.mark.parametrize("fragment", ['{"a": NaN}', "[1]", '{"a": 1} x', ""])
def test_a_tool_input_is_parsed_strictly_and_a_turn_for_tools_has_one(fragment: str) -> None:
    block = tool(fragment) if fragment else []
    assert isinstance(Call(policy=NO_RETRY).run(stream(START, *block, reason("tool_use"), STOP)).error, ProtocolError)


def test_a_status_is_not_forgotten_when_its_body_breaks() -> None:
    call = Call()
    call.run([HeadReceived(401, {"content-type": "application/json"}), BytesReceived(b'{"type'), LOST])
    assert len(call.opened) == 1
    assert call.answer is not None
    assert isinstance(call.answer.error, NotAuthorized)


def test_a_hint_is_not_forgotten_when_its_body_breaks() -> None:
    call = Call()
    call.run([HeadReceived(429, {"retry-after": "7"}), LOST], GOOD)
    assert call.notices[0].wait >= 7


def test_an_error_body_that_drips_for_ever_is_left() -> None:
    call = Call(policy=NO_RETRY)
    call.run([HeadReceived(500, {}), *[29.0, BytesReceived(b"x")] * 10])
    assert call.now == pytest.approx(60)


def test_a_request_without_streaming_may_take_as_long_as_a_whole_answer_takes() -> None:
    policy = Policy(
        limits=Limits(first_byte=10, whole_response=600), retry=RetryPolicy(max_attempts=1, fallback_after=0)
    )
    call = Call(policy=policy)
    call.run([])
    assert call.now == pytest.approx(600)


def test_a_body_beyond_its_limit_ends_the_attempt() -> None:
    policy = Policy(limits=Limits(max_body_bytes=1000), retry=RetryPolicy(max_attempts=1), sentence_idle=0)
    assert isinstance(Call(policy=policy).run(stream(START, BLOCK, *[text("x" * 100)] * 9)).error, LimitExceeded)


def test_the_last_deadline_before_message_stop_does_not_fail_a_whole_answer() -> None:
    limits = Limits(total=5, idle=2, closing=60)
    answer = Call(policy=Policy(limits=limits, sentence_idle=0)).run(stream(*whole("Hello")[:-1]))
    assert (answer.outcome, answer.error) == (Outcome.COMPLETE, None)


def test_a_coding_that_nobody_asked_for_is_no_answer() -> None:
    head = HeadReceived(200, {"content-type": "text/event-stream", "content-encoding": "br"})
    assert isinstance(Call(policy=NO_RETRY).run([head]).error, WrongContentType)


@pytest.mark.parametrize("max_tokens", [None, "many", 1e400])
def test_a_strange_request_is_the_servers_to_refuse(max_tokens: object) -> None:
    assert Call(request={"model": "m", "max_tokens": max_tokens}).run(GOOD).outcome is Outcome.COMPLETE


def test_a_message_that_stops_without_a_reason_is_not_complete() -> None:
    assert isinstance(Call(policy=NO_RETRY).run(stream(START, STOP)).error, ProtocolError)


def test_a_timer_that_fires_too_early_changes_nothing() -> None:
    call = Call()
    call.feed(Started())
    state = call.session.state
    assert call.session.handle(TimerFired(), 0.0) == []
    assert call.session.state is state


def test_a_transition_that_is_not_in_the_table_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEXT, State.IDLE, frozenset())  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="no transition from idle to waiting"):
        Call().feed(Started())


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"message","content":7}',
        b'{"type":"message","content":[7]}',
        b'{"type":"message","content":[],"stop_reason":7}',
        b'{"type":"message","content":[{"type":"text","text":7}]}',
        b'{"type":"completion"}',
        b'{"type":"message","content":[{"type":"text","tex":"Hello"}],"stop_reason":"end_turn"}',
        b'{"type":"message","content":[{"type":"tool_use","id":"a","input":{}}],"stop_reason":"tool_use"}',
    ],
)
def test_a_json_answer_that_is_no_message_is_a_protocol_error(body: bytes) -> None:
    answer = Call(policy=NO_RETRY).run([JSON, BytesReceived(body), BodyEnded()])
    assert isinstance(answer.error, ProtocolError)


def test_a_tool_without_a_name_is_a_protocol_error_and_no_call() -> None:
    nameless = event("content_block_start", index=0, content_block={"type": "tool_use", "id": "a", "input": {}})
    answer = Call(policy=NO_RETRY).run(stream(START, nameless, BLOCK_STOP, reason("tool_use"), STOP))
    assert (type(answer.error), answer.tool_calls) == (ProtocolError, ())


def test_a_call_begins_once_however_often_it_is_asked_for_an_event() -> None:
    call = DrivenCall(Session(REQUEST, POLICY, Random(1)), Observers((), REQUEST), lambda: 0.0)
    call.resume()
    call.resume()
    assert [type(action) for action in call.actions] == [Open]
    assert call.timeout == POLICY.limits.first_byte
