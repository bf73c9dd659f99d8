"""What the oracle makes of a reply, in the dialect of the request that it answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fake_server.dialect import Dialect, dialect_of
from harness import grammar
from harness.dialects import openai_chat, openai_responses
from harness.grammar import Told
from harness.reference import MESSAGES, Response, Words, read_reply


class _InOrder(Protocol):
    def __call__(self, response: Response, *, is_lenient: bool = False) -> Told: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """How replies in one dialect are read."""

    words: Words
    in_order: _InOrder
    """A stream, up to its first flaw."""
    whole: Callable[[bytes], Told]
    """A body of JSON."""

    def reply(self, wire: bytes) -> Response:
        """What a correct reader makes of the bytes of a reply."""
        return read_reply(wire, self.words)

    def told(self, response: Response, *, is_lenient: bool = False) -> Told:
        """What it tells, up to its first flaw; to a client that lets small omissions pass when ``is_lenient``."""
        if response.media_type == "application/json":
            return self.whole(response.body)
        return self.in_order(response, is_lenient=is_lenient)


def _in_order(response: Response, *, is_lenient: bool = False) -> Told:
    return grammar.read_in_order(response.events, is_utf8=response.is_utf8, is_lenient=is_lenient)


_READINGS: Mapping[Dialect, Reading] = {
    Dialect.ANTHROPIC: Reading(MESSAGES, _in_order, grammar.read_message),
    Dialect.OPENAI_CHAT: Reading(openai_chat.WORDS, openai_chat.told, openai_chat.told_whole),
    Dialect.OPENAI_RESPONSES: Reading(openai_responses.WORDS, openai_responses.told, openai_responses.told_whole),
}


def reading_of(path: str) -> Reading:
    """How the reply to a request is read that was made to ``path``."""
    return _READINGS[dialect_of(path)]
