"""What the reader of an answer should see at this moment, worked out from the events."""

from __future__ import annotations

from typing import assert_never

from client_under_test.answer import Answer, ToolCall
from client_under_test.errors import StreamError
from client_under_test.events import Done, Event, Notice, Reset, Sentence, Text


class View:
    """The text so far and the state of the call. Takes ``Text`` and leaves ``Sentence``, which is the same again.

    Attributes:
        notice: why nothing comes just now; None while text flows.
        answer: what the call came to, once it is whole.
        error: why it is not whole.
        over: whether anything can still change.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.notice: Notice | None = None
        self.answer: Answer | None = None
        self.error: StreamError | None = None
        self.over = False

    @property
    def text(self) -> str:
        """The text that should be seen."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def take(self, event: Event) -> None:
        """See the next event."""
        match event:
            case Text(text):
                self._parts.append(text)
                self.notice = None
            case Reset():
                self._parts = []
            case Notice():
                self.notice = event
            case Done(answer):
                self._parts, self.answer, self.notice = [answer.text], answer, None
            case Sentence() | ToolCall():
                pass
            case _:
                assert_never(event)

    def finish(self, error: StreamError | None) -> None:
        """The stream is over; ``error`` says why the answer is not whole."""
        self.over, self.error, self.notice = True, error, None
        if error is not None and error.partial:
            self._parts = [error.partial]
