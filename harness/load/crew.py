"""The processes of a load, put together: one that is this, or several of their own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

import msgspec

from harness.errors import InternalError
from harness.load.messages import Failure, Order, Over, Progress, Stopping, Told, decoded
from harness.load.part import play
from harness.load.result import Result
from harness.load.tally import Series, Tally, summed

_LINE_BYTES = 1 << 28
"""Of a failed call with its whole history."""


class Together:
    """What several processes tell, as one result.

    Args:
        result: that is filled.
        parts: how many there are.
        watch: is told every second.
        stopping: is called when the user has asked for the end.
        fail: is told each kept failed call, once, as a line of a history.
    """

    def __init__(
        self,
        result: Result,
        parts: int,
        watch: Callable[[Result], object],
        fail: Callable[[str], object],
        stopping: Callable[[], object],
    ) -> None:
        self.result, self._watch, self._fail, self._stopping = result, watch, fail, stopping
        self._is_stopping = False
        self._series = Series()
        self._last: dict[int, Progress] = {}
        self._leaked: list[int | None] = []
        self._awaited = set(range(parts))
        self._running = set(range(parts))

    def take(self, part: int, message: Told) -> None:
        """What the process of that number tells."""
        match message:
            case Progress():
                self._last[part] = message
                self._awaited.discard(part)
                if not self._awaited:
                    self._tick()
            case Failure():
                self._fail(message.event)
            case Stopping() if not self._is_stopping:
                self._is_stopping = True
                self._stopping()
            case Stopping():
                pass  # another process was first
            case Over():
                self._running.discard(part)
                self._leaked.append(message.leaked)
                self._awaited.discard(part)

    def _tick(self) -> None:
        """All have told how they stand."""
        self.put_together()
        self._series.add(summed([one.sample for one in self._last.values()]))
        self._awaited = set(self._running)
        self._watch(self.result)

    def put_together(self) -> None:
        """Bring the result up to date."""
        tally = Tally()
        for one in self._last.values():
            tally.merge(one.tally)
        known = [one for one in self._leaked if one is not None]
        result = self.result
        result.tally, result.series = tally, self._series
        result.seconds = max((one.sample.t for one in self._last.values()), default=0.0)
        result.held = max((one.held for one in self._last.values()), default=0.0)
        result.leaked = sum(known) if known and len(known) == len(self._leaked) else None


async def run(orders: Sequence[Order], together: Together) -> None:
    """Let each order be done by a process; a single one by this.

    Raises:
        InternalError: a process died.
    """
    if len(orders) == 1:
        await play(orders[0], lambda message: together.take(0, message))
    else:
        await _run_all(orders, together)
    together.put_together()


async def _run_all(orders: Sequence[Order], together: Together) -> None:
    processes = [await _started(order) for order in orders]

    def pass_on() -> None:
        for process in processes:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, pass_on)
    try:
        await asyncio.gather(*(_hear(number, process, together) for number, process in enumerate(processes)))
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*(process.wait() for process in processes))


async def _started(order: Order) -> asyncio.subprocess.Process:
    """A process that has its order. It has a session of its own: Ctrl-C is for this one, which passes it on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "harness.load.part",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(order) + b"\n")
    await process.stdin.drain()
    return process


async def _hear(number: int, process: asyncio.subprocess.Process, together: Together) -> None:
    assert process.stdout is not None
    is_over = False
    while line := await process.stdout.readline():
        message = decoded(line)
        is_over = is_over or isinstance(message, Over)
        together.take(number, message)
    if not is_over:
        raise InternalError(f"process {number + 1} of the load died with status {await process.wait()}")
