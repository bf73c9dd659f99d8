"""Raw events of the API, for tests that write streams by hand."""

from __future__ import annotations

import json
from typing import Any


def event(name: str, **fields: Any) -> str:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n"


START = event("message_start", message={"id": "msg_1", "type": "message", "content": [], "usage": {"input_tokens": 9}})
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
BLOCK_STOP = event("content_block_stop", index=0)
PING = event("ping")
STOP = event("message_stop")


def text(piece: str, index: int = 0) -> str:
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})


def reason(stop_reason: str | None = "end_turn", **usage: int) -> str:
    return event("message_delta", delta={"stop_reason": stop_reason}, usage=usage or {"output_tokens": 5})


def error(kind: str = "overloaded_error") -> str:
    return event("error", error={"type": kind, "message": "Overloaded"})


def whole(*pieces: str, stop_reason: str = "end_turn") -> list[str]:
    """A whole answer of these pieces of text."""
    return [START, BLOCK, *(text(piece) for piece in pieces), BLOCK_STOP, reason(stop_reason), STOP]


def tool(*fragments: str, stop: bool = True) -> list[str]:
    """A tool block with its input in fragments."""
    start = event(
        "content_block_start", index=0, content_block={"type": "tool_use", "id": "t1", "name": "go", "input": {}}
    )
    deltas = [
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": one})
        for one in fragments
    ]
    return [start, *deltas, *([BLOCK_STOP] if stop else [])]


def message(content: str, stop_reason: str | None = "end_turn") -> bytes:
    """A non-streaming message."""
    body = {"id": "msg_2", "type": "message", "role": "assistant", "content": [{"type": "text", "text": content}]}
    return json.dumps({**body, "stop_reason": stop_reason, "usage": {"input_tokens": 1, "output_tokens": 2}}).encode()
