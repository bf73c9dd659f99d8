"""Everything that this client raises.

::

    StreamError
    ├── RequestNotSendable      the request cannot be put on a wire at all
    ├── TransportBroken         the HTTP client failed in a way that is no matter of HTTP
    ├── ConnectionFailed        the request never reached a server
    ├── ConnectionLost          the server was reached, the connection broke
    │   └── NoResponse          ... before it answered anything
    ├── Stalled                 the server went silent, or stopped making progress
    ├── AnswerTruncated         the body ended without the end of the answer
    ├── ProtocolError           the bytes are not what the API sends
    │   ├── ToolInputBroken     the input of a tool is no JSON object, or not all of one
    │   ├── LimitExceeded       ... or more of them than this client keeps
    │   └── WrongContentType    ... not even an event stream
    ├── UnknownStopReason       the answer ended for a reason this client does not know
    └── ApiError                the server said no, by status or by an ``error`` event
        ├── RateLimited         429, ``rate_limit_error``
        ├── Overloaded          529, ``overloaded_error``
        ├── ServerFailed        408, 409, other 5xx, ``api_error``, ``timeout_error``
        └── RequestRefused      everything that the same request would meet again
            ├── NotAuthorized   401, 403
            └── PromptTooLarge  413
                └── PartTooLarge    a limit that was checked before anything was sent (``large.check``)

Beside these, ``large.in_parts`` raises ``PartUnusable``, a relay raises ``CannotTakeBack``, and sinks are told
``Interrupted``: each is a StreamError, and stands in the module that raises it.

An error that reaches the caller also tells what was kept (the partial text, and the content blocks that may be sent
back), and what happened before it: the requests made, their ids, and the error of each attempt, so that the first cause
is never lost. Exceptions of the HTTP library never get through; they are the ``__cause__`` of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(eq=False)
class StreamError(Exception):
    """Base of all errors of this client.

    Attributes:
        message: what happened, in one sentence.
        partial: the text that the user has been shown, complete up to where it stops.
        blocks: the content that may be sent back as an assistant turn: text, signed thinking, and no tool calls.
        request_ids: ``request-id`` of every response that came, oldest first.
        earlier: the errors of the attempts before the last one, oldest first.
        attempts: how many requests were made in all.
    """

    message: str
    partial: str = field(default="", kw_only=True)
    blocks: tuple[dict[str, Any], ...] = field(default=(), kw_only=True)
    request_ids: tuple[str, ...] = field(default=(), kw_only=True)
    earlier: tuple[StreamError, ...] = field(default=(), kw_only=True)
    attempts: int = field(default=1, kw_only=True)

    retryable = True
    """Whether the same request may succeed a moment later."""
    reached: ClassVar[bool | None] = True
    """Whether the request of this attempt reached a server; None when nobody can tell."""

    @property
    def sent(self) -> bool | None:
        """Whether any request of the call reached a server; None when nobody can tell."""
        errors = (*self.earlier, self)
        told = {error.reached for error in errors}
        if True in told or self.attempts > len(errors):  # a turn that paused was answered without an error
            return True
        return None if None in told else False

    @property
    def request_id(self) -> str | None:
        """``request-id`` of the last response, None when none came."""
        return self.request_ids[-1] if self.request_ids else None

    @property
    def first_cause(self) -> StreamError:
        """The error with which it began; itself when nothing failed before."""
        return self.earlier[0] if self.earlier else self

    def __str__(self) -> str:
        tries = f" (after {self.attempts} attempts; first: {self.earlier[0].message})" if self.earlier else ""
        return self.message + tries


class RequestNotSendable(StreamError):
    """The URL, a header or the body cannot be sent as it is."""

    retryable = False
    reached = False


class TransportBroken(StreamError):
    """The HTTP client, or what its user put into it, raised something that no server and no network can cause."""

    retryable = False
    reached = None


class ConnectionFailed(StreamError):
    """No connection could be made: nothing was sent."""

    reached = False


class ConnectionLost(StreamError):
    """The connection broke while the response was being read."""


class NoResponse(ConnectionLost):
    """The request was sent and the connection broke before a status line came."""


class Stalled(StreamError):
    """A deadline passed; the message says which."""


class AnswerTruncated(StreamError):
    """The body ended as HTTP says it should, and the answer had not ended."""


class ProtocolError(StreamError):
    """Malformed JSON, invalid UTF-8, events out of order, a tool input that does not parse."""


@dataclass(eq=False)
class ToolInputBroken(ProtocolError):
    """The input of a tool call is not one whole JSON object. It is never repaired.

    Attributes:
        tool: name of the tool.
        raw: the input as far as it came.
    """

    tool: str = field(default="", kw_only=True)
    raw: str = field(default="", kw_only=True)


class LimitExceeded(ProtocolError):
    """A line, an event or a body is larger than the limit that is set for it."""


class WrongContentType(ProtocolError):
    """A 200 that carries something else than an answer: a login page, a coding that nobody asked for."""


class UnknownStopReason(StreamError):
    """The message is over for a reason that this client cannot call a success."""

    retryable = False


@dataclass(eq=False)
class ApiError(StreamError):
    """The server reported an error.

    Attributes:
        status: HTTP status that was really received; 200 for an error event inside a stream.
        kind: ``error.type`` of the body or the event; None when there was none.
        retry_after: seconds that the server asks to wait; None when it did not say, or said nonsense.
    """

    status: int = field(default=0, kw_only=True)
    kind: str | None = field(default=None, kw_only=True)
    retry_after: float | None = field(default=None, kw_only=True)


class RateLimited(ApiError):
    """Too many requests or tokens; waits longer than other errors."""


class Overloaded(ApiError):
    """The API is overloaded."""


class ServerFailed(ApiError):
    """The server failed in a way that may pass."""


class RequestRefused(ApiError):
    """The same request would be refused again."""

    retryable = False


class NotAuthorized(RequestRefused):
    """The key is missing, wrong, expired or not allowed to do this."""


class PromptTooLarge(RequestRefused):
    """The prompt, or one part of it, is larger than the API takes; the message names the part."""
