"""What is seen of a load while it goes on: two lines that change in a terminal, or a line now and then elsewhere."""

from __future__ import annotations

import atexit
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.load.result import Result
from harness.load.summary import standing
from harness.logs import Say

_EVERY_SECONDS = 10


class Display:
    """Shows each state that it is given.

    Args:
        out: the terminal, if it is one.
        say: tells a line now and then where it is none, and a log in any case.
        seconds: how long calls are begun.
    """

    def __init__(self, out: TextIO, say: Say, seconds: float) -> None:
        console = Console(file=out, markup=False, emoji=False, highlight=False)
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_interactive else None
        self._say, self._seconds = say, seconds
        self._told = 0.0

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
            atexit.register(self._live.stop)  # whatever ends it early: the cursor must be seen again
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.stop()
            atexit.unregister(self._live.stop)

    def take(self, result: Result) -> None:
        """The next state."""
        above, below = standing(result, self._seconds)
        if self._live is not None:
            self._live.update(Text(f"{above}\n{below}"), refresh=True)
        if result.seconds - self._told >= _EVERY_SECONDS:
            self._told = result.seconds
            self._tell(result, above)

    def _tell(self, result: Result, line: str) -> None:
        verdicts = {str(one): count for one, count in result.tally.verdicts.items()}
        fields: dict[str, Any] = {"seconds": result.seconds, "verdicts": verdicts, "lost": result.tally.lost}
        if self._live is None:
            self._say(line, "the load goes on", **fields)
        else:
            self._say.log("the load goes on", **fields)
