"""What of a scenario can be done to a real server's answers, and what is refused with the reason."""

from __future__ import annotations

import pytest

from fake_server.answer import Answer, Refuse, Respond
from fake_server.dialect import Dialect
from fake_server.effects import Close, End, Last, Reset
from fake_server.fault import Fault
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.pause import Pause
from fake_server.position import AtEvent
from fake_server.record import Struck
from fake_server.replayed import Replayed
from fake_server.script import Step, script
from harness import catalog
from harness.errors import UsageError
from harness.model import Expect, Scenario
from harness.proxy.chaos import Chaos, is_to_a_model, of_faults, of_scenario, script_of
from harness.proxy.passed import Passed, bad_gateway, unstruck

DROP = DropEvent(at=AtEvent())
PAUSE = Pause(at=AtEvent(), seconds=1)


def scenario(*steps: Step) -> Scenario:
    return Scenario(name="x", family="a", title="X.", script=script(*steps), expect=Expect())


def complaint(one: Scenario) -> str:
    with pytest.raises(UsageError) as caught:
        of_scenario(one)
    return str(caught.value)


def test_each_request_meets_its_step_and_the_last_one_all_that_follow() -> None:
    refusal, page = Refuse(status=529), Respond(status=502)
    broken = Answer(sentences=3, story="x", repeats=5, continues=False, faults=(DROP,))
    done = of_scenario(scenario(refusal, page, broken, Answer()))
    assert [done.move(attempt) for attempt in range(1, 6)] == [refusal, page, broken, Answer(), Answer()]
    assert (done.name, done.drawn_as) == ("a.x", "a.x")


def test_without_moves_nothing_is_done() -> None:
    assert Chaos().move(7) == Answer()


def test_named_faults_strike_every_answer() -> None:
    assert [of_faults((DROP,)).move(attempt).faults for attempt in (1, 9)] == [(DROP,), (DROP,)]  # type: ignore[union-attr]


def test_the_script_of_a_move_is_the_move() -> None:
    assert script_of(Refuse(status=529)).steps == (Refuse(status=529),)


@pytest.mark.parametrize(
    ("one", "about"),
    [
        (scenario(Answer()), "a.x is about nothing that goes wrong in an answer; only scenarios whose faults strike"),
        (scenario(Answer(stop_reason="max_tokens", faults=(DROP,))), "a.x: step 1 sets stop_reason: about what the"),
        (scenario(Answer(faults=(DROP,)), Answer(blocks=(), pace=1)), "a.x: step 2 sets blocks and pace: about what"),
        (scenario(Replayed()), "a.x: step 1 (Replayed) is about what the model says, which a real one decides; only"),
        (catalog.scenarios()["slow_network.latency"], "slow_network.latency is about the network: put `streamproof"),
        (catalog.scenarios()["sinks.message"], "sinks.message is about the receiver of an answer"),
        (catalog.scenarios()["http_status.never_reached"], "http_status.never_reached is about a server"),
        (
            catalog.scenarios()["alternatives.another_answer_elsewhere"],
            "alternatives.another_answer_elsewhere is about a second server",
        ),
    ],
)
def test_a_scenario_about_something_else_is_refused_with_the_reason(one: Scenario, about: str) -> None:
    assert complaint(one).startswith(about)


@pytest.mark.parametrize(
    ("method", "path", "counts"),
    [
        ("POST", "/v1/messages", True),
        ("POST", "/v1/messages?beta=true", True),
        ("POST", "/openai/v1/chat/completions", True),
        ("POST", "/v1/responses", True),
        ("POST", "/v1/projects/p/models/claude:streamRawPredict", True),
        ("POST", "/v1/messages/count_tokens", False),
        ("GET", "/v1/messages", False),
        ("POST", "/v1/files?x=/messages", False),
    ],
)
def test_only_requests_to_a_model_are_counted(method: str, path: str, counts: bool) -> None:
    assert is_to_a_model(method, path) == counts


# ---- what is known of a request


def passed(**more: object) -> Passed:
    return Passed(**{"number": 1, "method": "POST", "path": "/x", "headers": (), "body": b"", "began": 1.0, **more})  # type: ignore[arg-type]


def test_a_key_of_the_address_is_kept_nowhere_also_where_the_answer_quotes_it() -> None:
    one = passed(path="/v1/messages?key=private-0001", pieces=[(b"no such key: private-0001", 0.0)], ended="end")
    assert "private-0001" not in repr(one.exchange("https://api.example", with_body=False))


@pytest.mark.parametrize(
    ("body", "fields"),
    [(b'{"stream":true}', {"stream": True}), (b"[1]", {}), (b"\xff", {}), (b"", {}), (b"[" * 100_000, {})],
)
def test_the_fields_of_a_request_are_those_of_its_json(body: bytes, fields: dict[str, object]) -> None:
    one = passed(body=body)
    assert one.asked == fields
    assert one.requested(2.0).streams == bool(fields)
    assert (one.requested(2.0).t, one.requested(2.0).body) == (2.0, None)


@pytest.mark.parametrize(("how", "ended"), [(End(), "end"), (Close(), "close"), (Reset(), "reset")])
def test_it_ends_as_the_server_ended_it(how: Last, ended: str) -> None:
    one = passed()
    assert one.ended == "left"
    one.over(how)
    assert one.exchange("https://api.example", with_body=False).ended == ended


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/messages", Dialect.ANTHROPIC),
        ("/v1/chat/completions?api-version=1/messages", Dialect.OPENAI_CHAT),
        ("/openai/deployments/x/chat/completions", Dialect.OPENAI_CHAT),
        ("/responses", Dialect.OPENAI_RESPONSES),
        ("/x", Dialect.ANTHROPIC),
    ],
)
def test_it_is_answered_in_the_words_of_its_path(path: str, dialect: Dialect) -> None:
    assert passed(path=path).dialect is dialect


@pytest.mark.parametrize("dialect", Dialect)
def test_an_answer_of_ours_is_kept_as_one(dialect: Dialect) -> None:
    one = passed()
    one.given(bad_gateway("it is gone", dialect))
    kept = one.exchange("https://api.example", with_body=False)
    assert (kept.status, kept.ended, kept.header("content-length")) == (502, "end", str(len(kept.body)))
    assert b"streamproof proxy: it is gone" in kept.body


@pytest.mark.parametrize(
    ("struck", "left"),
    [
        ([], ["drop_event", "drop_event", "pause"]),
        (["drop_event"], ["drop_event", "pause"]),
        (["pause", "drop_event", "drop_event"], []),
    ],
)
def test_a_fault_that_left_no_mark_did_not_strike(struck: list[str], left: list[str]) -> None:
    faults: tuple[Fault, ...] = (DROP, DROP, PAUSE)
    marks = [Struck(t=0.0, attempt=1, fault=name, note="", total=0) for name in struck]
    assert unstruck(faults, marks) == left
