"""What a terminal shows while a run goes on: its clients and their counts, and how much time is left."""

from __future__ import annotations

import atexit
from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.standing import Standing
from reports.console import clients
from reports.console.page import Page

_TIMES_A_SECOND = 4
"""More is not read, and would make the clients late that run in this process."""
_OTHER_LINES = 4
"""Lines of the display beside those of the clients."""


class Running:
    """Nothing where the page is not one that can be changed."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._counts: dict[str, Counter[Standing]] = {}
        columns = (BarColumn(bar_width=None), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("left"))
        self._progress = Progress(*columns, console=page.console, expand=True)
        self._live: Live | None = None

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case RunStarted():
                self._counts = {client: Counter() for client in event.clients}
                self._task = self._progress.add_task("cases", total=event.cases)
                self._begin()
            case CaseFinished():
                self._counts[event.client][event.standing] += 1
                self._progress.advance(self._task)
            case RunFinished():
                self._end()

    def _begin(self) -> None:
        if self._page.is_live:
            self._live = Live(
                get_renderable=self._shown,
                console=self._page.console,
                refresh_per_second=_TIMES_A_SECOND,
                transient=True,
            )
            self._live.start()
            atexit.register(self._live.stop)  # whatever ends the run early: the cursor must be seen again

    def _end(self) -> None:
        if self._live is not None:
            self._live.stop()
            atexit.unregister(self._live.stop)

    def _shown(self) -> RenderableType:
        """Called by a thread of the display: counts only grow, and the clients stay the same."""
        most = max(1, self._page.console.height - _OTHER_LINES)
        rows: Sequence[Text] = clients.lines(self._counts, self._page.width, most)
        return Group(*rows, self._progress)
