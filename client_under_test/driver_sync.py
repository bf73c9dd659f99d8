"""Drives sessions over httpx (or httpx2) without an event loop. Thin: every judgement is the session's.

Each connection is read by a thread of its own, so that the caller can be woken by the session's timer. A thread that is
waiting for a silent server is woken by shutting its socket down.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any, Self, assert_never

from client_under_test.answer import Answer
from client_under_test.call import Call, taken
from client_under_test.client import ClientSettings
from client_under_test.events import Done, Event
from client_under_test.signals import (
    BodyEnded,
    BytesReceived,
    Deliver,
    Drop,
    HeadReceived,
    Input,
    Open,
    TimerFired,
    TransportFailed,
)
from client_under_test.transport import Inflater, head_of, mapped, no_cookies, tls

_CLOSE_SECONDS = 1.0
"""What a reader has to end once its socket is shut down."""
_DRAIN_SECONDS = 0.1
"""What a shared connection has to come to the end of its response."""
_READ_AHEAD_BYTES = 1 << 20


class SyncStreamClient(ClientSettings):
    """A client for streamed answers that recovers, or says honestly that it could not.

    Args:
        http: a ``Client`` of httpx or httpx2 to use instead of one of our own; it is not closed.
        settings: those of :class:`~client_under_test.client.ClientSettings`.
    """

    def __init__(self, *, http: Any = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._given = http
        self._own: Any = None
        self._is_closed = False
        self._making = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of this client."""
        own, self._own, self._is_closed = self._own, None, True
        if own is not None:
            own.close()

    def stream(self, request: Mapping[str, Any], *, sentences: bool = True) -> SyncAnswerStream:
        """Ask, and get the events of the answer as they come; see :class:`SyncAnswerStream`.

        Args:
            request: the JSON body of a request in the client's dialect (``model``, ``messages``...).
            sentences: whether text comes in sentences as well; finding them is half of what a call costs here.
        """
        return SyncAnswerStream(self.call(request, sentences=sentences), self)

    def complete(self, request: Mapping[str, Any]) -> Answer:
        """Ask and wait for the end.

        Raises:
            StreamError: as :class:`SyncAnswerStream` does.
        """
        with self.stream(request, sentences=False) as events:
            for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise RuntimeError("a call ended without an answer")

    def connect(self, opening: Open, line: Line) -> Generator[Input, None, None]:
        """One HTTP exchange as inputs of a session; ``line`` learns of its socket."""
        answered = False
        try:
            with self._http().stream(**self.sent(opening), extensions={"trace": line.trace}) as response:
                answered = True
                line.answered(response.extensions)
                head = head_of(response)
                yield head
                inflater = Inflater(head.headers.get("content-encoding", ""))
                for data in response.iter_raw():
                    for piece in inflater.pieces(data):
                        yield BytesReceived(piece)
                yield BodyEnded()
        except Exception as error:  # the one edge at which foreign exceptions become ours
            yield TransportFailed(mapped(error, answered=answered, dialect=opening.dialect))

    def _http(self) -> Any:
        with self._making:
            if self._given is None and self._own is None:
                if self._is_closed:
                    raise RuntimeError("this client is closed")
                self._own = _own_http()
        return self._given or self._own


class SyncAnswerStream:
    """One call. ``for`` gives its events; the last one is :class:`~client_under_test.events.Done`.

    A loop that is left early closes the connection; ``with`` around it does so without waiting for the garbage
    collector.

    Raises:
        StreamError: from the loop, when the answer is not whole and cannot be made whole. Its ``partial`` is what was
            shown.
    """

    def __init__(self, call: Call, client: SyncStreamClient) -> None:
        self._drive = _Drive(call, client)
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        if self._begun:
            raise RuntimeError("a stream can be read once; ask again for another answer")
        self._begun = True
        return self._events()

    def cancel(self) -> None:
        """End the call, from any thread: the connection is closed, the loop gets what came and ``Done`` (cancelled)."""
        self._drive.cancel()

    def close(self) -> None:
        """Close the connection, if one is open. For the thread that reads; others call :meth:`cancel`."""
        self._drive.close()

    def _events(self) -> Generator[Event, None, None]:
        try:
            while (event := self._drive.next_event()) is not None:
                if isinstance(event, Done) and event.answer.error is not None:
                    raise event.answer.error
                yield event
        finally:
            self._drive.close()


class _Drive:
    """Carries out one session's actions and feeds it what happens."""

    def __init__(self, call: Call, client: SyncStreamClient) -> None:
        self._call, self._client = call, client
        self._line: Line | None = None
        self._cancelled = threading.Event()
        self._mail = _Mailbox(self._cancelled)

    def next_event(self) -> Event | None:
        """The next event for the caller, None after the last."""
        call = self._call
        if not self._cancelled.is_set():
            call.resume()
        while True:
            if self._cancelled.is_set():
                call.cancel()
            if (event := self._act()) is not None:
                call.leave()
                return event
            if call.over:
                return None
            happened = self._mail.take(call.timeout) or TimerFired()
            if not self._cancelled.is_set():
                call.feed(happened)

    def cancel(self) -> None:
        """See :meth:`SyncAnswerStream.cancel`."""
        self._cancelled.set()
        if (line := self._line) is not None:
            line.cut()
        self._mail.wake()

    def close(self) -> None:
        """End the call, if it is not over, and close the connection."""
        self._call.cancel()
        self._call.actions.clear()
        self._drop()

    def _act(self) -> Event | None:
        """Carry out what is to be done, up to the next event."""
        while self._call.actions:
            action = self._call.actions.popleft()
            match action:
                case Deliver(event):
                    return event
                case Open():
                    self._line = Line(shared=self._client.reuse_connections)
                    self._line.read(self._client.connect(action, self._line), self._mail)
                case Drop():
                    self._drop()
                case _:
                    assert_never(action)
        return None

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.cut()
            self._mail.wake()
            self._mail = _Mailbox(self._cancelled)  # what still comes on that line is nobody's
            line.join()


class Line:
    """One connection and the thread that reads it; ``shared`` when others use the same connection after it."""

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        """None before it is known, and when it is this line's no longer."""
        self._cut_at: float | None = None
        self._thread: threading.Thread | None = None

    def read(self, inputs: Generator[Input, None, None], mail: _Mailbox) -> None:
        """Begin to read ``inputs`` into ``mail``."""
        self._thread = threading.Thread(target=mail.fill, args=(inputs, self), name="answer reader", daemon=True)
        self._thread.start()

    @property
    def is_cut(self) -> bool:
        """Whether nobody wants any more of it."""
        return self._cut_at is not None

    @property
    def drains(self) -> bool:
        """Whether the end of the response may come soon enough for its connection to be kept."""
        return self._shared and self._cut_at is not None and time.monotonic() - self._cut_at < _DRAIN_SECONDS

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Called by the HTTP library as the connection is made, and before it is given to others; a TLS connection has
        another socket than its TCP.

        Raises:
            ConnectionAbortedError: nobody wants it any more.
        """
        if name.endswith("response_closed.started"):
            with self._lock:
                self._socket = None
        if not name.endswith(("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")):
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
            if self.is_cut:
                info["return_value"].close()
                raise ConnectionAbortedError("the call was ended")

    def answered(self, extensions: Mapping[str, Any]) -> None:
        """The response has begun. A connection that was kept from another call tells its socket only now, and one of
        HTTP/2 has other responses on it at the same time, so it is not this line's to shut down."""
        stream = extensions.get("network_stream")
        with self._lock:
            if self._shared and extensions.get("http_version") == b"HTTP/2":
                self._socket = None
            elif self._socket is None and stream is not None:
                self._socket = stream.get_extra_info("socket")

    def cut(self) -> None:
        """Wake the reader, who closes the connection. A shared one is given a moment to come to its end."""
        with self._lock:
            self._cut_at = time.monotonic() if self._cut_at is None else self._cut_at
            if not self._shared:
                self._shut_down()

    def join(self) -> None:
        """Wait until it is closed; a thread that hangs in the resolver or in connect() has its own time limit."""
        thread = self._thread
        if thread is None:
            return
        if self._shared:
            thread.join(_DRAIN_SECONDS)
            if not thread.is_alive():
                return
            with self._lock:
                self._shut_down()
        thread.join(_CLOSE_SECONDS)

    def _shut_down(self) -> None:
        """Of a TLS connection too no more than the socket: its own ``shutdown`` would first let the reader, who may be
        writing, write in plain text."""
        if self._socket is not None:
            with suppress(OSError):  # it is down already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Mailbox:
    """What has happened on one connection and was not handled yet. When it is full the socket is not read."""

    def __init__(self, cancelled: threading.Event) -> None:
        self._cancelled = cancelled
        self._arrived: deque[Input] = deque()
        self._size = 0
        self._change = threading.Condition()

    def fill(self, inputs: Generator[Input, None, None], line: Line) -> None:
        """Read one exchange to its end, or until its line is cut."""
        with closing(inputs):
            for happened in inputs:
                with self._change:
                    if line.is_cut:
                        if isinstance(happened, HeadReceived | BytesReceived) and line.drains:
                            continue
                        break
                    self._arrived.append(happened)
                    self._size += len(happened.data) if isinstance(happened, BytesReceived) else 0
                    self._change.notify_all()
                    self._change.wait_for(lambda: self._size <= _READ_AHEAD_BYTES or line.is_cut)

    def take(self, timeout: float | None) -> Input | None:
        """What has happened, bytes that are here as one; None when nothing does for ``timeout`` seconds, or when
        the call is cancelled."""
        with self._change:
            self._change.wait_for(lambda: self._arrived or self._cancelled.is_set(), _waitable(timeout))
            if not self._arrived:
                return None
            happened = taken(self._arrived)
            self._size -= len(happened.data) if isinstance(happened, BytesReceived) else 0
            self._change.notify_all()
            return happened

    def wake(self) -> None:
        """Let :meth:`take` return, and a reader that waits for room go on."""
        with self._change:
            self._change.notify_all()


def _waitable(timeout: float | None) -> float | None:
    """``timeout`` where the platform can wait so long; a limit may be infinite."""
    return None if timeout is None else min(timeout, threading.TIMEOUT_MAX)


def _own_http() -> Any:
    import httpx

    return httpx.Client(verify=tls(), cookies=no_cookies(), limits=httpx.Limits(max_connections=None))
