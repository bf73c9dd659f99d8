"""Raw events of OpenAI's APIs, for tests that write streams by hand."""

from __future__ import annotations

import json
from typing import Any

DONE = "data: [DONE]\n\n"


def data(value: Any) -> str:
    return f"data: {json.dumps(value)}\n\n"


def chunk(delta: Any = None, reason: str | None = None, **more: Any) -> str:
    """A chunk with one choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": reason}
    return data({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-5", "choices": [choice], **more})


def text(piece: str) -> str:
    return chunk({"content": piece})


def usage(prompt: int = 9, completion: int = 5) -> str:
    counted = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return data({"id": "chatcmpl-1", "choices": [], "usage": counted})


def call(arguments: str | None = None, **more: Any) -> str:
    """A chunk with a piece of a tool call; ``name`` goes into its function."""
    function = {"name": more.pop("name", None), "arguments": arguments}
    said = {key: value for key, value in function.items() if value is not None}
    return chunk({"tool_calls": [{**more, "function": said}]})


def whole(*pieces: str, reason: str | None = "stop") -> list[str]:
    """A whole answer of these pieces of text."""
    role = chunk({"role": "assistant", "content": ""})
    return [role, *(text(piece) for piece in pieces), chunk({}, reason), usage(), DONE]


def completion(message: Any, reason: str | None = "stop") -> bytes:
    """A body that is no stream."""
    counted = {"prompt_tokens": 3, "completion_tokens": 2}
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": counted}).encode()


# ---- Responses


def event(kind: str, number: int | None = None, **fields: Any) -> str:
    counted = {} if number is None else {"sequence_number": number}
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **counted, **fields})}\n\n"


def message(content: str, identity: str = "msg_1") -> dict[str, Any]:
    part = {"type": "output_text", "text": content, "annotations": []}
    return {"id": identity, "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def function(arguments: str = '{"a": 1}', name: str = "go", identity: str = "call_1") -> dict[str, Any]:
    item = {"id": "fc_1", "type": "function_call", "call_id": identity, "name": name, "status": "completed"}
    return {**item, "arguments": arguments}


def response(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    counted = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    head = {"id": "resp_1", "object": "response", "model": "gpt-5", "status": status, "error": None}
    return {**head, "output": list(output), "usage": counted, **more}


CREATED = event("response.created", response={**response(status="in_progress"), "usage": None})


def item(kind: str, output_index: int = 0, **fields: Any) -> str:
    return event(f"response.{kind}", output_index=output_index, **fields)


def piece(said: str, output_index: int = 0) -> str:
    return item("output_text.delta", output_index, item_id="msg_1", content_index=0, delta=said)


def message_events(*pieces: str, output_index: int = 0) -> list[str]:
    """A whole message, in pieces, with all its events."""
    said = "".join(pieces)
    full, empty = message(said), {**message(""), "content": [], "status": "in_progress"}
    return [
        item("output_item.added", output_index, item=empty),
        item("content_part.added", output_index, content_index=0, part={"type": "output_text", "text": ""}),
        *(piece(one, output_index) for one in pieces),
        item("output_text.done", output_index, content_index=0, text=said),
        item("content_part.done", output_index, content_index=0, part=full["content"][0]),
        item("output_item.done", output_index, item=full),
    ]


def function_events(*pieces: str, output_index: int = 0) -> list[str]:
    full = function("".join(pieces))
    return [
        item("output_item.added", output_index, item={**full, "arguments": ""}),
        *(item("function_call_arguments.delta", output_index, item_id="fc_1", delta=one) for one in pieces),
        item("function_call_arguments.done", output_index, item_id="fc_1", arguments="".join(pieces)),
        item("output_item.done", output_index, item=full),
    ]


def completed(*output: Any, kind: str = "completed", **more: Any) -> str:
    return event(f"response.{kind}", response=response(*output, status=kind, **more))


def answer(*pieces: str) -> list[str]:
    """A whole answer of these pieces of text."""
    return [CREATED, *message_events(*pieces), completed(message("".join(pieces)))]


def numbered(events: list[str]) -> list[str]:
    """The same with sequence numbers."""
    return [one.replace("data: {", f'data: {{"sequence_number": {number}, ') for number, one in enumerate(events)]
