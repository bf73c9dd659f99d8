"""What the client has to know of an API, and all that it knows: one :class:`Dialect` for each.

The state machine, the display, retries and deadlines are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from client_under_test.answer import Outcome
from client_under_test.continuation import Strategy, Table
from client_under_test.dialects.events import Event
from client_under_test.errors import ApiError
from client_under_test.sse import SseEvent


class Reader(Protocol):
    """Reads one stream; it may remember what came before."""

    def read(self, arrived: Iterable[SseEvent]) -> Iterator[Event]:
        """What the next events say, in order: for each a typed event at least, but pieces of one text may be joined.

        Raises:
            ProtocolError: it cannot be understood, or cannot follow what came before.
        """
        ...


class Dialect(Protocol):
    """An API as a client speaks and hears it. It has no state."""

    @property
    def provider(self) -> str:
        """Its name in OpenTelemetry's list of ``gen_ai.provider.name``."""
        ...

    @property
    def api(self) -> str:
        """Where it is, when nobody says."""
        ...

    @property
    def key_variable(self) -> str:
        """The environment variable with the key."""
        ...

    @property
    def url_variable(self) -> str:
        """The environment variable with the base URL."""
        ...

    @property
    def request_id_header(self) -> str:
        """The header with the id of a response."""
        ...

    @property
    def outcomes(self) -> Mapping[str | None, Outcome]:
        """What each reason to stop means; None stands for an answer that ended without one. Any other reason is not
        called a success."""
        ...

    @property
    def calling(self) -> frozenset[str]:
        """Reasons to stop that promise a tool call."""
        ...

    @property
    def going_on(self) -> frozenset[str]:
        """Reasons to stop after which the turn is sent back as it came, and goes on."""
        ...

    @property
    def table(self) -> Table:
        """How an interrupted answer of each model is continued."""
        ...

    @property
    def cannot(self) -> frozenset[Strategy]:
        """Strategies that cannot be said in it."""
        ...

    def url(self, base: str) -> str:
        """Where to send a request, below the base URL ``base``."""
        ...

    def headers(self, key: str) -> Mapping[str, str]:
        """The headers that it needs, with lower-case names."""
        ...

    def most_tokens(self, request: Mapping[str, Any]) -> int:
        """How many tokens the answer may have; 0 when the request does not say."""
        ...

    def asking(self, request: Mapping[str, Any], *, streams: bool) -> dict[str, Any]:
        """``request`` with the fields that ask for a stream, or for none."""
        ...

    def continued(self, request: Mapping[str, Any], partial: str, strategy: Strategy) -> dict[str, Any]:
        """``request`` so that its answer goes on after ``partial``, by a strategy that can be said."""
        ...

    def after_pauses(
        self,
        request: Mapping[str, Any],
        turns: Iterable[Iterable[Mapping[str, Any]]],
        container: Mapping[str, Any] | None,
    ) -> Mapping[str, Any]:
        """``request`` with the content of the turns that paused, and the container in which they ran."""
        ...

    def reader(self) -> Reader:
        """A reader for one stream."""
        ...

    def whole(self, body: Mapping[str, Any]) -> Iterable[Event]:
        """The events of the answer, or of the error, in a body that is no stream.

        Raises:
            ProtocolError: it is neither.
        """
        ...

    def error_in_stream(self, raw: bytes) -> ApiError:
        """The error in the data of an event, or in a body with status 200, whatever they look like."""
        ...

    def error_of_status(self, status: int, raw: bytes, should_retry: str | None = None) -> ApiError:
        """The error of a response with an error status; ``x-should-retry`` overrules the table of statuses."""
        ...

    def sent_back(self, content: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """``content`` (blocks of a message) as the API takes it back; see ``Answer.content``."""
        ...
