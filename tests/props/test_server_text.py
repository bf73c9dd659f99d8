"""Text that describes itself: a reading says what happened to it, and where."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fake_server.text import WINDOW, Damage, closest, locate, read, story

SEEDS = st.integers(0, 999).map(str)
FOREIGN = st.text(st.sampled_from("0123456789<>{}#日"), min_size=1, max_size=100)
quick = settings(max_examples=30)


def cuts(count: int) -> st.SearchStrategy[list[int]]:
    """Places in a story, at least 30 characters apart and from both ends."""
    return st.lists(st.integers(30, 200), min_size=count, max_size=count).map(lambda steps: list(accumulate(steps)))


def size(text: str) -> int:
    return len(text.encode())


def shared(one: str, two: str) -> int:
    """Characters that both begin with."""
    return next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


@given(seed=SEEDS, sentences=st.integers(1, 60))
@quick
def test_a_story_is_the_same_for_its_seed_and_another_for_each_other(seed: str, sentences: int) -> None:
    text = story(seed, sentences)
    assert text == story(seed, sentences) != story(seed + "!", sentences)
    assert text.startswith(story(seed, 1))
    assert text.count(".") == text.count("The ") == sentences


def test_a_story_is_the_same_on_every_platform() -> None:
    assert story("a", 1) == "The hollow 東京 keeps żółty piano with 🌍."


@given(seed=SEEDS, sentences=st.integers(1, 100))
@quick
def test_no_run_of_words_occurs_twice_in_a_story(seed: str, sentences: int) -> None:
    words = story(seed, sentences).split(" ")
    windows = [tuple(words[place : place + WINDOW]) for place in range(len(words) - WINDOW + 1)]
    assert len(set(windows)) == len(windows)


@given(seed=SEEDS)
@quick
@example("1")
def test_a_story_has_characters_of_every_size(seed: str) -> None:
    assert {size(char) for char in story(seed)} == {1, 2, 3, 4}


def test_too_many_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer sentences"):
        story("s", 1000)


@given(seed=SEEDS, places=st.tuples(st.integers(0, 150), st.integers(1, 30)))
@quick
def test_a_run_of_words_is_located_at_its_byte(seed: str, places: tuple[int, int]) -> None:
    truth, (first, more) = story(seed), places
    words = truth.split(" ")
    run = " ".join(words[first : first + WINDOW + more])
    assert locate(run, truth) == size(" ".join([*words[:first], ""]) if first else "")


@pytest.mark.parametrize(("fragment", "place"), [("é", None), ("x", None), ("", None), ("b", 2), ("éa", 4), ("éb", 0)])
def test_only_what_stands_in_one_place_is_located(fragment: str, place: int | None) -> None:
    assert locate(fragment, "ébaéa") == place


@given(seed=SEEDS)
@quick
def test_the_true_text_is_whole(seed: str) -> None:
    reading = read(story(seed), story(seed))
    assert (reading.damage, reading.share) == (Damage.WHOLE, 1)


@given(seed=SEEDS, end=st.integers(0, 900))
@quick
def test_a_beginning_is_truncated_where_it_stops(seed: str, end: int) -> None:
    truth = story(seed)
    reading = read(truth[:end], truth)
    assert (reading.damage, reading.start, reading.stop) == (Damage.TRUNCATED, size(truth[:end]), size(truth))
    assert reading.share == end / len(truth)


@given(seed=SEEDS, places=cuts(2))
@quick
def test_a_missing_middle_is_a_gap(seed: str, places: list[int]) -> None:
    truth, (a, b) = story(seed), places
    same = shared(truth[a:], truth[b:])
    reading = read(truth[:a] + truth[b:], truth)
    assert (reading.damage, reading.start, reading.stop) == (
        Damage.GAP,
        size(truth[: a + same]),
        size(truth[: b + same]),
    )


def test_a_gap_is_found_though_the_first_words_after_it_stand_in_two_places() -> None:
    again = "The wry heron lifts amber lanterns near "
    truth = f"{story('a', 2)} {again}the old mill. {story('b', 2)} {again}Bergen. {story('c', 2)}"
    later = truth.rindex(again)
    assert read(truth[:100] + truth[later:], truth).damage is Damage.GAP


@given(seed=SEEDS, start=st.integers(30, 900))
@quick
def test_a_missing_beginning_is_a_gap(seed: str, start: int) -> None:
    truth = story(seed)
    reading = read(truth[start:], truth)
    assert (reading.damage, reading.start, reading.stop) == (Damage.GAP, 0, size(truth[:start]))


@given(seed=SEEDS, places=cuts(2))
@quick
def test_a_part_that_came_twice_is_duplicated(seed: str, places: list[int]) -> None:
    truth, (a, b) = story(seed), places
    same = shared(truth[a:], truth[b:])
    reading = read(truth[:b] + truth[a:], truth)
    span = size(truth[: a + same]), size(truth[: b + same])
    assert (reading.damage, reading.start, reading.stop, reading.share) == (Damage.DUPLICATED, *span, 1)


@given(seed=SEEDS, places=cuts(3))
@quick
def test_two_parts_that_changed_places_are_reordered(seed: str, places: list[int]) -> None:
    truth, (a, b, c) = story(seed), places
    assume(len({truth[a], truth[b], truth[c]}) == 3)
    reading = read(truth[:a] + truth[b:c] + truth[a:b] + truth[c:], truth)
    assert (reading.damage, reading.start, reading.stop) == (Damage.REORDERED, size(truth[:a]), size(truth[:b]))


@pytest.mark.parametrize("seed", ["a", "b", "c", "d"])
def test_two_sentences_that_changed_places_are_reordered_though_they_begin_alike(seed: str) -> None:
    sentences = story(seed).split(". ")
    swapped = ". ".join([*sentences[:5], sentences[6], sentences[5], *sentences[7:]])
    assert read(swapped, ". ".join(sentences)).damage is Damage.REORDERED


@given(seed=SEEDS, places=cuts(2), char=st.sampled_from("\ufffd?\0"))
@quick
def test_characters_in_place_of_true_ones_are_garbled(seed: str, places: list[int], char: str) -> None:
    truth, (a, b) = story(seed), places
    reading = read(truth[:a] + char * (b - a) + truth[b:], truth)
    assert (reading.damage, reading.start, reading.stop) == (Damage.GARBLED, size(truth[:a]), size(truth[:b]))
    assert reading.detail == char * min(b - a, 80)


@given(seed=SEEDS, place=st.integers(30, 900), added=FOREIGN)
@quick
def test_characters_that_were_added_are_foreign(seed: str, place: int, added: str) -> None:
    truth = story(seed)
    reading = read(truth[:place] + added + truth[place:], truth)
    assert (reading.damage, reading.start, reading.stop) == (Damage.FOREIGN, size(truth[:place]), size(truth[:place]))
    assert (reading.detail, reading.share) == (added[:80], 1)


@given(seed=SEEDS, places=cuts(3), added=FOREIGN)
@quick
def test_unknown_characters_are_worse_than_any_loss(seed: str, places: list[int], added: str) -> None:
    truth, (a, b, c) = story(seed), places
    assert read(truth[:a] + truth[b:c] + added, truth).damage in (Damage.FOREIGN, Damage.GARBLED)


@given(data=st.data(), truth=st.text("ab é", max_size=60) | SEEDS.map(story))
@quick
def test_a_reading_stays_inside_the_truth(data: st.DataObject, truth: str) -> None:
    slices = st.slices(len(truth)).map(lambda part: truth[part])
    received = "".join(data.draw(st.lists(slices | st.text("ab é#", max_size=9), max_size=4)))
    reading = read(received, truth)
    assert (reading.damage is Damage.WHOLE) == (received == truth)
    assert 0 <= reading.share <= 1
    assert 0 <= reading.start <= reading.stop <= size(truth)
    assert str(reading)


def test_nothing_of_nothing_is_whole_and_something_of_nothing_is_foreign() -> None:
    assert read("", "").damage is Damage.WHOLE
    assert read("x", "").damage is Damage.FOREIGN


@given(seeds=st.lists(SEEDS, min_size=2, max_size=4, unique=True), end=st.integers(30, 900))
@quick
def test_the_closest_of_several_truths_is_the_one_that_was_said(seeds: list[str], end: int) -> None:
    truths = [story(seed) for seed in seeds]
    assert closest(truths[-1][:end], truths) == read(truths[-1][:end], truths[-1])


LONG = " ".join(f"word{number}" for number in range(20_000))


@pytest.mark.parametrize(
    ("received", "truth", "damage"),
    [
        (LONG[:70_000] + LONG[140_000:], LONG, Damage.GAP),
        (LONG[:140_000] + LONG[70_000:], LONG, Damage.DUPLICATED),
        (story("s") * 200, story("s"), Damage.DUPLICATED),
        ("日" * 66_667, story("s", 2), Damage.FOREIGN),
    ],
    ids=["gap", "duplicated", "again and again", "foreign"],
)
def test_two_hundred_kilobytes_are_read(received: str, truth: str, damage: Damage) -> None:
    assert read(received, truth).damage is damage
