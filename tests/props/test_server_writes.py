"""Which effects share a write: none where a fault or a wait has something to say about it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_server.answer import Answer
from fake_server.effects import Effect, End, Mark, Send, Stall, Wait
from fake_server.fault import Fault
from fake_server.faults.hold_all import HoldAll
from fake_server.faults.split_characters import SplitCharacters
from fake_server.faults.split_every import SplitEvery
from fake_server.faults.split_line_ends import SplitLineEnds
from fake_server.script import Request, render
from fake_server.writes import AT_ONCE_BYTES, Deed, together

EFFECTS = st.lists(
    st.one_of(
        st.builds(Send, st.binary(max_size=9), st.sampled_from([None, "e"])),
        st.builds(Wait, st.floats(0, 9)),
        st.builds(Mark, st.just("f")),
        st.just(Stall()),
    )
)
AT_ONCE = st.sampled_from([0, 1, 10, AT_ONCE_BYTES])
REQUEST = Request(attempt=1, seed="1", body={"stream": True})


def singly(deeds: Iterable[Deed]) -> list[Effect]:
    return [effect for deed in deeds for effect in (deed if isinstance(deed, list) else [deed])]


def writes(deeds: Iterable[Deed]) -> list[list[Send]]:
    return [deed for deed in deeds if isinstance(deed, list)]


@given(effects=EFFECTS, at_once=AT_ONCE)
def test_every_effect_is_there_once_and_in_its_place(effects: list[Effect], at_once: int) -> None:
    assert singly(together(effects, at_once)) == effects
    assert all(writes(together(effects, at_once)))


@given(effects=EFFECTS)
def test_what_a_wait_separates_is_written_apart_and_what_nothing_separates_at_once(effects: list[Effect]) -> None:
    deeds = list(together([effect for effect in effects if not isinstance(effect, Mark)]))
    assert not any(isinstance(one, list) and isinstance(two, list) for one, two in pairwise(deeds))


@given(before=EFFECTS, after=EFFECTS, at_once=AT_ONCE)
def test_behind_a_mark_each_send_is_written_by_itself(before: list[Effect], after: list[Effect], at_once: int) -> None:
    deeds = list(together([*before, Mark("f"), *after], at_once))
    behind = deeds[deeds.index(Mark("f")) :]
    assert {len(write) for write in writes(behind)} <= {1}


@given(effects=EFFECTS, at_once=AT_ONCE)
def test_nothing_joins_a_write_that_is_full(effects: list[Effect], at_once: int) -> None:
    for write in writes(together(effects, at_once)):
        assert len(write) == 1 or sum(len(send.data) for send in write[:-1]) < at_once


def test_an_answer_without_end_is_not_waited_for() -> None:
    def flood() -> Iterable[Effect]:
        while True:
            yield Send(b"x" * 1000)

    assert len(singly([next(iter(together(flood())))])) == -(-AT_ONCE_BYTES // 1000)


def test_an_answer_without_fault_is_one_write() -> None:
    _, effects = render(Answer().reply(REQUEST), REQUEST)
    write, last = together(effects)
    assert isinstance(write, list)
    assert (len(write) > 20, last) == (True, End())


@pytest.mark.parametrize(
    "fault", [SplitEvery(size=500), SplitCharacters(), SplitLineEnds(seconds=0), HoldAll(seconds=0, block=64)], ids=str
)
def test_a_fault_that_is_about_pieces_has_each_of_them_written_by_itself(fault: Fault) -> None:
    _, effects = render(Answer(faults=(fault,)).reply(REQUEST), REQUEST)
    deeds = list(together(effects))
    behind = next(place for place, deed in enumerate(deeds) if isinstance(deed, Mark))
    assert {len(write) for write in writes(deeds[behind:])} == {1}
