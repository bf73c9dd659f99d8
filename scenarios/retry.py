"""Several attempts: faults that repeat, change, or strike after text was shown; and calls that are cancelled."""

from __future__ import annotations

from fake_server.answer import Answer, Refuse
from fake_server.blocks import text_block, thinking_block
from fake_server.faults.drip import Drip
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.stall_before_head import StallBeforeHead
from fake_server.position import AtEvent
from fake_server.script import script
from fake_server.text import story
from harness.model import Capability, Expect, Outcome, Scenario
from scenarios.shapes import CLAUDE, EARLY_TEXT, EVERY_DIALECT, LATE_TEXT, MID_TEXT, RECOVERABLE

_THOUGHT = (thinking_block("Let me think about the village first."), text_block(story("after thinking", 10)))
_RETRIES = frozenset({Capability.RETRIES})

DIALECTS = EVERY_DIALECT
HARM = "The user reads a mixture of two attempts, or gets an error where one more would have been answered."

SCENARIOS = (
    Scenario(
        name="text_not_shown_twice",
        title="The first attempt is reset after half of the text; the second one begins from the start.",
        script=script(Answer().but(ResetConnection(at=MID_TEXT)), Answer()),
        expect=RECOVERABLE,
        covers=("retry-duplicates-delivered-text",),
        sources=("HKUDS/nanobot#4038", "dirge-code/dirge#552", "mastra-ai/mastra#9247"),
    ),
    Scenario(
        name="another_answer",
        title="The first attempt is cut after half of the text; the second one gives another answer.",
        script=script(Answer().but(EndEarly(at=MID_TEXT)), Answer(story="another")),
        expect=RECOVERABLE,
        covers=("retry-duplicates-delivered-text",),
        sources=("NuGuardAI/nuguard#455", "BerriAI/litellm#32835"),
        harm="The beginnings of two answers stand one behind the other.",
    ),
    Scenario(
        name="shorter_answer",
        title="The first attempt is cut near the end; the second answer is another one, whole and shorter.",
        script=script(Answer().but(EndEarly(at=LATE_TEXT)), Answer(story="shorter", sentences=9)),
        expect=RECOVERABLE,
    ),
    Scenario(
        name="after_thinking",
        title="The stream is reset after the thinking and before the text: nothing was shown yet.",
        script=script(
            Answer(blocks=_THOUGHT, faults=(ResetConnection(at=AtEvent("content_block_start", 1)),)),
            Answer(blocks=_THOUGHT),
        ),
        expect=RECOVERABLE,
        covers=("conn-reset-before-visible-content",),
        sources=("router-for-me/CLIProxyAPI#4658", "NousResearch/hermes-agent#113135"),
        dialects=CLAUDE,
    ),
    Scenario(
        name="flapping",
        title="Three attempts die, each in another way and place; the fourth is whole.",
        script=script(
            Answer().but(ResetConnection(at=EARLY_TEXT)),
            Refuse(status=529),
            Refuse(status=500),
            Answer(),
        ),
        expect=RECOVERABLE,
        covers=("conn-flapping",),
        sources=("anthropics/claude-code#83994", "anthropics/claude-code#48008"),
    ),
    Scenario(
        name="progress_does_not_refill",
        title="Every stream gives a little text and dies: partial progress must not refill the budget.",
        script=script(
            Answer().but(ErrorEvent(at=EARLY_TEXT)),
            Answer().but(ErrorEvent(at=MID_TEXT)),
            Refuse(status=529),
        ),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        covers=("retry-endless", "retry-loses-partial"),
        sources=("cline/cline#4858", "codexmark/kram#109", "earendil-works/pi#8460"),
        pair="retry.flapping",
        dialects=CLAUDE,
    ),
    Scenario(
        name="cause_is_kept",
        title="Overloaded twice, then the key is refused.",
        script=script(Refuse(status=529), Refuse(status=529), Refuse(status=401)),
        expect=Expect(outcome=Outcome.FAILED),
        covers=("retry-hides-cause",),
        sources=("CommandCodeAI/command-code#755", "BerriAI/litellm#27967"),
        pair="retry.flapping",
    ),
    Scenario(
        name="stall_then_refused",
        title="The first request gets no answer, the second one 529, the third is good.",
        script=script(Answer().but(StallBeforeHead()), Refuse(status=529), Answer()),
        expect=Expect(may_fail=True, stalls=True),
        requires=_RETRIES,
        pair="stall.slow_start",
    ),
    Scenario(
        name="cancelled_mid_text",
        title="The user presses stop in the middle of the text.",
        script=script(Answer().but(Drip(seconds=0.15))),
        expect=Expect(outcome=Outcome.CANCELLED),
        cancel_after=60,
        covers=("res-cancel-leaves-upstream-open", "res-aclose-after-partial"),
        sources=("BerriAI/litellm#17364", "wri/project-zeno#687", "BerriAI/litellm#38082"),
        pair="stall.slow_drip",
    ),
    Scenario(
        name="cancelled_at_first_text",
        title="The user presses stop as soon as there is anything to see.",
        script=script(Answer().but(Drip(seconds=0.15))),
        expect=Expect(outcome=Outcome.CANCELLED),
        cancel_after=1,
        covers=("res-cancel-leaves-upstream-open",),
        sources=("vllm-project/vllm#54947",),
        pair="stall.slow_drip",
    ),
)
