"""Scripts: which step answers, and that the same request is always answered the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.answer import Answer, Refuse
from fake_server.effects import Effect, End, Mark, Send, Wait
from fake_server.fault import Fault
from fake_server.faults.corrupt_event import CorruptEvent
from fake_server.faults.line_ends import LineEnds
from fake_server.faults.pause import Pause
from fake_server.faults.set_header import SetHeader
from fake_server.faults.split_at import SplitAt
from fake_server.position import AtByte, AtEvent
from fake_server.script import Reply, Request, Script, Step, render, script
from fake_server.wire import Head, UntilClose

NAMES = st.text(st.sampled_from("abc."), max_size=5)
FAULTS: list[Fault] = [
    CorruptEvent(at=AtEvent("content_block_delta", 2), count=9),
    LineEnds(style="mixed"),
    Pause(at=AtEvent(None, 3), seconds=1),
    SetHeader(header="x", value="y"),
]
quick = settings(max_examples=25)


@dataclass(frozen=True)
class Says:
    """A step that says one word."""

    word: str | None

    def reply(self, request: Request) -> Reply:
        return Reply(head=Head(framing=UntilClose()), body=(Send((self.word or "").encode()), End()))

    def texts(self, seed: str) -> tuple[str, ...]:
        return () if self.word is None else (self.word,)


@dataclass(frozen=True, kw_only=True)
class Guarded(Fault):
    """A body that must not be read to its end."""

    def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
        yield from [Send(b"x")] * 3
        raise AssertionError("read too far")


def asked(attempt: int = 1, seed: str = "s") -> Request:
    return Request(attempt=attempt, seed=seed, body={"stream": True})


def rendered(reply: Reply, request: Request) -> tuple[Head, list[Effect]]:
    head, effects = render(reply, request)
    return head, list(effects)


@given(count=st.integers(1, 5), attempt=st.integers(1, 12))
@quick
def test_each_attempt_has_its_step_and_the_last_one_repeats(count: int, attempt: int) -> None:
    steps = [Says(str(number)) for number in range(1, count + 1)]
    step = steps[min(attempt, count) - 1]
    assert script(*steps).reply(asked(attempt)) == step.reply(asked())


def test_a_script_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        script()


def test_the_texts_of_a_script_are_all_that_are_said_each_once_in_order() -> None:
    steps: list[Step] = [Says("b"), Refuse(status=500), Says("a"), Says("b"), Says("")]
    assert Script(tuple(steps)).texts("s") == ("b", "a", "")


@given(seed=NAMES, attempt=st.integers(1, 3), names=st.lists(NAMES, min_size=2, max_size=2, unique=True))
@quick
def test_chance_is_the_same_for_a_name_and_another_for_each_other(seed: str, attempt: int, names: list[str]) -> None:
    request, again = asked(attempt, seed), asked(attempt, seed)
    one, two = (request.chance(name).random() for name in names)
    assert one == again.chance(names[0]).random()
    assert len({one, two, asked(attempt + 1, seed).chance(names[0]).random()}) == 3


@pytest.mark.parametrize(
    ("value", "streams"), [(True, True), (False, False), (None, False), (1, False), ("true", False)]
)
def test_only_true_asks_for_a_stream(value: object, streams: bool) -> None:
    assert Request(attempt=1, seed="s", body={"stream": value}).streams is streams
    assert not Request(attempt=1, seed="s").streams


@given(seed=NAMES, attempt=st.integers(1, 3), faults=st.lists(st.sampled_from(FAULTS), max_size=3))
@quick
def test_equal_requests_are_answered_with_equal_bytes(seed: str, attempt: int, faults: list[Fault]) -> None:
    answer = Answer(sentences=3).but(*faults)
    one, two = asked(attempt, seed), asked(attempt, seed)
    assert rendered(answer.reply(one), one) == rendered(answer.reply(two), two)


@given(faults=st.lists(st.sampled_from(FAULTS), max_size=2))
@quick
def test_one_more_fault_does_not_reshuffle_the_chance_of_the_others(faults: list[Fault]) -> None:
    reply = Answer(sentences=3).but(*faults).reply(asked())
    more = replace(reply, faults=(*reply.faults, SplitAt(at=AtByte(0))))
    data = [
        b"".join(effect.data for effect in rendered(each, asked())[1] if isinstance(effect, Send))
        for each in (reply, more)
    ]
    assert data[0] == data[1]


def test_faults_apply_in_their_order() -> None:
    first, second = (SetHeader(header="x", value=value) for value in "12")
    reply = Reply(head=Head(), body=(End(),), faults=(first, second))
    assert rendered(reply, asked())[0].header("x") == "2"
    pauses = tuple(Pause(at=AtByte(0), seconds=seconds) for seconds in (1, 2))
    reply = Reply(head=Head(framing=UntilClose()), body=(Send(b"x"), End()), faults=pauses)
    assert rendered(reply, asked())[1][1:-1] == [
        Mark("pause", "1 s"),
        Wait(1),
        Mark("pause", "2 s"),
        Wait(2),
        Send(b"x"),
    ]


def test_a_reply_is_made_only_as_far_as_its_effects_are_asked_for() -> None:
    reply = Reply(head=Head(framing=UntilClose()), body=(), faults=(Guarded(),))
    assert list(islice(render(reply, asked())[1], 1, 4)) == [Send(b"x")] * 3
