"""The first model or server fails, and another one may be asked. What was shown is not shown again."""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer, Refuse
from fake_server.faults.end_early import EndEarly
from fake_server.faults.error_event import ErrorEvent
from fake_server.faults.pause import Pause
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtByte
from fake_server.script import Script, script
from harness.model import Alternative, Capability, Expect, Outcome, Scenario
from scenarios.shapes import EARLY_TEXT, MID_TEXT, RECOVERABLE

_ELSEWHERE = (Alternative(elsewhere=True, model="claude-opus-4-6"),)


def _fails(name: str, title: str, here: Script, elsewhere: Script, **more: Any) -> Scenario:
    return Scenario(
        name=name,
        title=title,
        script=here,
        elsewhere=elsewhere,
        requires=frozenset({Capability.ALTERNATIVES}),
        **{"expect": RECOVERABLE, "alternatives": _ELSEWHERE, **more},
    )


_GOOD = script(Answer())

HARM = "The user gets an error although another model or server would have answered."

SCENARIOS = (
    _fails(
        "overloaded",
        "The first server is overloaded for ever.",
        script(Refuse(status=529)),
        _GOOD,
        covers=("fallback-never-runs-mid-stream",),
        sources=("BerriAI/litellm#6957", "BerriAI/litellm#5512"),
    ),
    _fails(
        "wrong_key",
        "The key is refused: asking again is of no use, asking elsewhere is.",
        script(Refuse(status=401)),
        _GOOD,
    ),
    _fails(
        "no_such_model",
        "The first server does not have the model.",
        script(Refuse(status=404)),
        _GOOD,
    ),
    _fails(
        "limit_for_hours",
        "The first server asks for two hours of peace.",
        script(Refuse(status=429, headers=(("retry-after", "7200"),))),
        _GOOD,
        expect=Expect(may_fail=True, absurd_hint=True),
        sources=("1jehuang/jcode#1183",),
        pair="rate_limit.retry_after_seconds",
    ),
    _fails(
        "bad_request",
        "The request itself is wrong: nobody would take it.",
        script(Refuse(status=400)),
        _GOOD,
        expect=Expect(outcome=Outcome.FAILED, permanent=True),
        pair="alternatives.wrong_key",
        harm="Every model and server that was set up is asked what none of them will answer.",
    ),
    _fails(
        "cut_mid_text",
        "Every answer of the first server is cut after half of its text; the other one says the rest.",
        script(
            Answer().but(ResetConnection(at=MID_TEXT)),
            Answer().but(EndEarly(at=EARLY_TEXT)),
            Refuse(status=500),
        ),
        _GOOD,
        covers=("fallback-after-content-repeats", "fallback-never-runs-mid-stream"),
        sources=("BerriAI/litellm#32835", "BerriAI/litellm#40404"),
    ),
    _fails(
        "stalls",
        "The first server never says a word after its head.",
        script(Answer().but(StallForever(at=AtByte(0)))),
        _GOOD,
        expect=Expect(may_fail=True, stalls=True),
        covers=("fallback-never-runs-mid-stream",),
        sources=("BerriAI/litellm#38606",),
        pair="alternatives.slow_start",
    ),
    _fails(
        "slow_start",
        "The first server takes half of the time that it may: nobody else is asked.",
        script(Answer().but(Pause(at=AtByte(0), seconds=0.5))),
        _GOOD,
        expect=Expect(healthy=True),
        covers=("time-long-thinking-healthy",),
        pair="alternatives.stalls",
    ),
    _fails(
        "another_answer_elsewhere",
        "The first server cuts every stream; the other one, asked to go on, says an answer of its own.",
        script(Answer().but(EndEarly(at=EARLY_TEXT)), Refuse(status=529)),
        script(Answer(story="another", continues=False)),
        request={"model": "some-local-model"},
        alternatives=(Alternative(elsewhere=True),),
        covers=("fallback-after-content-repeats",),
        sources=("RedWoodOG/Hermes-Desktop#60",),
    ),
    _fails(
        "both_fail",
        "The first server is overloaded, the other one refuses the key: the first cause is not forgotten.",
        script(Refuse(status=529)),
        script(Refuse(status=401)),
        expect=Expect(outcome=Outcome.FAILED),
        covers=("fallback-fails-too", "retry-hides-cause"),
        sources=("BerriAI/litellm#38610", "CommandCodeAI/command-code#755"),
        pair="alternatives.overloaded",
    ),
    _fails(
        "both_fail_after_text",
        "The first server cuts its text, the other one reports an error: the text so far is kept.",
        script(Answer().but(EndEarly(at=MID_TEXT)), Refuse(status=529)),
        script(Answer().but(ErrorEvent(at=AtByte(0))), Refuse(status=401)),
        expect=Expect(outcome=Outcome.INCOMPLETE),
        covers=("fallback-fails-too", "retry-loses-partial"),
        pair="alternatives.cut_mid_text",
    ),
)
