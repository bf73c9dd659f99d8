"""The history: every event as a line of JSON, flushed at once; every other report can be made from it."""

from __future__ import annotations

from typing import TextIO

from harness.events import Event
from harness.journal import encode


class Reporter:
    """Writes the history. Killing the run loses at most the cases in flight."""

    suffix = "jsonl"

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def take(self, event: Event) -> None:
        """Write one event and hand it to the operating system."""
        self._out.write(encode(event).decode())
        self._out.flush()
