"""The stand-ins have the limits of those for whom they stand, and write down what they saw."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sinking import at_once

from client_under_test.sinks.signing import signed
from fake_server.bounds import OutOfBounds
from fake_server.receivers.plan import Cut, Fails, Hangs, Limited, Plan, Reply, Says
from fake_server.receivers.slack import RESPONSE, FakeSlack, Limits
from fake_server.receivers.webhook import POST, FakeWebhook


class Clock:
    """A clock that a test sets."""

    time = 0.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class Desk:
    """A fake workspace and calls to it, two seconds apart."""

    def __init__(self, plan: Plan | None = None, limits: Limits | None = None, **more: Any) -> None:
        self.clock = Clock()
        self.fake = FakeSlack(plan, limits, self.clock, **more)

    def call(self, method: str, after: float = 2.0, **payload: Any) -> Reply:
        self.clock.time += after
        return self.fake.call(method, {"channel": "C1", **payload})

    def error(self, method: str, after: float = 2.0, **payload: Any) -> Any:
        body = self.call(method, after, **payload).body
        assert isinstance(body, dict)
        return body.get("error")

    def ts(self, method: str = "chat.postMessage", **payload: Any) -> str:
        body = self.call(method, **payload).body
        assert isinstance(body, dict)
        return str(body["ts"])


def test_users_see_what_was_posted_and_edited_without_entities() -> None:
    desk = Desk()
    ts = desk.ts(text="&lt;a&gt; &amp; &amp;lt;")
    assert desk.fake.visible() == ["<a> & &lt;"]
    desk.call("chat.update", ts=ts, text="b")
    assert (desk.fake.visible(), desk.fake.visible("D1"), desk.fake.messages[0].edits) == (["b"], [], 1)


def test_edits_that_change_nothing_are_counted() -> None:
    desk = Desk()
    ts = desk.ts(text="a")
    for _ in range(3):
        desk.call("chat.update", ts=ts, text="a")
    assert desk.fake.identical_edits == 3


@pytest.mark.parametrize(
    ("method", "text"), [("chat.postMessage", "text"), ("chat.update", "text"), ("chat.appendStream", "markdown_text")]
)
def test_calls_that_come_too_fast_are_limited_and_the_penalty_is_for_the_method(method: str, text: str) -> None:
    desk = Desk()
    start = {"recipient_user_id": "U1", "thread_ts": "1.0"}
    ts = desk.ts("chat.startStream", **start) if "Stream" in method else desk.ts(text="a")
    desk.call(method, ts=ts, **{text: "b"})
    reply = desk.call(method, after=0.1, ts=ts, **{text: "c"})
    assert (reply.status, reply.headers) == (429, {"retry-after": "3"})
    assert desk.call(method, after=2.0, ts=ts, **{text: "d"}).status == 429
    assert desk.fake.calls[-1].in_penalty
    assert not desk.fake.calls[-2].in_penalty
    assert desk.call("chat.delete", after=0, ts=desk.fake.messages[0].ts).status == 200


@pytest.mark.parametrize(
    ("method", "payload", "error"),
    [
        ("chat.postMessage", {"channel": "C9", "text": "a"}, "channel_not_found"),
        ("chat.postMessage", {"text": " \n"}, "no_text"),
        ("chat.postMessage", {"markdown_text": "x" * 12_001}, "msg_too_long"),
        ("chat.update", {"channel": "#general", "ts": "1", "text": "a"}, "channel_not_found"),
        ("chat.update", {"ts": "1", "text": "a"}, "message_not_found"),
        ("chat.startStream", {"thread_ts": "1"}, "missing_recipient_user_id"),
        ("chat.somethingElse", {}, "unknown_method"),
    ],
)
def test_calls_are_refused_as_slack_refuses_them(method: str, payload: dict[str, Any], error: str) -> None:
    assert Desk().error(method, **payload) == error


def test_an_edit_may_be_shorter_than_a_post_and_a_post_is_cut_off_silently() -> None:
    desk = Desk()
    ts = desk.ts(text="x" * 50_000)
    assert len(desk.fake.visible()[0]) == 40_000
    assert desk.error("chat.update", ts=ts, text="x" * 4_001) == "msg_too_long"


def test_a_post_that_comes_twice_with_one_id_is_one_message() -> None:
    desk = Desk()
    assert desk.ts(text="a", client_msg_id="u1") == desk.ts(text="a", client_msg_id="u1")
    assert desk.fake.visible() == ["a"]


def test_a_deleted_message_is_gone() -> None:
    desk = Desk()
    ts = desk.ts(text="a")
    assert desk.error("chat.delete", ts=ts) is None
    assert desk.error("chat.update", ts=ts, text="b") == "message_not_found"
    assert desk.fake.visible() == []


def streaming(**more: Any) -> tuple[Desk, str]:
    desk = Desk(**more)
    return desk, desk.ts("chat.startStream", recipient_user_id="U1", thread_ts="1.0")


def test_a_stream_grows_and_loses_blanks_at_the_beginning_of_a_piece() -> None:
    for drops, seen in ((True, "ab"), (False, "a b")):
        desk, ts = streaming(drops_blanks=drops)
        desk.call("chat.appendStream", ts=ts, markdown_text="a")
        desk.call("chat.stopStream", ts=ts, markdown_text=" b")
        assert desk.fake.visible() == [seen]


def test_a_stream_is_neither_edited_nor_deleted_before_it_is_stopped() -> None:
    desk, ts = streaming()
    assert desk.error("chat.update", ts=ts, text="a") == "streaming_state_conflict"
    assert desk.error("chat.delete", ts=ts) == "cant_delete_message"
    assert desk.error("chat.appendStream", ts=ts, markdown_text=" ") == "no_text"
    assert desk.error("chat.stopStream", ts=ts) is None
    assert desk.error("chat.update", ts=ts, text="a") is None
    assert desk.error("chat.stopStream", ts=ts) == "message_not_in_streaming_state"


def test_a_stream_ends_by_itself_after_five_minutes_though_it_is_used() -> None:
    desk, ts = streaming()
    errors = [desk.error("chat.appendStream", after=10, ts=ts, markdown_text="a") for _ in range(31)]
    assert errors[28:] == [None, "message_not_in_streaming_state", "message_not_in_streaming_state"]
    assert desk.error("chat.update", ts=ts, markdown_text="a") is None


def test_a_stream_has_a_size_as_a_whole() -> None:
    desk, ts = streaming()
    assert desk.error("chat.appendStream", ts=ts, markdown_text="x" * 10_600) is None
    assert desk.error("chat.appendStream", ts=ts, markdown_text="x") == "msg_too_long"


def test_a_response_url_is_used_five_times_within_half_an_hour() -> None:
    desk = Desk()
    desk.fake.response_url("r1", original="?")
    replies = [desk.call(RESPONSE, url="r1", text=f"{n}", replace_original=n % 2 == 0).body for n in range(6)]
    assert replies == [{"ok": True}] * 5 + [{"ok": False, "error": "used_url"}]
    assert desk.fake.visible_to_one("r1") == ["4", "1", "3"]
    desk.fake.response_url("r2")
    assert desk.error(RESPONSE, after=1_801, url="r2", text="a") == "expired_url"


def test_faults_strike_the_calls_they_are_planned_for_and_are_recorded() -> None:
    plan = Plan(
        calls={1: Fails(status=503), 2: Limited(retry_after=1.5)},
        methods={("chat.update", 1): Says(error="cant_update_message")},
        always={"chat.delete": Hangs(applied=True)},
    )
    desk = Desk(plan)
    assert desk.call("chat.postMessage", text="a").status == 503
    assert desk.call("chat.postMessage", text="a").headers == {"retry-after": "2"}
    ts = desk.ts(text="a")
    assert desk.error("chat.update", ts=ts, text="b") == "cant_update_message"
    assert desk.call("chat.delete", ts=ts).hang
    assert desk.fake.visible() == []
    assert [one.fault for one in desk.fake.calls] == [
        *plan.calls.values(),
        None,
        *plan.methods.values(),
        Hangs(applied=True),
    ]
    assert [one.number for one in desk.fake.calls] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("error", ["message_not_found", "message_not_in_streaming_state"])
def test_a_planned_refusal_is_true_from_then_on(error: str) -> None:
    desk, ts = streaming(plan=Plan(calls={2: Says(error=error)}))
    assert desk.error("chat.appendStream", ts=ts, markdown_text="a") == error
    assert desk.error("chat.appendStream", ts=ts, markdown_text="a") == error


def test_a_fault_took_effect_or_not_as_it_says() -> None:
    for fault, seen in ((Cut(), []), (Cut(applied=True), ["a"])):
        desk = Desk(Plan(calls={1: fault}))
        assert desk.call("chat.postMessage", text="a").cut
        assert desk.fake.visible() == seen


def test_a_fault_out_of_bounds_is_told_at_once() -> None:
    with pytest.raises(OutOfBounds):
        Limited(retry_after=-1)
    with pytest.raises(OutOfBounds):
        Fails(status=200)


def told(fake: FakeWebhook, name: str, body: dict[str, Any], key: bytes = b"k") -> Reply:
    data = json.dumps(body).encode()
    return fake.call(POST, {"headers": signed(name, 0, data, [key]), "body": data})


def sentences(number: int, text: str) -> dict[str, Any]:
    return {"type": "answer.sentences", "data": {"sequence": number, "text": text}}


def test_a_webhook_knows_the_text_in_its_order_and_once() -> None:
    fake = FakeWebhook(b"k", clock=Clock())
    for name, body in [
        ("c", sentences(3, "c")),
        ("a", sentences(1, "x")),
        ("b", {"type": "answer.reset", "data": {"sequence": 2}}),
    ]:
        assert told(fake, name, body).status == 202
    assert told(fake, "c", sentences(3, "c")).status == 202
    assert (fake.text, fake.repeats, fake.last) == ("c", ["c"], None)
    told(fake, "d", {"type": "answer.finished", "data": {"sequence": 4, "text": "c"}})
    assert fake.last == {"sequence": 4, "text": "c"}


def test_a_webhook_does_not_believe_a_wrong_or_an_old_signature() -> None:
    fake = FakeWebhook(b"k", clock=Clock())
    assert told(fake, "a", sentences(1, "a"), key=b"other").status == 401
    clock = Clock()
    clock.time = 301
    assert told(FakeWebhook(b"k", clock=clock), "a", sentences(1, "a")).status == 401
    assert fake.call(POST, {"headers": {}, "body": b"{}"}).status == 401


def test_a_receiver_that_was_not_started_stops_as_well() -> None:
    at_once(FakeWebhook(b"k").__aexit__())
