"""What a client is asked to send, in each dialect."""

from __future__ import annotations

import pytest

from fake_server.dialect import Dialect
from fake_server.speech import speech_of
from harness.asking import MODELS, PROMPT, asked

HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01", "authorization": "Bearer k"}
TOOLS = {
    "tools": [
        {"name": "go", "description": "Go.", "input_schema": {"type": "object", "properties": {}}},
        {"name": "wait"},
    ]
}


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("more", [{}, {"system": "Be brief."}, TOOLS, {"model": "m", "max_tokens": 5}])
def test_what_is_asked_is_a_good_request(dialect: Dialect, more: dict[str, object]) -> None:
    body = asked(more, dialect)
    assert speech_of(dialect).problem_in(body, HEADERS) is None
    assert body["model"] == more.get("model", MODELS[dialect])


@pytest.mark.parametrize("dialect", Dialect)
def test_prompt_and_system_prompt_are_said_in_each_dialect(dialect: Dialect) -> None:
    said = speech_of(dialect).conversation(asked({"system": "Be brief."}, dialect))
    assert said["messages"] == [{"role": "user", "content": PROMPT}]
    assert str(said["system"]).strip() == "Be brief."


def test_tools_are_described_in_the_words_of_each_dialect() -> None:
    chat = asked(TOOLS, Dialect.OPENAI_CHAT)["tools"]
    assert chat[0]["function"]["parameters"] == {"type": "object", "properties": {}}
    responses = asked(TOOLS, Dialect.OPENAI_RESPONSES)["tools"]
    assert [(one["name"], one.get("description")) for one in responses] == [("go", "Go."), ("wait", None)]
