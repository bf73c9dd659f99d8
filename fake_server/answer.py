"""What a step of a script can be: an answer, a long turn, a refusal, something that is not the API. In every dialect.

Content is given in the form of the Messages API and put into the words of the dialect that a request speaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from itertools import chain
from typing import Any

from fake_server.blocks import Block, story_block, text_block, text_of, without
from fake_server.continuing import interrupted
from fake_server.dialect import Said
from fake_server.effects import Effect, End, Send, Wait
from fake_server.fault import Fault
from fake_server.script import Reply, Request
from fake_server.speech import speech_of
from fake_server.wire import JSON_TYPE, STREAM_TYPE, Head, Sized, json_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The model answers: as a stream when one is asked for, otherwise as one JSON message.

    ``faults`` strike the stream only; ``pace`` is the seconds between two events.
    """

    blocks: tuple[Block, ...] | None = None
    """What the model says; None is a story drawn from the seed."""
    story: str = ""
    """Another name here makes another story from the same seed."""
    sentences: int = 22
    stop_reason: str | None = "end_turn"
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    input_tokens: int = 25
    output_tokens: int | None = None
    """None counts one token for each delta."""
    final_usage: dict[str, int] = field(default_factory=dict)
    """More fields of the last (cumulative) usage."""
    pace: float = 0.0
    only_json: bool = False
    """Ignore the wish for a stream."""
    repeats: int = 0
    """Characters of the end that are said again by a model that was told what it said. A prefill is never repeated."""
    continues: bool = True
    """Whether the model goes on where it is told that it stopped; otherwise it starts over."""
    faults: tuple[Fault, ...] = ()

    def but(self, *faults: Fault) -> Answer:
        """This answer with more faults on its stream."""
        return replace(self, faults=(*self.faults, *faults))

    def texts(self, seed: str) -> tuple[str, ...]:
        return (text_of(self._said(seed)),)

    def reply(self, request: Request) -> Reply:
        return self._asked(request)._reply(request)

    def _reply(self, request: Request) -> Reply:
        speech, says = speech_of(request.dialect), text_of(self._said(request.seed))
        if self.only_json or not request.streams:
            message = json_text(speech.message(self._to(request)))
            body = (Send(message.encode()), End())
            return Reply(head=speech.head(request, 200, JSON_TYPE), body=body, says=says)
        events = tuple(self._paced(speech.events(self._to(request))))
        return Reply(head=speech.head(request, 200, STREAM_TYPE), body=(*events, End()), faults=self.faults, says=says)

    def _said(self, seed: str) -> tuple[Block, ...]:
        if self.blocks is not None:
            return self.blocks
        return (story_block(f"{seed}/{self.story}", self.sentences),)

    def _asked(self, request: Request) -> Answer:
        """This answer as it is said to this request: asked to continue a text, the model says the rest of it, and
        text alone (BerriAI/litellm#31067)."""
        blocks = self._said(request.seed)
        own = text_of(blocks)
        asked = speech_of(request.dialect).conversation(request.body)
        text, place = interrupted(asked, (own, *request.told)) if self.continues else ("", 0)
        if not place:
            return self
        is_prefill = asked["messages"][-1].get("role") == "assistant"
        rest = place if is_prefill else max(0, place - self.repeats)
        left = without(blocks, rest) if text == own else (text_block(text[rest:]),)
        reason = "end_turn" if self.stop_reason == "tool_use" else self.stop_reason
        return replace(self, blocks=left, stop_reason=reason)

    def _paced(self, events: Iterator[Send]) -> Iterator[Effect]:
        return chain.from_iterable((Wait(self.pace, steady=True), event) for event in events) if self.pace else events

    def _to(self, request: Request) -> Said:
        blocks = self._said(request.seed)
        counted = sum(len(block.deltas) for block in blocks) + 1
        return Said(
            identity=request.identity("message"),
            body=request.body,
            now=request.now,
            blocks=blocks,
            stop_reason=self.stop_reason,
            stop_sequence=self.stop_sequence,
            stop_details=self.stop_details,
            input_tokens=self.input_tokens,
            output_tokens=counted if self.output_tokens is None else self.output_tokens,
            more_usage=self.final_usage,
        )


@dataclass(frozen=True, slots=True)
class InTurns:
    """A long turn that pauses: the next part is said to a request that sends all parts before it back as they came.

    A part but the last has the stop reason ``pause_turn``. A paused turn that was changed is refused.
    """

    parts: tuple[Answer, ...]

    def texts(self, seed: str) -> tuple[str, ...]:
        said = [text_of(part._said(seed)) for part in self.parts]
        return tuple("".join(said[:count]) for count in range(len(said), 0, -1))

    def reply(self, request: Request) -> Reply:
        asked = speech_of(request.dialect).conversation(request.body)
        last = asked["messages"][-1] if asked.get("messages") else {}
        back = last["content"] if last.get("role") == "assistant" else []
        content: list[dict[str, Any]] = []
        for part in self.parts:
            if back == content:
                return part.reply(request)
            content += [block.whole for block in part._said(request.seed)]
        return refusal(request, 400, "messages: the paused turn must be sent back as it came")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The API refuses the request with an error status and its JSON error body."""

    status: int
    kind: str | None = None
    """``error.type``; None takes the usual one of the status."""
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    retry_after_date: float | None = None
    """Seconds from now, sent as an HTTP-date in ``retry-after``."""

    def texts(self, seed: str) -> tuple[str, ...]:
        return ()

    def reply(self, request: Request) -> Reply:
        speech = speech_of(request.dialect)
        head = speech.head(request, self.status, JSON_TYPE)
        for name, value in self.headers:
            head = head.with_header(name, value)
        if self.retry_after_date is not None:
            head = head.with_header("retry-after", formatdate(request.now + self.retry_after_date, usegmt=True))
        body = speech.error_body(self.status, self.message, kind=self.kind, request_id=head.header("request-id") or "")
        return Reply(head=head, body=(Send(body), End()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Something that is not the API answers: a proxy's page, an empty body, a redirect."""

    status: int = 200
    content_type: str | None = "text/html"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    faults: tuple[Fault, ...] = ()

    def texts(self, seed: str) -> tuple[str, ...]:
        return ()

    def reply(self, request: Request) -> Reply:
        headers = self.headers if self.content_type is None else (("content-type", self.content_type), *self.headers)
        head = Head(status=self.status, headers=headers, framing=Sized())
        body = (Send(self.body),) if self.body else ()
        return Reply(head=head, body=(*body, End()), faults=self.faults)


def refusal(request: Request, status: int, message: str, kind: str | None = None) -> Reply:
    """The reply of the API's own validation, which comes before any script."""
    return Refuse(status=status, message=message, kind=kind).reply(request)
