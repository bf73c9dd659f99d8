"""Every law, judged on fabricated histories: what it fails, what it passes, what it leaves alone."""

from __future__ import annotations

import json
from email.utils import formatdate
from itertools import accumulate
from typing import Any

import msgspec
import pytest

from fake_server.answer import Answer, Refuse, Respond
from fake_server.blocks import text_block, thinking_block, tool_block
from fake_server.effects import Close, End, Mark, Reset, Send, Wait
from fake_server.fault import Fault
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.inject import Inject
from fake_server.faults.malformed_json import MalformedJson
from fake_server.faults.repeat_event import RepeatEvent
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.stall_forever import StallForever
from fake_server.faults.swap_events import SwapEvents
from fake_server.position import AtEnd, AtEvent
from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck, Waited
from fake_server.script import Request, Step, render
from fake_server.text import story
from harness import catalog
from harness.history import Case, CaseInfo, Record
from harness.law import judge
from harness.model import (
    Billed,
    Cancelled,
    Capability,
    Cleared,
    ClientRecord,
    Endpoint,
    ErrorSeen,
    Expect,
    Finished,
    Level,
    Limits,
    Noticed,
    Outcome,
    Policy,
    Shown,
    TimedOut,
    ToolRan,
    ToolUse,
)
from harness.network import Counted, NetworkRecord
from harness.plan import MAX_ATTEMPTS
from harness.receiver import Called, Kind, ReceiverInfo, ReceiverRecord, Showed
from harness.toxiproxy.events import Closed, Opened
from harness.toxiproxy.events import Struck as NetworkStruck
from harness.verdict import Ruling, Verdict

CODES = {
    "SP00": "adapter_kept_its_word",
    "SP01": "settles",
    "SP02": "terminal_required",
    "SP03": "whole_and_once",
    "SP04": "only_true_text",
    "SP05": "no_invented_characters",
    "SP06": "tools_only_when_whole",
    "SP07": "outcome_is_right",
    "SP08": "errors_are_typed",
    "SP09": "partial_is_kept",
    "SP10": "attempts_within_budget",
    "SP11": "permanent_errors_once",
    "SP12": "retry_after_obeyed",
    "SP13": "backoff_grows",
    "SP14": "connection_is_closed",
    "SP15": "dead_stream_is_left",
    "SP16": "patience",
    "SP17": "fallback_when_due",
    "SP18": "no_needless_request",
    "SP19": "errors_tell_the_truth",
    "SP20": "usage_is_the_last",
    "SP21": "never_sent_is_told",
    "SP22": "fault_was_delivered",
    "SP23": "bill_is_the_sum",
    "SP24": "content_may_be_sent_back",
    "SP25": "last_state_arrives",
    "SP26": "receiver_is_not_flooded",
    "SP27": "webhook_is_told_once",
    "SP28": "wire_decides",
    "SP29": "text_is_shown_as_it_comes",
    "SP30": "hints_are_spread",
}
TEXT = story("laws/", 22)
HALF = TEXT[: len(TEXT) // 2]
MIDDLE = AtEvent("content_block_delta", 18)
CUT = Answer().but(EndEarly(at=MIDDLE))
STALLED = Answer().but(StallForever(at=MIDDLE))
OVERLOADED = Refuse(status=529)
ENDS = {End: "end", Close: "close", Reset: "reset"}
RECOVERABLE = Expect(may_fail=True)
PAYMENT = ToolUse("pay", {"amount": 7, "limit": 100})
FAILED = Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="Lost", message="it broke", typed=True))


def attempt(
    number: int,
    step: Step,
    *,
    t: float = 0.0,
    took: float = 0.5,
    stalled: str | None = "peer_closed",
    streams: bool = True,
    **body: Any,
) -> list[ServerRecord]:
    """The records of one request answered with ``step``; ``stalled`` says how a silence ended (None: never)."""
    request = Request(attempt=number, seed="laws", body={"stream": streams, "max_tokens": 1024, **body})
    reply = step.reply(request)
    head, effects = render(reply, request)
    log: list[ServerRecord] = [
        Requested(t=t, attempt=number, method="POST", path="/", headers={}, body=dict(request.body), streams=streams),
        Replied(
            t=t,
            attempt=number,
            step=number,
            status=head.status,
            headers=dict(head.headers),
            faults=[fault.name for fault in reply.faults],
        ),
    ]
    total = 0
    for effect in effects:
        match effect:
            case Send(data, event):
                total += len(data)
                log.append(Sent(t=t, attempt=number, data=data, size=len(data), total=total, event=event))
            case Mark(fault, note):
                log.append(Struck(t=t, attempt=number, fault=fault, note=note, total=total))
            case Wait(seconds):
                log.append(Waited(t=t, attempt=number, seconds=seconds))
            case _:
                how = ENDS.get(type(effect), stalled)
                log += [Ended(t=t + took, attempt=number, how=how, total=total)] if how else []
    return log


def case(
    *attempts: list[ServerRecord],
    client: tuple[ClientRecord, ...] = (),
    expect: Expect = RECOVERABLE,
    policy: Policy = Policy.RECOVER,
    texts: tuple[str, ...] = (TEXT,),
    capabilities: frozenset[Capability] = frozenset(Capability),
    endpoint: Endpoint = Endpoint.SERVER,
    max_attempts: int = 5,
    receiver: ReceiverInfo | None = None,
    lane: tuple[ReceiverRecord, ...] = (),
    lag: float = 0.0,
    before: tuple[Case, ...] = (),
) -> Case:
    """A history of these attempts and of what the client observed."""
    server = tuple(record for one in attempts for record in one)
    info = CaseInfo(
        id="family.name@client:1",
        scenario="family.name",
        client="client",
        seed="1",
        title="Something goes wrong.",
        policy=policy,
        level=Level.MUST,
        expect=expect,
        texts=texts,
        limits=Limits(),
        max_attempts=max_attempts,
        capabilities=tuple(sorted(capabilities)),
        faults=next((tuple(one.faults) for one in server if isinstance(one, Replied)), ()),
        endpoint=endpoint,
        receiver=receiver,
    )
    earlier = tuple(Record(info=one.info, server=one.server, client=one.client) for one in before)
    return Case(Record(info=info, server=server, client=client, receiver=lane, lag=lag, before=earlier))


def ended(outcome: Outcome = Outcome.COMPLETE, **more: Any) -> Finished:
    return Finished(outcome=outcome, **more)


def error(**more: Any) -> ErrorSeen:
    return ErrorSeen(**{"name": "Lost", "message": "it broke", "typed": True, **more})


def failing(**more: Any) -> Finished:
    return Finished(outcome=Outcome.FAILED, error=error(**more))


def ruled(code: str, one: Case) -> Ruling:
    return catalog.law(code).check(one)


def assert_fails(code: str, one: Case, harm: str) -> None:
    ruling = ruled(code, one)
    assert ruling.verdict is Verdict.FAIL, ruling
    assert harm in ruling.harm


def assert_passes(code: str, one: Case) -> None:
    assert ruled(code, one).verdict is Verdict.PASS


def assert_skips(code: str, one: Case) -> None:
    assert ruled(code, one).verdict is Verdict.SKIP


def test_codes_never_change_their_meaning() -> None:
    assert {law.code: law.name for law in catalog.laws()} == CODES


def test_no_two_laws_share_a_code() -> None:
    assert len({law.code for law in catalog.laws()}) == len(catalog.laws())


@pytest.mark.parametrize("code", CODES)
def test_every_law_is_a_sentence_that_its_docstring_states(code: str) -> None:
    law = catalog.law(code)
    assert law.title.endswith(".")
    assert law.text.startswith(law.title)


@pytest.mark.parametrize("code", CODES)
def test_every_law_is_explained_below_its_sentence(code: str) -> None:
    assert catalog.law(code).text.partition("\n\n")[2]


@pytest.mark.parametrize("code", CODES)
def test_no_law_stumbles_over_a_call_of_which_nothing_is_known(code: str) -> None:
    assert ruled(code, case(texts=(), capabilities=frozenset())).verdict is not Verdict.FAIL


@pytest.mark.parametrize("code", CODES)
def test_every_law_is_content_with_a_plain_answer(code: str) -> None:
    one = case(attempt(1, Answer()), client=(Shown(text=TEXT), ended(text=TEXT)), expect=Expect())
    assert ruled(code, one).verdict in (Verdict.PASS, Verdict.SKIP)


def test_a_call_that_is_still_waiting_does_not_settle() -> None:
    one = case(attempt(1, STALLED), client=(Shown(text="The village"), TimedOut(t=9.0)))
    assert_fails("SP01", one, "still waiting after 9 s, with 11 characters on the screen")


def test_a_call_that_waits_before_an_empty_screen_says_so() -> None:
    assert_fails("SP01", case(client=(TimedOut(t=9.0),)), "nothing on the screen")


def test_a_call_that_fails_has_settled() -> None:
    assert_passes("SP01", case(client=(FAILED,)))


def test_a_cut_answer_that_is_called_complete_tells_its_share() -> None:
    one = case(attempt(1, CUT), client=(Shown(text=HALF), ended()))
    assert_fails("SP02", one, "the user saw 50% of the answer")


def test_a_whole_text_is_not_complete_before_the_server_ended_it() -> None:
    one = case(
        attempt(1, Answer().but(EndEarly(at=AtEvent("message_delta")))), client=(Shown(text=TEXT), ended(text=TEXT))
    )
    assert_fails("SP02", one, "this was the end")


@pytest.mark.parametrize("streams", [True, False])
def test_a_stop_reason_on_the_wire_ends_an_answer(streams: bool) -> None:
    assert_passes("SP02", case(attempt(1, Answer(), streams=streams), client=(ended(text=TEXT),)))


def test_a_call_that_does_not_claim_completeness_needs_no_end() -> None:
    assert_skips("SP02", case(attempt(1, CUT), client=(Shown(text=HALF), FAILED)))


def test_bytes_that_were_not_kept_may_have_had_the_end() -> None:
    records = attempt(1, CUT)
    records[-2:-2] = [Sent(t=0.1, attempt=1, data=b"", size=1 << 21, total=1 << 21)]
    assert ruled("SP02", case(records, client=(ended(text=HALF),))).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("text", "harm"),
    [
        pytest.param(HALF, "50% of the answer", id="truncated"),
        pytest.param(TEXT[:200] + TEXT[400:], "has a hole", id="gap"),
        pytest.param(TEXT[:400] + TEXT[200:], "twice", id="duplicated"),
        pytest.param(TEXT[:200] + TEXT[400:600] + TEXT[200:400] + TEXT[600:], "out of order", id="reordered"),
        pytest.param(TEXT.replace("ö", "\ufffd\ufffd").replace("ü", "\ufffd"), "is damaged at byte", id="garbled"),
        pytest.param(TEXT[:200] + " Buy now! " + TEXT[400:], "is damaged at byte", id="replaced"),
        pytest.param(TEXT + " And they all lived happily.", "goes on after the end of the answer", id="longer"),
    ],
)
def test_damage_to_what_is_called_an_answer_is_told_by_its_kind(text: str, harm: str) -> None:
    assert_fails("SP03", case(attempt(1, Answer()), client=(Shown(text=text), ended())), harm)


def test_words_before_the_answer_are_not_said_to_come_after_its_end() -> None:
    one = case(attempt(1, Answer()), client=(Shown(text="Once upon a time. " + TEXT), ended()))
    assert_fails("SP03", one, "what the model never said there, at byte 0: 'Once upon a time. '")


def test_what_is_shown_must_be_whole_even_if_what_is_returned_is() -> None:
    one = case(attempt(1, Answer()), client=(Shown(text=TEXT), Shown(text=TEXT[:200]), ended(text=TEXT)))
    assert_fails("SP03", one, "the text shown")


def test_what_is_returned_must_be_whole_even_if_what_is_shown_is() -> None:
    one = case(attempt(1, Answer()), client=(Shown(text=TEXT), ended(text=HALF)))
    assert_fails("SP03", one, "the text returned as the answer is 50%")


def test_text_of_nobody_is_no_answer() -> None:
    one = case(client=(Shown(text="<html>Bad gateway"), ended()), texts=())
    assert_fails("SP03", one, "text that no model wrote: '<html>Bad gateway'")


def test_an_answer_cut_by_the_model_must_have_all_that_was_said() -> None:
    assert_fails("SP03", case(client=(Shown(text=HALF), ended(Outcome.TRUNCATED))), "50% of the answer")


def test_an_answer_that_started_over_is_whole_and_once() -> None:
    assert_passes("SP03", case(client=(Shown(text=HALF), Cleared(), Shown(text=TEXT), ended())))


def test_the_answer_of_any_attempt_is_the_answer() -> None:
    other = story("laws/another", 22)
    assert_passes("SP03", case(client=(Shown(text=other), ended()), texts=(TEXT, other)))


def test_a_call_that_failed_need_not_be_whole() -> None:
    assert_skips("SP03", case(client=(Shown(text=HALF), FAILED)))


def test_text_that_is_shown_twice_while_it_streams_is_false_text() -> None:
    one = case(client=(Shown(text=TEXT[:300]), Shown(text=TEXT[:100]), FAILED))
    assert_fails("SP04", one, "has bytes 0")


def test_false_text_counts_although_it_was_taken_back() -> None:
    one = case(client=(Shown(text=HALF), Shown(text=HALF), Cleared(), Shown(text=TEXT), ended()))
    assert_fails("SP04", one, "twice")


def test_every_prefix_of_the_answer_is_true_text() -> None:
    shown = tuple(Shown(text=TEXT[i : i + 7]) for i in range(0, len(TEXT), 7))
    assert_passes("SP04", case(client=(*shown, ended())))


def test_another_attempt_may_show_another_answer_after_a_reset() -> None:
    other = story("laws/another", 22)
    one = case(client=(Shown(text=HALF), Cleared(), Shown(text=other[:80]), FAILED), texts=(TEXT, other))
    assert_passes("SP04", one)


def test_true_text_means_nothing_where_no_text_is_said() -> None:
    assert_skips("SP04", case(client=(FAILED,), texts=()))


@pytest.mark.parametrize(
    ("char", "harm"),
    [
        pytest.param("\ufffd", "a replacement character (U+FFFD)", id="replacement"),
        pytest.param("\ufeff", "a byte order mark (U+FEFF)", id="bom"),
        pytest.param("\ud83c", "surrogate", id="half_a_pair"),
    ],
)
def test_the_scars_of_cut_characters_are_found(char: str, harm: str) -> None:
    assert_fails("SP05", case(attempt(1, Answer()), client=(Shown(text=f"The M{char}nchen"), FAILED)), harm)


def test_a_replacement_character_of_the_servers_own_is_passed_on() -> None:
    text = "The M\ufffdnchen"
    answer = Answer(blocks=(text_block(text),))
    assert_passes("SP05", case(attempt(1, answer), client=(Shown(text=text), ended()), texts=(text,)))


def test_whole_characters_are_no_scars() -> None:
    assert_passes("SP05", case(attempt(1, Answer()), client=(Shown(text=TEXT), ended())))


def test_who_invented_a_character_is_unknown_when_not_all_bytes_were_kept() -> None:
    records = attempt(1, Answer())
    records[-2:-2] = [Sent(t=0.1, attempt=1, data=b"", size=1 << 21, total=1 << 21)]
    assert ruled("SP05", case(records, client=(Shown(text="\ufffd"), ended()))).verdict is Verdict.UNKNOWN


def test_a_tool_call_of_a_broken_turn_must_not_be_handed_over() -> None:
    one = case(client=(ended(Outcome.INCOMPLETE, tools=(PAYMENT,)),), expect=Expect(tools=(PAYMENT,)))
    assert_fails("SP06", one, "the call ended incomplete and holds a tool call all the same: pay(")


def test_a_repaired_tool_call_is_a_different_one() -> None:
    one = case(client=(ended(tools=(ToolUse("pay", {"amount": 7}),)),), expect=Expect(tools=(PAYMENT,)))
    assert_fails("SP06", one, 'that the model did not make: pay({"amount": 7})')


PAYS = Answer(blocks=(tool_block("pay", {"amount": 7, "limit": 100}),), stop_reason="tool_use")


@pytest.mark.parametrize("handed", [0, 2])
def test_every_tool_call_is_handed_over_once(handed: int) -> None:
    one = case(attempt(1, PAYS), client=(ended(tools=(PAYMENT,) * handed),), expect=Expect(tools=(PAYMENT,)))
    assert_fails("SP06", one, "and these were handed over: [")


def test_nobody_need_hand_over_a_call_that_never_came_whole() -> None:
    cut = PAYS.but(EndEarly(at=AtEvent("content_block_delta", 1)))
    assert_skips("SP06", case(attempt(1, cut), client=(ended(),), expect=Expect(tools=(PAYMENT,))))


def test_a_whole_call_of_a_turn_that_never_ended_is_told_apart_from_an_invented_one() -> None:
    cut = PAYS.but(EndEarly(at=AtEvent("message_delta")))
    one = case(attempt(1, cut), client=(ended(tools=(PAYMENT,)),))
    assert_fails("SP06", one, "and the turn that made it never ended: pay(")


def test_whole_tool_calls_of_a_complete_turn_are_handed_over() -> None:
    assert_passes("SP06", case(client=(ended(tools=(PAYMENT,)),), expect=Expect(tools=(PAYMENT,))))


@pytest.mark.parametrize(
    ("outcome", "ran"), [(Outcome.INCOMPLETE, 1), (Outcome.TRUNCATED, 1), (Outcome.COMPLETE, 2)], ids=str
)
def test_a_tool_call_is_carried_out_once_and_for_a_complete_turn_only(outcome: Outcome, ran: int) -> None:
    handed = (PAYMENT,) if outcome is Outcome.COMPLETE else ()
    did = (ToolRan(name=PAYMENT.name, input=PAYMENT.input),) * ran
    one = case(client=(*did, ended(outcome, tools=handed)), expect=Expect(tools=(PAYMENT,)))
    assert_fails("SP06", one, f"the call ended {outcome}, and a tool was run that should not be: pay(")


def test_a_tool_call_that_was_made_may_be_carried_out() -> None:
    did = ToolRan(name=PAYMENT.name, input=PAYMENT.input)
    assert_passes("SP06", case(client=(did, ended(tools=(PAYMENT,))), expect=Expect(tools=(PAYMENT,))))


def test_tool_calls_do_not_concern_a_client_without_tools() -> None:
    assert_skips("SP06", case(client=(ended(tools=(PAYMENT,)),), capabilities=frozenset()))


@pytest.mark.parametrize("cut", [Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED])
def test_an_answer_that_the_model_cut_short_is_not_complete(cut: Outcome) -> None:
    one = case(client=(ended(),), expect=Expect(outcome=cut))
    assert_fails("SP07", one, f"an answer that was {cut} by the model passed for a complete one")


def test_giving_up_breaks_the_promise_to_recover() -> None:
    assert_fails("SP07", case(client=(FAILED,)), "gave up (failed) where the whole answer could still be had (Lost: it")


@pytest.mark.parametrize("policy", [Policy.RAISE, Policy.BEST_EFFORT])
def test_a_client_that_promises_less_may_give_up_on_a_real_fault(policy: Policy) -> None:
    assert_passes("SP07", case(client=(FAILED,), policy=policy))


@pytest.mark.parametrize("policy", list(Policy))
def test_nobody_may_give_up_on_a_stream_that_is_only_unusual(policy: Policy) -> None:
    assert_fails("SP07", case(client=(FAILED,), expect=Expect(), policy=policy), "a good answer was lost")


def test_who_had_the_whole_answer_and_then_failed_is_told_so() -> None:
    one = case(attempt(1, Answer()), client=(Shown(text=TEXT), failing()), expect=Expect())
    assert_fails("SP07", one, "the whole answer was on display, and then the call failed (Lost: it broke)")


def test_a_failure_that_is_called_complete_is_told() -> None:
    one = case(client=(ended(),), expect=Expect(outcome=Outcome.FAILED))
    assert_fails("SP07", one, "the user was told that the answer is complete; it was failed")


def test_a_wrong_name_for_the_end_is_told() -> None:
    one = case(client=(ended(Outcome.REFUSED),), expect=Expect(outcome=Outcome.TRUNCATED))
    assert_fails("SP07", one, "the call ended refused where truncated is the truth")


def test_an_outcome_that_is_as_good_is_right() -> None:
    one = case(client=(ended(Outcome.INCOMPLETE),), expect=Expect(also=(Outcome.INCOMPLETE,)))
    assert_passes("SP07", one)


def test_a_call_that_never_ended_has_no_outcome() -> None:
    assert_skips("SP07", case(client=(TimedOut(),)))


def test_a_leaked_exception_of_a_lower_layer_is_named() -> None:
    one = case(client=(failing(name="h11.RemoteProtocolError", typed=False),))
    assert_fails("SP08", one, "a bare h11.RemoteProtocolError")


def test_a_failure_without_an_error_says_nothing() -> None:
    assert_fails("SP08", case(client=(ended(Outcome.FAILED),)), "the call ended failed and no error says why")


def test_an_error_of_the_clients_own_is_typed() -> None:
    assert_passes("SP08", case(client=(FAILED,)))


def test_best_effort_promises_no_types() -> None:
    assert_passes("SP08", case(client=(failing(typed=False),), policy=Policy.BEST_EFFORT))


def test_a_call_that_worked_has_no_error_to_judge() -> None:
    assert_skips("SP08", case(client=(ended(),)))


@pytest.mark.parametrize("client", [(FAILED,), (Shown(text=HALF), Cleared(), FAILED)])
def test_text_that_arrived_must_not_vanish_with_the_failure(client: tuple[ClientRecord, ...]) -> None:
    assert_fails("SP09", case(attempt(1, CUT), client=client), "had arrived and none of them were kept")


def test_a_remnant_of_what_arrived_is_not_enough() -> None:
    assert_fails("SP09", case(attempt(1, CUT), client=(Shown(text=TEXT[:100]), FAILED)), "100 of them were kept")


def test_who_promises_no_recovery_may_give_up_where_another_answer_comes_than_the_one_on_display() -> None:
    another = Answer(blocks=(text_block(story("another", 30)),))
    seen = (Shown(text=TEXT[:100]), FAILED)
    raising = case(attempt(1, CUT), attempt(2, another), client=seen, policy=Policy.RAISE)
    assert_passes("SP28", raising)
    assert_fails("SP09", raising, f"{len(raising.attempts[0].told.text)} characters of the answer had arrived")
    asked = case(attempt(1, CUT), attempt(2, another, system="go on"), client=seen, policy=Policy.RAISE)
    for lost in (case(attempt(1, CUT), attempt(2, another), client=seen), asked):
        assert_fails("SP28", lost, "a good answer was lost")


def test_a_request_without_fields_asks_for_nothing_that_broke_off() -> None:
    log = attempt(1, CUT)
    assert isinstance(log[0], Requested)
    log[0] = msgspec.structs.replace(log[0], body=None)
    assert_passes("SP09", case(log, client=(Shown(text=TEXT), FAILED), policy=Policy.RAISE))


@pytest.mark.parametrize("client", [(Shown(text=HALF), FAILED), (failing(partial=HALF),)])
def test_partial_text_is_kept_on_display_or_in_the_error(client: tuple[ClientRecord, ...]) -> None:
    assert_passes("SP09", case(attempt(1, CUT), client=client))


def test_nothing_can_be_lost_when_nothing_arrived() -> None:
    assert_passes("SP09", case(attempt(1, OVERLOADED), client=(FAILED,)))


def test_what_a_complete_call_keeps_is_a_matter_of_other_laws() -> None:
    assert_skips("SP09", case(attempt(1, CUT), client=(ended(),)))


def test_more_requests_than_allowed_are_counted_by_the_server() -> None:
    one = case(*(attempt(n, OVERLOADED) for n in range(1, 7)), client=(FAILED,))
    assert_fails("SP10", one, "6 requests were made for one answer where 5 are allowed")


def test_the_whole_budget_may_be_used() -> None:
    assert_passes("SP10", case(*(attempt(n, OVERLOADED) for n in range(1, 6)), client=(FAILED,)))


def test_a_permanent_error_is_not_asked_for_twice() -> None:
    refusal = Refuse(status=400)
    one = case(attempt(1, refusal), attempt(2, refusal), client=(FAILED,), expect=Expect(permanent=True))
    assert_fails("SP11", one, "the same request was made 2 times")


def test_on_a_machine_that_was_late_a_second_request_may_follow_a_limit_of_the_client() -> None:
    refusal = Refuse(status=400)
    one = case(attempt(1, refusal), attempt(2, refusal), client=(FAILED,), expect=Expect(permanent=True), lag=0.5)
    (ruling,) = judge(one, [catalog.law("SP11")])
    assert (ruling.verdict, "up to 0.50 s late" in ruling.harm) == (Verdict.UNKNOWN, True)


def test_a_permanent_error_is_met_once() -> None:
    assert_passes("SP11", case(attempt(1, Refuse(status=400)), client=(FAILED,), expect=Expect(permanent=True)))


def herd(*waits: float, hint: str = "1") -> Case:
    """Refusals with one hint, each over at once, and the next request so long after it; then an answer."""
    refusal = Refuse(status=429, headers=(("retry-after", hint),))
    times = [sum(waits[:n]) for n in range(len(waits) + 1)]
    attempts = [attempt(n, refusal, t=t, took=0.0) for n, t in enumerate(times[:-1], 1)]
    return case(*attempts, attempt(len(times), Answer(), t=times[-1]))


def test_who_comes_back_exactly_when_told_to_comes_with_all_the_others() -> None:
    assert_fails("SP30", herd(1.2, 1.004, 1.029, 1.002, 1.005), "exactly when it was told to, 5 times")


@pytest.mark.parametrize(
    "waits",
    [
        pytest.param((1.0, 1.01, 1.03, 1.0, 1.02), id="a little chance"),
        pytest.param((1.0, 1.2, 1.2, 1.2, 1.2), id="later than told, which may be a chance of its own"),
    ],
)
def test_who_comes_back_at_a_time_of_its_own_is_spread(waits: tuple[float, ...]) -> None:
    assert_passes("SP30", herd(*waits))


def test_a_few_waits_may_be_alike_by_chance() -> None:
    assert_skips("SP30", herd(1.0, 1.0, 1.0, 1.0))


def test_waits_after_hints_that_are_no_whole_seconds_or_differ_are_not_compared() -> None:
    assert_skips("SP30", herd(1.0, 1.0, 1.0, 1.0, 1.0, hint="soon"))
    refusals = [Refuse(status=429, headers=(("retry-after", str(1 + n % 2)),)) for n in range(6)]
    assert_skips("SP30", case(*(attempt(n, one, t=2.0 * n, took=0.0) for n, one in enumerate(refusals, 1))))


def test_waits_after_a_hint_that_the_network_may_lengthen_are_not_compared() -> None:
    assert_skips("SP30", over(herd(1.0, 1.0, 1.0, 1.0, 1.0, 1.0), upstream("latency_upstream")))


PROMPT = Expect(healthy=True, prompt=0.5)


def shown_at(*moments: float, expect: Expect = PROMPT, streams: bool = True) -> Case:
    """An answer in three pieces that came at 0 s, and what was shown of it when."""
    pieces = ("One. ", "Two. ", "Three.")
    answer = Answer(blocks=(text_block("".join(pieces), pieces=pieces),))
    client = [Shown(t=t, text=piece) for t, piece in zip(moments, pieces, strict=False)]
    return case(attempt(1, answer, streams=streams), client=(*client, ended(text="".join(pieces))), expect=expect)


def test_text_that_is_shown_late_is_told_with_its_length() -> None:
    assert_fails("SP29", shown_at(0.1, 0.6, 0.4), "5 characters were not on display 0.5 s after they had come")


def test_text_that_is_never_shown_while_it_streams_is_late() -> None:
    assert_fails("SP29", shown_at(), "5 characters were not on display")


def test_text_in_time_is_prompt() -> None:
    assert_passes("SP29", shown_at(0.1, 0.2, 0.5))


def test_promptness_is_for_scenarios_that_ask_for_it_and_for_answers_in_one_stream() -> None:
    assert_skips("SP29", shown_at(expect=Expect(healthy=True)))
    assert_skips("SP29", shown_at(streams=False))
    assert_skips("SP29", case(attempt(1, CUT), attempt(2, Answer()), expect=PROMPT))


def test_an_error_that_may_pass_may_be_tried_again() -> None:
    assert_skips("SP11", case(attempt(1, OVERLOADED), attempt(2, OVERLOADED)))


def limited(*headers: tuple[str, str], waits: float) -> Case:
    """A refusal with these headers that was over after half a second, and the next request ``waits`` s after it."""
    refusal = Refuse(status=429, headers=(("date", formatdate(0, usegmt=True)), *headers))
    return case(attempt(1, refusal), attempt(2, Answer(), t=0.5 + waits))


@pytest.mark.parametrize(
    ("headers", "waits", "asked"),
    [
        pytest.param([("retry-after", "2")], 1.9, "2.0 s", id="seconds"),
        pytest.param([("retry-after", "1.5")], 1.4, "1.5 s", id="fraction"),
        pytest.param([("retry-after-ms", "700"), ("retry-after", "1")], 0.6, "0.7 s", id="milliseconds"),
        pytest.param([("retry-after", formatdate(4, usegmt=True))], 2.9, "3.0 s", id="date"),
    ],
)
def test_a_request_before_its_time_is_measured_by_the_server(
    headers: list[tuple[str, str]], waits: float, asked: str
) -> None:
    assert_fails(
        "SP12", limited(*headers, waits=waits), f"asked for {asked} of peace and was called again after {waits:.2f} s"
    )


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        pytest.param([("retry-after", "2")], 2.0, id="seconds"),
        pytest.param([("retry-after-ms", "700"), ("retry-after", "1")], 0.7, id="milliseconds"),
        pytest.param([("retry-after", formatdate(4, usegmt=True))], 3.0, id="date"),
        pytest.param([("retry-after", formatdate(-60, usegmt=True))], 0.0, id="date_that_is_past"),
    ],
)
def test_a_request_in_its_time_obeys(headers: list[tuple[str, str]], waits: float) -> None:
    assert_passes("SP12", limited(*headers, waits=waits))


@pytest.mark.parametrize("value", ["soon", "", "-1", "²", "12 apples", "Thu, 32 Foo 1970"])
def test_nonsense_in_retry_after_need_not_be_obeyed(value: str) -> None:
    assert_skips("SP12", limited(("retry-after", value), waits=0.1))


def test_nonsense_in_retry_after_ms_need_not_be_obeyed() -> None:
    assert_skips("SP12", limited(("retry-after-ms", "soon"), waits=0.1))


def test_an_absurd_hint_need_not_be_obeyed() -> None:
    refusal = Refuse(status=429, headers=(("retry-after", "7200"),))
    assert_skips(
        "SP12", case(attempt(1, refusal), attempt(2, Answer(), t=1.0), expect=Expect(may_fail=True, absurd_hint=True))
    )


def refused_with_gaps(*gaps: float) -> Case:
    """Refusals by status with these waits between the end of one and the next request."""
    starts = accumulate(gaps, lambda start, gap: start + 0.5 + gap, initial=0.0)
    return case(*(attempt(number, OVERLOADED, t=t) for number, t in enumerate(starts, start=1)), client=(FAILED,))


@pytest.mark.parametrize(
    ("gaps", "harm"),
    [
        pytest.param((0.0, 0.0, 0.01), "came back at once, 3 times", id="at_once"),
        pytest.param((0.2, 0.2, 0.2), "all alike (0.20 s, 0.20 s, 0.20 s)", id="all_alike"),
        pytest.param((0.2, 0.4, 0.8, 1.6, 3.2), "double exactly (0.20 s, 0.40 s, 0.80 s", id="without_jitter"),
        pytest.param((0.8, 0.4, 0.2, 0.1), "grow", id="shrinking"),
    ],
)
def test_waits_that_do_not_grow_by_chance_hammer_the_server(gaps: tuple[float, ...], harm: str) -> None:
    assert_fails("SP13", refused_with_gaps(*gaps), harm)


def test_a_client_that_doubles_exactly_within_its_budget_has_no_jitter() -> None:
    gaps = tuple(0.2 * 2**n for n in range(MAX_ATTEMPTS - 1))
    assert_fails("SP13", refused_with_gaps(*gaps), "double exactly")


@pytest.mark.parametrize("gaps", [(0.21, 0.37, 0.85), (0.3, 0.2, 0.7), (0.2, 0.5, 0.6)])
def test_waits_that_grow_with_jitter_are_kind(gaps: tuple[float, ...]) -> None:
    assert_passes("SP13", refused_with_gaps(*gaps))


@pytest.mark.parametrize("gaps", [(0.2,), (0.2, 0.4), (0.4, 0.2)])
def test_few_waits_say_nothing_about_growth(gaps: tuple[float, ...]) -> None:
    assert_skips("SP13", refused_with_gaps(*gaps))


def test_waits_that_the_server_asked_for_say_nothing_about_growth() -> None:
    hinted = Refuse(status=429, headers=(("retry-after", "1"),))
    assert_skips("SP13", case(*(attempt(n, hinted, t=n * 1.6) for n in (1, 2, 3))))


@pytest.mark.parametrize("stalled", ["abandoned", None])
@pytest.mark.parametrize("last", [FAILED, Cancelled()])
def test_a_connection_left_open_keeps_the_model_writing(stalled: str | None, last: ClientRecord) -> None:
    one = case(attempt(1, STALLED, stalled=stalled), client=(last,))
    assert_fails("SP14", one, "the connection was still open 1 s after the call had ended")


@pytest.mark.parametrize("step", [STALLED, Answer(), CUT, Answer().but(ResetConnection(at=MIDDLE))])
def test_a_connection_that_is_over_is_closed(step: Step) -> None:
    assert_passes("SP14", case(attempt(1, step), client=(FAILED,)))


def test_a_call_that_never_ended_may_keep_its_connection() -> None:
    assert_skips("SP14", case(attempt(1, STALLED, stalled="abandoned"), client=(TimedOut(),)))


@pytest.mark.parametrize("stalled", ["peer_closed", "abandoned"])
def test_a_dead_stream_is_not_held_beyond_the_limits(stalled: str) -> None:
    one = case(attempt(1, STALLED, took=2.7, stalled=stalled), expect=Expect(may_fail=True, stalls=True))
    assert_fails("SP15", one, "was held for 2.7 s where 1.6 s were the limit")


def test_a_dead_stream_is_left_within_the_limits() -> None:
    assert_passes("SP15", case(attempt(1, STALLED, took=2.5), expect=Expect(may_fail=True, stalls=True)))


def test_no_stream_is_dead_that_does_not_stall() -> None:
    assert_skips("SP15", case(attempt(1, STALLED, took=60.0)))


def test_who_has_no_limit_for_pings_may_wait_as_long_as_they_come() -> None:
    stalls = Expect(may_fail=True, stalls=True)
    assert_skips("SP15", case(attempt(1, STALLED, took=60.0), expect=stalls, capabilities=frozenset()))


def test_a_healthy_stream_must_not_be_killed() -> None:
    one = case(attempt(1, STALLED, took=1.2), expect=Expect(healthy=True))
    assert_fails("SP16", one, "a healthy stream was killed after 1.2 s")


def test_a_healthy_stream_must_not_be_given_up_for_another() -> None:
    one = case(attempt(1, STALLED, stalled=None), attempt(2, Answer()), expect=Expect(healthy=True))
    assert_fails("SP16", one, "given up and asked for again (2 requests)")


def test_a_healthy_stream_that_is_heard_to_its_end_was_borne() -> None:
    assert_passes("SP16", case(attempt(1, Answer()), expect=Expect(healthy=True)))


def test_a_healthy_stream_may_be_closed_after_its_end() -> None:
    held = Answer().but(StallForever(at=AtEvent("message_stop")))
    assert_passes("SP16", case(attempt(1, held), expect=Expect(healthy=True)))


def test_patience_is_for_healthy_streams() -> None:
    assert_skips("SP16", case(attempt(1, STALLED)))


def test_a_third_stream_after_two_failed_ones_is_one_too_many() -> None:
    one = case(attempt(1, CUT), attempt(2, CUT), attempt(3, Answer()))
    assert_fails("SP17", one, "request 3 streamed again after 2 failed streams")


def test_a_stream_that_began_when_its_client_may_have_left_is_no_failed_stream() -> None:
    late = [msgspec.structs.replace(one, t=0.9) if isinstance(one, Sent) else one for one in attempt(1, CUT)]
    assert_passes("SP17", case(late, attempt(2, CUT), attempt(3, Answer())))


def test_a_third_stream_on_a_machine_that_is_late_proves_nothing_for_its_client_may_have_heard_no_head() -> None:
    one = case(attempt(1, CUT), attempt(2, CUT), attempt(3, Answer()), lag=1.2)
    (ruling,) = judge(one, [catalog.law("SP17")])
    assert (ruling.verdict, "up to 1.20 s late" in ruling.harm) == (Verdict.UNKNOWN, True)


def test_a_head_comes_when_its_last_byte_does_or_never() -> None:
    whole = case(attempt(1, CUT, t=0.2)).attempts[0]
    assert whole.head_took == 0.0
    whole.sent = [msgspec.structs.replace(whole.sent[0], data=b"HTTP/1.1 200 OK\r\n")]
    assert whole.head_took == float("inf")


@pytest.mark.parametrize("first", [CUT, OVERLOADED])
def test_a_fallback_after_less_than_two_failed_streams_is_early(first: Step) -> None:
    one = case(attempt(1, first), attempt(2, Answer(), streams=False))
    assert_fails("SP17", one, "request 2 gave up streaming after")


def test_a_fallback_after_two_failed_streams_is_due() -> None:
    errors = Answer().but(ErrorEvent(at=MIDDLE))
    assert_passes("SP17", case(attempt(1, CUT), attempt(2, errors), attempt(3, Answer(), streams=False)))


@pytest.mark.parametrize("step", [OVERLOADED, Respond(body=b"<html>wait</html>")])
def test_refusals_and_foreign_pages_are_no_failed_streams(step: Step) -> None:
    assert_passes("SP17", case(attempt(1, step), attempt(2, step), attempt(3, Answer())))


@pytest.mark.parametrize("body", [None, ["no", "object"]])
def test_a_request_that_is_invalid_is_neither_a_stream_nor_a_fallback(body: Any) -> None:
    requested, replied, *_ = attempt(2, Answer())
    assert isinstance(requested, Requested)
    assert isinstance(replied, Replied)
    invalid = [
        msgspec.structs.replace(requested, body=body, streams=False),
        msgspec.structs.replace(replied, step=0, status=400),
    ]
    assert_passes("SP17", case(attempt(1, CUT), invalid, attempt(3, CUT), attempt(4, Answer(), streams=False)))


def test_an_answer_too_long_for_a_fallback_may_stream_on() -> None:
    assert_passes("SP17", case(*(attempt(n, CUT, max_tokens=64_000) for n in (1, 2, 3))))


def test_no_fallback_is_due_from_a_client_that_has_none() -> None:
    assert_skips("SP17", case(attempt(1, CUT), attempt(2, CUT), attempt(3, CUT), capabilities=frozenset()))


def test_a_whole_answer_is_not_asked_for_again() -> None:
    one = case(attempt(1, Answer()), attempt(2, Answer()), expect=Expect())
    assert_fails("SP18", one, "answer 1 was whole and the client asked again (2 requests)")


def test_a_cut_answer_may_be_asked_for_again() -> None:
    assert_passes("SP18", case(attempt(1, CUT), attempt(2, Answer())))


def test_an_answer_that_may_be_damaged_may_be_asked_for_again() -> None:
    twice = Answer().but(RepeatEvent(at=AtEvent("message_start")))
    assert_skips("SP18", case(attempt(1, twice), attempt(2, Answer())))


@pytest.mark.parametrize(
    ("lie", "harm"),
    [
        ({"status": 500}, "reports status 500; the server sent [529]"),
        ({"request_id": "req_0"}, "reports request id 'req_0', which the server never sent"),
        ({"kind": "api_error"}, "reports the type 'api_error'; the server sent overloaded_error"),
    ],
)
def test_an_error_that_reports_what_never_came_lies(lie: dict[str, Any], harm: str) -> None:
    assert_fails("SP19", case(attempt(1, OVERLOADED), client=(failing(**lie),)), harm)


def test_an_error_that_reports_what_came_tells_the_truth() -> None:
    one = attempt(1, OVERLOADED)
    reply = next(record for record in one if isinstance(record, Replied))
    told = failing(status=529, kind="overloaded_error", request_id=reply.headers["request-id"])
    assert_passes("SP19", case(one, client=(told,)))


def test_a_client_that_promises_kinds_must_pass_them_on() -> None:
    assert_fails("SP19", case(attempt(1, OVERLOADED), client=(FAILED,)), "reported overloaded_error")


def test_a_client_that_promises_no_kinds_need_not_tell_them() -> None:
    assert_passes("SP19", case(attempt(1, OVERLOADED), client=(FAILED,), capabilities=frozenset()))


def test_an_error_in_the_stream_is_reported_by_its_own_type() -> None:
    errors = attempt(1, Answer().but(ErrorEvent(at=MIDDLE)))
    assert_passes("SP19", case(errors, client=(failing(status=200, kind="overloaded_error"),)))


def test_a_call_without_an_error_reports_nothing() -> None:
    assert_skips("SP19", case(attempt(1, Answer()), client=(ended(),)))


def test_the_status_that_the_api_documents_for_an_error_in_a_stream_is_not_invented() -> None:
    errors = Answer().but(ErrorEvent(at=MIDDLE))
    assert_passes("SP19", case(attempt(1, errors), client=(failing(status=529, kind="overloaded_error"),)))
    assert_fails("SP19", case(attempt(1, errors), client=(failing(status=429),)), "the error reports status 429")


def test_an_error_without_a_type_need_not_be_told_by_one() -> None:
    words = Answer().but(Inject(at=MIDDLE, data=b"event: error\ndata: Too many requests\n\n"), EndEarly(at=MIDDLE))
    assert_passes("SP19", case(attempt(1, words), client=(failing(status=200),)))


@pytest.mark.parametrize("usage", [None, {"output_tokens": 3}, {"output_tokens": 60, "input_tokens": 25}])
def test_usage_that_is_added_up_or_lost_is_wrong(usage: dict[str, Any] | None) -> None:
    one = case(client=(ended(usage=usage),), expect=Expect(usage={"input_tokens": 25, "output_tokens": 45}))
    assert_fails("SP20", one, "where the API counted {'input_tokens': 25, 'output_tokens': 45}")


def test_usage_may_have_more_fields_than_expected() -> None:
    one = case(
        client=(ended(usage={"output_tokens": 45, "input_tokens": 25}),), expect=Expect(usage={"input_tokens": 25})
    )
    assert_passes("SP20", one)


@pytest.mark.parametrize(
    "one",
    [
        case(client=(ended(),)),
        case(client=(FAILED,), expect=Expect(usage={"input_tokens": 25})),
        case(client=(ended(),), expect=Expect(usage={"input_tokens": 25}), capabilities=frozenset()),
    ],
)
def test_usage_is_judged_only_where_it_is_known_and_promised(one: Case) -> None:
    assert_skips("SP20", one)


def test_an_error_must_not_deny_a_request_that_was_sent() -> None:
    one = case(attempt(1, CUT), client=(failing(sent=False),))
    assert_fails("SP21", one, "was never sent; the server saw 1")


def test_an_error_must_not_claim_a_request_that_was_never_sent() -> None:
    assert_fails("SP21", case(client=(failing(sent=True),)), "was sent; the server never saw one")


@pytest.mark.parametrize(("attempts", "sent"), [([attempt(1, CUT)], True), ([], False)])
def test_an_error_that_knows_whether_it_was_sent_is_right(attempts: list[list[ServerRecord]], sent: bool) -> None:
    assert_passes("SP21", case(*attempts, client=(failing(sent=sent),)))


@pytest.mark.parametrize("last", [FAILED, ended()])
def test_an_error_that_does_not_tell_is_left_alone(last: Finished) -> None:
    assert_skips("SP21", case(client=(last,)))


def test_a_fault_that_never_struck_proves_nothing() -> None:
    missed: Fault = EndEarly(at=AtEvent("content_block_delta", 999))
    ruling = ruled("SP22", case(attempt(1, Answer().but(missed)), client=(ended(),)))
    assert ruling.verdict is Verdict.UNKNOWN
    assert "end_early never struck: the reply was over after" in ruling.harm


def test_of_a_client_that_left_before_the_fault_it_is_said_so() -> None:
    one = case(attempt(1, STALLED))
    one.info = msgspec.structs.replace(one.info, faults=(*one.info.faults, "end_early"))
    assert "end_early never struck: the client left after" in never_reached(one).harm


def test_a_fault_whose_reply_never_ended_proves_nothing() -> None:
    ruling = ruled("SP22", case(attempt(1, STALLED, stalled=None)))
    assert ruling.verdict is Verdict.UNKNOWN
    assert "never came to an end" in ruling.harm


def test_a_client_that_asked_nothing_proves_nothing() -> None:
    assert ruled("SP22", case(client=(Noticed(what="thinking"),))).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "one",
    [case(attempt(1, CUT)), case(attempt(1, STALLED)), case(attempt(1, Answer())), case(endpoint=Endpoint.REFUSED)],
)
def test_a_fault_that_struck_was_delivered(one: Case) -> None:
    assert_passes("SP22", one)


def test_a_fault_of_an_earlier_call_must_have_struck_too() -> None:
    met, asked_nothing = case(attempt(1, CUT)), case(client=(ended(),))
    assert_passes("SP22", case(attempt(1, Answer()), before=(met, met)))
    ruling = ruled("SP22", case(attempt(1, Answer()), before=(met, asked_nothing)))
    assert ruling.verdict is Verdict.UNKNOWN
    assert ruling.harm == "in an earlier call, family.name: the client never made a request"


def test_nothing_is_held_against_a_client_that_it_did_in_an_earlier_call() -> None:
    twice = (Shown(text=TEXT), Shown(text=TEXT), ended())
    good = (Shown(text=TEXT), ended(text=TEXT))
    before = case(attempt(1, Answer()), client=twice)
    rulings = judge(case(attempt(1, Answer()), client=good, before=(before,)), catalog.laws())
    assert [one.law for one in rulings if one.verdict is Verdict.FAIL] == []


def test_the_builder_renders_what_the_server_would_send() -> None:
    (only,) = case(attempt(1, Answer(), streams=False)).attempts
    assert json.loads(only.response.body)["content"][0]["text"] == TEXT


def refused_by_validation() -> list[ServerRecord]:
    records = attempt(1, Refuse(status=400))
    return [msgspec.structs.replace(one, step=0, problem="no") if isinstance(one, Replied) else one for one in records]


def never_reached(one: Case) -> Ruling:
    ruling = ruled("SP22", one)
    assert ruling.verdict is Verdict.UNKNOWN
    return ruling


def test_a_case_whose_every_request_was_refused_before_the_script_proves_nothing() -> None:
    assert "refused before the scenario could begin: no" in never_reached(case(refused_by_validation())).harm


def test_a_client_that_asks_for_no_stream_does_not_meet_a_fault_of_streams() -> None:
    one = case(attempt(1, CUT, streams=False))
    one.info = msgspec.structs.replace(one.info, faults=("end_early",))
    assert "asked for no stream" in never_reached(one).harm


def test_a_call_that_ended_before_it_could_be_cancelled_proves_nothing() -> None:
    expect = Expect(outcome=Outcome.CANCELLED)
    assert ruled("SP07", case(attempt(1, Answer()), client=(ended(),), expect=expect)).verdict is Verdict.UNKNOWN
    cancelled = case(attempt(1, Answer()), client=(Cancelled(), ended(Outcome.CANCELLED)), expect=expect)
    assert ruled("SP07", cancelled).verdict is Verdict.PASS


def test_a_client_whose_deadlines_may_have_passed_on_a_late_machine_is_not_blamed() -> None:
    one = case(attempt(1, STALLED), client=(failing(),))
    assert ruled("SP07", one).verdict is Verdict.FAIL
    one.lag = 0.5
    assert ruled("SP07", one).verdict is Verdict.UNKNOWN


def test_where_no_model_says_anything_only_silence_is_an_answer() -> None:
    assert ruled("SP03", case(client=(ended(),), texts=())).verdict is Verdict.PASS
    assert_fails("SP03", case(client=(Shown(text="Hi"), ended()), texts=()), "text that no model wrote: 'Hi'")


def test_a_good_answer_that_was_never_shown_is_a_lost_one() -> None:
    one = case(attempt(1, Answer()), client=(failing(),), expect=Expect())
    assert_fails("SP07", one, "a good answer was lost: the call ended failed (Lost: it broke)")


def test_a_client_that_tells_no_stop_reason_told_its_user_that_the_text_was_whole() -> None:
    one = case(attempt(1, CUT), client=(Shown(text="The"), ended()), capabilities=frozenset())
    assert_fails("SP02", one, "of the answer and was told that it was whole")


def test_a_call_that_fails_where_the_model_cut_its_answer_short_hides_the_truth() -> None:
    one = case(attempt(1, Answer()), client=(failing(),), expect=Expect(outcome=Outcome.TRUNCATED))
    assert_fails("SP07", one, "the call ended failed where truncated is the truth")


def test_of_two_faults_of_one_kind_both_must_strike() -> None:
    one = case(attempt(1, CUT))
    one.info = msgspec.structs.replace(one.info, faults=(*one.info.faults, *one.info.faults))
    assert "never struck" in never_reached(one).harm


def test_of_faults_of_one_kind_the_first_is_enough_to_make_a_client_leave() -> None:
    one = case(attempt(1, STALLED))
    one.info = msgspec.structs.replace(one.info, faults=(*one.info.faults, *one.info.faults))
    assert_passes("SP22", one)


def billed(input_tokens: int | None, output_tokens: int | None, *, exact: bool = True) -> Finished:
    return ended(text=TEXT, billed=Billed(input=input_tokens, output=output_tokens, exact=exact))


COUNTED = Answer(input_tokens=25, output_tokens=40)


def test_a_bill_is_the_sum_over_all_attempts() -> None:
    twice = (attempt(1, COUNTED), attempt(2, COUNTED))
    assert_passes("SP23", case(*twice, client=(billed(50, 80),)))
    assert_fails(
        "SP23", case(*twice, client=(billed(25, 40),)), "25 input tokens were reported as billed; the API counted 50"
    )
    assert_fails("SP23", case(*twice, client=(billed(50, 81),)), "81 output tokens were reported as billed")


def test_a_bill_with_a_part_that_broke_off_is_a_lower_bound_and_says_so() -> None:
    broken = (attempt(1, COUNTED.but(EndEarly(at=MIDDLE))), attempt(2, COUNTED))
    assert_passes("SP23", case(*broken, client=(billed(50, 41, exact=False),)))
    assert_fails("SP23", case(*broken, client=(billed(50, 41),)), "a bill passes for exact")


def test_what_was_never_counted_is_not_zero() -> None:
    assert_fails("SP23", case(attempt(1, OVERLOADED), client=(billed(0, None),)), "the API never counted any")
    assert_passes("SP23", case(attempt(1, OVERLOADED), client=(billed(None, None),)))
    assert_fails("SP23", case(attempt(1, COUNTED), client=(billed(None, None),)), "None input tokens")


def kept(*blocks: dict[str, Any], outcome: Outcome = Outcome.INCOMPLETE) -> tuple[ClientRecord, ...]:
    return (Shown(text=HALF), ended(outcome, content=blocks))


def test_content_that_the_api_would_refuse_must_not_be_kept() -> None:
    said = {"type": "text", "text": HALF}
    call = {"type": "tool_use", "id": "t", "name": "go", "input": {}}
    assert_passes("SP24", case(attempt(1, CUT), client=kept(said)))
    assert_passes("SP24", case(attempt(1, CUT), client=kept(said, call, outcome=Outcome.COMPLETE)))
    assert_fails("SP24", case(attempt(1, CUT), client=kept(said, call)), "`tool_use` ids were found without")
    assert_fails("SP24", case(attempt(1, CUT), client=kept({"type": "text", "text": " "})), "non-whitespace")


def test_thinking_is_kept_only_with_the_signature_that_the_api_gave() -> None:
    thought = thinking_block("Hm.", "Eq")
    signed = attempt(1, Answer(blocks=(thought, text_block(HALF))))
    said = {"type": "text", "text": HALF}
    assert_passes("SP24", case(signed, client=kept(thought.whole, said)))
    assert_fails("SP24", case(signed, client=kept({**thought.whole, "signature": "E"}, said)), "never gave")


def test_content_says_what_was_shown() -> None:
    assert_fails("SP24", case(attempt(1, CUT), client=kept({"type": "text", "text": "Else"})), "something else")
    assert_skips("SP24", case(client=kept(), capabilities=frozenset()))


def test_what_comes_after_the_end_cannot_reach_a_client_that_left_there() -> None:
    late = attempt(1, Answer().but(StallForever(at=AtEnd())))
    left = [one for one in late if not isinstance(one, Struck)]
    assert_passes("SP22", case(left))
    stays = [replace_how(one, "end") if isinstance(one, Ended) else one for one in left]
    assert ruled("SP22", case(stays)).verdict is Verdict.UNKNOWN


def replace_how(record: Ended, how: str) -> Ended:
    return msgspec.structs.replace(record, how=how)


def test_failed_streams_are_counted_for_each_model_by_itself() -> None:
    cuts = [attempt(number, CUT) for number in (1, 2)]
    assert_passes("SP17", case(*cuts, attempt(3, Answer(), model="another")))
    assert_fails("SP17", case(*cuts, attempt(3, Answer())), "streamed again after 2 failed streams")


def test_a_turn_that_paused_is_gone_on_with_by_one_request_more() -> None:
    paused, failing_ones = attempt(1, Answer(stop_reason="pause_turn")), [attempt(n, OVERLOADED) for n in range(2, 7)]
    assert_passes("SP10", case(paused, *failing_ones))
    assert_fails("SP10", case(paused, *failing_ones, attempt(7, OVERLOADED)), "7 requests were made")


def test_a_turn_that_paused_is_not_asked_for_needlessly() -> None:
    paused = attempt(1, Answer(stop_reason="pause_turn"))
    assert_passes("SP18", case(paused, attempt(2, Answer()), expect=Expect(outcome=Outcome.PAUSED)))


# ---- the wire decides ------------------------------------------------------------------------------------------------


def test_an_answer_that_came_whole_and_in_order_may_not_be_lost() -> None:
    lost = case(attempt(1, CUT), attempt(2, Answer()), client=(failing(),))
    assert_fails("SP28", lost, "a good answer was lost")
    assert_passes("SP28", case(attempt(1, CUT), attempt(2, Answer()), client=(ended(text=TEXT),)))


def test_an_answer_that_is_out_of_order_may_be_refused() -> None:
    odd = Answer().but(RepeatEvent(at=AtEvent("message_start")))
    assert_passes("SP28", case(attempt(1, odd), client=(failing(),)))


def test_an_answer_ends_as_its_stop_reason_says() -> None:
    cut_short = attempt(1, Answer(stop_reason="max_tokens"))
    assert_fails("SP28", case(cut_short, client=(ended(text=TEXT),)), "the last reply says max_tokens")
    assert_passes("SP28", case(cut_short, client=(ended(Outcome.TRUNCATED, text=TEXT),)))


@pytest.mark.parametrize("passing", [OVERLOADED, CUT, Answer().but(ResetConnection(at=MIDDLE))])
def test_who_promises_to_recover_asks_again_after_what_passes(passing: Step) -> None:
    assert_fails("SP28", case(attempt(1, passing), client=(failing(),)), "gave up (failed) after 1 of 5 requests")
    assert_passes("SP28", case(attempt(1, passing), client=(failing(),), policy=Policy.RAISE))


@pytest.mark.parametrize("final", [Refuse(status=529, headers=(("retry-after", "3600"),)), Refuse(status=401)])
def test_nobody_need_ask_again_after_what_is_not_sure_to_pass(final: Step) -> None:
    assert_passes("SP28", case(attempt(1, final), client=(failing(),)))


# ---- a network that touches what the client sent ---------------------------------------------------------------------


def upstream(toxic: str) -> NetworkStruck:
    return NetworkStruck(at=0.1, proxy="", connection=1, toxic=toxic, stream="upstream", passed=0)


OVER_A_NETWORK = (
    Opened(at=0.0, proxy="", connection=1, client="c:1", local="p:1"),
    Closed(
        at=9.0,
        proxy="",
        connection=1,
        how="client",
        upstream_received=9,
        upstream_sent=9,
        downstream_received=0,
        downstream_sent=0,
    ),
)


def over(one: Case, *network: NetworkRecord) -> Case:
    records = tuple(
        msgspec.structs.replace(record, peer="p:1") if isinstance(record, Requested) else record
        for record in one.server
    )
    return Case(Record(info=one.info, server=records, client=one.client, network=(*OVER_A_NETWORK, *network)))


def test_a_close_that_the_network_may_hold_up_is_not_missed() -> None:
    open_still = case(attempt(1, STALLED, stalled="abandoned"), client=(failing(),))
    assert ruled("SP14", open_still).verdict is Verdict.FAIL
    assert_skips("SP14", over(open_still, upstream("stall_upstream")))


def test_waits_that_the_network_may_lengthen_are_not_judged() -> None:
    at_once = case(*(attempt(number, OVERLOADED, t=number * 0.001, took=0.0) for number in range(1, 6)))
    assert ruled("SP13", at_once).verdict is Verdict.FAIL
    assert_skips("SP13", over(at_once, upstream("latency_upstream")))


def test_nothing_is_proven_when_the_network_changed_what_the_client_sent() -> None:
    too_many = case(*(attempt(number, OVERLOADED) for number in range(1, 9)), client=(failing(),))
    misheard = over(too_many, upstream("corrupt_upstream_2"))
    laws = [catalog.law("SP10")]
    assert [one.verdict for one in judge(too_many, laws)] == [Verdict.FAIL]
    assert [one.verdict for one in judge(misheard, laws)] == [Verdict.UNKNOWN]


def test_a_hint_that_never_arrived_need_not_be_obeyed() -> None:
    hint = Refuse(status=429, headers=(("retry-after", "3"),))
    early = case(attempt(1, hint, took=0.0), attempt(2, Answer(), t=0.1))
    assert_fails("SP12", early, "was called again after 0.10 s")
    unheard = case(attempt(1, hint)[:2], attempt(2, Answer(), t=0.1))
    assert_skips("SP12", unheard)


def test_the_last_reply_decides_nothing_where_it_may_not_be_the_last() -> None:
    lost = case(attempt(1, Answer()), client=(failing(),))
    assert_fails("SP28", lost, "a good answer was lost")
    assert_skips("SP28", over(lost, upstream("stall_upstream")))
    assert_skips("SP28", over(lost, Opened(at=0.5, proxy="", connection=2, client="c:2", local="p:2")))


def test_the_last_reply_decides_nothing_where_the_network_only_counted_what_came_through() -> None:
    lost = case(attempt(1, Answer()), client=(failing(),))
    nothing = {"upstream_received": 0, "upstream_sent": 0, "downstream_received": 0, "downstream_sent": 0}
    assert_skips("SP28", over(lost, Counted(at=1.0, proxy="", attempt=0, **nothing)))


def test_a_reply_that_is_not_wholly_kept_decides_nothing() -> None:
    records = attempt(1, Answer())
    cut = [msgspec.structs.replace(one, size=one.size + 1) if isinstance(one, Sent) else one for one in records]
    assert_skips("SP28", case(cut, client=(failing(),)))


def test_a_client_is_not_blamed_for_tools_that_the_wire_calls_otherwise_in_good_order() -> None:
    pays = Answer(blocks=(tool_block("pay", {"amount": 7}),), stop_reason="tool_use")
    other = case(attempt(1, pays), expect=Expect(tools=(PAYMENT,)), texts=("",))
    assert "calls tools otherwise" in other.wire_lies
    same = case(attempt(1, pays), expect=Expect(tools=(ToolUse("pay", {"amount": 7}),)), texts=("",))
    assert same.wire_lies == ""


def test_a_client_is_not_blamed_for_another_call_that_the_wire_makes_among_blocks_in_each_other() -> None:
    pays = Answer(blocks=(text_block("Here."), tool_block("pay", {"amount": 7})), stop_reason="tool_use")
    swapped = pays.but(SwapEvents(at=AtEvent("content_block_stop")))
    other = case(attempt(1, swapped), expect=Expect(tools=(PAYMENT,)), texts=("Here.",))
    assert other.attempts[0].told.flaw
    assert "calls tools otherwise" in other.wire_lies


def test_a_client_is_blamed_for_a_call_that_never_stopped() -> None:
    pays = Answer(blocks=(tool_block("pay", {"amount": 7}),), stop_reason="tool_use")
    endless = pays.but(DropEvent(at=AtEvent("content_block_stop")), MalformedJson(at=AtEvent("content_block_delta", 1)))
    expect = Expect(tools=(ToolUse("pay", {"amount": 7}),))
    assert case(attempt(1, endless), expect=expect, texts=("",)).wire_lies == ""
    repaired = ended(text="", stop_reason="tool_use", tools=(ToolUse("pay", {}),))
    assert_fails("SP06", case(attempt(1, endless), expect=expect, texts=("",), client=(repaired,)), "did not make")


# ---- what nobody can tell --------------------------------------------------------------------------------------------


def test_a_client_is_not_blamed_for_text_that_the_wire_left_out_in_good_order() -> None:
    one = case(attempt(1, Answer().but(DropEvent(at=MIDDLE))))
    said = one.attempts[0].response.text
    blind = case(attempt(1, Answer().but(DropEvent(at=MIDDLE))), client=(Shown(text=said), ended(text=said)))
    assert said != TEXT
    for code in ("SP03", "SP04"):
        assert "all in good order" in ruled(code, blind).harm
        assert_skips(code, blind)


def test_a_client_is_blamed_for_a_gap_that_it_could_see() -> None:
    torn = Answer().but(MalformedJson(at=MIDDLE))
    said = case(attempt(1, torn)).attempts[0].response.text
    blind = case(attempt(1, torn), client=(Shown(text=said), ended(text=said)))
    assert_fails("SP03", blind, "")


# ---- receivers -------------------------------------------------------------------------------------------------------

SLACK, HOOK = ReceiverInfo(kind=Kind.SLACK), ReceiverInfo(kind=Kind.WEBHOOK)
WHOLE = ended(text=TEXT)
BROKEN = Finished(outcome=Outcome.INCOMPLETE, error=error(partial=HALF))
MARK = "\n\n_Incomplete: it broke_"


def call(number: int = 1, text: str = "", *, t: float = 0.0, **more: Any) -> Called:
    """A call that took effect, as far as nothing else is said."""
    fields = {"method": "chat.update", "about": "1.0", "status": 200, "took_effect": True, "replaces": True}
    return Called(**{**fields, "t": t, "number": number, "text": text, **more})


def refused(status: int | None, **more: Any) -> Called:
    return call(**{"text": TEXT, "status": status, "took_effect": False, "fault": "chat.update 1", **more})


def shown(*messages: str, end: ClientRecord = WHOLE, calls: tuple[Called, ...] = (), **more: Any) -> Case:
    """A call at whose end the readers of Slack see these messages."""
    return case(client=(end,), receiver=SLACK, lane=(*calls, Showed(t=1.0, messages=messages)), **more)


def told(*calls: Called, end: ClientRecord = WHOLE, **more: Any) -> Case:
    """A call whose webhook was told this."""
    return case(client=(end,), receiver=HOOK, lane=(*calls, Showed(t=1.0, messages=())), **more)


def sentences(place: int, text: str, **more: Any) -> Called:
    fields = {"number": place, "text": text, "about": f"m{place}", "sequence": place, "status": 202}
    return call(**{**fields, "method": "answer.sentences", "replaces": False, **more})


def finish(place: int, text: str, *, complete: bool = True, **more: Any) -> Called:
    fields = {"method": "answer.finished", "complete": complete, "sentences_complete": True}
    return sentences(place, text, **{**fields, **more})


@pytest.mark.parametrize("code", ["SP25", "SP26", "SP27"])
def test_receivers_do_not_concern_a_call_without_one(code: str) -> None:
    assert_skips(code, case(client=(WHOLE,)))


def test_a_message_that_shows_the_answer_has_its_last_state() -> None:
    assert_passes("SP25", shown(TEXT))
    assert_passes("SP25", shown(TEXT[:400] + " ", "\n" + TEXT[400:].lstrip()))


@pytest.mark.parametrize(
    ("messages", "harm"),
    [
        pytest.param((), "its readers see nothing", id="nothing"),
        pytest.param(("…",), "its readers see '…' and nothing of the answer", id="placeholder"),
        pytest.param((HALF,), "the text in the messages is 50% of the answer", id="half"),
        pytest.param((HALF, TEXT[600:]), "has", id="hole"),
        pytest.param((TEXT, TEXT), "its readers see a part of the answer twice", id="twice"),
        pytest.param((TEXT, "Bye!"), "its readers see more than the answer: 'Bye!'", id="more"),
    ],
)
def test_readers_who_do_not_see_the_answer_once_and_whole_are_harmed(messages: tuple[str, ...], harm: str) -> None:
    assert_fails("SP25", shown(*messages), harm)
    assert_fails("SP25", shown(*messages), "and nobody was told")


def test_an_answer_without_text_is_said_to_be_one() -> None:
    assert_passes("SP25", shown("(no text)", end=ended(text="")))
    assert_fails("SP25", shown("…", end=ended(text="")), "its readers see '…' and still wait for an answer")


def test_a_partial_is_shown_with_a_mark() -> None:
    assert_passes("SP25", shown(HALF + MARK, end=BROKEN))
    assert_fails("SP25", shown(HALF, end=BROKEN), f"take {len(HALF)} characters for all of an answer that is not whole")
    assert_fails("SP25", shown(HALF, HALF + MARK, end=BROKEN), "a part of the answer twice")
    assert_passes("SP25", shown("It broke.", end=FAILED))
    assert_passes("SP25", shown(HALF + MARK, end=Finished(outcome=Outcome.INCOMPLETE, text=HALF)))
    assert_fails("SP25", shown(TEXT, end=ended(Outcome.TRUNCATED, text=TEXT)), "not whole")


@pytest.mark.parametrize("extra", ["", " and a"])
def test_what_a_cancelled_call_had_is_marked(extra: str) -> None:
    begun = TEXT[: 100 + len(extra)]
    seen = (Shown(text=TEXT[:100]), Cancelled())
    lane = (Showed(t=1.0, messages=(begun + MARK,)),)
    assert_passes("SP25", case(client=seen, receiver=SLACK, lane=lane))
    assert_fails("SP25", case(client=seen, receiver=SLACK, lane=(Showed(t=1.0, messages=(begun,)),)), "not whole")
    assert_fails("SP25", case(client=seen, receiver=SLACK, lane=(Showed(t=1.0, messages=("…",)),)), "nothing of the")
    hook = finish(1, begun, complete=False)
    assert_passes("SP25", case(client=seen, receiver=HOOK, lane=(hook, Showed(t=1.0, messages=()))))


def test_the_last_state_of_a_call_that_did_not_end_is_unknown() -> None:
    assert_skips("SP25", case(client=(TimedOut(t=9.0),), receiver=SLACK))
    assert ruled("SP25", case(client=(WHOLE,), receiver=SLACK)).verdict is Verdict.UNKNOWN


TOLD_SO = ended(text=TEXT, undelivered=error(message="no more"))


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(refused(410), id="gone"),
        pytest.param(refused(200, error="is_archived"), id="refused"),
        pytest.param(refused(429, retry_after=3600.0), id="limited_for_an_hour"),
    ],
)
def test_what_is_refused_for_good_is_told_to_the_caller(last: Called) -> None:
    assert_passes("SP25", shown("…", end=TOLD_SO, calls=(last,)))
    assert_fails("SP25", shown("…", calls=(last,)), "nobody was told")


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(refused(None), id="cut"),
        pytest.param(refused(503), id="failed"),
        pytest.param(refused(429, retry_after=1.0), id="limited"),
        pytest.param(refused(404, error="used_url", fault=""), id="used_up"),
    ],
)
def test_a_client_that_recovers_does_not_give_a_receiver_up_that_can_be_reached(last: Called) -> None:
    one = shown("…", end=TOLD_SO, calls=(last,))
    assert_fails("SP25", one, "the client gave up (no more)")
    assert_passes("SP25", shown("…", end=TOLD_SO, calls=(last,), policy=Policy.RAISE))
    assert_fails("SP25", shown("…", end=TOLD_SO), "the client gave up")


def test_a_webhook_is_told_at_the_end_what_the_answer_is() -> None:
    assert_passes("SP25", told(sentences(1, TEXT), finish(2, TEXT)))
    assert_passes("SP25", told(finish(1, HALF, complete=False), end=BROKEN))
    assert_fails("SP25", told(sentences(1, TEXT)), "never told that the answer is over")
    assert_fails("SP25", told(finish(1, TEXT, took_effect=False)), "never told that the answer is over")
    assert_fails("SP25", told(finish(1, HALF)), "was told at the end is 50% of the answer")
    assert_fails("SP25", told(finish(1, HALF), end=BROKEN), "was told that the answer is complete")
    assert_fails("SP25", told(finish(1, TEXT, complete=False)), "was told that the answer is not complete")


LIMITED = call(1, "One.", status=429, retry_after=1.0, took_effect=False, fault="chat.update 1")


def punished(number: int, t: float) -> Called:
    return call(number, f"{number}", t=t, status=429, took_effect=False, in_penalty=True)


def test_calls_inside_a_penalty_flood_a_receiver() -> None:
    one = shown(TEXT, calls=(LIMITED, punished(2, 0.4), punished(3, 0.8), call(4, TEXT, t=1.0)))
    assert_fails("SP26", one, "2 calls were made inside a penalty, the first 0.4 s after the 429")


def test_a_call_that_was_on_its_way_when_the_penalty_began_does_not() -> None:
    assert_passes("SP26", shown(TEXT, calls=(LIMITED, punished(2, 0.05), call(3, TEXT, t=1.0))))


def test_penalties_are_those_of_a_method() -> None:
    post = call(2, "Two.", t=0.5, method="chat.postMessage", about="2.0", replaces=False)
    assert_passes("SP26", shown(TEXT, calls=(LIMITED, post, call(3, TEXT, t=1.1))))


def test_an_edit_that_changes_nothing_floods_a_receiver() -> None:
    post = call(1, "…", method="chat.postMessage", replaces=False)
    assert_fails(
        "SP26", shown("…", calls=(post, call(2, "…", t=1.0))), "call 2 (chat.update) brought the text that was"
    )
    assert_fails("SP26", shown("…", calls=(call(1, "a"), call(2, "b", t=1.0), call(3, "b", t=2.0))), "call 3")
    assert_passes("SP26", shown("…", calls=(call(1, "a"), call(2, "a", t=1.0, about="2.0"))))


@pytest.mark.parametrize("status", [None, 500])
def test_an_edit_of_which_nobody_knows_may_be_made_again(status: int | None) -> None:
    lost = call(2, "b", t=1.0, status=status, fault="chat.update 2")
    assert_passes("SP26", shown("b", calls=(call(1, "a"), lost, call(3, "b", t=2.0))))
    assert_passes("SP26", shown("a", calls=(call(1, "a"), lost, call(3, "a", t=2.0))))


def test_a_response_url_that_is_used_up_is_left_alone() -> None:
    spent = [
        call(number, TEXT, t=number, status=404, error="used_url", took_effect=False, replaces=False)
        for number in (1, 2, 3)
    ]
    assert_passes("SP26", shown(TEXT, calls=tuple(spent[:1])))
    assert_fails("SP26", shown(TEXT, calls=tuple(spent)), "used up was called 2 more times")


def test_a_limit_is_met_once_and_kept_from_then_on() -> None:
    def hurried(number: int, t: float) -> tuple[Called, Called]:
        return call(number, f"{number}", t=t), refused(429, number=number + 1, t=t + 0.1, fault="", retry_after=1.0)

    assert_passes("SP26", shown("a", calls=hurried(1, 0.0)))
    again = (*hurried(1, 0.0), *hurried(3, 1.1))
    assert_fails("SP26", shown("a", calls=again), "2 calls met a limit, the last one 0.10 s after the one before it")
    assert_passes("SP26", shown("a", calls=again, lag=0.1))


def test_a_webhook_believes_what_is_sent_again_once() -> None:
    lost = sentences(1, HALF, status=None, fault="POST 1")
    again = sentences(1, HALF, number=2)
    rest = sentences(2, TEXT[len(HALF) :], number=3)
    assert_passes("SP27", told(lost, again, rest, finish(3, TEXT, number=4)))
    assert_skips("SP27", shown(TEXT))


def test_a_repeat_with_another_id_is_believed_again() -> None:
    lost = sentences(1, HALF, status=None, fault="POST 1")
    assert_fails("SP27", told(lost, sentences(1, HALF, number=2, about="m1b")), "request 2 is believed a second time")
    anew = sentences(2, HALF)
    assert_fails("SP27", told(lost, anew, sentences(3, TEXT[len(HALF) :]), finish(4, TEXT)), "together has bytes 0")
    assert_fails("SP27", told(anew, sentences(1, "x", number=9)), "request 9 came out of order: 1 after 2")


def test_two_requests_of_one_id_are_one() -> None:
    changed = (sentences(1, HALF), sentences(1, TEXT, number=2))
    assert_fails("SP27", told(*changed), "requests 1 and 2 differ and have one id")


def test_a_request_to_a_webhook_is_signed() -> None:
    assert_fails(
        "SP27", told(sentences(1, HALF, status=401, took_effect=False)), "request 1 does not have the signature"
    )
    assert_passes("SP27", told(sentences(1, HALF, status=401, took_effect=False, fault="POST 1")))


def test_after_a_reset_earlier_sentences_are_void() -> None:
    void = sentences(2, "", method="answer.reset")
    assert_passes("SP27", told(sentences(1, HALF), void, sentences(3, TEXT), finish(4, TEXT)))


def test_sentences_that_were_given_up_are_said_to_be() -> None:
    assert_passes("SP27", told(sentences(1, HALF), finish(3, TEXT, sentences_complete=False)))
    assert_fails("SP27", told(sentences(1, HALF), finish(3, TEXT)), "all sentences together is 50% of the answer")


def test_requests_without_a_number_are_taken_as_they_come() -> None:
    assert_passes("SP27", told(sentences(1, TEXT, sequence=None), finish(2, TEXT, sequence=None)))


def test_a_fault_of_the_receiver_that_struck_no_call_proves_nothing() -> None:
    planned = ReceiverInfo(kind=Kind.SLACK, faults=("chat.update 1", "chat.update 9"))
    spared = case(attempt(1, Answer()), client=(WHOLE,), receiver=planned, lane=(LIMITED,))
    ruling = ruled("SP22", spared)
    assert (ruling.verdict, ruling.harm) == (Verdict.UNKNOWN, "the receiver's fault never struck: chat.update 9")
    met = ReceiverInfo(kind=Kind.SLACK, faults=("chat.update 1",))
    assert_passes("SP22", case(attempt(1, Answer()), client=(WHOLE,), receiver=met, lane=(LIMITED,)))


def test_what_was_on_display_after_each_change_begins_anew_after_a_reset() -> None:
    seen = (Shown(text="The "), Noticed(what="recovering"), Shown(text="mill"), Cleared(), Shown(text="A pond"))
    one = case(client=seen)
    assert [*one.displays()] == ["The ", "The mill", "", "A pond"]
    assert (one.screens, one.displayed) == (("The mill", "A pond"), "A pond")


def test_foreign_text_after_a_reset_is_no_beginning_of_the_answer() -> None:
    assert_fails("SP04", case(client=(Shown(text=HALF), Cleared(), Shown(text="Foreign words"))), "while it streamed")
