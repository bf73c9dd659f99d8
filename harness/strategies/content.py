"""What a model says: blocks that stand together rightly, and answers whose stop reason fits them.

The text of one answer is one story, however many blocks it is in, so any piece of it tells its place.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from fake_server.answer import Answer
from fake_server.blocks import Block, text_block, thinking_block, tool_block, whole_block
from fake_server.fault import Fault
from fake_server.text import story
from harness.strategies.hints import values

_SENTENCES = st.integers(1, 4)
_WORDS = st.sampled_from((4, 1, 40))
"""In one delta of text."""
_TRICKY = st.sampled_from(("żółty 東京 🌍", 'a "b" \\ c', "\u2028\n\r\n", "data: x\n\n", "}", ""))
_INPUTS: SearchStrategy[dict[str, Any]] = st.dictionaries(st.text(max_size=8), values(Any) | _TRICKY, max_size=4)

_THINKING = st.builds(thinking_block, _SENTENCES.map(lambda number: story("thinking", number)))
_REDACTED = st.just(whole_block({"type": "redacted_thinking", "data": "EmwKAhgB"}))
_UNKNOWN = st.builds(whole_block, st.fixed_dictionaries({"type": st.just("novelty"), "data": values(Any)}))
_RESULT = {"type": "web_search_result", "title": "Žluť", "url": "https://example.com/", "encrypted_content": "Eqg=="}


@st.composite
def _texts(draw: DrawFn) -> tuple[Block, ...]:
    """A story in one block or in two."""
    text, words = story(draw(st.sampled_from("abc")), draw(_SENTENCES)), draw(_WORDS)
    place = text.find(". ") + 2
    if place < 2 or not draw(st.booleans()):
        return (text_block(text, words=words),)
    return text_block(text[:place], words=words), text_block(text[place:], words=words)


@st.composite
def _tools(draw: DrawFn) -> tuple[Block, ...]:
    """Calls of one or two tools, their inputs in pieces of some size."""
    names = draw(st.lists(st.sampled_from(("write_file", "list_files")), min_size=1, max_size=2, unique=True))
    return tuple(tool_block(name, draw(_INPUTS), piece=draw(st.sampled_from((12, 1, 1000)))) for name in names)


@st.composite
def _searches(draw: DrawFn) -> tuple[Block, ...]:
    """A tool that the server runs itself, and what it found."""
    found = draw(st.lists(st.just(_RESULT), max_size=2))
    call = tool_block("web_search", draw(_INPUTS), kind="server_tool_use")
    return call, whole_block({"type": "web_search_tool_result", "tool_use_id": call.whole["id"], "content": found})


_NOTHING: SearchStrategy[tuple[Block, ...]] = st.just(())


def _alone(block: SearchStrategy[Block]) -> SearchStrategy[tuple[Block, ...]]:
    return st.tuples(block)


@st.composite
def blocks(draw: DrawFn) -> tuple[Block, ...]:
    """The blocks of one answer in the API's order: thinking, text, what the server did, more text, calls of tools.

    Any of them may be missing. A text is a story, and tools are called with any JSON.
    """
    thinking = draw(_NOTHING | _alone(_THINKING) | _alone(_REDACTED))
    text = draw(_texts() | _NOTHING)
    between = draw(_NOTHING | _searches() | _alone(_UNKNOWN))
    return (*thinking, *text[:1], *between, *text[1:], *draw(_NOTHING | _tools()))


_CUT: tuple[dict[str, Any], ...] = ({"stop_reason": "max_tokens"}, {"stop_reason": "model_context_window_exceeded"})
_PAUSED: dict[str, Any] = {"stop_reason": "pause_turn"}
_SAID: tuple[dict[str, Any], ...] = (
    {"stop_reason": "end_turn"},
    *_CUT,
    {"stop_reason": "stop_sequence", "stop_sequence": "\n\nHuman:"},
    {"stop_reason": "refusal"},
    {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"}},
)


def _endings(said: tuple[Block, ...]) -> tuple[dict[str, Any], ...]:
    """The ways in which an answer with these blocks may stop; the usual one first."""
    kinds = {block.whole["type"] for block in said}
    if "tool_use" in kinds:
        return ({"stop_reason": "tool_use"}, *_CUT)
    return (*_SAID, _PAUSED) if "server_tool_use" in kinds else _SAID


@st.composite
def answers(draw: DrawFn, faults: SearchStrategy[Fault] | None = None) -> Answer:
    """Answers of one to four sentences, with other blocks, and with a stop reason that fits them.

    Args:
        faults: what may strike the stream, up to three at once; None lets all of them be whole.
    """
    struck = tuple(draw(st.lists(faults, max_size=3))) if faults is not None else ()
    pace = draw(st.sampled_from((0.0, 0.0, 0.01)))
    if draw(st.booleans()):
        said = draw(blocks())
        return Answer(blocks=said, pace=pace, faults=struck, **draw(st.sampled_from(_endings(said))))
    return Answer(sentences=draw(_SENTENCES), pace=pace, faults=struck, **draw(st.sampled_from(_SAID)))
