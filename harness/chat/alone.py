"""``streamproof chat``: the page, until SIGINT or SIGTERM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from harness.chat.calls import Real, Speaker, Story
from harness.chat.room import Room
from harness.live import LiveRunner
from harness.plain import plain
from harness.web.alone import served


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """Where a real model can be asked."""

    base_url: str
    key: str
    model: str


async def chat_forever(
    real: RealServer | None,
    *,
    port: int,
    seed: str,
    say: Callable[[str], object],
    pace: float,
    opens: bool = False,
) -> None:
    """Serve the page.

    Args:
        real: who can be asked beside our own server.
        pace: seconds between two events of our own server.
        opens: whether to open it in the browser.

    Raises:
        UsageError: the address cannot be bound, or the real server's is none.
    """
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(LiveRunner())
        speakers: dict[str, Speaker] = {"story": Story(runner, pace)}
        if real is not None:
            speakers["real"] = await stack.enter_async_context(Real(real.base_url, real.key, real.model))
        site = Room(speakers, seed, lambda line: say(plain(line))).site()
        await served(site, port, say, opens=opens, notes=_notes(speakers))


def _notes(speakers: dict[str, Speaker]) -> Iterator[str]:
    if "real" in speakers:
        yield f"{plain(speakers['real'].name)} can be asked, too; it is, when you choose it on the page, and it costs"
