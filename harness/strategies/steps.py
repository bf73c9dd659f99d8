"""What a server does to each attempt: refusals, answers of strangers, broken streams, and in the end a good answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from fake_server.answer import Answer, InTurns, Refuse, Respond
from fake_server.dialects.anthropic import ERROR_TYPES
from fake_server.fault import Fault
from fake_server.script import Script, Step
from fake_server.wire import JSON_TYPE, STREAM_TYPE
from harness.strategies.content import answers
from harness.strategies.hints import faults

_Headers: TypeAlias = tuple[tuple[str, str], ...]

_STATUSES = (529, 429, *(status for status in ERROR_TYPES if status not in (429, 529)), 418, 422, 502, 503, 520)
_SENSIBLE: tuple[_Headers, ...] = (
    (),
    (("retry-after", "1"),),
    (("retry-after", "0"),),
    (("retry-after-ms", "700"), ("retry-after", "1")),
    (("x-should-retry", "true"),),
    (("x-should-retry", "false"),),
)
_ABSURD: tuple[_Headers, ...] = tuple(
    (("retry-after", value),) for value in ("0.5", "-5", "nan", "inf", "1e9", "7200", "120junk", "")
)
_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_RESPONSES: tuple[Respond, ...] = (
    Respond(status=502, body=_PAGE),
    Respond(status=200, body=_PAGE),
    Respond(status=204, content_type=None),
    Respond(status=200, content_type=STREAM_TYPE),
    Respond(status=200, content_type=JSON_TYPE, body=b"null"),
    Respond(status=500, content_type=JSON_TYPE, body=b'{"error":'),
    Respond(status=302, headers=(("location", "/elsewhere"),)),
)


def refusals() -> SearchStrategy[Refuse]:
    """Refusals of every status, with a Retry-After of every kind: none, seconds, milliseconds, dates, nonsense."""
    return st.builds(
        Refuse,
        status=st.sampled_from(_STATUSES),
        kind=st.sampled_from((None, None, "weather_error")),
        headers=st.sampled_from(_SENSIBLE) | st.sampled_from(_ABSURD),
        retry_after_date=st.sampled_from((None, None, 1.0, 2.0, -60.0, 7200.0)),
    )


def is_absurd(step: Step) -> bool:
    """Whether a refusal says how long to wait in a way that nobody need obey."""
    return isinstance(step, Refuse) and (step.headers in _ABSURD or step.retry_after_date not in (None, 1.0, 2.0))


def whole(answer: Answer) -> Step:
    """The answer, and the rest of its turn where it pauses: a client that goes on must get on."""
    if answer.stop_reason != "pause_turn":
        return answer
    return InTurns((answer, Answer(story="then", sentences=1)))


def steps() -> SearchStrategy[Step]:
    """Any step: whole and broken answers, a message of JSON for a stream, paused turns, refusals, strangers."""
    said = answers()
    return st.one_of(
        said.map(whole),
        answers(faults()).map(whole),
        said.map(lambda one: replace(one, only_json=True)).map(whole),
        refusals(),
        st.sampled_from(_RESPONSES),
    )


def scripts(max_faulty: int = 2) -> SearchStrategy[Script]:
    """Up to ``max_faulty`` steps that fail, then mostly the whole answer: the same that the failed ones began.

    So the words and the tools of a script are those of one answer, and one can tell what is right.
    """
    return _scripts(max_faulty, faults())


@st.composite
def _scripts(draw: DrawFn, max_faulty: int, kinds: SearchStrategy[Fault]) -> Script:
    answer = draw(answers())
    broken = st.lists(kinds, min_size=1, max_size=3).map(lambda struck: whole(answer.but(*struck)))
    failing: SearchStrategy[Any] = st.one_of(broken, refusals(), st.sampled_from(_RESPONSES))
    failed = draw(st.lists(failing, max_size=max_faulty))
    ends_badly = draw(st.sampled_from((False, False, False, True)))
    return Script((*failed, draw(broken) if ends_badly else whole(answer)))
