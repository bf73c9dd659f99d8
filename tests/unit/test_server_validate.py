"""Requests that the API refuses, in its own words, and requests that it takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.validate import Problem, allows_prefill, problem_in

OLD, NEW = "claude-sonnet-4-5", "claude-opus-4-6"
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
ASK = {"role": "user", "content": "Hi"}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]}
GOOD: dict[str, Any] = {"model": OLD, "max_tokens": 10, "messages": [ASK]}


def body(*messages: Any, model: str = OLD) -> dict[str, Any]:
    return {"model": model, "max_tokens": 10, "messages": list(messages)}


def says(*blocks: Any, role: str = "assistant") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


BAD: dict[str, tuple[Any, str]] = {
    "no object": ([], "body: Input should be a valid dictionary"),
    "null": (None, "body: Input should be a valid dictionary"),
    "no model": (without("model"), "model: Field required"),
    "no max_tokens": (without("max_tokens"), "max_tokens: Field required"),
    "no messages": (without("messages"), "messages: Field required"),
    "model": (GOOD | {"model": 4}, "model: Input should be a valid string"),
    "max_tokens": (GOOD | {"max_tokens": "10"}, "max_tokens: Input should be a valid integer"),
    "max_tokens true": (GOOD | {"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    "max_tokens negative": (GOOD | {"max_tokens": -1}, "max_tokens: Input should be greater than"),
    "messages": (GOOD | {"messages": "Hi"}, "messages: Input should be a valid list"),
    "messages empty": (body(), "messages: at least one message is required"),
    "stream": (GOOD | {"stream": "yes"}, "stream: Input should be a valid boolean"),
    "message": (body(ASK, "Hi"), "messages.1: Input should be a valid dictionary"),
    "role": (body({"role": "tool", "content": "x"}), "messages.0.role: Input should be"),
    "content": (body({"role": "user", "content": 1}), "messages.0.content: Input should be a valid string or list"),
    "no content": (body({"role": "user"}), "messages.0.content: Input should be a valid string or list"),
    "empty text": (body({"role": "user", "content": ""}), "messages.0: all messages must have non-empty content"),
    "no blocks": (body({"role": "user", "content": []}), "messages.0: all messages must have non-empty content"),
    "block": (body(ASK, says("x")), "messages.1.content.0: Input should be a content block with a type"),
    "block type": (body(ASK, says({"text": "x"})), "messages.1.content.0: Input should be a content block with a type"),
    "blank text": (body(says(text("x"), text(" \n"), role="user")), "messages.0.content.1: text content blocks must"),
    "no text": (body(says({"type": "text"}, role="user")), "text content blocks must contain non-whitespace text"),
    "unsigned": (
        body(ASK, says({"type": "thinking", "thinking": "x", "signature": ""}, text("y")), ASK),
        "messages.1.content.0.thinking.signature: Field required",
    ),
    "no signature": (body(ASK, says({"type": "thinking", "thinking": "x"})), "thinking.signature: Field required"),
    "orphan call": (body(ASK, CALL, ASK), "messages.1: `tool_use` ids were found without `tool_result` blocks"),
    "last call": (body(ASK, CALL), "immediately after: t1. Each `tool_use`"),
    "late result": (body(ASK, CALL, ASK, RESULT), "messages.1: `tool_use` ids were found without"),
    "stray result": (body(RESULT), "messages.0: unexpected `tool_use_id` found in `tool_result` blocks: t1."),
    "result twice": (body(ASK, CALL, RESULT, RESULT), "messages.3: unexpected `tool_use_id`"),
    "prefill": (body(ASK, says(text("x")), model=NEW), "does not support assistant message prefill"),
    "prefill string": (body(ASK, {"role": "assistant", "content": "x"}, model=NEW), "must end with a user message"),
    "trailing space": (body(ASK, says(text("x "))), "final assistant content cannot end with trailing whitespace"),
    "trailing newline": (body(ASK, {"role": "assistant", "content": "x\n"}), "cannot end with trailing whitespace"),
}
TAKEN: dict[str, Any] = {
    "smallest": GOOD,
    "stream": GOOD | {"stream": True, "temperature": 1, "system": "Be brief", "max_tokens": 0},
    "blocks": body(says(text("Hi"), {"type": "image", "source": {}}, role="user")),
    "system turn": body({"role": "system", "content": "Be brief"}, ASK),
    "tool": body(ASK, CALL, RESULT, model=NEW),
    "two tools": body(
        ASK,
        says(*CALL["content"], {"type": "tool_use", "id": "t2"}),
        says({"type": "tool_result", "tool_use_id": "t2"}, *RESULT["content"], text("Go on"), role="user"),
    ),
    "server tool": body(ASK, says({"type": "server_tool_use", "id": "s1"}, text("x"))),
    "signed": body(ASK, says({"type": "thinking", "thinking": "", "signature": "s"}, text("x")), ASK, model=NEW),
    "redacted": body(ASK, says({"type": "redacted_thinking", "data": "x"}, text("y")), ASK),
    "prefill": body(ASK, says(text("x"))),
    "prefill string": body(ASK, {"role": "assistant", "content": " x"}),
    "space inside": body(ASK, says(text("x ")), ASK),
}
OLD_MODELS = """claude-3-opus-latest claude-3-5-sonnet-20241022 claude-sonnet-4-20250514 claude-opus-4-0
claude-opus-4-1-20250805 claude-sonnet-4-5-20250929 claude-opus-4-5-20251101 claude-haiku-4-5 gpt-5""".split()
NEW_MODELS = """claude-opus-4-6 claude-sonnet-4-6-20260217 claude-opus-4-8 claude-opus-4-10 claude-haiku-5-5
claude-opus-5 claude-opus-5-20260724 claude-sonnet-5 claude-mythos-5 claude-mythos-5-1 claude-fable-5-2""".split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
TYPES = st.sampled_from(["text", "thinking", "tool_use", "tool_result"]) | JSON
KEYS = st.sampled_from(["type", "text", "thinking", "signature", "id", "tool_use_id"])
LIKE_BLOCKS = st.builds(lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(KEYS, JSON)) | JSON
ROLES = st.sampled_from(["user", "assistant"])
LIKE_MESSAGES = st.fixed_dictionaries({"role": ROLES, "content": st.lists(LIKE_BLOCKS, max_size=3) | JSON})
LIKE_BODIES = st.builds(body, LIKE_MESSAGES, LIKE_MESSAGES | JSON, model=st.sampled_from([OLD, NEW, "claude-opus-٤-٦"]))
quick = settings(max_examples=30)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_in_the_words_of_the_api(name: str) -> None:
    request, words = BAD[name]
    problem = problem_in(request, HEADERS)
    assert problem is not None
    assert problem.status == 400
    assert words in problem.message


@pytest.mark.parametrize("name", TAKEN)
def test_a_good_request_is_taken(name: str) -> None:
    assert problem_in(TAKEN[name], HEADERS) is None


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({}, Problem(401, "x-api-key header is required")),
        ({"anthropic-version": "2023-06-01", "x-api-key": " "}, Problem(401, "x-api-key header is required")),
        ({"anthropic-version": "2023-06-01", "authorization": "Bearer "}, Problem(401, "x-api-key header is required")),
        ({"x-api-key": "k"}, Problem(400, "anthropic-version: header is required")),
        (HEADERS | {"anthropic-version": "1"}, Problem(400, 'anthropic-version: "1" is not a valid version')),
        (HEADERS | {"anthropic-version": "2026-10-21"}, None),
        ({"anthropic-version": "2023-06-01", "authorization": "Bearer k"}, None),
    ],
    ids=str,
)
def test_a_request_needs_a_key_and_a_known_version(headers: dict[str, str], problem: Problem | None) -> None:
    assert problem_in(GOOD, headers) == problem


@pytest.mark.parametrize("model", OLD_MODELS)
def test_models_up_to_4_5_and_unknown_ones_allow_prefill(model: str) -> None:
    assert allows_prefill(model)


@pytest.mark.parametrize("model", NEW_MODELS)
def test_models_from_4_6_on_allow_no_prefill(model: str) -> None:
    assert not allows_prefill(model)


@given(request=LIKE_BODIES | st.builds(dict, st.just(GOOD), messages=JSON) | JSON)
@quick
def test_no_json_value_is_more_than_a_problem(request: Any) -> None:
    problem = problem_in(request, HEADERS)
    assert problem is None or problem.status == 400


def test_a_version_of_thousands_of_digits_is_no_more_than_a_problem() -> None:
    request = body(ASK, says(text("x")), model=f"claude-opus-{'9' * 5000}-1")
    assert problem_in(request, HEADERS) is not None


@given(headers=st.dictionaries(st.sampled_from([*HEADERS, "authorization"]), st.text(max_size=12)))
@quick
def test_no_headers_are_more_than_a_problem(headers: dict[str, str]) -> None:
    problem = problem_in(GOOD, headers)
    assert problem is None or problem.status in (400, 401)
