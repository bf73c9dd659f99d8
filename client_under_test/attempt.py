"""One request and its response, as far as it has come: bytes into a message, or the error that they stand for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from client_under_test.answer import Outcome, ToolCall
from client_under_test.assemble import Message, message_of
from client_under_test.continuation import Strategy
from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.dialects.dialect import Dialect
from client_under_test.dialects.events import ErrorReported, Event, NoContent
from client_under_test.dialects.reading import decode_object
from client_under_test.errors import (
    LimitExceeded,
    ProtocolError,
    StreamError,
    UnknownStopReason,
    WrongContentType,
)
from client_under_test.policy import Limits, retry_after
from client_under_test.signals import HeadReceived
from client_under_test.sse import SseDecoder
from client_under_test.usage import Spent, count

_CODINGS = ("identity", "", "gzip", "deflate")
"""Content codings that the transport takes off."""

LOST_OUTPUT_TOKENS = 10
"""An empty answer that was billed at least so many output tokens lost them on the way."""


class Attempt:
    """One request, and what has come of its response.

    Args:
        strategy: how the request asks for the answer.
        limits: how much is kept.
        dialect: of the API that is asked.
    """

    def __init__(self, strategy: Strategy, limits: Limits, dialect: Dialect = ANTHROPIC) -> None:
        self.strategy = strategy
        self.message = Message(dialect)
        self.is_stream = False
        self._limits, self._dialect = limits, dialect
        self._reader = dialect.reader()
        self._decoder = SseDecoder(max_line_bytes=limits.max_event_bytes, max_event_bytes=limits.max_event_bytes)
        self._head: HeadReceived | None = None
        self._body = bytearray()
        self._size = 0

    def take_head(self, head: HeadReceived) -> None:
        """Status line and headers came; tells :attr:`is_stream` from then on.

        Raises:
            WrongContentType: a 200 that cannot be an answer.
        """
        self._head = head
        media_type = head.headers.get("content-type", "").partition(";")[0].strip().lower()
        coding = head.headers.get("content-encoding", "identity").lower()
        if head.status != 200 or media_type == "application/json":
            return
        if media_type == "text/html" or coding not in _CODINGS:
            raise WrongContentType(f"the server answered 200 with {media_type} ({coding}) instead of an answer")
        self.is_stream = True

    def take_bytes(self, data: bytes) -> Iterator[tuple[Event, str]]:
        """Bytes of the body came. Gives each event of a stream and the text that it adds, up to its end.

        Raises:
            StreamError: the stream reports an error, or is none.
        """
        self._size += len(data)
        if self._size > self._limits.max_body_bytes:
            raise LimitExceeded(f"the body is larger than {self._limits.max_body_bytes} bytes")
        if not self.is_stream:
            self._body += data
            return
        for event in self._reader.read(self._decoder.feed(data)):
            yield event, self.message.apply(event)
            if self.message.stopped:
                return

    def read_body(self) -> None:
        """The whole body came, which is no stream: read the message in it.

        Raises:
            StreamError: the error that it is, or that it is no message.
        """
        if self._status != 200:
            raise self.refusal()
        body = decode_object(bytes(self._body), "response body")
        self.message = message_of(self._dialect.whole(body), self._dialect)

    def refusal(self) -> StreamError:
        """The error that an error status stands for, with as much of its body as came."""
        assert self._head is not None
        headers = self._head.headers
        error = self._dialect.error_of_status(self._status, bytes(self._body), headers.get("x-should-retry"))
        error.retry_after = retry_after(headers, self._head.wall)
        return error

    @property
    def is_refused(self) -> bool:
        """Whether an error status came."""
        return self._head is not None and self._status != 200

    @property
    def request_id(self) -> str | None:
        """The request id of the response."""
        return None if self._head is None else self._head.headers.get(self._dialect.request_id_header)

    @property
    def _status(self) -> int:
        return 0 if self._head is None else self._head.status

    def result(self) -> tuple[Outcome, tuple[ToolCall, ...]]:
        """What the message that ended comes to, with its tool calls.

        Raises:
            StreamError: something was lost, or it ended for a reason that nobody knows.
        """
        message = self.message
        outcome = message.outcome
        if outcome is None and message.stop_reason is None:
            raise ProtocolError("the message stopped without a stop_reason")
        if outcome is None:
            raise UnknownStopReason(f"the answer ended with the unknown stop_reason {message.stop_reason!r}")
        if not message.blocks and (count(message.usage, "output_tokens") or 0) >= LOST_OUTPUT_TOKENS:
            raise ProtocolError(f"{message.usage['output_tokens']} output tokens were billed and none arrived")
        tools = message.tool_calls() if outcome is Outcome.COMPLETE else ()
        if outcome is Outcome.COMPLETE and message.stop_reason in self._dialect.calling and not tools:
            raise ProtocolError("the turn ended for a tool call, and none came")
        return outcome, tools

    def spent(self, *, sent: bool, used: bool) -> Spent:
        """What it cost. A request that was ``sent`` and got no answer may have cost something all the same."""
        free = not self.message.started and (self.is_refused or not sent)
        return Spent(usage=dict(self.message.usage), counted=free or self.message.counted, used=used)


def has_content(event: Event) -> bool:
    """Whether ``event`` is progress, and more than a sign of life."""
    return not isinstance(event, _NO_PROGRESS)


_NO_PROGRESS = (NoContent, ErrorReported)
