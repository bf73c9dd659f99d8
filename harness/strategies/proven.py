"""Scripts that prove what is right: permanent refusals, slow and dead streams, ends without their last event, usage.

Of what is drawn otherwise one can only say that the client must be honest. Here it is known what it must do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from fake_server.answer import Answer, InTurns, Refuse
from fake_server.blocks import text_block, tool_block, whole_block
from fake_server.fault import Fault
from fake_server.faults.end_early import EndEarly
from fake_server.faults.inject import Inject
from fake_server.faults.pause import Pause
from fake_server.faults.repeat_bytes import RepeatBytes
from fake_server.position import AtEnd, AtEvent, InEvent
from fake_server.script import Script, Step, script
from fake_server.text import story
from fake_server.wire import json_text, sse
from harness.model import Alternative, Capability, Expect, Outcome
from harness.strategies.hints import DELTA


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A script with what is right of it."""

    script: Script
    expect: Expect
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of its scenario."""


_PERMANENT = (400, 401, 403, 404, 413)
_PASSING = (529, 500, 429)
_FAILED = Expect(outcome=Outcome.FAILED)
_RECOVERS = Expect(may_fail=True)
"""Whole from a client that promises to recover; others may give up."""
_PAUSES = Expect(also=(Outcome.PAUSED,))
"""Gone on with by a client that promises to recover, and said to be paused by others."""
_NOT_UNDERSTOOD = ("inf", "nan", "-5", "120junk", "")
_QUIET_SECONDS = (0.5, 0.3, 0.7)
"""Less than any limit of silence in :class:`~harness.model.Limits`."""
_TOO_LONG_SECONDS = 8.0
_TOO_MANY_TOKENS = 30_000
"""No answer of that length is asked for without streaming."""
_LATE = sse(DELTA, json_text({"type": DELTA, "index": 0, "delta": {"type": "text_delta", "text": "EXTRA"}}))
_ENDS: tuple[Fault, ...] = (
    EndEarly(at=AtEvent("message_stop")),
    EndEarly(at=InEvent("message_stop", byte=1_000)),
    EndEarly(at=InEvent("message_stop", byte=20)),
    Inject(at=AtEnd(), data=_LATE),
)
_ANSWERS = st.builds(Answer, sentences=st.integers(1, 4))
_PLACES = st.sampled_from([AtEvent(DELTA, number) for number in range(4)])


def proven() -> SearchStrategy[Proven]:
    """Any of them; the network is sound."""
    quick = (_permanent(), _for_ever(), _nonsense(), _ended(), _paused(), _seam(), _counted(), _elsewhere())
    return st.one_of(*quick, _slow(), _dead())


def _permanent() -> SearchStrategy[Proven]:
    """A refusal that would come again, and a good answer for whoever asks again all the same."""
    expect = Expect(outcome=Outcome.FAILED, permanent=True)
    refused = st.sampled_from(_PERMANENT).map(lambda status: Refuse(status=status))
    return st.builds(lambda one, answer: Proven(script=script(one, answer), expect=expect), refused, _ANSWERS)


def _for_ever() -> SearchStrategy[Proven]:
    """A refusal that may pass, and does not."""
    return st.sampled_from(_PASSING).map(lambda status: Proven(script=script(Refuse(status=status)), expect=_FAILED))


@st.composite
def _nonsense(draw: DrawFn) -> Proven:
    """A refusal that says when to come again, in a way that nobody understands."""
    hint = (("retry-after", draw(st.sampled_from(_NOT_UNDERSTOOD))),)
    refused = Refuse(status=draw(st.sampled_from(_PASSING)), headers=hint)
    return Proven(script=script(refused, draw(_ANSWERS)), expect=Expect(may_fail=True, absurd_hint=True))


@st.composite
def _slow(draw: DrawFn) -> Proven:
    """A stream with silences that are no longer than they may be."""
    seconds, place = draw(st.sampled_from(_QUIET_SECONDS)), draw(_PLACES)
    pings = RepeatBytes(at=place, every=0.2, count=draw(st.integers(1, 5)))
    slow = draw(st.sampled_from((Pause(at=place, seconds=seconds), pings)))
    return Proven(script=script(draw(_ANSWERS).but(slow)), expect=Expect(healthy=True))


@st.composite
def _dead(draw: DrawFn) -> Proven:
    """A stream of which nothing but pings comes any more."""
    every = draw(st.sampled_from((0.25, 0.5)))
    pings = RepeatBytes(at=draw(_PLACES), every=every, count=int(_TOO_LONG_SECONDS / every))
    answer = draw(_ANSWERS)
    return Proven(script=script(answer.but(pings), answer), expect=Expect(may_fail=True, stalls=True))


@st.composite
def _ended(draw: DrawFn) -> Proven:
    """A whole answer whose last event is missing, unfinished or not the last."""
    answer = draw(_ANSWERS)
    strange = draw(st.sampled_from(_ENDS))
    return Proven(script=script(answer.but(strange), answer), expect=Expect())


@st.composite
def _paused(draw: DrawFn) -> Proven:
    """A turn that pauses for a search of the server's, and the rest of it."""
    call = tool_block("web_search", {"query": "amber"}, kind="server_tool_use")
    found = whole_block({"type": "web_search_tool_result", "tool_use_id": call.whole["id"], "content": []})
    said = (text_block(story("paused", draw(st.integers(1, 3)))), call, found)
    pauses = Answer(blocks=said, stop_reason="pause_turn")
    return Proven(script=script(InTurns((pauses, Answer(story="then", sentences=1)))), expect=_PAUSES)


@st.composite
def _seam(draw: DrawFn) -> Proven:
    """A text that comes in pieces of some letters, cut between two of them, and then the rest."""
    text, size = story(draw(st.sampled_from("abcdefgh")), 3), draw(st.integers(1, 9))
    pieces = tuple(text[i : i + size] for i in range(0, len(text), size))
    whole = Answer(blocks=(text_block(text, pieces=pieces),))
    cut = EndEarly(at=AtEvent(DELTA, draw(st.integers(1, len(pieces) - 1))))
    return Proven(script=script(whole.but(cut), whole), expect=_RECOVERS)


@st.composite
def _counted(draw: DrawFn) -> Proven:
    """Usage whose last values replace the ones before."""
    first, last, output = draw(st.integers(1, 900)), draw(st.integers(1, 900)), draw(st.integers(20, 900))
    answer = replace(draw(_ANSWERS), input_tokens=first, output_tokens=output, final_usage={"input_tokens": last})
    usage = {"input_tokens": last, "output_tokens": output}
    return Proven(
        script=script(answer),
        expect=Expect(usage=usage),
        more={"requires": frozenset({Capability.USAGE})},
    )


@st.composite
def _elsewhere(draw: DrawFn) -> Proven:
    """The first server fails, and another one has the answer; or another answer, from a model that starts over."""
    answer = draw(_ANSWERS)
    cut: Step = answer.but(EndEarly(at=draw(_PLACES)))
    first = draw(st.sampled_from((Refuse(status=401), cut, cut)))
    model, name = draw(st.sampled_from((("claude-opus-4-6", ""), ("gpt-9", "other"))))
    more = {
        "requires": frozenset({Capability.ALTERNATIVES}),
        "alternatives": (Alternative(elsewhere=True, model=model),),
        "elsewhere": script(replace(answer, story=name)),
        "request": {"max_tokens": _TOO_MANY_TOKENS},
    }
    return Proven(script=script(first), expect=_RECOVERS, more=more)
