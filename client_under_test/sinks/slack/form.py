"""The two notations that Slack takes, and what an answer looks like in them.

``text`` is in Slack's mrkdwn, where ``&``, ``<`` and ``>`` must be written as entities, or the model could mention a
whole channel. 4,000 characters are the limit of ``chat.update`` (``msg_too_long``); ``chat.postMessage`` takes more and
cuts off silently at 40,000. ``markdown_text`` is in Markdown, up to 12,000 characters a call; a streamed message as a
whole has been seen to refuse more than about 10,600 bytes. There only ``<`` can begin a mention. Sources:
docs.slack.dev, "Formatting message text", chat.update, chat.appendStream; seratch/ChatGPT-in-Slack#102,
CopilotKit/CopilotKit#6064, openclaw/openclaw#143882.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from client_under_test.sinks import words
from client_under_test.sinks.slack.split import reach, split
from client_under_test.sinks.view import View

TYPING = "…"

_MARK_ROOM = 400
"""What the longest mark may weigh."""
_MARK_FRAME = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A notation."""

    field: str
    """The argument of the API that takes it."""
    limit: int
    """What one message may weigh."""
    unit: str
    """The encoding whose units Slack is taken to count."""
    unit_bytes: int
    escapes: Mapping[str, str]

    def escape(self, text: str) -> str:
        """``text`` so that Slack shows it as it is."""
        return text.translate({ord(char): entity for char, entity in self.escapes.items()})

    def weigh(self, text: str) -> int:
        """What the escaped ``text`` counts."""
        return len(self.escape(text).encode(self.unit, "surrogatepass")) // self.unit_bytes


MRKDWN = Form(
    field="text",
    limit=3_900,
    unit="utf-16-le",
    unit_bytes=2,
    escapes={"&": "&amp;", "<": "&lt;", ">": "&gt;"},
)
MARKDOWN = Form(field="markdown_text", limit=9_000, unit="utf-8", unit_bytes=1, escapes={"<": "&lt;"})


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as it should be seen."""

    written: str
    """In the notation."""
    body: str
    """The part of the answer in it."""


def messages(view: View, form: Form, limit: int, start: int = 0) -> list[Shown]:
    """The messages that show the answer from character ``start`` on, as it is now. One at least."""
    pieces = [one for one in split(view.text[start:], form.weigh, limit - _MARK_ROOM) if one.body.strip()]
    if not pieces:
        return [Shown(mark(view, form) or (words.NO_TEXT if view.over else TYPING), "")]
    *whole, last = pieces
    said = mark(view, form)
    ended = form.escape(last.written(close=bool(said) or not view.over)) + (f"\n\n{said}" if said else "")
    return [*(Shown(form.escape(one.written(close=True)), one.body) for one in whole), Shown(ended, last.body)]


def mark(view: View, form: Form) -> str:
    """What is said under the text: that it goes on, or that it is not whole. Empty when there is nothing to say."""
    if view.over:
        said = words.ending(view)
        return f"⚠️ _{_short(said[:1].upper() + said[1:], form)}_" if said else ""
    return f"_{_short(words.notice(view.notice), form)}…_" if view.notice is not None else ""


def _short(said: str, form: Form) -> str:
    return form.escape(said[: reach(said, 0, _MARK_ROOM - _MARK_FRAME, form.weigh)])
