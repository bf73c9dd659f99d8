"""How each dialect says what there is to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from fake_server.dialect import Dialect, Said
from fake_server.dialects import anthropic, openai_chat, openai_responses
from fake_server.effects import Send
from fake_server.script import Request
from fake_server.validate import Problem
from fake_server.wire import Head


class Speech(Protocol):
    """A dialect as a server speaks it; one module each in ``fake_server/dialects``.

    The events of a stream are called by the part that they play, and not as they are called on the wire, so that a
    fault finds its place in every dialect: ``message_start``, ``content_block_start``, ``content_block_delta`` for a
    piece of content, ``content_block_stop``, ``message_delta`` for what tells the reason of the end, ``message_stop``
    for what comes behind it. A dialect that has no event for a part has no such place.
    """

    def head(self, request: Request, status: int, content_type: str) -> Head:
        """The head of a reply; a body of JSON has its length in it, a stream comes in chunks."""
        ...

    def events(self, said: Said) -> Iterator[Send]:
        """The stream of an answer."""
        ...

    def message(self, said: Said) -> dict[str, Any]:
        """The answer as one JSON object."""
        ...

    def error_body(self, status: int, message: str, *, kind: str | None = None, request_id: str = "") -> bytes:
        """The JSON body of an error; ``kind`` is its type in the words of the Messages API."""
        ...

    def conversation(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The messages and the system prompt of a request, in the form of the Messages API.

        A turn of the assistant at its end is left out where the dialect knows no prefill.
        """
        ...

    def problem_in(self, body: Any, headers: Mapping[str, str]) -> Problem | None:
        """Why the API refuses a request before the model is asked; None when it does not."""
        ...


_SPEECHES: Mapping[Dialect, Speech] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
}


def speech_of(dialect: Dialect) -> Speech:
    """How a dialect is spoken."""
    return _SPEECHES[dialect]
