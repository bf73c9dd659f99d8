"""Which effects share a write: none where a fault or a wait has something to say about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from fake_server.writes import MOST_BYTES, Deed, Outgoing, Prerendered, deeds_of, together

EFFECTS = st.lists(
    st.one_of(
        st.builds(Send, st.binary(max_size=9), st.sampled_from([None, "e"])),
        st.builds(Wait, st.floats(0, 9)),
        st.builds(Mark, st.just("f")),
        st.just(Stall()),
    )
)
MOST = st.sampled_from([0, 1, 10, MOST_BYTES])
REQUEST = Request(attempt=1, seed="1", body={"stream": True})


def singly(deeds: Iterable[Deed]) -> list[Effect]:
    return [effect for deed in deeds for effect in (deed.sends if isinstance(deed, Outgoing) else [deed])]


def outgoing(deeds: Iterable[Deed]) -> list[Outgoing]:
    return [deed for deed in deeds if isinstance(deed, Outgoing)]


def data(out: Outgoing) -> list[bytes]:
    return [send.data for send in out.sends]


@given(effects=EFFECTS, most=MOST)
def test_every_effect_is_there_once_and_in_its_place(effects: list[Effect], most: int) -> None:
    assert singly(together(effects, most)) == effects


@given(effects=EFFECTS, most=MOST)
def test_what_is_written_is_what_is_sent(effects: list[Effect], most: int) -> None:
    for out in outgoing(together(effects, most)):
        assert b"".join(out.writes) == b"".join(data(out))
        assert len(out.writes) in (1, len(out.sends))


@given(effects=EFFECTS)
def test_what_a_wait_separates_is_written_apart_and_what_nothing_separates_at_once(effects: list[Effect]) -> None:
    unmarked = [effect for effect in effects if not isinstance(effect, Mark)]
    head, *deeds = together([Send(b"head"), *unmarked])
    assert head == Outgoing([Send(b"head")], [b"head"])
    assert all(len(out.writes) == 1 for out in outgoing(deeds))
    assert not any(isinstance(one, Outgoing) and isinstance(two, Outgoing) for one, two in pairwise(deeds))


@given(before=EFFECTS, after=EFFECTS, most=MOST)
def test_behind_a_mark_each_send_is_a_write_of_its_own(before: list[Effect], after: list[Effect], most: int) -> None:
    deeds = list(together([*before, Mark("f"), *after], most))
    assert all(out.writes == data(out) for out in outgoing(deeds[deeds.index(Mark("f")) :]))


@given(effects=EFFECTS, most=MOST)
def test_nothing_joins_what_is_full(effects: list[Effect], most: int) -> None:
    for out in outgoing(together(effects, most)):
        assert len(out.sends) == 1 or sum(map(len, data(out)[:-1])) < most
    assert all(len(out.sends) == 1 for out in outgoing(together(effects, 0)))


@pytest.mark.parametrize("before", [[], [Mark("f")]])
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_an_answer_without_end_is_not_waited_for(before: list[Effect], size: int) -> None:
    def flood() -> Iterator[Effect]:
        yield from before
        while True:
            yield Send(b"x" * size)

    first = next(deed for deed in together(flood()) if isinstance(deed, Outgoing))
    assert sum(map(len, first.writes)) < MOST_BYTES + size
    assert len(first.writes) <= 16


def test_an_answer_without_fault_is_one_write_behind_its_head() -> None:
    head, effects = render(Answer().reply(REQUEST), REQUEST)
    first, rest, last = together(effects)
    assert first == Outgoing([Send(head.encode())], [head.encode()])
    assert isinstance(rest, Outgoing)
    assert (len(rest.sends) > 20, len(rest.writes), last) == (True, 1, End())


@pytest.mark.parametrize(
    "fault", [SplitEvery(size=500), SplitCharacters(), SplitLineEnds(seconds=0), HoldAll(seconds=0, block=64)], ids=str
)
def test_a_fault_that_is_about_pieces_has_each_of_them_written_by_itself(fault: Fault) -> None:
    _, effects = render(Answer(faults=(fault,)).reply(REQUEST), REQUEST)
    deeds = list(together(effects))
    behind = next(place for place, deed in enumerate(deeds) if isinstance(deed, Mark))
    assert all(out.writes == data(out) for out in outgoing(deeds[behind:]))


@given(effects=EFFECTS)
def test_what_is_put_together_once_is_what_would_be_each_time(effects: list[Effect]) -> None:
    once = Prerendered(effects)
    for one_by_one in (False, True, False):
        assert list(deeds_of(once, one_by_one=one_by_one)) == list(deeds_of(effects, one_by_one=one_by_one))
    assert list(once) == effects
    assert all(len(out.sends) == 1 for out in outgoing(deeds_of(once, one_by_one=True)))
