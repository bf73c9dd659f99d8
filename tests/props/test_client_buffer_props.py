"""Properties of the sentence buffer: nothing lost, the same for every chunking, no fence cut, nothing held too long."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from client_under_test.buffer import SentenceBuffer, sentences

MARKS = "` `` ``` ```` ~ ~~~ ~~~~ . ... … ? ! ?! 。 。」 ？ ． ؟ । 」 “ ” ' \" * ** _ ( ) > - # | ,".split()
PARTS = "A J I a iv Foo foo Dr etc e.g U.S a.m No am 1 12 2020 3.14 東 One. xxxxxxxxx".split()
GAPS = [" ", " ", "  ", "   ", "    ", "\t", "\n", "\n", "\n\n", "\r\n", "\xa0", "\u2028", "\u200f", "\x1c", "\x85"]
LUMPS = ["👩\u200d👧", "e\u0301", "\u0301", "\ud83d", "\ude00", "🇩🇪", "```\n", "\n```\n", "~~~ py\n", "\n~~~\n"]
ATOMS = [*MARKS, *PARTS, *GAPS, *LUMPS]
WORDS = st.sampled_from(
    ["One", "two", "Dr.", "e.g.", "3.14", "J.", "(so.)", "“Yes.”", "`a. B`", "**C.**", "你好。", "好"]
)
CLAUSES = st.tuples(
    st.lists(WORDS, min_size=1, max_size=5).map(" ".join), st.sampled_from([". ", "? ", "… ", "。", ".", ""])
)
LINES = st.tuples(
    st.sampled_from(["", "- ", "1. ", "# ", "> ", "  ", "     ", "``", "| "]),
    st.lists(CLAUSES, max_size=3).map(lambda clauses: "".join(map("".join, clauses))),
    st.sampled_from(["\n", "\n\n", " \n", "\r\n"]),
).map("".join)
BARS = st.tuples(st.sampled_from(["", " ", "   ", "    "]), st.sampled_from("`~"), st.integers(1, 5)).map(
    lambda bar: bar[0] + bar[1] * bar[2]
)
FENCES = st.tuples(
    BARS, st.sampled_from(["", "py", " a`b", " "]), st.just("\n"), LINES, BARS, st.sampled_from(["\n", " \n", "x\n"])
)
DOCUMENTS = st.lists(LINES | FENCES.map("".join), max_size=8).map("".join)
PROSE = st.lists(
    st.tuples(
        st.sampled_from("One two iv XI vs Dr no — - I größer 東京 am 3 3. ´".split()),
        st.sampled_from([" ", " ", ". ", "! ", ".  ", ".\n"]),
    ).map("".join),
    max_size=12,
).map("".join)
TEXTS = st.lists(st.sampled_from(ATOMS), max_size=40).map("".join) | DOCUMENTS | PROSE | st.text(max_size=40)
CUTS = st.lists(st.integers(0, 10_000), max_size=12)
SIZES = st.sampled_from([1, 4, 5, 9, 40, 400])
WAITS = st.lists(st.sampled_from([0.0, 0.0, 0.3, 1.0]), min_size=1, max_size=9)

OPENER = re.compile(r" {0,3}(?P<bar>`{3,}(?=[^`]*\Z)|~{3,})")


def pieces(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


def closed_fences(text: str) -> list[tuple[int, int]]:
    """Where closed fences begin and end, told line by line from the whole text."""
    found, at, start, bar = [], 0, 0, ""
    for line in re.findall(r"[^\n]*\n", text):
        if not bar and (opener := OPENER.match(line)):
            start, bar = at, opener["bar"]
        elif bar and re.fullmatch(rf" {{0,3}}{bar}{bar[0]}*[ \t\r]*\n", line):
            found, bar = [*found, (start, at + len(line))], ""
        at += len(line)
    return found


def in_one(text: str, max_chars: int = 400) -> list[str]:
    one = SentenceBuffer(max_chars=max_chars)
    return [*one.push(text), *one.flush()]


def in_time(text: str, cuts: list[int], waits: list[float], one: SentenceBuffer) -> list[str]:
    """What comes out when the text comes in pieces, with a wait after each, and time is kept."""
    items, now = [], 0.0
    for number, piece in enumerate(pieces(text, cuts)):
        items += one.push(piece, now)
        now += waits[number % len(waits)]
        items += one.tick(now)
    return items + one.flush()


@given(text=TEXTS, cuts=CUTS, waits=WAITS, size=SIZES, idle=st.sampled_from([0, 0.5]))
def test_what_comes_out_is_what_went_in(text: str, cuts: list[int], waits: list[float], size: int, idle: float) -> None:
    items = in_time(text, cuts, waits, SentenceBuffer(max_idle=idle, max_chars=size))
    assert "".join(items) == text
    assert all(items)


@example(text="—; iv. One two. ", cuts=[], size=400)  # a number of a list, though a word is before it
@given(text=TEXTS, cuts=CUTS, size=SIZES)
def test_the_sentences_are_the_same_for_every_chunking(text: str, cuts: list[int], size: int) -> None:
    whole = in_one(text, size)
    for chunks in (pieces(text, cuts), list(text)):
        one = SentenceBuffer(max_chars=size)
        assert [item for chunk in chunks for item in one.push(chunk)] + one.flush() == whole


@given(text=TEXTS)
def test_a_whole_text_has_the_sentences_of_a_stream(text: str) -> None:
    assert sentences(text) == in_one(text)


@given(text=DOCUMENTS | TEXTS, cuts=CUTS, waits=WAITS, size=SIZES, idle=st.sampled_from([0, 0.5]))
def test_a_closed_fence_comes_out_in_one_piece(
    text: str, cuts: list[int], waits: list[float], size: int, idle: float
) -> None:
    items = in_time(text, cuts, waits, SentenceBuffer(max_idle=idle, max_chars=size))
    ends = [len("".join(items[:count])) for count in range(len(items))]
    assert not [(fence, end) for fence in closed_fences(text) for end in ends if fence[0] < end < fence[1]]


@given(text=TEXTS, cuts=CUTS, waits=WAITS, size=SIZES)
def test_only_what_has_a_fence_is_longer_than_allowed(
    text: str, cuts: list[int], waits: list[float], size: int
) -> None:
    items = in_time(text, cuts, waits, SentenceBuffer(max_chars=size))
    long = [item for item in items if len(item) > max(size, 4)]
    assert all(any(OPENER.match(line) for line in item.split("\n")) for item in long)


@given(text=TEXTS, cuts=CUTS, waits=WAITS)
def test_time_gives_out_all_that_is_due_and_nothing_before(text: str, cuts: list[int], waits: list[float]) -> None:
    one, now = SentenceBuffer(), 0.0
    for piece, wait in zip(pieces(text, cuts), waits, strict=False):
        one.push(piece, now)
        due = one.due
        assert due is None or due > now
        now += wait
        assert bool(one.tick(now)) == (due is not None and now >= due)
        assert one.due is None or one.due > now


@given(text=TEXTS, cuts=CUTS, waits=WAITS)
def test_the_sentences_are_the_same_whether_or_not_a_tick_comes_first(
    text: str, cuts: list[int], waits: list[float]
) -> None:
    lazy, items, now = SentenceBuffer(), list[str](), 0.0
    for number, piece in enumerate(pieces(text, cuts)):
        items += lazy.push(piece, now)
        now += waits[number % len(waits)]
    assert items + lazy.tick(now) + lazy.flush() == in_time(text, cuts, waits, SentenceBuffer())


@given(text=TEXTS, cuts=CUTS)
def test_without_idle_time_only_what_is_or_may_become_a_fence_is_held(text: str, cuts: list[int]) -> None:
    one = SentenceBuffer(max_idle=0)
    for piece in pieces(text, cuts):
        one.push(piece)
        assert one.due is None
    held = "".join(one.flush()).lstrip("\n\r\t ")
    assert not held or held[0] in "`~"
