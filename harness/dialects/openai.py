"""What OpenAI's two dialects have in common for the oracle.

Source: OpenAI's API reference ("Error object", usage).
"""

from __future__ import annotations

import json
from typing import Any

from harness.reference import Response, as_object

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""``finish_reason`` to the words of the Messages API."""
_COUNTS = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}


def report(response: Response, error: Any) -> None:
    """Note an error: by its code where it has one, otherwise by its type; by no name where it has neither."""
    error = as_object(error)
    name = error.get("type") if error.get("code") is None else error["code"]
    response.error_kind = "" if name is None else str(name)


def count(response: Response, usage: Any) -> None:
    """Note a count of tokens, whichever of the two dialects names them."""
    for name, value in as_object(usage).items():
        if isinstance(value, int) and not isinstance(value, bool):
            response.usage[_COUNTS.get(name, name)] = value
            response.counted = True


def arguments(raw: Any) -> dict[str, Any] | None:
    """The object of JSON that a tool call's arguments are, None when they are none."""
    try:
        given = json.loads(raw)
    except (ValueError, TypeError, RecursionError):
        return None
    return given if isinstance(given, dict) else None
