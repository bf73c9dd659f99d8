"""Places in a reply: what comes before a place and what comes after it are together what there was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.effects import Effect, End, Mark, Send, Wait
from fake_server.position import (
    AfterSeconds,
    AtByte,
    AtEnd,
    AtEvent,
    InCharacter,
    InEvent,
    Position,
    instead,
    strike,
)

HERE = Mark("here")
NAMES = st.sampled_from([None, "a", "b"])
FEW = st.integers(0, 3)
TEXTS = st.text(st.sampled_from("xy\n é東🌍"), min_size=2, max_size=8).map(str.encode)
HALVES = st.integers(0, 8).map(lambda n: n / 2)
SENDS = st.builds(Send, TEXTS, NAMES)
STREAMS = st.lists(SENDS | SENDS | st.builds(Wait, HALVES) | st.just(Mark("other")), max_size=12).map(
    lambda effects: [*effects, End()]
)
POSITIONS: st.SearchStrategy[Position] = st.one_of(
    st.builds(AtByte, st.integers(0, 60)),
    st.builds(AtEvent, NAMES, FEW),
    st.builds(InEvent, NAMES, FEW, st.integers(-1, 12)),
    st.builds(InCharacter, FEW, st.integers(-1, 5)),
    st.builds(AfterSeconds, HALVES.map(lambda n: n * 2)),
    st.just(AtEnd()),
)
THIRDS: list[Position] = [AtByte(4), AtEvent("a", 2), InEvent("a", 2), InCharacter(2), AfterSeconds(2)]
quick = settings(max_examples=40)


def struck(stream: list[Effect], at: Position) -> tuple[list[Effect], list[Effect]] | None:
    """What comes before ``at`` and what comes after it; None when it is not reached."""
    effects = list(strike(stream, at, lambda rest: (HERE, *rest)))
    if HERE not in effects:
        assert effects == stream
        return None
    place = effects.index(HERE)
    return effects[:place], effects[place + 1 :]


def data(effects: list[Effect]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Send))


def seconds(effects: list[Effect]) -> float:
    return sum(effect.seconds for effect in effects if isinstance(effect, Wait))


def named(effects: list[Effect], name: str | None = None) -> list[Send]:
    sends = [effect for effect in effects if isinstance(effect, Send) and effect.event is not None]
    return [send for send in sends if name in (None, send.event)]


def marks(effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, Mark | End)]


@given(stream=STREAMS, at=POSITIONS)
@settings(max_examples=80)
def test_before_and_after_a_place_are_together_the_whole_stream(stream: list[Effect], at: Position) -> None:
    before, after = struck(stream, at) or (stream, [])
    both = before + after
    assert data(both) == data(stream)
    assert seconds(both) == seconds(stream)
    assert marks(both) == marks(stream)
    assert [send.event for send in named(both)] == [send.event for send in named(stream)]


@given(stream=STREAMS, at=POSITIONS)
@quick
def test_what_is_sent_instead_keeps_every_byte_before_and_none_after(stream: list[Effect], at: Position) -> None:
    parts = struck(stream, at)
    assert list(strike(stream, at, instead(HERE))) == (stream if parts is None else [*parts[0], HERE])


@given(stream=STREAMS, at=st.builds(AtByte, st.integers(0, 60)))
@quick
def test_a_byte_place_has_exactly_so_many_bytes_before_it(stream: list[Effect], at: AtByte) -> None:
    parts = struck(stream, at)
    assert (parts is not None) == (at.offset < len(data(stream)))
    assert parts is None or len(data(parts[0])) == at.offset


@given(stream=STREAMS, at=st.builds(AtEvent, NAMES, FEW))
@quick
def test_an_event_place_is_right_before_the_nth_event(stream: list[Effect], at: AtEvent) -> None:
    events, parts = named(stream, at.name), struck(stream, at)
    assert (parts is not None) == (at.nth < len(events))
    assert parts is None or (len(named(parts[0], at.name)), parts[1][0]) == (at.nth, events[at.nth])


@given(stream=STREAMS, at=st.builds(InEvent, NAMES, FEW, st.integers(-1, 20)))
@quick
def test_a_place_in_an_event_divides_it(stream: list[Effect], at: InEvent) -> None:
    events, parts = named(stream, at.name), struck(stream, at)
    assert (parts is not None) == (at.nth < len(events))
    if parts is not None:
        event = events[at.nth]
        size = min(max(at.byte, 1), len(event.data) - 1)
        assert parts[0][-1] == Send(event.data[:size], event.event)
        assert parts[1][0] == Send(event.data[size:])


@given(stream=STREAMS, at=st.builds(InCharacter, FEW, st.integers(-1, 5)))
@quick
def test_a_place_in_a_character_divides_the_nth_of_several_bytes(stream: list[Effect], at: InCharacter) -> None:
    text, parts = data(stream).decode(), struck(stream, at)
    wide = [place for place, char in enumerate(text) if char > "\x7f"]
    assert (parts is not None) == (at.nth < len(wide))
    if parts is not None:
        place = wide[at.nth]
        size = min(max(at.byte, 1), len(text[place].encode()) - 1)
        assert data(parts[0]) == text.encode()[: len(text[:place].encode()) + size]


@given(stream=STREAMS, at=st.builds(AfterSeconds, HALVES.map(lambda n: n * 3)))
@quick
def test_a_time_place_comes_when_exactly_so_long_was_waited(stream: list[Effect], at: AfterSeconds) -> None:
    parts = struck(stream, at)
    assert (parts is not None) == (at.seconds < seconds(stream))
    assert parts is None or seconds(parts[0]) == at.seconds


@given(stream=STREAMS)
@quick
def test_the_end_is_the_place_before_the_clean_end_alone(stream: list[Effect]) -> None:
    assert struck(stream, AtEnd()) == (stream[:-1], [End()])
    assert struck(stream[:-1], AtEnd()) is None


@given(stream=STREAMS)
@quick
def test_a_place_behind_the_stream_changes_nothing(stream: list[Effect]) -> None:
    size, count = len(data(stream)), len(named(stream))
    wide = sum(char > "\x7f" for char in data(stream).decode())
    behind: list[Position] = [AtByte(size), AtEvent(None, count), InEvent(None, count), AtEvent("c"), InEvent("c")]
    for at in [*behind, InCharacter(wide), AfterSeconds(seconds(stream))]:
        assert struck(stream, at) is None


def test_an_event_of_one_byte_is_not_divided_and_the_place_is_behind_it() -> None:
    assert struck([Send(b"x", "a"), End()], InEvent("a")) == ([Send(b"x", "a")], [End()])


@pytest.mark.parametrize("at", THIRDS, ids=str)
def test_a_stream_is_read_no_further_than_its_effects_are_asked_for(at: Position) -> None:
    def guarded() -> Iterator[Effect]:
        for _ in range(4):
            yield from (Send("é".encode(), "a"), Wait(1))
        raise AssertionError("read too far")

    assert HERE in strike(guarded(), at, instead(HERE))
