"""OpenAI's chat completions as a server says them, and all that calls itself compatible with them.

The events have no names. A stream that is not asked for usage (``stream_options.include_usage``) tells none. A thought
is not told at all.

Source: OpenAI's API reference, "Chat Completions" (the chunk object), and the parser of the official SDK, openai 3.54.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from fake_server.blocks import Block
from fake_server.dialect import Said
from fake_server.dialects.openai import arguments_of, call_id, in_messages, invalid, problems
from fake_server.dialects.openai import error_body as error_body
from fake_server.dialects.openai import head as head
from fake_server.effects import Send
from fake_server.validate import Problem
from fake_server.wire import json_text, sse

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""``stop_reason`` of the Messages API to ``finish_reason``; any other is said as it is."""
DONE = Send(sse(None, "[DONE]"), "message_stop")
_ROLES = ("developer", "system", "user", "assistant", "tool", "function")


def events(said: Said) -> Iterator[Send]:
    """The stream of an answer: a chunk for each piece, the reason of its end, the count of tokens, ``[DONE]``."""
    chunk = _Chunks(said)
    begins_with_text = bool(said.blocks) and said.blocks[0].start["type"] == "text"
    opening = {"role": "assistant", "content": "" if begins_with_text else None, "refusal": None}
    yield chunk.of(opening, "content_block_start" if begins_with_text else "message_start")
    calls = 0
    for block in said.blocks:
        if block.start["type"] == "tool_use":
            yield from _call(chunk, calls, block)
            calls += 1
            continue
        for delta in block.deltas:
            if delta["type"] == "text_delta":
                yield chunk.of({"content": delta["text"]}, "content_block_delta")
    yield chunk.of({}, "message_delta", finish_reason=_reason(said))
    if chunk.counts:
        yield chunk.usage()
    yield DONE


def _call(chunk: _Chunks, index: int, block: Block) -> Iterator[Send]:
    call = {"id": call_id(block.start), "type": "function", "function": {"name": block.start["name"], "arguments": ""}}
    yield chunk.of({"tool_calls": [{"index": index, **call}]}, "content_block_start")
    for delta in block.deltas:
        if delta["partial_json"]:
            piece = {"index": index, "function": {"arguments": delta["partial_json"]}}
            yield chunk.of({"tool_calls": [piece]}, "content_block_delta")


class _Chunks:
    """The chunks of one answer: what stands in all of them is written once."""

    def __init__(self, said: Said) -> None:
        options = said.body.get("stream_options")
        self.counts = isinstance(options, dict) and options.get("include_usage") is True
        self._said = said
        shared = _shared(said, "chat.completion.chunk")
        self._before = json_text(shared)[:-1]
        self._after = ',"usage":null}' if self.counts else "}"

    def of(self, delta: Mapping[str, Any], part: str, finish_reason: str | None = None) -> Send:
        """A chunk that says ``delta``."""
        return Send(sse(None, self._before + _choice(json_text(delta), finish_reason) + self._after), part)

    def usage(self) -> Send:
        """The chunk that counts; it has no choice (deepset-ai/haystack#8507)."""
        counted = json_text(_usage(self._said))
        return Send(sse(None, f'{self._before},"choices":[],"usage":{counted}}}'), "usage")


@lru_cache(maxsize=1 << 14)
def _choice(delta: str, finish_reason: str | None) -> str:
    """Most of what is said is text, and much of it is said again in the next attempt and in the next case."""
    reason = json_text(finish_reason)
    return f',"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}]'


def message(said: Said) -> dict[str, Any]:
    """The answer as one chat completion."""
    texts = [block.whole["text"] for block in said.blocks if block.whole["type"] == "text"]
    calls = [
        {
            "id": call_id(block.whole),
            "type": "function",
            "function": {"name": block.whole["name"], "arguments": arguments_of(block.whole, block.deltas)},
        }
        for block in said.blocks
        if block.whole["type"] == "tool_use"
    ]
    whole: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    choice = {
        "index": 0,
        "message": {**whole, "tool_calls": calls} if calls else whole,
        "logprobs": None,
        "finish_reason": _reason(said),
    }
    return {**_shared(said, "chat.completion"), "choices": [choice], "usage": _usage(said)}


def _shared(said: Said, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{said.identity}",
        "object": kind,
        "created": int(said.now),
        "model": said.body.get("model", "gpt-5"),
        "service_tier": "default",
        "system_fingerprint": "fp_streamproof",
    }


def _usage(said: Said) -> dict[str, Any]:
    cached = said.more_usage.get("cache_read_input_tokens", 0)
    given = said.more_usage.get("input_tokens", said.input_tokens)
    return {
        "prompt_tokens": given,
        "completion_tokens": said.output_tokens,
        "total_tokens": given + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _reason(said: Said) -> str | None:
    return None if said.stop_reason is None else FINISH_REASONS.get(said.stop_reason, said.stop_reason)


def conversation(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The messages and the system prompt of a request, in the form of the Messages API."""
    turns = body.get("messages")
    return in_messages(turns if isinstance(turns, list) else [])


def problem_in(body: Any, headers: Mapping[str, str]) -> Problem | None:
    """The first problem of a request, None when the API would take it."""
    return next(_problems(body, headers), None)


def _problems(body: Any, headers: Mapping[str, str]) -> Iterator[Problem]:
    yield from problems(body, headers, ("messages",))
    if isinstance(body["messages"], list) and body["messages"]:
        yield from _turns(body["messages"])
    else:
        yield invalid("Invalid 'messages': empty array. Expected an array with minimum length 1.")


def _turns(turns: list[Any]) -> Iterator[Problem]:
    for place, turn in enumerate(turns):
        if not isinstance(turn, dict) or turn.get("role") not in _ROLES:
            yield invalid(f"Invalid value for 'messages[{place}].role': supported values are {', '.join(_ROLES)}.")
        elif not isinstance(turn.get("content"), str | list) and not turn.get("tool_calls"):
            yield invalid(f"Invalid type for 'messages[{place}].content': expected a string or an array of parts.")
    yield from _call_pairs([turn for turn in turns if isinstance(turn, dict)])


def _call_pairs(turns: list[dict[str, Any]]) -> Iterator[Problem]:
    """Each call of a tool is answered before anything else is said."""
    open_calls: list[str] = []
    for turn in [*turns, {"role": "user"}]:
        if turn.get("role") == "tool":
            if turn.get("tool_call_id") not in open_calls:
                yield invalid("messages with role 'tool' must be a response to a preceding message with 'tool_calls'.")
            open_calls = [one for one in open_calls if one != turn.get("tool_call_id")]
            continue
        if open_calls:
            yield invalid(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
            )
        calls = turn.get("tool_calls")
        open_calls = [str(one.get("id")) for one in calls or () if isinstance(one, dict)]
