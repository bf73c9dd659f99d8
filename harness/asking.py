"""What a client is asked to send, in the words of its dialect. Pure.

Sources: the API references of the Messages API, of OpenAI's chat completions and of its Responses (request bodies).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from fake_server.dialect import Dialect

MODELS = {
    Dialect.ANTHROPIC: "claude-sonnet-5-5",
    Dialect.OPENAI_CHAT: "gpt-5.5",
    Dialect.OPENAI_RESPONSES: "gpt-5.5",
}
PROMPT = "Tell me what happens in the village."


def asked(more: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The JSON body of a request, without ``stream``.

    Args:
        more: fields beside model, prompt and limit, or in place of them, in the form of the Messages API.
        dialect: in whose words it is said. A field that it has no word for is left out.
    """
    base = {"model": MODELS[dialect], "max_tokens": 1024, "messages": [{"role": "user", "content": PROMPT}]}
    body: dict[str, Any] = {**base, **more}
    match dialect:
        case Dialect.ANTHROPIC:
            return body
        case Dialect.OPENAI_CHAT:
            return _chat(body)
        case Dialect.OPENAI_RESPONSES:
            return _responses(body)
        case _:
            assert_never(dialect)


def _chat(body: Mapping[str, Any]) -> dict[str, Any]:
    system = [{"role": "system", "content": body["system"]}] if "system" in body else []
    said = {
        "model": body["model"],
        "max_completion_tokens": body["max_tokens"],
        "messages": [*system, *body["messages"]],
    }
    tools = [{"type": "function", "function": _function(tool)} for tool in body.get("tools", ())]
    return {**said, "tools": tools} if tools else said


def _responses(body: Mapping[str, Any]) -> dict[str, Any]:
    said = {"model": body["model"], "max_output_tokens": body["max_tokens"], "input": list(body["messages"])}
    if "system" in body:
        said["instructions"] = body["system"]
    tools = [{"type": "function", "strict": False, **_function(tool)} for tool in body.get("tools", ())]
    return {**said, "tools": tools} if tools else said


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": tool["description"]} if "description" in tool else {}
    return {"name": tool["name"], **described, "parameters": tool.get("input_schema", {"type": "object"})}
