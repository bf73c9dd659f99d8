"""A webhook is told the answer in order, signed, and whole at the end."""

from __future__ import annotations

import asyncio
import base64
import json
from email.utils import formatdate
from itertools import pairwise
from random import Random
from typing import Any

import httpx
import pytest
from sinking import CLOCK, Step, at_once, direct_http, done, into, pace, spoken

from client_under_test.answer import Outcome, ToolCall
from client_under_test.errors import ConnectionLost, Overloaded
from client_under_test.events import Reset, Sentence, Text
from client_under_test.sinks import SinkFailed, SinksFailed
from client_under_test.sinks.pace import Pace, backoff, retry_after
from client_under_test.sinks.signing import BadSignature, key, signed, verify
from client_under_test.sinks.webhook import Batch, Webhook
from client_under_test.usage import Tokens
from fake_server.receivers.plan import Cut, Fails, Fault, Hangs, Limited, Plan
from fake_server.receivers.webhook import POST, FakeWebhook

KEY = b"a key of twenty-four bytes"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
THREE = spoken("One. ", "Two. ", "Three.", gap=3.0)


def read(request: httpx.Request) -> tuple[str, dict[str, Any]]:
    return POST, {"headers": dict(request.headers), "body": request.content}


class Told:
    """A webhook was told an answer."""

    def __init__(self, steps: list[Step], plan: Plan | None = None, key: bytes = KEY, **more: Any) -> None:
        self.fake = FakeWebhook(key, plan, CLOCK)
        self.error: Exception | None = None
        at_once(self._tell(steps, more))

    async def _tell(self, steps: list[Step], more: dict[str, Any]) -> None:
        given = {"secret": SECRET, "pace": pace(0), "wall": CLOCK.wall, "chance": Random(1), **more}
        async with direct_http(self.fake, read) as http:
            try:
                await into(Webhook("http://hook", http=http, **given), steps)
            except SinksFailed as failed:
                (self.error,) = failed.exceptions
            except Exception as error:
                self.error = error

    @property
    def last(self) -> dict[str, Any]:
        assert self.fake.last is not None
        return dict(self.fake.last)

    @property
    def ids(self) -> list[str]:
        return [one.payload["headers"]["webhook-id"] for one in self.fake.calls]

    @property
    def failure(self) -> SinkFailed:
        assert isinstance(self.error, SinkFailed)
        return self.error


def faults(fault: Fault, *numbers: int) -> Plan:
    return Plan(calls=dict.fromkeys(numbers, fault))


def test_the_answer_is_told_by_sentences_and_whole_at_the_end() -> None:
    told = Told(THREE, stream="s1")
    assert [one.type for one in told.fake.told] == ["answer.sentences"] * 3 + ["answer.finished"]
    assert told.fake.text == told.last["text"] == "One. Two. Three."
    assert [one.sequence for one in told.fake.told] == [1, 2, 3, 4]
    assert told.ids == ["msg_s1_1", "msg_s1_2", "msg_s1_3", "msg_s1_4"]


@pytest.mark.parametrize(
    ("batch", "texts"),
    [
        (Batch(sentences=2), ["One. Two. ", "Three."]),
        (Batch(characters=8), ["One. Two. ", "Three."]),
        (Batch(), ["One. Two. Three."]),
    ],
)
def test_sentences_that_come_fast_are_sent_together(batch: Batch, texts: list[str]) -> None:
    told = Told(spoken("One. ", "Two. ", "Three.", gap=0.1), batch=batch)
    assert [one.data["text"] for one in told.fake.told[:-1]] == texts


def test_a_sentence_waits_no_longer_than_the_batch_may() -> None:
    told = Told([Sentence("One. "), 1.0, Sentence("Two. "), 60.0, done("One. Two. ")], batch=Batch(seconds=5))
    assert told.fake.calls[0].at == pytest.approx(5)
    assert told.fake.told[0].data["text"] == "One. Two. "


def test_sentences_are_void_after_a_new_start() -> None:
    told = Told([Sentence("Old. "), 5.0, Sentence("Older. "), Reset(), Sentence("New. "), 5.0, done("New. ")])
    assert [one.type for one in told.fake.told] == [
        "answer.sentences",
        "answer.reset",
        "answer.sentences",
        "answer.finished",
    ]
    assert told.fake.text == "New. "


def test_a_new_start_before_anything_was_sent_is_not_told() -> None:
    told = Told([Sentence("Old. "), Reset(), Sentence("New. "), 5.0, done("New. ")])
    assert [one.type for one in told.fake.told] == ["answer.sentences", "answer.finished"]


def test_the_end_says_all_there_is_to_say() -> None:
    call = ToolCall(id="t1", name="look", input={"at": "ä\ud800\0"})
    billed, usage = Tokens(input=3, output=5, exact=False), {"output_tokens": 5}
    told = Told([done("x", tool_calls=(call,), usage=usage, billed=billed, model="m", attempts=2)], stream="s1")
    assert told.last == {
        "stream": "s1",
        "sequence": 1,
        "outcome": "complete",
        "complete": True,
        "text": "x",
        "stop_reason": "end_turn",
        "tool_calls": [{"id": "t1", "name": "look", "input": {"at": "ä\ud800\0"}}],
        "model": "m",
        "usage": usage,
        "billed": {"input": 3, "output": 5, "exact": False},
        "attempts": 2,
        "error": None,
        "sentences_complete": True,
    }


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([done("x", outcome=Outcome.TRUNCATED)], "truncated"),
        ([Text("x"), ConnectionLost("gone", attempts=3)], "incomplete"),
        ([Overloaded("busy")], "failed"),
    ],
)
def test_an_answer_that_is_not_whole_is_not_called_complete(steps: list[Step], outcome: str) -> None:
    told = Told(steps)
    assert (told.last["outcome"], told.last["complete"]) == (outcome, False)


def test_an_error_is_told_with_the_text_that_was_kept() -> None:
    told = Told([Text("Hel"), ConnectionLost("gone", partial="Hel", attempts=3)])
    assert (told.last["text"], told.last["attempts"], told.last["usage"]) == ("Hel", 3, None)
    assert told.last["error"] == {"type": "ConnectionLost", "message": "gone"}


def test_an_answer_that_was_left_is_told_as_cancelled() -> None:
    async def run() -> Any:
        fake = FakeWebhook(KEY, clock=CLOCK)
        async with direct_http(fake, read) as http:
            sink = Webhook("http://hook", secret=SECRET, http=http, wall=CLOCK.wall)
            going = asyncio.create_task(into(sink, [Text("Hel"), 60.0]))
            await asyncio.sleep(1)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
        return fake.last

    assert at_once(run())["outcome"] == "cancelled"


def test_a_sink_that_is_finished_without_an_answer_says_what_it_knows() -> None:
    async def run() -> Any:
        fake = FakeWebhook(KEY, clock=CLOCK)
        async with direct_http(fake, read) as http:
            sink = Webhook("http://hook", secret=KEY, http=http, wall=CLOCK.wall)
            await sink.begin()
            await sink.finish(None)
        return fake.last

    assert at_once(run())["attempts"] == 1


@pytest.mark.parametrize("fault", [Fails(), Fails(status=429), Fails(applied=True), Cut(), Cut(applied=True), Hangs()])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_what_failed_in_passing_is_sent_again_with_the_same_id_and_body(fault: Fault, number: int) -> None:
    told = Told(THREE, faults(fault, number), stream="s1")
    first, again = told.fake.calls[number - 1 : number + 1]
    assert told.ids[number - 1] == told.ids[number] == f"msg_s1_{number}"
    assert first.payload["body"] == again.payload["body"]
    assert told.fake.text == told.last["text"] == "One. Two. Three."
    assert told.error is None


def test_requests_come_in_the_order_of_their_numbers_whatever_fails() -> None:
    told = Told(THREE, faults(Fails(), 1, 2, 4, 6))
    numbers = [json.loads(one.payload["body"])["data"]["sequence"] for one in told.fake.calls]
    assert numbers == sorted(numbers)
    assert [one.sequence for one in told.fake.told] == [1, 2, 3, 4]


def test_a_webhook_that_asks_to_wait_is_left_alone() -> None:
    told = Told(THREE, faults(Limited(retry_after=40), 1, 4))
    assert not any(one.in_penalty for one in told.fake.calls)
    assert told.last["text"] == "One. Two. Three."


def test_every_try_is_signed_with_its_own_time() -> None:
    told = Told(THREE, faults(Limited(retry_after=40), 1))
    first, again = (int(one.payload["headers"]["webhook-timestamp"]) for one in told.fake.calls[:2])
    assert again - first == 40


@pytest.mark.parametrize("plan", [faults(Fails(), 1, 2, 3, 4), faults(Fails(status=400), 1)])
def test_sentences_that_cannot_be_delivered_are_given_up_for_the_whole_at_the_end(plan: Plan) -> None:
    told = Told([*spoken(*"abcdef", gap=3.0)], plan)
    assert [one.type for one in told.fake.told] == ["answer.finished"]
    assert (told.last["text"], told.last["complete"], told.last["sentences_complete"]) == ("abcdef", True, False)
    assert told.error is None


def test_a_refused_end_is_reported_with_what_is_missing() -> None:
    told = Told(THREE, faults(Fails(status=410), 4))
    assert told.failure.reason == "the webhook answers 410"
    assert (told.failure.delivered, told.failure.missing) == ("One. Two. Three.", "")
    early = Told(THREE, Plan(always={POST: Fails(status=404)}))
    assert (early.failure.delivered, early.failure.missing) == ("", "One. Two. Three.")
    assert len(early.fake.calls) == 2


def test_an_end_that_fails_for_too_long_is_reported() -> None:
    told = Told([done("x")], Plan(always={POST: Hangs()}), patience=60)
    assert told.failure.reason == "the receiver did not answer within 30 s, until it was too late"


def test_waits_between_tries_grow_with_jitter() -> None:
    told = Told([done("x")], faults(Fails(), 1, 2, 3, 4))
    waits = [after.at - before.at for before, after in pairwise(told.fake.calls)]
    assert [0.75 * 2**n <= wait <= 1.25 * 2**n for n, wait in enumerate(waits)] == [True] * 4


def test_a_redirect_is_not_followed() -> None:
    async def run() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(302, headers={"location": "http://elsewhere"}))
        async with httpx.AsyncClient(transport=transport, follow_redirects=True) as http:
            await into(Webhook("http://hook", secret=SECRET, http=http), [done("x")])

    with pytest.raises(SinksFailed):
        at_once(run())


def test_a_receiver_with_either_of_two_secrets_believes() -> None:
    for one in (KEY, b"the new key, twenty-four b"):
        assert Told(THREE, key=one, secret=[SECRET, b"the new key, twenty-four b"]).error is None


def test_a_receiver_with_another_secret_does_not_believe() -> None:
    assert Told(THREE, key=b"another key, twenty-four b").failure.reason == "the webhook answers 401"


def test_the_example_of_the_specification_is_signed_alike() -> None:
    body = b'{"test": 2432232314}'
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_may_verify_what_was_sent() -> None:
    headers = signed("msg_1", 1_000, b"{}", [b"old", b"new"])
    assert verify(headers, b"{}", b"new", now=1_100) == "msg_1"


@pytest.mark.parametrize(
    ("headers", "body", "now"),
    [
        (signed("msg_1", 1_000, b"{}", [b"k"]), b"{ }", 1_000),
        (signed("msg_1", 1_000, b"{}", [b"k"]), b"{}", 2_000),
        ({**signed("msg_1", 1_000, b"{}", [b"k"]), "webhook-id": "msg_2"}, b"{}", 1_000),
        ({**signed("msg_1", 1_000, b"{}", [b"k"]), "webhook-timestamp": "soon"}, b"{}", 1_000),
        ({**signed("msg_1", 1_000, b"{}", [b"k"]), "webhook-signature": "v1,ä"}, b"{}", 1_000),
        ({}, b"{}", 1_000),
    ],
)
def test_what_was_changed_or_is_old_is_not_believed(headers: dict[str, str], body: bytes, now: float) -> None:
    with pytest.raises(BadSignature):
        verify(headers, body, b"k", now)


@pytest.mark.parametrize("secret", ["secret", "whsec_ä", "whsec_%%%"])
def test_a_secret_that_is_none_is_told_at_once(secret: str) -> None:
    with pytest.raises(ValueError):
        key(secret)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("0", 0),
        (formatdate(1_060, usegmt=True), 60),
        (formatdate(900, usegmt=True), 0),
        ("99999999", 86_400),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1e999", None),
        ("nan", None),
        ("1,5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_nothing(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, lambda: 1_000.0) == seconds
    assert retry_after({"Retry-After": value} if value else {}, lambda: 1_000.0) == seconds


def test_backoff_doubles_up_to_a_minute() -> None:
    waits = [backoff(failures, Random(1)) for failures in (1, 2, 3, 20)]
    assert waits == sorted(waits)
    assert waits[-1] <= 75


def test_a_pause_that_ends_early_is_made_up_for() -> None:
    now, pauses = [0.0], list[float]()

    async def short(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds * 0.9

    async def run() -> None:
        slow = Pace(1.0, clock=lambda: now[0], pause=short)
        slow.taken()
        await slow.turn()
        assert now[0] >= 1.0

    asyncio.run(run())
    assert len(pauses) > 1
