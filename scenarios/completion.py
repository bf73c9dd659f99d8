"""How an answer ends when nothing is wrong with the stream: every stop reason, and the end of the body after it."""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer, InTurns
from fake_server.dialects.anthropic import event
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.inject import Inject
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtEvent
from fake_server.script import script
from harness.model import Capability, Expect, Level, Outcome, Scenario
from scenarios.shapes import (
    CLAUDE,
    EVERY_DIALECT,
    PAUSES,
    REASON_SEEN,
    TERMINAL_SEEN,
    WHOLE,
    WITH_A_STOP,
    paused,
    unusual,
)


def _ends(name: str, title: str, outcome: Outcome, answer: Answer, **more: Any) -> Scenario:
    """Every attempt ends like this, so one is enough."""
    expect = Expect(outcome=outcome, permanent=True)
    return Scenario(name=name, title=title, script=script(answer), expect=expect, **more)


DIALECTS = EVERY_DIALECT
HARM = "A good answer is lost, or called something that it is not."

SCENARIOS = (
    unusual(
        "plain",
        "A plain answer, as the API sends it every day.",
        covers=("retry-eventsource-auto-reconnect",),
        sources=("joshmossas/event-source-plus#19", "EventSource/eventsource#57"),
    ),
    unusual(
        "no_message_stop",
        "The final stop_reason comes and the body ends politely: gateways leave message_stop out.",
        DropEvent(at=AtEvent("message_stop")),
        covers=("order-stop-reason-but-no-message-stop",),
        sources=("esengine/DeepSeek-Reasonix#8756", "earendil-works/pi#8460"),
        pair="cutoff.clean_end_text_done",
        dialects=WITH_A_STOP,
    ),
    unusual(
        "held_open",
        "message_stop comes and the connection is never closed.",
        StallForever(at=TERMINAL_SEEN),
        covers=("order-terminal-then-held-open", "res-pool-leak-after-done"),
        sources=("vercel/workflow#427", "openai/openai-python#763"),
        pair="stall.text_done",
    ),
    _ends(
        "max_tokens",
        "The model reaches max_tokens: the answer is truncated, and not complete.",
        Outcome.TRUNCATED,
        Answer(sentences=9, stop_reason="max_tokens"),
        covers=("sem-max-tokens-text",),
        sources=("zhayujie/CowAgent#3074", "0xPlaygrounds/rig#2248"),
        pair="completion.stop_sequence",
    ),
    _ends(
        "context_window",
        "The context window is full: the answer is truncated.",
        Outcome.TRUNCATED,
        Answer(sentences=9, stop_reason="model_context_window_exceeded"),
        covers=("sem-context-window-exceeded",),
        sources=("tetsuo-ai/agenc-core#2111",),
        pair="completion.plain",
    ),
    _ends(
        "stop_sequence",
        "A stop sequence of the caller's ends the answer.",
        Outcome.COMPLETE,
        Answer(sentences=9, stop_reason="stop_sequence", stop_sequence="\n\nHuman:"),
        pair="completion.max_tokens",
    ),
    _ends(
        "refusal_empty",
        "The model refuses and says nothing.",
        Outcome.REFUSED,
        Answer(
            blocks=(), stop_reason="refusal", stop_details={"type": "refusal", "category": "cyber", "explanation": "no"}
        ),
        covers=("sem-refusal-empty",),
        sources=("griffinwork40/agent-afk#290", "brightwave-inc/tidebreak#555"),
        pair="completion.empty",
    ),
    _ends(
        "refusal_after_text",
        "The model refuses after some text.",
        Outcome.REFUSED,
        Answer(sentences=5, stop_reason="refusal"),
        covers=("sem-refusal-after-text",),
        sources=("NousResearch/hermes-agent#43108",),
        pair="completion.plain",
    ),
    Scenario(
        name="pause_turn",
        title="The turn pauses for a server tool: it is not over, and goes on when it is sent back.",
        script=script(InTurns((paused("before"), Answer(story="after", sentences=5)))),
        expect=PAUSES,
        covers=("sem-pause-turn",),
        sources=("dust-tt/dust#28390", "prism-php/prism#1003"),
        pair="content.server_tools",
        dialects=CLAUDE,
    ),
    Scenario(
        name="unknown_stop_reason",
        title="The answer ends for a reason that no client knows yet.",
        script=script(Answer(stop_reason="quota_exceeded")),
        expect=Expect(outcome=Outcome.INCOMPLETE, also=(Outcome.TRUNCATED, Outcome.FAILED)),
        level=Level.INFO,
        covers=("sem-unknown-stop-reason",),
        sources=("Dicklesworthstone/pi_agent_rust#144",),
        pair="completion.stop_sequence",
        dialects=WITH_A_STOP,
    ),
    _ends(
        "empty",
        "The model has nothing to say, and that is all right.",
        Outcome.COMPLETE,
        Answer(blocks=(), output_tokens=2),
        covers=("sem-empty-end-turn",),
        sources=("NousResearch/hermes-agent#14159", "open-octo/octo-agent#198"),
        pair="completion.tokens_but_no_content",
    ),
    Scenario(
        name="tokens_but_no_content",
        title="157 output tokens were billed and nothing came: the output was lost on the way.",
        script=script(Answer(blocks=(), output_tokens=157), Answer()),
        expect=Expect(may_fail=True),
        level=Level.INFO,
        covers=("sem-tokens-but-no-content",),
        sources=("wecode-ai/Wegent#2335", "antiwork/gumroad#7412"),
    ),
    unusual(
        "two_message_deltas",
        "message_delta comes twice, each with cumulative usage.",
        Inject(
            at=REASON_SEEN,
            data=event(
                "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 45}
            ),
        ),
        dialects=CLAUDE,
    ),
    Scenario(
        name="usage_cumulative",
        title="The last usage repeats the input tokens: they replace what message_start said.",
        script=script(Answer(input_tokens=700, output_tokens=180, final_usage={"input_tokens": 700})),
        expect=Expect(usage={"input_tokens": 700, "output_tokens": 180}),
        requires=frozenset({Capability.USAGE}),
        covers=("sem-usage-cumulative",),
        sources=("langchain-ai/langchainjs#10249", "envoyproxy/ai-gateway#2236"),
        dialects=CLAUDE,
    ),
    Scenario(
        name="usage_grows_late",
        title="The input tokens grow while server tools run.",
        script=script(Answer(input_tokens=10, output_tokens=60, final_usage={"input_tokens": 3210})),
        expect=Expect(usage={"input_tokens": 3210, "output_tokens": 60}),
        requires=frozenset({Capability.USAGE}),
        covers=("sem-usage-grows-late",),
        sources=("langchain-ai/langchain#32461",),
        dialects=CLAUDE,
    ),
    Scenario(
        name="long_answer",
        title="A long answer of some 13 KB.",
        script=script(Answer(sentences=240)),
        expect=WHOLE,
    ),
)
