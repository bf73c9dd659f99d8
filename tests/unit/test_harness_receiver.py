"""The receiver of a scenario: names of its faults, words for them, and what is written down of its calls."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_server.answer import Answer
from fake_server.receivers.plan import Cut, Fails, Fault, Hangs, Limited, Plan, Says
from fake_server.record import Sent, Waited
from fake_server.script import script
from harness.history import Case, CaseInfo, Record
from harness.model import Cancelled, Capability, Expect, Level, Limits, Policy, Scenario, Shown
from harness.receiver import Called, Kind, Receiver, ReceiverInfo, ReceiverRecord, Showed, describe
from harness.show import shown
from harness.timeline import Line, timeline

PLAN = Plan(calls={3: Cut()}, methods={("chat.update", 2): Fails()}, always={"chat.update": Limited(retry_after=1)})
RECEIVER = Receiver(kind=Kind.SLACK, plan=PLAN)
INFO = CaseInfo(
    id="f.n@c:1",
    scenario="f.n",
    client="c",
    seed="1",
    title="Something.",
    policy=Policy.RAISE,
    level=Level.MUST,
    expect=Expect(),
    texts=("One two.",),
    limits=Limits(),
    max_attempts=3,
    capabilities=(),
    receiver=ReceiverInfo(kind=Kind.SLACK),
)


def scenario(**more: Any) -> Scenario:
    return Scenario(name="n", title="Something.", script=script(Answer()), expect=Expect(), **more)


def test_a_scenario_with_a_receiver_needs_a_client_with_sinks() -> None:
    assert scenario(receiver=RECEIVER).requires == {Capability.SINKS}
    assert scenario(receiver=RECEIVER, requires=frozenset({Capability.TOOLS})).requires == {
        Capability.SINKS,
        Capability.TOOLS,
    }
    assert scenario().requires == frozenset()


def test_each_fault_is_named_by_the_calls_that_it_strikes() -> None:
    assert dict(RECEIVER.named()) == {
        "call 3": PLAN.calls[3],
        "chat.update 2": PLAN.methods["chat.update", 2],
        "every chat.update": PLAN.always["chat.update"],
    }


@given(st.integers(1, 4), st.sampled_from(["chat.update", "chat.delete"]), st.integers(1, 4))
def test_the_name_is_that_of_the_fault_that_the_plan_chooses(number: int, method: str, of_method: int) -> None:
    name = RECEIVER.name_of(number, method, of_method)
    assert dict(RECEIVER.named()).get(name) == PLAN.fault(number, method, of_method)


def test_a_client_is_asked_to_leave_more_time_than_must_be() -> None:
    assert RECEIVER.every > RECEIVER.interval
    assert RECEIVER.info() == ReceiverInfo(
        kind=Kind.SLACK, faults=("call 3", "chat.update 2", "every chat.update"), every=RECEIVER.every
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Limited(retry_after=30), "meets a 429 with Retry-After 30"),
        (Fails(status=503), "fails with 503"),
        (Fails(applied=True), "fails with 500, after it took effect"),
        (Cut(), "has its connection reset"),
        (Hangs(applied=True), "is never answered, after it took effect"),
        (Says(error="is_archived"), "is refused: is_archived"),
    ],
)
def test_every_fault_has_words(fault: Fault, words: str) -> None:
    assert describe("call 1", fault) == f"call 1 {words}"


@pytest.mark.parametrize(
    ("receiver", "words"),
    [
        (RECEIVER, ["delivered to: slack", "receiver: one call of a kind every 0.1 s, no more"]),
        (Receiver(kind=Kind.SLACK_STREAM, stream_life=2), ["receiver: a stream ends by itself after 2 s"]),
        (Receiver(kind=Kind.SLACK_EPHEMERAL, uses=3), ["receiver: the response_url can be used 3 times"]),
        (Receiver(kind=Kind.WEBHOOK), ["delivered to: webhook"]),
    ],
)
def test_show_tells_where_the_answer_goes_and_what_goes_wrong_there(receiver: Receiver, words: list[str]) -> None:
    lines = [line.strip() for line in shown(scenario(receiver=receiver, family="sinks"), "1")]
    assert set(words) <= set(lines)
    assert {f"receiver: {describe(name, fault)}" for name, fault in receiver.named()} <= set(lines)


# ---- what is written down --------------------------------------------------------------------------------------------

EDIT = Called(
    t=0.5, number=2, method="chat.update", about="1.0", text="One two.", replaces=True, status=200, took_effect=True
)
LANE: tuple[ReceiverRecord, ...] = (
    EDIT,
    Called(t=0.6, number=3, method="chat.update", about="1.0", status=429, retry_after=1.0, fault="chat.update 2"),
    Called(t=0.7, number=4, method="chat.update", status=429, retry_after=0.9, in_penalty=True),
    Called(t=0.8, number=5, method="answer.sentences", took_effect=True, fault="POST 1"),
    Called(t=0.9, number=6, method="response_url", status=404, error="used_url"),
    Showed(t=1.0, messages=("One two.", "x" * 300)),
)


@pytest.mark.parametrize("record", LANE, ids=lambda record: f"at {record.t}")
def test_every_record_survives_being_written_down(record: ReceiverRecord) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=ReceiverRecord) == record


def test_a_case_knows_its_calls_and_what_was_seen_in_the_end() -> None:
    case = Case(Record(info=INFO, receiver=LANE))
    assert [call.number for call in case.calls] == [2, 3, 4, 5, 6]
    assert case.delivered == ("One two.", "x" * 300)
    assert Case(Record(info=INFO)).delivered == ()


@pytest.mark.parametrize(
    ("changes", "acknowledged", "unclear"),
    [
        ({}, True, False),
        ({"status": None}, False, True),
        ({"status": 500}, False, True),
        ({"status": 429, "took_effect": False}, False, False),
        ({"error": "is_archived", "took_effect": False}, False, False),
    ],
)
def test_what_a_client_can_know_of_its_call(changes: dict[str, Any], acknowledged: bool, unclear: bool) -> None:
    call = msgspec.structs.replace(EDIT, **changes)
    assert (call.is_acknowledged, call.is_unclear) == (acknowledged, unclear)


def lines(*records: ReceiverRecord) -> list[Line]:
    return timeline(Record(info=INFO, receiver=records))


def test_every_record_has_a_line_at_its_time() -> None:
    assert [(line.t, line.side, line.what) for line in lines(*LANE)] == [
        (0.5, "receiver", "call 2: chat.update of 1.0: 200"),
        (0.6, "receiver", "call 3: chat.update of 1.0: 429, wait 1 s (fault: chat.update 2)"),
        (0.7, "receiver", "call 4: chat.update: 429, wait 0.9 s (inside a penalty)"),
        (0.8, "receiver", "call 5: answer.sentences: no answer, took effect all the same (fault: POST 1)"),
        (0.9, "receiver", "call 6: response_url: 404 used_url"),
        (1.0, "receiver", "shows 2 messages in the end"),
    ]
    assert lines(EDIT)[0].detail == "One two."
    assert lines(Showed(t=0, messages=("a", "b")))[0].detail == "a ¦ b"


def test_what_a_client_says_to_a_receiver_cannot_write_on_the_terminal() -> None:
    hostile = Called(t=0, number=1, method="\x1b[2J", about="\x1b[2J", text="\x1b[2J", status=200, error="\x1b[2J")
    for line in lines(hostile, Showed(t=1, messages=("\x1b[2J",))):
        assert "\x1b" not in line.what + line.detail


def test_lanes_are_told_in_order_of_time() -> None:
    client = (Shown(t=0.55, text="One"), Cancelled(t=0.65))
    told = timeline(Record(info=INFO, client=client, receiver=LANE[:3]))
    assert [line.side for line in told] == ["receiver", "client", "receiver", "client", "receiver"]


def test_a_stream_that_takes_its_time_is_one_line_and_a_silence_is_another() -> None:
    def sent(t: float) -> Sent:
        return Sent(t=t, attempt=1, data=b"x", size=1, total=1)

    pause, silence = (Waited(t=0.1, attempt=1, seconds=seconds) for seconds in (0.04, 0.5))
    server = (pause, sent(0.1), pause, sent(0.8), silence, pause, silence, sent(2.0))
    assert [line.what for line in timeline(Record(info=INFO, server=server))] == [
        "sent 2 bytes in 2 writes, in 0.7 s",
        "was silent for 0.5 s",
        "was silent for 0.5 s",
        "sent 1 bytes in 1 write",
    ]
