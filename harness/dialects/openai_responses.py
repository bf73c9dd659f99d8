"""OpenAI's Responses as the oracle reads them: what a reply says, and where it first breaks the order.

Everything is said twice: events are numbered, each part is repeated when it is done, and the last event repeats the
whole answer. So nothing can be lost or doubled in a stream in good order.

Source: OpenAI's API reference, "Responses" (streaming events).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.dialects.openai import arguments, count, report
from harness.grammar import Flaw, Told, demand, string
from harness.reference import Response, Words, as_object, json_of, object_in

_ENDS = ("response.completed", "response.incomplete")
_REASONS = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}


def _read_json(response: Response) -> None:
    body = object_in(response.body)
    if body.get("error"):
        report(response, body["error"])
    elif body.get("object") == "response":
        response.started = True
        _read_end(response, body)
        response.text = _text(body)


def _read_stream(response: Response) -> None:
    for name, data in response.events:
        event = object_in(data)
        kind = event.get("type", name)
        if kind == "error" or name == "error":
            report(response, event.get("error") or event)
            return
        response.started = response.started or kind == "response.created"
        if kind == "response.output_text.delta":
            response.text += event["delta"] if isinstance(event.get("delta"), str) else ""
        elif kind == "response.failed":
            report(response, as_object(event.get("response")).get("error"))
            return
        elif kind in _ENDS:
            _read_end(response, as_object(event.get("response")))
            response.terminal = True
            return


WORDS = Words(_read_json, _read_stream)


def _read_end(response: Response, body: dict[str, Any]) -> None:
    response.stop_reason = _reason(body)
    response.terminal = response.stop_reason is not None
    count(response, body.get("usage"))


def _reason(body: dict[str, Any]) -> str | None:
    """Why it ended, in the words of the Messages API."""
    if body.get("status") == "incomplete":
        reason = str(as_object(body.get("incomplete_details")).get("reason"))
        return _REASONS.get(reason, reason)
    if body.get("status") != "completed":
        return None
    return "tool_use" if any(item.get("type") == "function_call" for item in _items(body)) else "end_turn"


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    output = body.get("output")
    return [as_object(item) for item in output] if isinstance(output, list) else []


def _text(body: dict[str, Any]) -> str:
    parts = [part for item in _items(body) if item.get("type") == "message" for part in item.get("content") or ()]
    texts = [as_object(part).get("text") for part in parts if as_object(part).get("type") == "output_text"]
    return "".join(text for text in texts if isinstance(text, str))


def told_whole(body: bytes) -> Told:
    """What a response tells that came whole; what is none tells nothing."""
    found = Told()
    _take_end(found, object_in(body))
    found.is_over = found.stop_reason is not None
    return found if found.is_over else Told()


def told(response: Response, *, is_lenient: bool = False) -> Told:
    """What a stream tells up to its first flaw.

    Args:
        response: with its events.
        is_lenient: let pass what costs no text: numbers that are not there, and an answer that is not repeated.
    """
    found, said, number = Told(), "", 0
    try:
        for event in _parsed(response):
            given = event.get("sequence_number")
            demand(given == number or (is_lenient and given is None), "an event has the wrong number")
            number += 1
            if event["type"] == "response.output_text.delta":
                said += string(event.get("delta"))
                found.text = said
            elif event["type"] == "response.output_text.done":
                demand(
                    _characters(said).endswith(string(event.get("text"))),
                    "a text is repeated otherwise than it was said",
                )
            elif event["type"] in _ENDS:
                body = as_object(event.get("response"))
                whole = _text(body)
                demand(
                    whole == _characters(said) or (is_lenient and not whole),
                    "the answer is repeated otherwise than it was said",
                )
                _take_end(found, body)
                found.is_over, found.text = True, said
                break
    except Flaw as flaw:
        found.flaw = str(flaw)
    return found


def _characters(text: str) -> str:
    """``text`` with the halves of characters joined that were said apart; a half alone is no character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _take_end(found: Told, body: dict[str, Any]) -> None:
    calls = [item for item in _items(body) if item.get("type") == "function_call"]
    tools = [(str(item.get("name")), arguments(item.get("arguments"))) for item in calls]
    found.tools = [(name, given) for name, given in tools if given is not None]
    if len(found.tools) < len(tools):
        found.flaw = "the input of a tool is no object of JSON"
    found.text = _text(body)
    found.stop_reason = _reason(body)
    found.blocks = bool(found.text) + len(calls)


def _parsed(response: Response) -> Iterator[dict[str, Any]]:
    for name, data in response.events:
        if not data.strip():
            continue  # a sign of life
        demand(response.is_utf8 or "\ufffd" not in name + data, "bytes that are no UTF-8")
        try:
            event = json_of(data)
        except (ValueError, RecursionError):
            raise Flaw(f"the data of {name} is no JSON") from None
        demand(isinstance(event, dict) and isinstance(event.get("type"), str), "an event has no type")
        demand(event["type"] not in ("error", "response.failed") and name != "error", "it reports an error")
        yield event
