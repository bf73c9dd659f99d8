"""The twin in JavaScript decodes, buffers, joins and waits as the Python client does: both are given the same."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.test_node_asked import NEEDS_NODE, twin
from virtual import REQUEST

from client_under_test.buffer import SentenceBuffer
from client_under_test.continuation import Strategy, continued, strategy_for
from client_under_test.display import Display
from client_under_test.errors import LimitExceeded
from client_under_test.policy import retry_after
from client_under_test.sse import SseDecoder
from harness.reference import read_events

pytestmark = NEEDS_NODE
ROUNDS = pytest.mark.parametrize(
    "again", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, 11))]
)
"""Once for every day, and ten times more where time is of no concern."""


def pieces(raw: Any, cuts: list[int] | None) -> list[Any]:
    """``raw`` cut there; everywhere when ``cuts`` is None."""
    edges = range(len(raw) + 1) if cuts is None else [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges)]


CUTS = st.none() | st.lists(st.integers(0, 10_000), max_size=12)

# ---- the decoder -----------------------------------------------------------------------------------------------------

SCRAPS = st.lists(
    st.sampled_from([
        b"data: a", b"data:b", b"data", b"data:  c", b": c", b":", b"event: x", b"event:", b"event", b"id: 1", b"id:\0",
        b"id", b"retry: 5", b"retry: 007", b"retry: 5x", b"dat", b"datax: 1", b"\n", b"\n", b"\n\n", b"\r", b"\r\n",
        "x: é東🌍".encode(), "data: 🌍".encode(), b"\xf0\x9f", b"\xff", b"\xef\xbb\xbf", b"\0", "\u2028\x85".encode(),
    ]),
    max_size=16,
).map(b"".join)  # fmt: skip


@settings(max_examples=150)
@given(raw=SCRAPS | st.binary(max_size=60), cuts=CUTS)
def test_events_are_those_of_the_standard_however_the_bytes_are_cut(raw: bytes, cuts: list[int] | None) -> None:
    events, _ = twin().ask("decode", pieces=[one.decode("latin-1") for one in pieces(raw, cuts)], limit=1000)
    assert [(name, data) for name, data, _ in events] == read_events(raw)


@settings(max_examples=150)
@given(raw=SCRAPS, cuts=CUTS, limit=st.integers(0, 30))
def test_ids_retry_and_limits_are_those_of_the_python_decoder(raw: bytes, cuts: list[int] | None, limit: int) -> None:
    decoder = SseDecoder(max_line_bytes=limit, max_event_bytes=limit)
    expected: list[list[str]] = []
    try:
        for piece in pieces(raw, cuts):
            expected += [[event.name, event.data, event.last_id] for event in decoder.feed(piece)]
    except LimitExceeded:
        expected.append(["LimitExceeded"])
    told = twin().ask("decode", pieces=[one.decode("latin-1") for one in pieces(raw, cuts)], limit=limit)
    assert told == [expected, decoder.retry_ms]


# ---- the sentence buffer ---------------------------------------------------------------------------------------------

ATOMS = (
    "` `` ``` ```` ~ ~~~ ~~~~ . ... … ? ! ?! 。 。」 ？ ． ؟ । 」 “ ” ' \" * ** _ ( ) > - # | , A J I a iv Foo foo Dr"
    " etc e.g U.S a.m No am 1 12 2020 3.14 東 One. xxxxxxxxx É ß ½ ² Ⅳ"
).split()
GAPS = [" ", " ", "  ", "   ", "    ", "\t", "\n", "\n", "\n\n", "\r\n", "\xa0", "\u2028", "\u200f", "\x1c", "\x85"]
LUMPS = [
    "👩\u200d👧",
    "e\u0301",
    "\u0301",
    "🇩🇪",
    "```\n",
    "\n```\n",
    "~~~ py\n",
    "\n~~~\n",
    "am 3. ",
    "I am 3. A",
    "。. a",
]
TEXTS = st.lists(st.sampled_from([*ATOMS, *GAPS, *LUMPS]), max_size=40).map("".join) | st.text(
    alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "Z", "S", "M"], max_codepoint=0x24FF), max_size=40
)


@ROUNDS
@settings(max_examples=150)
@given(
    said=TEXTS,
    cuts=CUTS,
    waits=st.lists(st.sampled_from([0.0, 0.0, 0.3, 1.0]), min_size=1, max_size=9),
    idle=st.sampled_from([0.0, 0.5]),
    chars=st.sampled_from([1, 4, 5, 9, 40, 400]),
)
def test_sentences_are_those_of_the_python_buffer(
    again: int, said: str, cuts: list[int] | None, waits: list[float], idle: float, chars: int
) -> None:
    buffer, now = SentenceBuffer(max_idle=idle, max_chars=chars), 0.0
    pushes, expected = [], []
    for number, piece in enumerate(pieces(said, cuts)):
        now += waits[number % len(waits)]
        pushes.append([piece, now])
        expected.append([buffer.push(piece, now), buffer.due])
    assert twin().ask("sentences", pushes=pushes, idle=idle, chars=chars) == [*expected, buffer.flush()]


# ---- the display and its seams ---------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["ab", "abc", " ", "\n", "🌍", "🌍🌍", "the mill ", "é", "x\u0301"]), max_size=14).map(
    "".join
)


ROW = "| the mill | the pond | the heron | dawn |\n"
NUMBERS = " ".join(map(str, range(100, 130)))
STARTS = [
    "the mill " * 6, "ab" * 24, "ab" * 60, "a" * 70, "a" * 71, ROW, f"x\n{ROW}", f"x{ROW}", f"{ROW[:-1]} 🌍\n",
    f"x\n{ROW[:-1] * 2}\n", *(f"x\n{NUMBERS[:size]}\n" for size in (78, 79, 80)),
    "a mill. the pond. the mill. the heron. a mill.", "a pond 🌍 and a mill 🌍 and a heron at dawn, and ",
]  # fmt: skip


@st.composite
def steps(draw: st.DrawFn) -> list[list[Any]]:
    """Attempts of which many repeat what was said: all of it, or its end."""
    said, taken = "", list[list[Any]]()
    if draw(st.booleans()):
        said = draw(st.sampled_from(STARTS)) + draw(WORDS)
        taken = [["say", said]]
    for _ in range(draw(st.integers(1, 4))):
        begins = draw(st.sampled_from(["startOver", "goOn", "goOn"]))
        lines = [0, *(one.end() for one in re.finditer("\n", said))]
        at = draw(st.sampled_from(lines) | st.integers(0, len(said)))
        repeated = said[at:] if begins == "goOn" else said
        new = repeated[: draw(st.integers(0, len(repeated)))] if draw(st.booleans()) else repeated
        new += draw(WORDS)
        may_repeat = draw(st.sampled_from([[], [], [False]])) if begins == "goOn" else []
        taken += [[begins, *may_repeat], *(["say", one] for one in pieces(new, draw(CUTS)) if one)]
        taken += draw(st.sampled_from([[], [["finish"]], [["finish"], ["settle"]]]))
        said += new
    return taken


@ROUNDS
@settings(max_examples=150)
@given(taken=steps())
@example(taken=[["say", f"x\n{NUMBERS[:79]}\n"], ["goOn"], ["say", f"{NUMBERS[:79]}\nmore"]])
def test_what_a_display_shows_is_what_the_python_display_shows(again: int, taken: list[list[Any]]) -> None:
    display, expected = Display(), []
    for name, *given_ in taken:
        named = {"may_repeat": given_[0]} if name == "goOn" and given_ else {}
        method = getattr(display, re.sub("[A-Z]", lambda one: f"_{one[0].lower()}", name))
        shown = method(**named) if named else method(*given_)
        expected.append(None if shown is None else {"text": shown.text, "reset": shown.reset})
    assert twin().ask("display", steps=taken) == [*expected, display.text]


# ---- continuation and hints ------------------------------------------------------------------------------------------

MODELS = """claude-sonnet-5-5 claude-opus-4-6 claude-sonnet-4-5-20250929 claude-haiku-4-5 claude-3-5-sonnet-latest
    claude-2.1 claude-instant-1 claude-sonnet-4@20250514 claude-30 us.anthropic.claude-opus-4-20250514-v1:0 x""".split()
STRATEGIES = [one.value for one in Strategy]
MORE: list[dict[str, Any]] = [
    {}, {"tools": []}, {"tools": [{}]}, {"thinking": {"type": "enabled"}}, {"system": "Be."}, {"messages": None},
    {"system": [{"type": "text", "text": "Be."}]}, {"output_format": {"type": "json_schema"}},
    {"output_config": {"format": {}}}, {"output_config": {"format": {"type": "json_schema"}}},
]  # fmt: skip


@settings(max_examples=100)
@given(
    model=st.sampled_from(MODELS),
    more=st.sampled_from(MORE),
    partial=st.builds(str.__add__, st.sampled_from(["", *STARTS]), WORDS),
    forced=st.none() | st.sampled_from(STRATEGIES),
    refused=st.lists(st.sampled_from(STRATEGIES), max_size=2),
)  # fmt: skip
def test_the_rest_is_asked_for_as_in_python(
    model: str, more: dict[str, Any], partial: str, forced: str | None, refused: list[str]
) -> None:
    request = {**REQUEST, "model": model, **more}
    ways = [Strategy(one) for one in refused]
    strategy = strategy_for(request, partial, forced=None if forced is None else Strategy(forced), refused=ways)
    told = twin().ask("strategy", request=request, partial=partial, forced=forced, refused=refused)
    assert told == [strategy.value, continued(request, partial, strategy)]


DATES = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "6 Nov 1994",
         "Sun, 06 Nov 1994 08:49:60 GMT",
         "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"]  # fmt: skip
HINTS = st.sampled_from(
    ["5", "1.5", "-5", "nan", "inf", "1e3", "120junk", "86400", "86401", " 7 ", "", "9" * 400, *DATES]
)


@settings(max_examples=100)
@given(headers=st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), HINTS))
def test_hints_are_read_as_in_python(headers: dict[str, str]) -> None:
    wall = 784_111_700.5
    assert twin().ask("hint", headers=headers, wall=wall) == retry_after(headers, wall)
