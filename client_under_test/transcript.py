"""What is kept of one call over all its attempts: the text on display, and the content that may be sent back.

An answer can come in parts: attempts that were interrupted and continued, and turns that paused. Its content is put
together so that its text is exactly the text on display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from client_under_test.assemble import Message, without_blanks
from client_under_test.display import Display, Shown

Content = tuple[dict[str, Any], ...]


class Transcript:
    """The text and content of one call."""

    def __init__(self) -> None:
        self.display = Display()
        self.paused: list[Content] = []
        """Content of the turns that paused, to be sent back as it came."""
        self.container: Mapping[str, Any] | None = None
        """Where their tools ran."""
        self._kept: Content = ()
        """Content of the turn in progress, of attempts that are over."""
        self._before: Content | None = None
        """Content that the attempt in progress goes on after; None when it says the turn from its start."""
        self._text_before = 0

    @property
    def text(self) -> str:
        """All that is on display."""
        return self.display.text

    def begin(self, *, goes_on: bool, may_repeat: bool = True) -> None:
        """A new attempt begins: it goes on after the text so far, or says the turn in progress from its start."""
        self._text_before = len(self.display.unsettled)
        if goes_on:
            self._before = self._kept
            self.display.go_on(may_repeat=may_repeat)
        else:
            self._before = None
            self.display.start_over()

    def say(self, piece: str) -> Shown:
        """The attempt says ``piece``."""
        return self.display.say(piece)

    def finish(self) -> Shown:
        """The attempt ended whole."""
        return self.display.finish()

    def interrupted(self, message: Message) -> None:
        """The attempt broke off; ``message`` is as much of it as came."""
        self._kept = self._content_of_turn(message)

    def pause(self, message: Message) -> None:
        """The turn paused, and another one follows it."""
        self.paused.append(without_blanks(self._content_of_turn(message)))
        self.container = message.container or self.container
        self.display.settle()
        self._kept, self._before = (), None

    def content(self, message: Message) -> Content:
        """The content of the whole answer, whose last attempt is ``message``."""
        turns = (*self.paused, without_blanks(self._content_of_turn(message)))
        return tuple(block for turn in turns for block in turn)

    def _content_of_turn(self, message: Message) -> Content:
        said, content = self.display.unsettled, message.content()
        if self._before is not None:
            content = _joined(self._before, content, said[self._text_before :])
        for known in (content, self._kept):
            if _text(known) == said:
                return known
        return ({"type": "text", "text": said},)


def _joined(before: Content, after: Content, new_text: str) -> Content:
    """``after`` behind ``before``, of its text only ``new_text``, which is its end; one block at the seam."""
    repeated = max(0, len(_text(after)) - len(new_text))
    rest: list[dict[str, Any]] = []
    for block in after:
        if block["type"] == "text":
            text = block["text"]
            repeated, text = max(0, repeated - len(text)), text[repeated:]
            block = {**block, "text": text}
        if block.get("text") != "":
            rest.append(block)
    if before and rest and before[-1]["type"] == rest[0]["type"] == "text":
        return (*before[:-1], _one(before[-1], rest[0]), *rest[1:])
    return (*before, *rest)


def _one(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two text blocks as one, with the citations of both."""
    citations = [*(first.get("citations") or ()), *(second.get("citations") or ())]
    text = first["text"] + second["text"]
    return {**first, "text": text, **({"citations": citations} if citations else {})}


def _text(content: Sequence[dict[str, Any]]) -> str:
    return "".join(str(block["text"]) for block in content if block["type"] == "text")
