"""After two failed streams the answer is asked for without streaming."""

from __future__ import annotations

from fake_server.answer import Answer, Refuse
from fake_server.blocks import tool_block
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.reset_connection import ResetConnection
from fake_server.script import script
from harness.model import Capability, Expect, Outcome, Scenario, ToolUse
from scenarios.shapes import BLOCK_DONE, CLAUDE, EARLY_TEXT, EVERY_DIALECT, MID_TEXT, PREAMBLE_ONLY, RECOVERABLE

_GO = {"to": "the mill"}

DIALECTS = EVERY_DIALECT
HARM = "The user gets an error although another way to the answer was left, or no longer sees answers as they come."

SCENARIOS = (
    Scenario(
        name="after_two_cuts",
        title="Every stream is cut in the middle; a request without streaming is answered.",
        script=script(Answer().but(EndEarly(at=MID_TEXT))),
        expect=RECOVERABLE,
        covers=("fallback-never-runs-mid-stream",),
        sources=("BerriAI/litellm#40404", "anthropics/claude-code#39755"),
        pair="fallback.not_after_one_cut",
    ),
    Scenario(
        name="after_two_errors",
        title="Every stream reports overloaded_error before any text.",
        script=script(Answer().but(ErrorEvent(at=PREAMBLE_ONLY))),
        expect=RECOVERABLE,
        covers=("fallback-never-runs-mid-stream",),
        sources=("BerriAI/litellm#6957", "BerriAI/litellm#38610"),
        dialects=CLAUDE,
    ),
    Scenario(
        name="not_after_one_cut",
        title="One stream is cut; the next one streams and is whole.",
        script=script(Answer().but(EndEarly(at=EARLY_TEXT)), Answer()),
        expect=RECOVERABLE,
        covers=("fallback-sticky-degrade",),
        sources=("NousResearch/hermes-agent#25723",),
        pair="fallback.after_two_cuts",
    ),
    Scenario(
        name="refusals_are_no_streams",
        title="Two refusals by status, then a stream: nothing has failed yet that streams.",
        script=script(Refuse(status=529), Refuse(status=500), Answer()),
        expect=RECOVERABLE,
    ),
    Scenario(
        name="another_answer",
        title="Two streams are cut after text was shown; the answer without streaming is another one.",
        script=script(
            Answer().but(ResetConnection(at=MID_TEXT)),
            Answer().but(EndEarly(at=EARLY_TEXT)),
            Answer(story="another"),
        ),
        expect=RECOVERABLE,
        covers=("fallback-after-content-repeats",),
        sources=("BerriAI/litellm#32835", "RedWoodOG/Hermes-Desktop#60", "tverma101/AgentSwitchboard#181"),
    ),
    Scenario(
        name="tool_after_two_cuts",
        title="Every stream is cut behind a whole tool call; the answer without streaming has the same call, once.",
        script=script(
            Answer(blocks=(tool_block("go", _GO),), stop_reason="tool_use", faults=(EndEarly(at=BLOCK_DONE),))
        ),
        expect=Expect(may_fail=True, tools=(ToolUse("go", _GO),)),
        requires=frozenset({Capability.TOOLS}),
        covers=("fallback-nonstreaming-duplicates-work", "retry-duplicate-tool-in-stream"),
        pair="content.tool_call",
        harm="A tool runs twice, or because of an answer that was never whole.",
    ),
    Scenario(
        name="fails_too_then_works",
        title="Two streams are cut, the fallback meets a 529, the next request is answered.",
        script=script(
            Answer().but(EndEarly(at=MID_TEXT)),
            Answer().but(EndEarly(at=MID_TEXT)),
            Refuse(status=529),
            Answer(),
        ),
        expect=RECOVERABLE,
        covers=("fallback-fails-too",),
    ),
    Scenario(
        name="refused",
        title="Two streams are cut and the request without streaming is refused for good: the text so far is kept.",
        script=script(Answer().but(EndEarly(at=MID_TEXT)), Answer().but(EndEarly(at=EARLY_TEXT)), Refuse(status=400)),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        covers=("fallback-nonstreaming-rejected", "retry-loses-partial"),
        sources=("agentforce314/clawcodex#734", "makecindy/cindy#2351"),
        pair="fallback.after_two_cuts",
    ),
    Scenario(
        name="too_long_for_it",
        title="So many tokens may come that only a stream can carry them: every later attempt streams.",
        script=script(Answer().but(EndEarly(at=EARLY_TEXT)), Answer().but(EndEarly(at=MID_TEXT)), Answer()),
        expect=RECOVERABLE,
        request={"max_tokens": 64_000},
        covers=("fallback-nonstreaming-rejected",),
        sources=("agentforce314/clawcodex#734",),
    ),
)
