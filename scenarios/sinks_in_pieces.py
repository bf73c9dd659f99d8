"""Receivers that are told an answer in pieces, Slack's streams and webhooks: what was said cannot be taken back."""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer, Refuse
from fake_server.faults.end_early import EndEarly
from fake_server.receivers.plan import Cut, Fails, Hangs, Limited, Plan, Says
from fake_server.script import Step
from harness.model import Expect, Outcome, Scenario
from harness.receiver import Kind
from scenarios.shapes import ANOTHER, EARLY_TEXT, FOREIGN, MID_TEXT, RECOVERABLE, TYPED, into, long_answer, once

_APPEND, _START, _HOOK = "chat.appendStream", "chat.startStream", "POST"


def _stream(name: str, title: str, *steps: Step, **more: Any) -> Scenario:
    return into(Kind.SLACK_STREAM, f"stream_{name}", title, *steps, **more)


def _webhook(name: str, title: str, *steps: Step, **more: Any) -> Scenario:
    return into(Kind.WEBHOOK, f"webhook_{name}", title, *steps, **more)


HARM = "What was passed on is not the answer: a piece is missing, or there twice."

SCENARIOS = (
    _stream("plain", "An answer is streamed into Slack, piece by piece.", TYPED),
    _stream(
        "limited",
        "A piece is limited.",
        TYPED,
        plan=once(_APPEND, Limited(retry_after=1), 2),
        covers=("sink-slack-update-rate",),
        sources=("slackapi/bolt-js#2073",),
    ),
    _stream(
        "expires",
        "Slack ends the stream by itself before the answer is whole.",
        TYPED,
        stream_life=1.0,
        covers=("sink-slack-stream-expired",),
        sources=("vercel/chat#607",),
        pair="sinks_in_pieces.stream_plain",
    ),
    _stream(
        "piece_cut_after_it_took_effect",
        "The connection is reset after a piece took effect: appended again it would be there twice.",
        TYPED,
        plan=once(_APPEND, Cut(applied=True), 2),
    ),
    _stream(
        "not_allowed",
        "The workspace lets nobody stream: a message can still be edited.",
        TYPED,
        plan=Plan(always={_START: Says(error="not_allowed_token_type")}),
    ),
    _stream(
        "starts_over",
        "Another answer comes after a cut: what was appended cannot be taken back.",
        TYPED.but(EndEarly(at=MID_TEXT)),
        ANOTHER,
        expect=RECOVERABLE,
        request=FOREIGN,
        covers=("resume-provider-ignores-prefill", "retry-duplicates-delivered-text"),
        sources=("nexu-io/open-design#1962", "dirge-code/dirge#552"),
    ),
    _stream(
        "breaks_off",
        "The answer breaks off for good in a stream.",
        TYPED.but(EndEarly(at=MID_TEXT)),
        Refuse(status=403),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        covers=("resume-partial-marked-complete",),
        sources=("NousResearch/hermes-agent#30988",),
        pair="sinks_in_pieces.stream_plain",
    ),
    _stream(
        "long_answer",
        "The answer is longer than a streamed message takes.",
        long_answer(200),
        covers=("sink-slack-too-long",),
        sources=("dust-tt/dust#5701",),
    ),
    _webhook("plain", "A webhook is told an answer, sentence by sentence and whole at the end.", TYPED),
    _webhook(
        "fails",
        "A webhook fails with a 500, once.",
        TYPED,
        plan=once(_HOOK, Fails(status=500)),
    ),
    _webhook(
        "limited",
        "A webhook is limited.",
        TYPED,
        plan=once(_HOOK, Limited(retry_after=1), 2),
        covers=("sink-retry-after-ignored-on-edits",),
        sources=("agno-agi/agno#7360",),
    ),
    _webhook(
        "cut_after_it_took_effect",
        "The connection to a webhook is reset after it believed the request: sent again, it must be known again.",
        TYPED,
        plan=once(_HOOK, Cut(applied=True)),
        covers=("sink-webhook-deadline",),
        sources=("n8n-io/n8n#18930",),
    ),
    _webhook(
        "never_answered",
        "A webhook takes a request and never answers: waiting has an end, and the answer is there once.",
        Answer(),
        plan=once(_HOOK, Hangs(applied=True)),
        covers=("sink-webhook-deadline",),
        sources=("n8n-io/n8n#18930", "n8n-io/n8n#22194", "FlowiseAI/Flowise#3050"),
    ),
    _webhook(
        "wants_no_sentences",
        "A webhook refuses the first sentences for good, with a 410: it can still take the whole at the end.",
        TYPED,
        plan=once(_HOOK, Fails(status=410)),
    ),
    _webhook(
        "gone",
        "A webhook refuses everything for good: the answer is whole all the same, and its caller learns of it.",
        TYPED,
        plan=Plan(always={_HOOK: Fails(status=410)}),
        harm="Nobody gets the answer, and nobody is told.",
        pair="sinks_in_pieces.webhook_plain",
    ),
    _webhook(
        "starts_over",
        "Another answer comes after a cut: the sentences so far are void.",
        TYPED.but(EndEarly(at=MID_TEXT)),
        ANOTHER,
        expect=RECOVERABLE,
        request=FOREIGN,
        covers=("resume-provider-ignores-prefill", "retry-duplicates-delivered-text"),
        sources=("nexu-io/open-design#1962", "dirge-code/dirge#552"),
    ),
    _webhook(
        "breaks_off",
        "The stream is cut and the key refused: the last request has what came and says that it is not all.",
        TYPED.but(EndEarly(at=EARLY_TEXT)),
        Refuse(status=401),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        covers=("resume-partial-marked-complete",),
        sources=("NousResearch/hermes-agent#30988",),
        pair="sinks_in_pieces.webhook_plain",
    ),
)
