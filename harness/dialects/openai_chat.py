"""OpenAI's chat completions as the oracle reads them: what a reply says, and where it first breaks the order.

A ``finish_reason`` ends an answer, and so does ``[DONE]``: local servers and gateways leave out either
(pydantic/pydantic-ai#2996, #3045). Only the first choice is read.

Source: OpenAI's API reference, "Chat Completions" (the chunk object).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.dialects.openai import STOP_REASONS, arguments, count, report
from harness.grammar import Flaw, Told, demand, string
from harness.reference import Response, Words, as_object, json_of, object_in

DONE = "[DONE]"


def _read_json(response: Response) -> None:
    body = object_in(response.body)
    if body.get("error"):
        report(response, body["error"])
        return
    choice = _choice(body)
    if choice is None:
        return
    content = as_object(choice.get("message")).get("content")
    response.text = content if isinstance(content, str) else ""
    response.stop_reason = _reason(choice)
    response.terminal = response.stop_reason is not None
    response.started = response.counted = True
    count(response, body.get("usage"))


def _read_stream(response: Response) -> None:
    for name, data in response.events:
        if data == DONE:
            response.terminal = True
            return
        chunk = object_in(data)
        if chunk.get("error") or name == "error":
            report(response, chunk.get("error"))
            return
        choice = _choice(chunk)
        response.started = response.started or choice is not None
        if choice is not None:
            content = as_object(choice.get("delta")).get("content")
            response.text += content if isinstance(content, str) else ""
            response.stop_reason = _reason(choice) or response.stop_reason
            response.terminal = response.terminal or response.stop_reason is not None
        count(response, chunk.get("usage"))


WORDS = Words(_read_json, _read_stream)


def _choice(body: dict[str, Any]) -> dict[str, Any] | None:
    choices = body.get("choices")
    found = choices if isinstance(choices, list) else []
    return next((one for one in found if isinstance(one, dict) and one.get("index", 0) == 0), None)


def _reason(choice: dict[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return None if reason is None else STOP_REASONS.get(str(reason), str(reason))


def told(response: Response, *, is_lenient: bool = False) -> Told:
    """What a stream tells up to its first flaw.

    Args:
        response: with its events.
        is_lenient: let pass what costs no text: a chunk without choices, an end without ``[DONE]`` or without its
            reason, and tool calls that are told apart by their id alone, or by their order.
    """
    reader = _Reader(is_lenient=is_lenient)
    try:
        for chunk in _parsed(response):
            reader.take(chunk)
        reader.end(is_over=any(data == DONE for _, data in response.events))
    except Flaw as flaw:
        reader.told.flaw = str(flaw)
    return reader.told


def told_whole(body: bytes) -> Told:
    """What a chat completion tells that came whole; what is none tells nothing."""
    try:
        choice = json_of(body)["choices"][0]
        message = choice["message"]
        text = message.get("content")
        calls = [one["function"] for one in message.get("tool_calls") or ()]
        tools = [(string(one["name"]), arguments(one["arguments"])) for one in calls]
        whole = [(name, given) for name, given in tools if given is not None]
        return Told(
            flaw="" if whole == tools else "the input of a tool is no object of JSON",
            text="" if text is None else string(text),
            tools=whole,
            stop_reason=_reason(choice),
            blocks=bool(text) + len(calls),
            is_over=True,
        )
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, Flaw):
        return Told()


def _parsed(response: Response) -> Iterator[dict[str, Any]]:
    """The chunks up to ``[DONE]``."""
    for name, data in response.events:
        if data == DONE:
            return
        if not data.strip():
            continue  # a sign of life
        demand(response.is_utf8 or "\ufffd" not in data, "bytes that are no UTF-8")
        try:
            chunk = json_of(data)
        except (ValueError, RecursionError):
            raise Flaw("the data of a chunk is no JSON") from None
        demand(isinstance(chunk, dict), "a chunk is no object")
        demand(not chunk.get("error") and name != "error", "it reports an error")
        yield chunk


@dataclass(slots=True)
class _Call:
    """A tool call that has begun."""

    id: str | None
    index: int | None
    name: str
    arguments: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, *, is_lenient: bool) -> None:
        self.told = Told()
        self._is_lenient = is_lenient
        self._calls: list[_Call] = []

    def take(self, chunk: dict[str, Any]) -> None:
        """Take the next chunk; raises :class:`Flaw`."""
        choices = chunk.get("choices")
        self._want(isinstance(choices, list), "a chunk has no choices")
        for choice in choices if isinstance(choices, list) else ():
            demand(isinstance(choice, dict), "a choice is no object")
            self._want(choice.get("index") == 0, "a chunk of another choice")
            if choice.get("index", 0) == 0:
                self._take(choice)

    def _take(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        self._want(isinstance(delta, dict), "a choice has no delta")
        delta = as_object(delta)
        content, calls = delta.get("content"), delta.get("tool_calls")
        demand(not (content or calls) or self.told.stop_reason is None, "content behind the end")
        if content is not None:
            self.told.text += string(content)
        demand(isinstance(calls, list | None), "tool calls are no list")
        for call in calls or ():
            demand(isinstance(call, dict), "a tool call is no object")
            self._call(call)
        reason = choice.get("finish_reason")
        demand(isinstance(reason, str | None), "finish_reason is no text")
        self.told.stop_reason = _reason(choice) or self.told.stop_reason

    def _call(self, piece: dict[str, Any]) -> None:
        index, function = piece.get("index"), as_object(piece.get("function"))
        self._want(type(index) is int, "a tool call has no index")
        call = self._known(piece)
        if call is None:
            self._want(index == len(self._calls), "a tool call has the wrong index")
            self._want(isinstance(piece.get("id"), str), "a tool call has no id")
            call = _Call(piece.get("id"), index, string(function.get("name")))
            self._calls.append(call)
        else:
            self._want(piece.get("id") in (None, "", call.id), "a tool call has the index of another")
        self._want(call is self._calls[-1], "a tool call goes on behind the next")
        if function.get("arguments") is not None:
            call.arguments.append(string(function["arguments"]))

    def _known(self, piece: dict[str, Any]) -> _Call | None:
        """The call that a piece belongs to: by its id, by its index, or the last; None when a new one begins."""
        identity, index = piece.get("id"), piece.get("index")
        if identity:
            known = next((one for one in self._calls if one.id == identity), None)
            if known is not None or self._is_lenient:
                return known
        by_index = [one for one in self._calls if index is not None and one.index == index]
        if self._is_lenient and as_object(piece.get("function")).get("name"):
            return None  # a name begins a call
        if self._is_lenient and len(by_index) != 1:
            demand(bool(self._calls), "a piece of no tool call")
            return self._calls[-1]
        return by_index[0] if by_index else None

    def end(self, *, is_over: bool) -> None:
        """The stream is over; raises :class:`Flaw`."""
        self.told.is_over = is_over
        ended = is_over or self.told.stop_reason is not None
        for call in self._calls if ended else ():
            given = arguments("".join(call.arguments) or "{}")
            self._want(given is not None, "the input of a tool is no object of JSON")
            if given is not None:
                self.told.tools.append((call.name, given))
        self.told.blocks = bool(self.told.text) + len(self._calls)

    def _want(self, holds: bool, otherwise: str) -> None:
        """Demand what the lenient do without."""
        demand(holds or self._is_lenient, otherwise)
