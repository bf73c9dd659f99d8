"""What Sentry is told: one event for each incident, with its causes, and nothing that is none of its business."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sentry_sdk
from metrics_calls import CANCEL, KEY, OPEN, REQUEST, START, Passed, done, failed, notice, play, recovering, text
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from client_under_test.answer import Outcome
from client_under_test.errors import ConnectionLost, Overloaded, ProtocolError, RateLimited, StreamError
from client_under_test.events import Next
from client_under_test.metrics.sentry import SentryIncidents
from client_under_test.signals import Open
from client_under_test.targets import Target
from client_under_test.usage import Tokens

LOST, BUSY = ConnectionLost("the connection broke"), Overloaded("overloaded", status=529, kind="overloaded_error")
PARTIAL = "The secret of the partial text"


class Sent(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events.append(envelope.get_event())


def client() -> tuple[sentry_sdk.Client, Sent]:
    """A client that is not the process's own, and what it sends."""
    sent = Sent()
    dsn = "http://public@127.0.0.1:1/1"
    return sentry_sdk.Client(
        dsn=dsn, transport=sent, default_integrations=False, auto_enabling_integrations=False, max_breadcrumbs=0
    ), sent


def events(*passed: Passed, **settings: Any) -> list[Any]:
    one, sent = client()
    play(SentryIncidents(client=one, **settings), *passed)
    return sent.events


def event(*passed: Passed, **settings: Any) -> Any:
    (only,) = events(*passed, **settings)
    return only


FAILED = recovering(
    LOST, BUSY, end=failed(BUSY, Outcome.INCOMPLETE, PARTIAL, attempts=3, request_ids=("req_1", "req_2"))
)


def test_a_call_without_a_failure_is_no_incident() -> None:
    assert events((0.0, START), (0.0, OPEN), (1.0, text()), (2.0, done())) == []


def test_a_pause_is_no_incident() -> None:
    assert events((0.0, START), (1.0, notice(None, Next.GO_ON)), (2.0, done())) == []


def test_a_call_that_is_only_cancelled_is_no_incident() -> None:
    assert events((0.0, START), (0.0, OPEN), (1.0, CANCEL), (1.0, done(Outcome.CANCELLED))) == []


def test_a_call_with_many_failures_is_one_event_with_all_of_them_first_cause_first() -> None:
    values = event(*recovering(LOST, BUSY, end=failed(RateLimited("slow down"))))["exception"]["values"]
    assert [(one["type"], one["value"]) for one in values] == [
        ("ConnectionLost", "the connection broke"),
        ("Overloaded", "overloaded"),
        ("RateLimited", "slow down"),
    ]


def test_what_the_api_said_stands_with_its_error() -> None:
    values = event(*FAILED)["exception"]["values"]
    assert {one["module"] for one in values} == {"client_under_test.errors"}
    assert [one["mechanism"]["data"] for one in values] == [
        {"retryable": True},
        {"retryable": True, "status": 529, "kind": "overloaded_error", "retry_after": None},
    ]


@pytest.mark.parametrize(
    ("end", "level"),
    [
        (failed(BUSY), "error"),
        (failed(BUSY, Outcome.INCOMPLETE), "error"),
        (done(), "warning"),
        (done(Outcome.CANCELLED), "warning"),
    ],
)
def test_an_answer_that_never_came_is_an_error_and_a_recovery_a_warning(end: Any, level: str) -> None:
    assert event(*recovering(LOST, end=end))["level"] == level


def test_recoveries_are_not_reported_when_they_are_not_wanted_and_failures_are() -> None:
    assert events(*recovering(LOST), report_recovered=False) == []
    assert len(events(*FAILED, report_recovered=False)) == 1


@pytest.mark.parametrize(
    ("passed", "fingerprint"),
    [
        (recovering(LOST, BUSY), ["client_under_test", "Overloaded", "recovered"]),
        (recovering(BUSY, LOST), ["client_under_test", "ConnectionLost", "recovered"]),
        (FAILED, ["client_under_test", "Overloaded", "failed"]),
    ],
)
def test_incidents_are_grouped_by_the_class_of_the_last_error(passed: list[Passed], fingerprint: list[str]) -> None:
    assert event(*passed)["fingerprint"] == fingerprint


def test_the_tags_tell_what_one_searches_for() -> None:
    assert event(*FAILED)["tags"] == {
        "llm_stream.model": REQUEST["model"],
        "llm_stream.outcome": "incomplete",
        "llm_stream.error": "Overloaded",
        "llm_stream.first_cause": "ConnectionLost",
        "llm_stream.attempts": "3",
        "llm_stream.request_id": "req_2",
    }


def test_a_call_without_any_response_has_no_request_id() -> None:
    assert event(*recovering(LOST))["tags"]["llm_stream.request_id"] == "none"


def test_the_context_tells_the_request_ids_the_times_and_the_cost() -> None:
    end = done(
        request_ids=("req_1", "req_2"),
        billed=Tokens(input=7),
        wasted=Tokens(input=2, output=1),
        model="claude-opus-5",
        stop_reason="end_turn",
        attempts=3,
    )
    assert event(*recovering(LOST, BUSY, end=end))["contexts"]["llm_stream"] == {
        "model": REQUEST["model"],
        "answered_by": "claude-opus-5",
        "outcome": "complete",
        "stop_reason": "end_turn",
        "attempts": 3,
        "request_ids": ["req_1", "req_2"],
        "seconds": 3.0,
        "seconds_to_first_text": 3.0,
        "characters": 5,
        "billed_input_tokens": 7,
        "billed_output_tokens": None,
        "wasted_input_tokens": 2,
        "wasted_output_tokens": 1,
    }


QUOTING = ProtocolError(f"event 'message_delta' lacks field 'x': {PARTIAL}", partial=PARTIAL)


def test_the_text_of_the_answer_is_not_sent_neither_as_such_nor_in_a_message_that_quotes_it() -> None:
    sent = event(*recovering(QUOTING, end=failed(QUOTING, Outcome.INCOMPLETE, PARTIAL)))
    assert "secret" not in json.dumps(sent)
    assert sent["contexts"]["llm_stream"]["characters"] == len(PARTIAL)


def test_the_text_of_the_answer_is_sent_when_that_is_asked_for() -> None:
    sent = event(*recovering(QUOTING, end=failed(QUOTING, Outcome.INCOMPLETE, PARTIAL)), send_text=True)
    assert sent["contexts"]["llm_stream"]["text"] == PARTIAL
    assert PARTIAL in sent["exception"]["values"][0]["value"]


def test_keys_are_never_sent_even_when_a_server_says_them() -> None:
    errors: list[StreamError] = [
        ConnectionLost(f"Illegal header value b'{KEY}'"),
        Overloaded(f"no capacity for {KEY}"),
        Overloaded("no capacity for other-gateway-key"),
        Overloaded("no capacity for the-first-gateway"),
    ]
    asked: list[Passed] = [(0.0, START), (0.0, Open(REQUEST, Target(api_key="other-gateway-key")))]
    end = failed(errors[-1], Outcome.INCOMPLETE, f"{KEY} other-gateway-key", request_ids=(KEY,), model=KEY)
    passed = [*asked, *[(1.0, notice(error)) for error in errors], (2.0, end)]
    sent = json.dumps(event(*passed, send_text=True, secrets=["the-first-gateway"]))
    assert not [key for key in (KEY, "other-gateway-key", "the-first-gateway") if key in sent]


def test_the_events_have_no_frames_in_which_local_variables_could_leave() -> None:
    assert not [key for one in event(*FAILED)["exception"]["values"] for key in one if "stacktrace" in key]


def test_an_incident_leaves_nothing_behind_in_the_scopes_of_the_process() -> None:
    one, sent = client()
    with sentry_sdk.isolation_scope() as isolation, sentry_sdk.new_scope() as scope:
        scope.set_client(one)
        before = scope.last_event_id(), isolation.last_event_id()
        play(SentryIncidents(), *FAILED)
        assert len(sent.events) == 1
        assert (scope.last_event_id(), isolation.last_event_id()) == before
        scope.capture_event({"message": "theirs"})
    assert "llm_stream" not in json.dumps(sent.events[-1])


def test_an_event_carries_what_the_application_said_of_itself() -> None:
    one, sent = client()
    with sentry_sdk.new_scope() as scope:
        scope.set_client(one)
        scope.set_tag("tenant", "acme")
        play(SentryIncidents(), *FAILED)
    assert sent.events[0]["tags"]["tenant"] == "acme"
