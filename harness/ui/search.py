"""A search for failures that a page follows: shards on processes of this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time

from harness.campaign import Campaign, Tally, explored_by
from harness.fuzz import Explored
from harness.ui.score import command, score
from harness.web.channel import Channel
from harness.workers import processes


class Search:
    """A campaign. How it stands is told in its channel after each shard; the channel ends with it.

    Args:
        jobs: processes.
    """

    def __init__(self, campaign: Campaign, jobs: int) -> None:
        self.channel = Channel()
        self._campaign, self._jobs = campaign, jobs
        self._stopped = threading.Event()
        self._tally, self._began = Tally(), 0.0

    def stop(self) -> None:
        """No further shard begins, and those that run are not waited for."""
        self._stopped.set()

    async def run(self) -> None:
        """Search to the end of the campaign, or until it is stopped."""
        self._began = time.monotonic()
        self._tell()
        try:
            await asyncio.to_thread(self._explore, asyncio.get_running_loop())
            self.channel.tell("over", {"stopped": self._stopped.is_set(), "again": command(self._campaign)})
        finally:
            self._stopped.set()
            self.channel.close()

    def _explore(self, loop: asyncio.AbstractEventLoop) -> None:
        with processes(self._jobs) as workers:
            for explored in explored_by(workers, self._campaign.shards(), stop=self._stopped.is_set):
                loop.call_soon_threadsafe(self._take, explored)

    def _take(self, explored: Explored) -> None:
        self._tally.add(explored)
        self._tell()

    def _tell(self) -> None:
        self.channel.tell_anew("score", score(self._campaign, self._tally, time.monotonic() - self._began))
