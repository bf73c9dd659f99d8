"""Properties of large prompts: splitting is exact, every part fits, nothing gets lost, and the work is bounded."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from client_under_test.answer import Answer, Outcome
from client_under_test.errors import PromptTooLarge, RequestRefused
from client_under_test.large import PromptLimits, check, in_parts_sync, measure, split
from client_under_test.prompt_parts import SPLITS
from client_under_test.prompt_size import estimate

WORDS = st.sampled_from([
    "word", " ", "\n", "\n\n", "\r\n\r\n", ". ", "。", "é", "e\u0301", "四", "🌍", "👩\u200d🚀", "\ud83d", "\ude00",
    "\t", "x" * 30, "\u0301", "\U0001f1e9\U0001f1ea", "One. ",
])  # fmt: skip
TEXTS = st.lists(WORDS, max_size=60).map("".join) | st.text(max_size=80)
SENDABLE = st.text(st.characters(codec="utf-8"), max_size=60)
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
BLOCKS = st.lists(
    st.just(IMAGE)
    | SENDABLE.map(lambda text: {"type": "text", "text": text})
    | SENDABLE.map(lambda text: {"type": "tool_result", "content": [{"type": "text", "text": text}, IMAGE]})
    | SENDABLE.map(lambda text: {"type": "document", "source": {"type": "text", "data": text}}),
    max_size=4,
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | SENDABLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "content", "source", "data", "text", "role"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(text=TEXTS, tokens=st.integers(2, 40))
def test_the_pieces_of_a_text_are_the_text_and_each_is_within_the_limit(text: str, tokens: int) -> None:
    pieces = split(text, tokens)
    assert "".join(pieces) == text
    assert all(piece and estimate(piece) <= tokens for piece in pieces)


@given(text=TEXTS, tokens=st.integers(2, 40))
def test_no_two_neighbouring_pieces_would_fit_into_one(text: str, tokens: int) -> None:
    assert all(estimate(one + other) > tokens for one, other in pairwise(split(text, tokens)))


@given(text=st.lists(st.sampled_from(["a", "e\u0301", "\n", " \u0301", "👍🏽", ". "]), max_size=40).map("".join))
def test_no_character_is_torn_when_every_character_fits(text: str) -> None:
    assert not any(piece[0] in "\u0301🏽" for piece in split(text, 4)[1:])


@given(blocks=BLOCKS, system=SENDABLE, tools=st.lists(ANYTHING, max_size=2))
def test_the_parts_are_never_more_than_the_body(blocks: list[Any], system: str, tools: list[Any]) -> None:
    request = {"system": system, "tools": tools, "messages": [{"role": "user", "content": blocks}]}
    body = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()
    parts = measure(request)
    assert sum(part.bytes for part in parts) <= len(body)
    assert len({part.where for part in parts}) == len(parts)
    check(request, PromptLimits(body_bytes=len(body)))


@given(messages=ANYTHING, content=ANYTHING)
def test_any_json_at_all_is_measured_without_an_error(messages: Any, content: Any) -> None:
    measure({"system": content, "tools": messages, "messages": messages})
    measure({"messages": [{"role": "user", "content": content}]})


def rest(request: dict[str, Any], at: int) -> Any:
    """The request without the text that may differ."""
    bare = copy.deepcopy(request)
    del bare["messages"][0]["content"][at]["text"]
    return bare


@settings(max_examples=200)
@given(
    text=TEXTS.filter(lambda text: len(text) > 20),
    before=BLOCKS,
    after=BLOCKS,
    room=st.integers(2, 120),
    share=st.floats(0, 1.2),
    taken=st.integers(0, 200),
)
def test_parts_keep_their_order_and_all_other_blocks_and_their_number_is_bounded(
    text: str, before: list[Any], after: list[Any], room: int, share: float, taken: int
) -> None:
    text = "".join(char for char in text if not "\ud800" <= char <= "\udfff") + "x" * 250
    request = {"messages": [{"role": "user", "content": [*before, {"type": "text", "text": text}, *after]}]}
    untouched, at, sent = copy.deepcopy(request), len(before), []

    def complete(asked: dict[str, Any]) -> Answer:
        sent.append(asked)
        said = asked["messages"][0]["content"][at]["text"]
        if estimate(said) > taken:
            raise PromptTooLarge("413", status=413)
        return Answer(outcome=Outcome.COMPLETE, text="y" * int(len(said) * share))

    limit = sum(part.tokens for part in measure(request)) - estimate(text) + 3 + room
    with suppress(RequestRefused):
        in_parts_sync(complete, request, max_tokens=limit, map_prompt="m", reduce_prompt="r", max_parts=40)
    assert len(sent) <= SPLITS * 40 + SPLITS + 1
    assert request == untouched
    assert all(rest(one, at) == rest(request, at) for one in sent)
    assert all(sum(part.tokens for part in measure(one)) <= limit for one in sent)
    said = [one["messages"][0]["content"][at]["text"] for one in sent]
    parts = [one.removeprefix("m\n\n") for one in said if one.startswith("m\n\n") and estimate(one) <= taken]
    if any(one.startswith("r\n\n") for one in said):
        assert "".join(parts).endswith(text)
