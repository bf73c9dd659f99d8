"""``streamproof ui``: the page, until SIGINT or SIGTERM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.adapter import Adapter
from harness.live import LiveRunner
from harness.plain import plain
from harness.ui.room import Room
from harness.web.alone import served


async def watch_forever(
    clients: Mapping[str, Adapter],
    *,
    port: int,
    seed: str,
    say: Callable[[str], object],
    pace: float,
    opens: bool = False,
) -> None:
    """Serve the page.

    Args:
        clients: that can be chosen, by name.
        pace: seconds between two events of an answer.
        opens: whether to open it in the browser.

    Raises:
        UsageError: the address cannot be bound.
    """
    async with LiveRunner() as runner:
        room = Room(runner, clients, seed, pace, lambda line: say(plain(line)))
        await served(room.site(), port, say, opens=opens)
