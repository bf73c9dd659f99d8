"""429: how long to wait, in every form in which a server can say it, sensible or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fake_server.answer import Answer, Refuse
from fake_server.faults.error_event import ErrorEvent
from fake_server.script import script
from harness.model import Expect, Level, Outcome, Scenario
from scenarios.shapes import CLAUDE, EVERY_DIALECT, HOPELESS, PREAMBLE_ONLY, RECOVERABLE, faulted


def _limited(name: str, title: str, *headers: tuple[str, str], expect: Expect = RECOVERABLE, **more: Any) -> Scenario:
    """One 429 with these headers, then a good answer."""
    return Scenario(
        name=name, title=title, script=script(Refuse(status=429, headers=headers), Answer()), expect=expect, **more
    )


_NONSENSE = {
    "zero": "0",
    "negative": "-5",
    "not_a_number": "nan",
    "infinite": "inf",
    "huge": "1e9",
    "junk": "120junk",
    "empty": "",
}


def _nonsense() -> Iterator[Scenario]:
    for name, value in _NONSENSE.items():
        yield _limited(
            f"retry_after_{name}",
            f"Retry-After is {value!r}: it must not break the wait, nor make it endless.",
            ("retry-after", value),
            expect=Expect(may_fail=True, absurd_hint=True),
            covers=("http-429-retry-after-malformed",),
            sources=("openai/openai-agents-python#4558", "mastra-ai/mastra#23778", "basecamp/basecamp-sdk#781"),
            pair="rate_limit.retry_after_seconds",
        )


DIALECTS = EVERY_DIALECT
HARM = "The client comes back too early and is limited for longer, or so late that nobody waits for it."

SCENARIOS = (
    _limited(
        "retry_after_seconds",
        "429 with Retry-After: 1.",
        ("retry-after", "1"),
        covers=("http-429-retry-after-seconds", "retry-before-allowed", "fallback-deferred-request"),
        sources=("tghamm/Anthropic.SDK#96", "DaKheera47/job-ops#555"),
    ),
    _limited(
        "retry_after_milliseconds",
        "429 with retry-after-ms: 700, which is more exact than its Retry-After.",
        ("retry-after-ms", "700"),
        ("retry-after", "1"),
    ),
    Scenario(
        name="retry_after_date",
        title="429 with Retry-After as an HTTP-date two seconds away.",
        script=script(Refuse(status=429, retry_after_date=2.0), Answer()),
        expect=RECOVERABLE,
        covers=("http-429-retry-after-http-date",),
        sources=("NousResearch/hermes-agent#84738", "denoland/std#7299"),
    ),
    Scenario(
        name="retry_after_past_date",
        title="429 with Retry-After as an HTTP-date that is past.",
        script=script(Refuse(status=429, retry_after_date=-3600.0), Answer()),
        expect=Expect(may_fail=True, absurd_hint=True),
        covers=("http-429-retry-after-http-date",),
        sources=("duolahypercho/codex-router#573",),
        pair="rate_limit.retry_after_date",
    ),
    _limited(
        "no_retry_after",
        "429 without a hint.",
        covers=("http-429-no-header",),
        sources=("meawoppl/agent-portal#706",),
    ),
    *_nonsense(),
    Scenario(
        name="retry_after_hours",
        title="429 with Retry-After of two hours: say so at once instead of sleeping or hammering.",
        script=script(Refuse(status=429, headers=(("retry-after", "7200"),))),
        expect=Expect(outcome=Outcome.FAILED, absurd_hint=True),
        covers=("http-429-long-retry-after",),
        sources=("1jehuang/jcode#1183", "NousResearch/hermes-agent#109234"),
        pair="rate_limit.retry_after_seconds",
    ),
    Scenario(
        name="for_ever",
        title="Every attempt is answered with 429.",
        script=script(Refuse(status=429)),
        expect=HOPELESS,
        covers=("retry-amplification", "retry-endless"),
        sources=("HKUDS/nanobot#2760", "mpfaffenberger/code_puppy#317"),
        pair="rate_limit.no_retry_after",
    ),
    Scenario(
        name="herd",
        title="429 five times, each with Retry-After: 1: whoever comes back exactly then comes with all the others.",
        script=script(*(Refuse(status=429, headers=(("retry-after", "1"),)),) * 5, Answer()),
        expect=RECOVERABLE,
        level=Level.SHOULD,
        covers=("retry-synchronised-herd",),
        sources=("NousResearch/hermes-agent#109234", "DaKheera47/job-ops#555"),
    ),
    faulted(
        "in_stream",
        "A rate_limit_error comes as an event inside a 200, before any text.",
        ErrorEvent(
            at=PREAMBLE_ONLY, kind="rate_limit_error", message="Number of request tokens has exceeded your limit"
        ),
        covers=("order-error-after-message-start", "retry-misclassified"),
        sources=("Wei-Shaw/sub2api#5567", "anthropics/anthropic-sdk-python#688"),
        dialects=CLAUDE,
    ),
)
