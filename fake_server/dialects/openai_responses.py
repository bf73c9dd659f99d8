"""OpenAI's Responses as a server says them.

The event that ends a stream tells the reason of the end and repeats the whole answer: there is nothing behind it. A
thought is not told at all.

Source: OpenAI's API reference, "Responses" (streaming events), and the types of the official SDK, openai 3.54.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from fake_server.blocks import Block
from fake_server.dialect import Said
from fake_server.dialects.openai import arguments_of, call_id, in_messages, invalid, problems
from fake_server.dialects.openai import error_body as error_body
from fake_server.dialects.openai import head as head
from fake_server.effects import Send
from fake_server.validate import Problem
from fake_server.wire import json_text, sse

INCOMPLETE: Mapping[str, str] = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
"""``stop_reason`` of the Messages API to the reason of an incomplete response; with any other it is complete."""


def events(said: Said) -> Iterator[Send]:
    """The stream of an answer, its events numbered."""
    numbers = count()

    def event(kind: str, part: str, /, **fields: Any) -> Send:
        return Send(sse(kind, json_text({"type": kind, "sequence_number": next(numbers), **fields})), part)

    begun = _response(said, "in_progress")
    yield event("response.created", "message_start", response=begun)
    yield event("response.in_progress", "ping", response=begun)
    output: list[dict[str, Any]] = []
    for block in said.blocks:
        for kind, part, fields in _item(block, f"{said.identity}{len(output)}"):
            yield event(kind, part, output_index=len(output), **fields)
        if block.whole["type"] in ("text", "tool_use"):
            output.append(_whole_item(block, f"{said.identity}{len(output)}"))
    yield event(f"response.{_status(said)}", "message_delta", response=_ended(said, output))


def _item(block: Block, identity: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The events of one item of the output: name, part, fields."""
    if block.whole["type"] == "text":
        yield from _text_item(block, identity)
    elif block.whole["type"] == "tool_use":
        yield from _call_item(block, identity)


def _text_item(block: Block, identity: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    whole, item = _whole_item(block, identity), f"msg_{identity}"
    part, here = whole["content"][0], {"item_id": item, "content_index": 0}
    added = {**whole, "status": "in_progress", "content": []}
    yield "response.output_item.added", "content_block_start", {"item": added}
    yield "response.content_part.added", "content_part", {**here, "part": {**part, "text": ""}}
    for delta in block.deltas:
        if delta["type"] == "text_delta":
            said = {**here, "delta": delta["text"], "logprobs": []}
            yield "response.output_text.delta", "content_block_delta", said
    yield "response.output_text.done", "text_done", {**here, "text": part["text"], "logprobs": []}
    yield "response.content_part.done", "content_part_done", {**here, "part": part}
    yield "response.output_item.done", "content_block_stop", {"item": whole}


def _call_item(block: Block, identity: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    whole, here = _whole_item(block, identity), {"item_id": f"fc_{identity}"}
    added = {**whole, "status": "in_progress", "arguments": ""}
    yield "response.output_item.added", "content_block_start", {"item": added}
    for delta in block.deltas:
        if delta["partial_json"]:
            said = {**here, "delta": delta["partial_json"]}
            yield "response.function_call_arguments.delta", "content_block_delta", said
    yield "response.function_call_arguments.done", "text_done", {**here, "arguments": whole["arguments"]}
    yield "response.output_item.done", "content_block_stop", {"item": whole}


def _whole_item(block: Block, identity: str) -> dict[str, Any]:
    if block.whole["type"] == "text":
        part = {"type": "output_text", "text": block.whole["text"], "annotations": []}
        message = {"id": f"msg_{identity}", "type": "message", "status": "completed", "role": "assistant"}
        return {**message, "content": [part]}
    return {
        "id": f"fc_{identity}",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id(block.whole),
        "name": block.whole["name"],
        "arguments": arguments_of(block.whole, block.deltas),
    }


def message(said: Said) -> dict[str, Any]:
    """The answer as one response."""
    kept = [block for block in said.blocks if block.whole["type"] in ("text", "tool_use")]
    return _ended(said, [_whole_item(block, f"{said.identity}{place}") for place, block in enumerate(kept)])


def _response(said: Said, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{said.identity}",
        "object": "response",
        "created_at": int(said.now),
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": said.body.get("model", "gpt-5"),
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
        "metadata": {},
    }


def _ended(said: Said, output: list[dict[str, Any]]) -> dict[str, Any]:
    reason = INCOMPLETE.get(said.stop_reason or "")
    given = said.more_usage.get("input_tokens", said.input_tokens)
    usage = {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": said.more_usage.get("cache_read_input_tokens", 0)},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + said.output_tokens,
    }
    details = None if reason is None else {"reason": reason}
    return {**_response(said, _status(said)), "incomplete_details": details, "output": output, "usage": usage}


def _status(said: Said) -> str:
    return "incomplete" if said.stop_reason in INCOMPLETE else "completed"


def conversation(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The input and the instructions of a request, in the form of the Messages API."""
    given = body.get("input")
    turns = [{"role": "user", "content": given}] if isinstance(given, str) else given
    system = body.get("instructions")
    return in_messages(turns if isinstance(turns, list) else [], system if isinstance(system, str) else "")


def problem_in(body: Any, headers: Mapping[str, str]) -> Problem | None:
    """The first problem of a request, None when the API would take it."""
    return next(_problems(body, headers), None)


def _problems(body: Any, headers: Mapping[str, str]) -> Iterator[Problem]:
    yield from problems(body, headers, ("input",))
    given = body["input"]
    if isinstance(given, str | list) and given:
        yield from _items([item if isinstance(item, dict) else {} for item in given] if isinstance(given, list) else [])
    else:
        yield invalid("Invalid 'input': expected a string or an array of items that is not empty.")


def _items(items: list[dict[str, Any]]) -> Iterator[Problem]:
    for place, item in enumerate(items):
        if not item.get("type", "role" in item):
            yield invalid(f"Invalid value for 'input[{place}]': expected a message or an item with a type.")
    calls = {item.get("call_id") for item in items if item.get("type") == "function_call"}
    answered = {item.get("call_id") for item in items if item.get("type") == "function_call_output"}
    for call in sorted(str(one) for one in calls - answered):
        yield invalid(f"No tool output found for function call {call}.")
    for call in sorted(str(one) for one in answered - calls):
        yield invalid(f"No tool call found for function call output with call_id {call}.")
