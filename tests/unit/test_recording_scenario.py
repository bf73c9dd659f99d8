"""A recorded call is judged by what is sure of it, and accuses nobody of what is not."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from recorded_calls import exchanges_of

from fake_server.answer import Answer, Refuse, Respond
from fake_server.blocks import text_block, tool_block
from fake_server.dialect import Dialect
from fake_server.dialects.anthropic import event
from fake_server.effects import Send
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.gzip_body import GzipBody
from fake_server.faults.reset_connection import ResetConnection
from fake_server.position import AtEvent
from fake_server.replayed import Replayed
from fake_server.script import Request, Step, render, script
from fake_server.wire import STREAM_TYPE, Chunked, NoBody, Sized, UntilClose
from harness import catalog, recorded
from harness.adapters.bundled import ADAPTER
from harness.confirm import planned
from harness.engine import finished
from harness.errors import UsageError
from harness.model import Capability, Endpoint, Expect, Level, Outcome, Scenario, ToolUse
from harness.recording.capture import Exchange, arrived
from harness.recording.captured import exchanges_in
from harness.recording.scenario import Made, scenario_of
from harness.sim import runner
from harness.verdict import Verdict

DELTA = "content_block_delta"
CUT = Answer().but(EndEarly(at=AtEvent(DELTA, 5)))
KEY = "sk-ant-api03-nobodys-business"
GAVE_UP = (Outcome.INCOMPLETE,)


def captured(*steps: Step) -> list[Exchange]:
    return exchanges_of(Scenario(name="x", title="X.", script=script(*steps), expect=Expect()))


def made(*steps: Step, **more: Any) -> Scenario:
    return scenario_of(captured(*steps), "x", **more).scenario


def steps_of(scenario: Scenario) -> list[Replayed]:
    return [step for step in scenario.script.steps if isinstance(step, Replayed)]


def complaint(exchanges: list[Exchange], **more: Any) -> str:
    with pytest.raises(UsageError) as caught:
        scenario_of(exchanges, "x", **more)
    return str(caught.value)


def text_of(answer: Answer, seed: str = "s") -> str:
    return answer.texts(seed)[0]


# ---- nobody is accused


JUDGED = [
    one
    for one in catalog.scenarios().values()
    if one.receiver is None and one.network is None and one.endpoint is Endpoint.SERVER
    if Dialect.ANTHROPIC in one.spoken_in
]


def accused(scenario: Scenario) -> str:
    """Why the bundled client, which is right in every scenario of the catalogue, would be wrong in its recording."""
    try:
        again = scenario_of(exchanges_of(scenario), scenario.name).scenario
    except UsageError as error:
        return "" if "pauses its turn" in str(error) or "none of the" in str(error) else str(error)
    result = finished(runner.run(planned(again, ADAPTER)), catalog.laws())
    return f"{scenario.id}: {result.finding}" if result.verdict is Verdict.FAIL or result.finding else ""


@pytest.mark.parametrize("family", sorted({one.family for one in JUDGED}))
def test_who_is_right_in_a_scenario_is_right_in_a_recording_of_it(family: str) -> None:
    assert [why for one in JUDGED if one.family == family if (why := accused(one))] == []


@pytest.mark.parametrize("steps", [(Answer(),), (CUT, Answer()), (CUT,), (Refuse(status=529), CUT)])
def test_it_is_written_and_read_as_it_was(steps: tuple[Step, ...], tmp_path: Any) -> None:
    one = made(*steps)
    assert recorded.read(recorded.write(one, tmp_path)) == one


# ---- what is right


def test_of_a_whole_answer_everything_is_known() -> None:
    one = made(Answer())
    assert one.expect == Expect(usage={"input_tokens": 25, "output_tokens": 45})
    assert one.texts("any") == (text_of(Answer()),)
    assert (one.level, one.title, one.family) == (Level.MUST, "A recorded call: a whole answer.", "recorded")


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("max_tokens", Outcome.TRUNCATED), ("refusal", Outcome.REFUSED), ("stop_sequence", Outcome.COMPLETE)],
)
def test_a_call_ends_as_its_answer_says(reason: str, outcome: Outcome) -> None:
    assert (made(Answer(stop_reason=reason)).expect.outcome, made(Answer(stop_reason=reason)).expect.also) == (
        outcome,
        (),
    )


def test_what_nobody_knows_yet_may_be_taken_for_anything() -> None:
    assert set(made(Answer(stop_reason="something_new")).expect.also) == set(Outcome)


def test_tools_are_expected_as_they_were_called_and_are_asked_for() -> None:
    call = Answer(blocks=(tool_block("go", {"a": 1}), tool_block("go", {})), stop_reason="tool_use")
    one = made(call)
    assert one.expect.tools == (ToolUse("go", {"a": 1}), ToolUse("go", {}))
    assert (one.requires, [tool["name"] for tool in one.request["tools"]]) == (frozenset({Capability.TOOLS}), ["go"])


def test_who_is_cut_off_may_fail_where_a_whole_answer_came_after() -> None:
    one = made(CUT, Answer())
    assert one.expect == Expect(may_fail=True)
    assert one.title == "A recorded call: an answer that breaks off, then a whole answer."
    assert one.texts("any") == (text_of(Answer())[: len(steps_of(one)[0].says or "")], text_of(Answer()))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (CUT, "an answer that breaks off"),
        (Answer().but(ResetConnection(at=AtEvent(DELTA, 3))), "an answer that breaks off"),
        (Answer().but(ErrorEvent(at=AtEvent(DELTA, 3))), "an error instead of the rest of an answer"),
        (Answer().but(ErrorEvent(at=AtEvent("message_start"))), "an error instead of an answer"),
        (Respond(content_type=STREAM_TYPE), "no answer"),
        (Refuse(status=529), "status 529"),
        (Respond(status=502, body=b"<html>"), "status 502"),
    ],
)
def test_where_nothing_whole_came_nobody_can_complete(step: Step, words: str) -> None:
    one = made(step)
    assert (one.expect.outcome, one.expect.also, one.expect.permanent) == (Outcome.FAILED, GAVE_UP, False)
    assert one.title == f"A recorded call: {words}."


@pytest.mark.parametrize(
    ("refusal", "permanent"),
    [
        (Refuse(status=401), True),
        (Refuse(status=400), True),
        (Refuse(status=429), False),
        (Refuse(status=400, headers=(("x-should-retry", "true"),)), False),
    ],
)
def test_a_refusal_that_would_come_again_ends_the_call(refusal: Refuse, permanent: bool) -> None:
    one = made(refusal, Answer())
    assert (len(one.script.steps), one.expect.permanent) == (1 if permanent else 2, permanent)


def test_a_server_that_forbids_to_ask_again_ends_the_call() -> None:
    one = made(Refuse(status=529, headers=(("x-should-retry", "false"),)), Answer())
    assert (len(one.script.steps), one.expect.permanent) == (1, False)


def test_an_answer_that_is_out_of_order_may_be_taken_for_anything_and_only_be_noted() -> None:
    one = made(Answer().but(DropEvent(at=AtEvent("content_block_start"))))
    assert (set(one.expect.also), one.expect.may_fail, one.level) == (set(Outcome), True, Level.INFO)
    assert one.title == "A recorded call: an answer in which a delta of no open block."


def test_a_message_of_json_may_be_too_much_for_who_asked_for_a_stream() -> None:
    one = made(Answer(only_json=True))
    assert one.expect.may_fail
    assert steps_of(one)[0].stop_reason == "end_turn"


@pytest.mark.parametrize(("hint", "absurd", "settle"), [("1", False, 10.5), ("40", True, 69.0), ("soon", True, 18.0)])
def test_who_is_asked_to_wait_has_the_time_for_it(hint: str, absurd: bool, settle: float) -> None:
    one = made(Refuse(status=429, headers=(("retry-after", hint),)), Answer())
    assert (one.expect.absurd_hint, one.limits.settle) == (absurd, settle)
    assert one.expect.also == ((Outcome.INCOMPLETE, Outcome.FAILED) if absurd else ())


def test_half_a_character_is_shown_as_one_that_cannot_be_shown() -> None:
    halves = text_block("a \U0001f600 b \ud83d", pieces=("a \ud83d", "\ude00 b ", "\ud83d"))
    assert made(Answer(blocks=(halves,))).texts("any") == ("a \U0001f600 b \ufffd",)


# ---- what it is made of


def test_pauses_are_repeated_and_borne() -> None:
    pieces = tuple(arrived(piece.data, float(n)) for n, piece in enumerate(captured(Answer(sentences=1))[0].pieces))
    paced = msgspec.structs.replace(captured(Answer(sentences=1))[0], pieces=pieces)
    one = scenario_of([paced], "x").scenario
    assert [piece.after for piece in steps_of(one)[0].pieces] == [0.0, *[1.0] * (len(pieces) - 1)]
    assert (one.limits.idle, one.limits.progress) == (2.0, 2.0)
    assert one.limits.settle > 9 + 6 * (len(pieces) - 1)
    assert not any(piece.after for piece in steps_of(scenario_of([paced], "x", keeps_times=False).scenario)[0].pieces)


def test_what_came_at_once_is_not_torn_apart() -> None:
    close = [arrived(piece.data, n / 1000) for n, piece in enumerate(captured(Answer())[0].pieces)]
    one = scenario_of([msgspec.structs.replace(captured(Answer())[0], pieces=tuple(close))], "x").scenario
    assert not any(piece.after for piece in steps_of(one)[0].pieces)


@pytest.mark.parametrize(
    ("headers", "framing"),
    [
        ((("transfer-encoding", "chunked"),), Chunked()),
        ((("Content-Length", "2"),), Sized()),
        ((("content-length", "5"),), Sized(3)),
        ((), UntilClose()),
    ],
)
def test_a_body_is_delimited_as_it_was(headers: tuple[tuple[str, str], ...], framing: object) -> None:
    html = (("content-type", "text/html"), ("connection", "keep-alive"), *headers)
    one = scenario_of([Exchange(status=502, headers=html, pieces=(arrived(b"ab"),))], "x").scenario
    assert steps_of(one)[0].framing == framing
    assert steps_of(one)[0].headers == (("content-type", "text/html"),)


def test_an_answer_without_a_body_stays_one() -> None:
    assert steps_of(scenario_of([Exchange(status=204)], "x").scenario)[0].framing == NoBody()


@pytest.mark.parametrize(("ended", "ends"), [("end", "end"), ("reset", "reset"), ("left", "close")])
def test_it_ends_as_it_did(ended: Any, ends: str) -> None:
    one = msgspec.structs.replace(captured(CUT)[0], ended=ended)
    assert steps_of(scenario_of([one], "x").scenario)[0].ends == ends


def test_faults_of_the_proxy_strike_again_and_what_was_said_is_known() -> None:
    faults = (DropEvent(at=AtEvent(DELTA, 6)),)
    struck = msgspec.structs.replace(captured(Answer())[0], faults=tuple(recorded.dump_faults(faults)))
    one = scenario_of([struck], "x").scenario
    assert steps_of(one)[0].faults == faults
    assert one.texts("any") == (text_of(Answer()),)
    assert one.title == "A recorded call: a whole answer (drop_event)."


def test_a_fault_of_the_proxy_that_breaks_an_answer_off_is_judged_as_that() -> None:
    faults = (EndEarly(at=AtEvent(DELTA, 6)),)
    struck = msgspec.structs.replace(captured(Answer())[0], faults=tuple(recorded.dump_faults(faults)))
    assert scenario_of([struck, *captured(Answer())], "x").scenario.expect == Expect(may_fail=True)


def test_damaged_faults_are_told_with_their_place() -> None:
    damaged = msgspec.structs.replace(captured(Answer())[0], faults=({"is": "Drop"},))
    assert complaint([damaged]).startswith("the faults of exchange 1: [0]: no class named 'Drop'; did you mean")


def test_what_is_left_out_is_told() -> None:
    moved, nobody = Exchange(status=302), Exchange(status=None, ended="unreachable")
    found: Made = scenario_of([moved, *captured(CUT), nobody, *captured(Answer(), Answer(), Answer())], "x")
    assert len(found.scenario.script.steps) == 2
    assert found.left_out == (
        "exchanges 1, 3: no answer of a model",
        "exchanges 5, 6: after the end of the call; --from 5 begins there",
    )


def test_of_what_a_browser_kept_only_calls_to_a_model_are_taken() -> None:
    page = Exchange(method="GET", url="https://x/", status=200, headers=(("content-type", "text/html"),))
    found = scenario_of([page, *captured(Answer())], "x")
    assert found.scenario.title == "A recorded call: a whole answer."
    assert found.left_out == ("exchange 1: no answer of a model",)


def test_it_begins_where_it_is_told_to() -> None:
    later = Answer(story="later")
    assert made(Answer(), later, first=2).texts("any") == (text_of(later),)


def test_no_key_and_no_id_gets_into_it() -> None:
    (one,) = captured(Answer(blocks=(text_block(f"Your key is {KEY}, and your token opaque-token."),)))
    secret = (("x-api-key", "opaque-token"), ("cookie", "a"))
    more = (("set-cookie", "session=opaque"), ("request-id", "req_0123456789abcdef"))
    keyed = msgspec.structs.replace(one, request_headers=secret, headers=(*one.headers, *more))
    written = json.dumps(recorded.dump(scenario_of([keyed], "x").scenario))
    assert not any(secret in written for secret in (KEY, "opaque", "req_0123456789abcdef"))
    assert "Your key is redacted" in scenario_of([keyed], "x").scenario.texts("any")[0]


@pytest.mark.parametrize(
    "asked",
    [
        {"url": "https://api.example/v1/messages", "headers": [{"name": "x-api-key", "value": "my-private-key-0001"}]},
        {"url": "https://api.example/v1/messages?key=my-private-key-0001", "headers": []},
    ],
)
def test_a_key_in_an_archive_that_a_refusal_quotes_does_not_get_into_it(asked: dict[str, Any]) -> None:
    refusal = {"type": "error", "error": {"type": "authentication_error", "message": "bad key: my-private-key-0001"}}
    headers = [{"name": "content-type", "value": "application/json"}]
    response = {"status": 401, "headers": headers, "content": {"text": json.dumps(refusal)}}
    entry = {"startedDateTime": "2026-01-31T12:00:00Z", "request": {"method": "POST", **asked}, "response": response}
    exchanges = exchanges_in(json.dumps({"log": {"entries": [entry]}}).encode(), "x")
    written = json.dumps(recorded.dump(scenario_of(exchanges, "x").scenario))
    assert "my-private-key-0001" not in written
    assert "bad key: redacted" in written


# ---- what is not taken


def streaming(body: bytes, *more: tuple[str, str]) -> Exchange:
    headers = (("content-type", STREAM_TYPE), ("transfer-encoding", "chunked"), *more)
    return Exchange(status=200, headers=headers, pieces=(arrived(body),))


@pytest.mark.parametrize(
    ("exchanges", "said"),
    [
        ([], "none of the 0 exchanges has an answer"),
        ([Exchange(status=302), Exchange(status=None)], "none of the 2 exchanges has an answer"),
        (captured(Answer(stop_reason="pause_turn")), "exchange 1 pauses its turn"),
        (
            [streaming(b'data: {"choices":[]}\n\n')],
            "exchange 1 is a stream, and not one of the Messages API: its first",
        ),
        ([streaming(b"\x1b\x0f", ("content-encoding", "br"))], "exchange 1 is compressed by 'br'"),
    ],
)
def test_what_cannot_be_judged_is_refused(exchanges: list[Exchange], said: str) -> None:
    assert complaint(exchanges).startswith(said)


MESSAGE = gzip.compress(b'{"error":{"type":"x","message":"bad key: opaque-token"}}')


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", MESSAGE),
        ("gzip", MESSAGE[:-8]),
        ("gzip", gzip.compress(b"") + MESSAGE),
        ("gzip", MESSAGE[:-8] + b"\xff" * 8),
        ("gzip", b""),
        ("br", b"\x1b\x80"),
    ],
    ids=["key", "cut behind a key", "two bodies", "damaged", "not kept", "other coding"],
)
def test_a_compressed_answer_that_may_have_a_key_in_it_is_refused(coding: str, body: bytes) -> None:
    refused = Exchange(
        request_headers=(("x-auth-token", "opaque-token"),),
        status=401,
        headers=(("content-type", "application/json"), ("content-encoding", coding)),
        pieces=(arrived(body),),
    )
    assert complaint([refused]).startswith("exchange 1 is compressed, and its body is left out because a key may be")


def test_no_more_of_a_compressed_answer_is_taken_than_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.recording.scenario._MOST_INFLATED", 10)
    body = gzip.compress(b"no key" * 10)
    assert "a key may be in it" in complaint([streaming(body, ("content-encoding", "gzip"))])


@pytest.mark.parametrize("first", [0, 2, -1])
def test_an_exchange_that_is_not_there_cannot_be_begun_with(first: int) -> None:
    assert complaint(captured(Answer()), first=first) == f"there is no exchange {first} in the capture: it has 1"


def test_a_compressed_answer_is_read_and_stays_compressed() -> None:
    request = Request(attempt=1, seed="s", body={"stream": True})
    reply = Answer().but(GzipBody()).reply(request)
    head, effects = render(replace(reply, head=replace(reply.head, framing=UntilClose())), request)
    body = b"".join(one.data for one in list(effects)[1:] if isinstance(one, Send))
    one = scenario_of([Exchange(status=200, headers=head.headers, pieces=(arrived(body),))], "x").scenario
    assert one.texts("any") == (text_of(Answer()),)
    assert dict(steps_of(one)[0].headers)["content-encoding"] == "gzip"


def test_an_event_of_an_error_alone_is_one_of_the_messages_api() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "x"})
    assert scenario_of([streaming(error)], "x").scenario.title == "A recorded call: an error instead of an answer."
