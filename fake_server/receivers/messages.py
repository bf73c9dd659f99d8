"""Messages in Slack, as they are and as their readers see them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Message:
    """A message and its past."""

    channel: str
    ts: str
    text: str = ""
    thread_ts: str | None = None
    is_markdown: bool = False
    client_msg_id: str | None = None
    streams_until: float | None = None
    is_deleted: bool = False
    edits: int = 0
    identical_edits: int = 0
    changed: float = -math.inf

    @property
    def seen(self) -> str:
        """The text as a user sees it; Markdown as it was written."""
        return self.text if self.is_markdown else without_entities(self.text)


@dataclass(slots=True, kw_only=True)
class Ephemeral:
    """What one person sees by way of a ``response_url``."""

    issued: float
    uses: int = 0
    original: str | None = None
    """The message that the interaction began with, or what replaced it."""
    more: list[str]


def without_entities(text: str) -> str:
    """``text`` in mrkdwn, as Slack shows it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
