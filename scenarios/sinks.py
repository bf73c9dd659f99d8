"""Messages that an answer is typed into: limited, failing, forgetful. The last state must arrive, and arrive once.

An answer without pace is over before a second call may be made: the first edit of its message is the last.
"""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer, Refuse
from fake_server.faults.end_early import EndEarly
from fake_server.faults.pause import Pause
from fake_server.faults.reset_connection import ResetConnection
from fake_server.receivers.plan import Cut, Fails, Hangs, Limited, Plan, Says
from fake_server.script import Step
from harness.model import Expect, Limits, Outcome, Scenario
from harness.receiver import Kind
from scenarios.shapes import ANOTHER, FOREIGN, LATE_TEXT, MID_TEXT, RECOVERABLE, REFUSED, TYPED, into, long_answer, once

_AT_ONCE = Answer()
_LONG = long_answer(160)
"""Some 9,000 characters: more than one message takes."""
_UPDATE, _POST, _RESPONSE = "chat.update", "chat.postMessage", "response_url"


def _message(name: str, title: str, *steps: Step, **more: Any) -> Scenario:
    return into(Kind.SLACK, name, title, *steps, **more)


def _ephemeral(name: str, title: str, *steps: Step, **more: Any) -> Scenario:
    return into(Kind.SLACK_EPHEMERAL, name, title, *steps, **more)


HARM = "The message that the user reads is not the answer: its end is missing, or something is there twice."

SCENARIOS = (
    _message(
        "message",
        "An answer is typed into a message, which may be edited so often and no more.",
        TYPED,
        covers=("sink-slack-update-rate",),
        sources=("slackapi/bolt-js#2073", "dust-tt/dust#5701"),
    ),
    _message(
        "edits_limited",
        "An edit is limited while the text goes on: the newest text comes after the penalty, and nothing inside it.",
        TYPED,
        plan=once(_UPDATE, Limited(retry_after=1), 2),
        covers=("sink-slack-update-rate", "sink-retry-after-ignored-on-edits"),
        sources=("slackapi/bolt-js#2073", "agno-agi/agno#7360"),
        pair="sinks.message",
    ),
    _message(
        "last_edit_limited",
        "The last edit is limited: without it the reader never sees the answer.",
        _AT_ONCE,
        plan=once(_UPDATE, Limited(retry_after=1)),
        covers=("sink-final-edit-lost",),
        sources=("letta-ai/lettabot#433", "Mintplex-Labs/anything-llm#5447", "NousResearch/hermes-agent#102402"),
    ),
    _message(
        "last_edit_limited_for_an_hour",
        "The last edit is limited for an hour: say that it did not arrive, and neither wait nor hammer.",
        _AT_ONCE,
        plan=once(_UPDATE, Limited(retry_after=3600)),
        covers=("sink-final-edit-lost",),
        sources=("letta-ai/lettabot#433",),
        pair="sinks.last_edit_limited",
        harm="The message ends in mid-sentence, and nobody is told.",
    ),
    _message(
        "edit_fails",
        "An edit fails with a 500: that something was sent does not mean that the end was.",
        TYPED,
        plan=once(_UPDATE, Fails(status=500), 2),
        covers=("sink-already-sent-flag",),
        sources=("NousResearch/hermes-agent#4650",),
    ),
    _message(
        "last_edit_fails",
        "The last edit fails with a 503.",
        _AT_ONCE,
        plan=once(_UPDATE, Fails(status=503)),
        covers=("sink-already-sent-flag", "sink-final-edit-lost"),
        sources=("NousResearch/hermes-agent#4650",),
    ),
    _message(
        "edit_cut",
        "The connection of an edit is reset, and nobody knows what became of it.",
        TYPED,
        plan=once(_UPDATE, Cut(), 2),
        covers=("sink-already-sent-flag",),
        sources=("NousResearch/hermes-agent#4650",),
    ),
    _message(
        "edit_never_answered",
        "An edit takes effect and is never answered.",
        _AT_ONCE,
        plan=once(_UPDATE, Hangs(applied=True)),
    ),
    _message(
        "post_cut_after_it_took_effect",
        "The connection of the first post is reset after the message was posted: one message is enough.",
        _AT_ONCE,
        plan=once(_POST, Cut(applied=True)),
    ),
    _message(
        "message_vanishes",
        "Somebody deletes the message while it is edited.",
        TYPED,
        plan=once(_UPDATE, Says(error="message_not_found"), 2),
        covers=("sink-already-sent-flag",),
        sources=("NousResearch/hermes-agent#4650",),
    ),
    _message(
        "channel_is_archived",
        "The channel takes no messages: the answer is whole all the same, and its caller learns that nobody sees it.",
        _AT_ONCE,
        plan=Plan(always={_POST: Says(error="is_archived")}),
        pair="sinks.message",
        harm="Nobody sees the answer, and nobody is told.",
    ),
    _message(
        "long_answer",
        "The answer is longer than one message takes.",
        _LONG,
        covers=("sink-slack-too-long", "sink-identical-edits"),
        sources=("seratch/ChatGPT-in-Slack#102", "dust-tt/dust#5701", "anneschuth/claude-threads#105"),
    ),
    _message(
        "shorter_than_documented",
        "Slack finds a text too long that keeps to the documented limit.",
        _LONG,
        plan=once(_UPDATE, Says(error="msg_too_long"), 2),
        covers=("sink-slack-too-long",),
        sources=("seratch/ChatGPT-in-Slack#102",),
        pair="sinks.long_answer",
    ),
    _message(
        "nothing_new_for_a_while",
        "The stream is silent for a while: there is nothing to edit.",
        TYPED.but(Pause(at=MID_TEXT, seconds=1.0)),
        expect=Expect(healthy=True),
        limits=Limits(idle=1.6),
        covers=("sink-identical-edits",),
        sources=("NousResearch/hermes-agent#58912",),
        pair="stall.mid_text",
    ),
    _message(
        "continued_while_limited",
        "The stream is cut and continued while Slack wants no edits.",
        TYPED.but(ResetConnection(at=MID_TEXT)),
        TYPED,
        expect=RECOVERABLE,
        plan=once(_UPDATE, Limited(retry_after=1)),
        covers=("sink-retry-after-ignored-on-edits",),
        sources=("agno-agi/agno#7360",),
    ),
    _message(
        "starts_over",
        "The stream is cut, and another answer comes: nothing of the first one stays in the message.",
        TYPED.but(EndEarly(at=LATE_TEXT)),
        ANOTHER,
        expect=RECOVERABLE,
        request=FOREIGN,
        covers=("resume-provider-ignores-prefill", "retry-duplicates-delivered-text"),
        sources=("nexu-io/open-design#1962", "dirge-code/dirge#552"),
    ),
    _message(
        "long_answer_starts_over",
        "An answer of several messages is cut, and another one comes that needs but one.",
        _LONG.but(EndEarly(at=LATE_TEXT)),
        ANOTHER,
        expect=RECOVERABLE,
        request=FOREIGN,
        covers=("resume-provider-ignores-prefill", "retry-duplicates-delivered-text"),
        sources=("nexu-io/open-design#1962", "dirge-code/dirge#552"),
    ),
    _message(
        "breaks_off",
        "The stream is cut and the key refused: the message has what came, and says that it is not all.",
        TYPED.but(EndEarly(at=MID_TEXT)),
        Refuse(status=401),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        covers=("sink-ui-never-finishes",),
        sources=("anomalyco/opencode#39352",),
        pair="sinks.message",
    ),
    _message(
        "no_answer",
        "The request is refused: the message must not go on saying that the answer is under way.",
        Refuse(status=401),
        expect=REFUSED,
        covers=("sink-ui-never-finishes",),
        sources=("zed-industries/zed#59343",),
        pair="sinks.message",
    ),
    _message(
        "cut_short_by_the_model",
        "The model reaches its limit: the message says so.",
        Answer(stop_reason="max_tokens"),
        expect=Expect(outcome=Outcome.TRUNCATED),
        covers=("sem-max-tokens-text",),
        pair="sinks.message",
    ),
    _message(
        "caller_leaves",
        "The call is cancelled in the middle of the text: the message says that it is not all.",
        TYPED,
        expect=Expect(outcome=Outcome.CANCELLED),
        cancel_after=300,
        covers=("sink-ui-never-finishes",),
        sources=("anomalyco/opencode#40910",),
        pair="sinks.message",
    ),
    _ephemeral(
        "ephemeral", "One person sees the answer by way of a response_url, which can be used five times.", TYPED
    ),
    _ephemeral(
        "ephemeral_used_up",
        "The response_url can be used three times: one use must be left for the end.",
        TYPED,
        uses=3,
        covers=("sink-final-edit-lost",),
        sources=("letta-ai/lettabot#433",),
        pair="sinks.ephemeral",
    ),
    _ephemeral(
        "ephemeral_last_update_limited",
        "The last update by way of a response_url is limited.",
        _AT_ONCE,
        plan=once(_RESPONSE, Limited(retry_after=1), 2),
        covers=("sink-final-edit-lost",),
        sources=("Mintplex-Labs/anything-llm#5447",),
    ),
    _ephemeral(
        "ephemeral_breaks_off",
        "The answer breaks off for good, and one person sees it.",
        TYPED.but(EndEarly(at=MID_TEXT)),
        Refuse(status=401),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        covers=("resume-partial-marked-complete",),
        sources=("NousResearch/hermes-agent#30988",),
        pair="sinks.ephemeral",
    ),
)
