"""What to append next to a message that can only grow.

Rules:

1. What is appended ends before a word that may go on, because Slack has been seen to drop the blanks at the beginning
   of what is appended. The end of the answer is sent with the stop.
2. Before the message is full a border of the text is looked for, at which it is stopped and another begun; code blocks
   are closed there and opened again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from client_under_test.sinks.slack.form import Form
from client_under_test.sinks.slack.split import border, cut, open_fence, reach

FRAME = 500
"""What a closing fence and the mark at the end may weigh."""
LOOK = 1_500
"""From this weight before the message is full on, a border is looked for."""

_WHOLE_WORDS = re.compile(r".*\s(?=\S)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """What is appended next."""

    body: str
    """The part of the answer."""
    fence: str = ""
    """The fence that is open behind it."""
    stops: bool = False
    """Whether the message ends with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """A message that can only grow, and the answer that it shows a part of."""

    text: str
    """The whole answer as it is now."""
    start: int
    """The character at which the message begins."""
    sent: int
    """The character up to which it was appended."""
    fence: str
    """The fence that the message opens again."""
    over: bool
    """Whether the answer grows no more."""

    def next(self, form: Form) -> Part | None:
        """What to append now; None when nothing is ready."""
        room = form.limit - FRAME - form.weigh(self.text[self.start : self.sent])
        end = reach(self.text, self.sent, max(room, 1), form.weigh) if self.sent < len(self.text) else self.sent
        if end < len(self.text):
            return self._part(cut(self.text, self.sent, end, self.fence, least=0), stops=True)
        if self.over:
            return self._part(end, stops=True)
        if room - form.weigh(self.text[self.sent :]) < LOOK and (at := self._good_border(end)):
            return self._part(at, stops=True)
        words = _WHOLE_WORDS.match(self.text, self.sent)
        return self._part(words.end(), stops=False) if words and not words[0].isspace() else None

    def _good_border(self, end: int) -> int:
        """Where the next message may begin; 0 when nothing would be in it."""
        at = border(self.text, self.sent, end, kinds=3)
        return at if self.text[at:].strip() else 0

    def _part(self, end: int, *, stops: bool) -> Part:
        fence = open_fence(self.text[self.start : end], self.fence)[0]
        return Part(self.text[self.sent : end], fence, stops)
