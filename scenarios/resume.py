"""An interrupted answer is continued where it stopped: once, whole, and from text alone."""

from __future__ import annotations

from fake_server.answer import Answer, InTurns, Refuse
from fake_server.blocks import text_block, thinking_block, tool_block, whole_block
from fake_server.faults.close_in_frame import CloseInFrame
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtEvent
from fake_server.script import script
from fake_server.text import story
from harness.model import Capability, Expect, Outcome, Scenario, ToolUse
from scenarios.shapes import DELTA, EARLY_TEXT, MID_TEXT, PAUSES, PREAMBLE_ONLY, PREFILLS, paused, resumed

_THINKS = {"thinking": {"type": "adaptive"}}
_FOREIGN = {"model": "some-local-model"}
"""A model of which nothing is known."""
_TOOLS = {"tools": [{"name": "go", "description": "Go", "input_schema": {"type": "object", "properties": {}}}]}
_GO = {"to": "the mill", "how": "on foot — 東京"}

_CUT = EndEarly(at=MID_TEXT)
_THOUGHT = thinking_block("The village is small, and much happens in it.")

HARM = "The answer that broke off stays broken, or its parts do not fit together."

SCENARIOS = (
    resumed(
        "user_turn",
        "The text is cut; asked by a message of the user's, the model says the rest.",
        Answer().but(_CUT),
        Answer(),
        sources=("https://platform.claude.com/docs/en/build-with-claude/streaming",),
    ),
    resumed(
        "prefill",
        "The text is cut; given the beginning of its turn, the model says the rest.",
        Answer().but(_CUT),
        Answer(),
        request=PREFILLS,
        sources=("https://platform.claude.com/docs/en/build-with-claude/streaming",),
    ),
    resumed(
        "prefill_refused",
        "The server refuses the prefill that this model should take: another way to go on must be found.",
        Answer().but(_CUT),
        Refuse(status=400, message="This model does not support assistant message prefill."),
        Answer(),
        request=PREFILLS,
        covers=("resume-prefill-unsupported", "retry-identical-poison"),
        sources=("anthropics/claude-code#52433", "BerriAI/litellm#27967", "livekit/agents#7217"),
    ),
    resumed(
        "no_way_to_continue",
        "The server takes no request that continues: the answer is asked for anew.",
        Answer().but(_CUT),
        Refuse(status=400, message="messages: roles must alternate"),
        Answer(),
        covers=("resume-prefill-unsupported", "retry-hides-cause"),
        sources=("openclaw/openclaw#95627",),
    ),
    resumed(
        "prefill_while_thinking",
        "A model that thinks takes no prefill.",
        Answer(blocks=(_THOUGHT, text_block(story("thinks", 12))), faults=(_CUT,)),
        Answer(blocks=(_THOUGHT, text_block(story("thinks", 12)))),
        request={**PREFILLS, **_THINKS},
    ),
    resumed(
        "unknown_model",
        "Nothing is known of the model, which starts a new answer when it is asked to go on.",
        Answer().but(_CUT),
        Answer(story="another", continues=False),
        request=_FOREIGN,
        covers=("resume-provider-ignores-prefill", "retry-duplicates-delivered-text"),
        sources=("nexu-io/open-design#1962", "dyad-sh/dyad#3027"),
    ),
    resumed(
        "unknown_model_says_it_again",
        "Nothing is known of the model, which says the same answer again from its start.",
        Answer().but(_CUT),
        Answer(continues=False),
        request=_FOREIGN,
        covers=("resume-provider-ignores-prefill",),
        harm="The user reads the beginning of the answer twice.",
    ),
    resumed(
        "cut_twice",
        "The text is cut, and so is its continuation, and then comes the rest.",
        Answer().but(ResetConnection(at=MID_TEXT)),
        Answer().but(CloseInFrame(at=EARLY_TEXT)),
        Answer(),
        covers=("retry-usage-miscounted",),
        sources=("earendil-works/pi#8460", "OpenRouterTeam/typescript-agent#125"),
        harm="The answer stops at the second cut, or its bill lacks what broke off.",
    ),
    resumed(
        "refused_between",
        "The text is cut, the first request for the rest meets a 529, the second one is answered.",
        Answer().but(ErrorEvent(at=MID_TEXT)),
        Refuse(status=529),
        Answer(),
    ),
    resumed(
        "stalled",
        "The text stalls; another request says the rest.",
        Answer().but(StallForever(at=MID_TEXT)),
        Answer(),
        expect=Expect(may_fail=True, stalls=True),
        pair="stall.pause_within_limits",
    ),
    resumed(
        "short_partial",
        "Hardly anything was said when the text is cut.",
        Answer(blocks=(text_block(story("short", 8), words=1),), faults=(EndEarly(at=AtEvent(DELTA, 2)),)),
        Answer(blocks=(text_block(story("short", 8)),)),
    ),
    resumed(
        "blank_partial",
        "Only blank lines were said when the text is cut: they are no text to send back.",
        Answer(
            blocks=(text_block("\n\n" + story("blank", 8), pieces=("\n\n", story("blank", 8))),),
            faults=(EndEarly(at=AtEvent(DELTA, 1)),),
        ),
        Answer(blocks=(text_block("\n\n" + story("blank", 8)),)),
        covers=("resume-whitespace-only-block",),
        sources=("coder/xum#2192", "anthropics/claude-code#23142"),
    ),
    resumed(
        "nothing_said",
        "The stream is cut before the first word and the key refused: no empty message is kept.",
        Answer().but(EndEarly(at=PREAMBLE_ONLY)),
        Refuse(status=401),
        expect=Expect(outcome=Outcome.FAILED),
        covers=("resume-empty-placeholder",),
        pair="resume.short_partial",
    ),
    resumed(
        "gives_up_with_a_history",
        "The text is cut after signed thinking and the key is refused: what is kept may be sent back.",
        Answer(blocks=(_THOUGHT, text_block(story("kept", 12))), faults=(_CUT,)),
        Refuse(status=401),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        request=_THINKS,
        covers=("resume-partial-marked-complete", "retry-loses-partial", "http-401-mid-session"),
        sources=("NousResearch/hermes-agent#30988",),
        pair="resume.user_turn",
    ),
    resumed(
        "unsigned_thinking",
        "The stream is cut inside the thinking, and again inside the text: no thinking without signature is kept.",
        Answer(blocks=(_THOUGHT, text_block(story("u", 9))), faults=(EndEarly(at=AtEvent(DELTA, 1)),)),
        Answer(
            blocks=(thinking_block("Hm.", None), text_block(story("u", 9))), faults=(EndEarly(at=AtEvent(DELTA, 9)),)
        ),
        Refuse(status=403),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        request=_THINKS,
        covers=("resume-thinking-unsigned",),
        sources=("anthropics/claude-code#63943", "earendil-works/pi#3936", "openclaw/openclaw#84430"),
        pair="retry.after_thinking",
    ),
    resumed(
        "half_a_signature",
        "The stream is cut in the middle of the signature of a second thought.",
        Answer(
            blocks=(
                text_block(story("half", 9)),
                whole_block({"type": "thinking", "thinking": "Then again", "signature": "EqQBCgIYAhIk"}),
            ),
            faults=(EndEarly(at=AtEvent("content_block_stop", 1)),),
        ),
        Refuse(status=403),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        request=_THINKS,
        covers=("resume-thinking-truncated-signature",),
        sources=("openclaw/openclaw#103830", "openclaw/openclaw#104043"),
        pair="retry.after_thinking",
    ),
    resumed(
        "orphan_tool_call",
        "The stream is cut after a whole tool call, before the turn ended, and the key is refused: no call is kept.",
        Answer(
            blocks=(text_block(story("orphan", 6)), tool_block("go", _GO)),
            stop_reason="tool_use",
            faults=(EndEarly(at=AtEvent("message_delta")),),
        ),
        Refuse(status=401),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        request=_TOOLS,
        covers=("resume-orphan-tool-use",),
        sources=("anomalyco/opencode#10616", "anthropics/claude-code#3003"),
        pair="content.text_and_two_tools",
    ),
    resumed(
        "half_a_tool_call",
        "The stream is cut inside the input of a tool, and the key is refused: nothing of the call is kept.",
        Answer(
            blocks=(text_block(story("half tool", 6)), tool_block("go", _GO)),
            stop_reason="tool_use",
            faults=(EndEarly(at=AtEvent(DELTA, 15)),),
        ),
        Refuse(status=401),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        request=_TOOLS,
        covers=("resume-malformed-tool-use",),
        sources=("openclaw/openclaw#4277", "MoonshotAI/kimi-code#1790"),
        pair="resume.tool_call_after_text",
    ),
    resumed(
        "tool_call_after_text",
        "The stream is cut inside the input of a tool; asked to continue, the model would only say prose.",
        Answer(
            blocks=(text_block(story("then a tool", 6)), tool_block("go", _GO)),
            stop_reason="tool_use",
            faults=(EndEarly(at=AtEvent(DELTA, 15)),),
        ),
        Answer(blocks=(text_block(story("then a tool", 6)), tool_block("go", _GO)), stop_reason="tool_use"),
        expect=Expect(may_fail=True, tools=(ToolUse("go", _GO),)),
        requires=frozenset({Capability.TOOLS}),
        request=_TOOLS,
        covers=("resume-continuation-breaks-tools", "retry-duplicate-tool-in-stream"),
        sources=("BerriAI/litellm#31067", "agno-agi/agno#2336"),
    ),
    Scenario(
        name="pauses_twice",
        title="A turn with thinking, citations and server tools pauses twice, and is sent back as it came each time.",
        script=script(InTurns((paused("one", thinking=True), paused("two"), Answer(story="three", sentences=5)))),
        expect=PAUSES,
        covers=("sem-pause-turn",),
        sources=("dust-tt/dust#28390",),
        pair="content.server_tools",
    ),
    Scenario(
        name="cut_after_a_pause",
        title="A turn pauses, and is cut when it goes on.",
        script=script(
            InTurns((paused("one"), Answer(story="two", sentences=9))),
            InTurns((paused("one"), Answer(story="two", sentences=9).but(EndEarly(at=EARLY_TEXT)))),
            InTurns((paused("one"), Answer(story="two", sentences=9))),
        ),
        expect=PAUSES,
        covers=("sem-pause-turn",),
        pair="content.server_tools",
    ),
)
