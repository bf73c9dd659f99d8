"""Whatever comes and whatever a receiver does: what it has at the end is the answer, and its limits were respected."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from sinking import CLOCK, DirectSlack, Step, at_once, direct_http, done, into, pace, played
from unit.test_sink_webhook import KEY, SECRET, read

from client_under_test.errors import ConnectionLost, StreamError
from client_under_test.events import Done, Next, Notice, Reset, Sentence, Text
from client_under_test.sinks import SinksFailed
from client_under_test.sinks.relay import relay
from client_under_test.sinks.slack import MARKDOWN, MRKDWN, Form, SlackMessage, SlackStream
from client_under_test.sinks.slack.split import is_inside, split
from client_under_test.sinks.terminal import harmless
from client_under_test.sinks.webhook import Batch, Webhook
from fake_server.receivers.plan import Cut, Fails, Hangs, Limited, Plan
from fake_server.receivers.slack import FakeSlack
from fake_server.receivers.webhook import FakeWebhook

SHORT = Form(field="text", limit=600, unit=MRKDWN.unit, unit_bytes=MRKDWN.unit_bytes, escapes=MRKDWN.escapes)
"""So short that some sentences fill a message."""

words = st.text(st.sampled_from("ab<>&é字😀\u0301.\n "), min_size=1, max_size=60).map(lambda text: f"{text.strip()}x ")
gaps = st.floats(0.0, 30.0)
notices = st.sampled_from(Next).map(lambda doing: Notice(next=doing, attempt=2, wait=1.0))
limited = st.floats(0.1, 60.0).map(lambda seconds: Limited(retry_after=seconds))
passing = st.sampled_from([Fails(), Fails(applied=True), Cut(), Cut(applied=True), Hangs(), Hangs(applied=True)])
plans_of_limits = st.dictionaries(st.integers(1, 25), limited, max_size=8).map(lambda calls: Plan(calls=calls))
plans = st.dictionaries(st.integers(1, 25), limited | passing, max_size=8).map(lambda calls: Plan(calls=calls))


@st.composite
def streams(draw: st.DrawFn, *, whole: bool = False) -> list[Step]:
    """Events as the client gives them, and how they end."""
    steps: list[Step] = []
    text = ""
    for event in draw(st.lists(words | st.just(Reset()) | notices | gaps, max_size=25)):
        if isinstance(event, str):
            steps += [Text(event), Sentence(event)]
            text += event
        else:
            steps.append(event)
            text = "" if isinstance(event, Reset) else text
    return [*steps, done(text) if whole or draw(st.booleans()) else ConnectionLost("gone", partial=text)]


def text_of(steps: list[Step]) -> str:
    last = steps[-1]
    return last.answer.text if isinstance(last, Done) else getattr(last, "partial", "")


def said_under(steps: list[Step]) -> str:
    if isinstance(steps[-1], Done):
        return ""
    return "\n\n⚠️ _Incomplete: gone_"


async def shown(sink: Any, steps: list[Step]) -> None:
    with suppress(StreamError):
        await into(sink, steps)


def slack(kind: type[SlackMessage], steps: list[Step], plan: Plan, latency: float, **more: Any) -> FakeSlack:
    fake = FakeSlack(plan, clock=CLOCK)

    async def run() -> None:
        chance = Random(1)
        sink = kind(DirectSlack(fake, latency), channel="C1", pace=pace(), patience=5_000, chance=chance, **more)
        await shown(sink, steps)

    at_once(run())
    return fake


def respects_limits(fake: FakeSlack) -> bool:
    times = [one.at for one in fake.calls]
    is_slow = all(after - before >= 1.0 for before, after in pairwise(times))
    return is_slow and not any(one.in_penalty for one in fake.calls)


@given(streams(), plans_of_limits, st.floats(0.0, 3.0))
def test_a_message_ends_as_the_answer_within_the_limits_and_without_a_needless_edit(steps, plan, latency) -> None:
    fake = slack(SlackMessage, steps, plan, latency, form=SHORT)
    if text_of(steps):
        assert "".join(fake.visible()) == text_of(steps) + said_under(steps)
    assert respects_limits(fake)
    assert fake.identical_edits == 0


@given(streams(), plans, st.floats(0.0, 3.0))
def test_a_message_ends_as_the_answer_whatever_fails_in_passing(steps, plan, latency) -> None:
    fake = slack(SlackMessage, steps, plan, latency, form=SHORT)
    if text_of(steps):
        assert "".join(fake.visible()) == text_of(steps) + said_under(steps)
    assert respects_limits(fake)


AGAIN = [Text("<x "), Sentence("<x ")]
"""What a client says anew after a reset: no more than the receiver has."""


@example([*AGAIN, *AGAIN, 2.0, Reset(), *AGAIN, ConnectionLost("gone", partial="<x ")], Plan(), 0.0, 1)
@given(streams(), plans, st.floats(0.0, 3.0), st.integers(1, 12))
def test_a_stream_ends_as_the_answer_whatever_fails_in_passing(steps, plan, latency, times) -> None:
    many = [one for one in steps[:-1] for _ in range(times if isinstance(one, Text) else 1)]
    text = ""
    for one in many:
        text = "" if isinstance(one, Reset) else text + (one.text if isinstance(one, Text) else "")
    ended = [*many, done(text) if isinstance(steps[-1], Done) else ConnectionLost("gone", partial=text)]
    fake = slack(SlackStream, ended, plan, latency, thread_ts="1.0", recipient_user_id="U1")
    if text:
        seen = "".join(one for one in fake.visible() if one)  # a start of which nothing was known left an empty one
        assert seen == MARKDOWN.escape(text) + said_under(ended)
    assert respects_limits(fake)


@given(streams(), plans)
def test_a_webhook_is_told_the_answer_in_order_whatever_fails_in_passing(steps, plan) -> None:
    fake = FakeWebhook(KEY, plan, CLOCK)

    async def run() -> None:
        async with direct_http(fake, read) as http:
            more = {"pace": pace(0), "wall": CLOCK.wall, "patience": 5_000, "batch": Batch(sentences=3)}
            await shown(Webhook("http://hook", secret=SECRET, http=http, chance=Random(1), **more), steps)

    at_once(run())
    numbers = [json.loads(one.payload["body"])["data"]["sequence"] for one in fake.calls]
    assert numbers == sorted(numbers)
    assert not any(one.in_penalty for one in fake.calls)
    assert fake.last is not None
    assert fake.last["text"] == text_of(steps)
    assert fake.last["complete"] is isinstance(steps[-1], Done)
    assert fake.text == text_of(steps) or not fake.last["sentences_complete"]


@given(streams(), st.booleans())
def test_a_relay_ends_cleanly_exactly_when_the_answer_did(steps, hold) -> None:
    chunks: list[bytes] = []

    async def run() -> bool:
        try:
            async for chunk in relay(played(steps), hold=hold):
                chunks.append(chunk)  # noqa: PERF401 - what came before a failure counts
        except StreamError:
            return True
        return False

    failed = at_once(run())
    starts_over = any(isinstance(one, Reset) for one in steps)
    assert failed or isinstance(steps[-1], Done)
    assert not failed or starts_over or not isinstance(steps[-1], Done)
    assert sum(one.startswith(b"event: message_stop") for one in chunks) == (not failed)
    if failed and chunks:
        assert chunks[-1].startswith(b"event: error")


texts = st.text(st.sampled_from("ab <&字\n`~.😀\u0301\u200d🇩🇪\ud83d\ude00\r"), max_size=400) | st.text(max_size=300)


@given(texts, st.integers(60, 120))
@example("`" * 200, 60)
@example("```\n" * 60, 60)
def test_a_split_loses_nothing_and_respects_the_limit(text: str, limit: int) -> None:
    for form in (MRKDWN, MARKDOWN):
        pieces = split(text, form.weigh, limit)
        assert "".join(one.body for one in pieces) == text
        assert all(form.weigh(one.written(close=True)) <= limit for one in pieces[:-1])
        assert all(form.weigh(one.written(close=False)) <= limit for one in pieces)


@given(st.text(st.sampled_from("ab .\n😀\u0301🇩🇪👍🏽"), max_size=300), st.integers(60, 120))
def test_a_split_goes_through_nothing_that_is_seen_as_one_character(text: str, limit: int) -> None:
    at = 0
    for piece in split(text, MRKDWN.weigh, limit)[:-1]:
        at += len(piece.body)
        assert not is_inside(text, at) or all(is_inside(text, near) for near in range(at - 10, at))


@given(texts, st.integers(60, 120), st.data())
def test_pieces_that_are_full_stay_as_they_are_while_the_text_grows(text: str, limit: int, data: st.DataObject) -> None:
    early = split(text[: data.draw(st.integers(0, len(text)))], len, limit)
    assert split(text, len, limit)[: max(0, len(early) - 1)] == early[:-1]


@given(st.text())
def test_what_is_harmless_can_be_encoded_and_stays_so(text: str) -> None:
    safe = harmless(text)
    safe.encode()
    assert harmless(safe) == safe


@given(streams(whole=True))
def test_a_sink_that_always_fails_costs_the_caller_no_answer(steps) -> None:
    async def run() -> str:
        sink = SlackMessage(
            DirectSlack(FakeSlack(Plan(always={"chat.postMessage": Limited(retry_after=80_000)}), clock=CLOCK)),
            channel="C1",
        )
        try:
            await into(sink, steps)
        except SinksFailed as failed:
            return failed.answer.text
        raise AssertionError

    assert at_once(run()) == text_of(steps)


def test_an_hour_of_virtual_time_costs_nothing() -> None:
    async def run() -> float:
        await asyncio.sleep(3_600)
        return CLOCK.now()

    assert at_once(run()) == 3_600
