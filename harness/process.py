"""A client's program, in a process group of its own that is killed whole, and what it said when it died."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Self

from harness.errors import AdapterError

LINE_BYTES = 256 << 20
"""A line can hold a whole answer several times over."""
_STDERR_LINES = 20


class ClientProcess:
    """A program that runs.

    Its standard error is read all the time, and its end is kept: that is what says why a program died.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self.stdout = process.stdin, process.stdout
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._reading = asyncio.create_task(self._read_stderr(process.stderr))
        self._at_exit = atexit.register(partial(_signal_group, process.pid, signal.SIGKILL))

    @classmethod
    async def start(cls, command: Sequence[str], variables: Mapping[str, str] | None = None) -> Self:
        """Start ``command`` with these environment variables beside the harness's own.

        Raises:
            AdapterError: there is no such program, or it cannot be started.
        """
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env={**os.environ, **(variables or {})},
                limit=LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise AdapterError(f"{command[0]!r} cannot be started: {error.strerror}") from error
        return cls(process)

    def write(self, data: bytes, *, last: bool = False) -> None:
        """Give it ``data`` on its standard input, which ends there if that is the ``last``."""
        with suppress(ConnectionError):  # it may have ended; its exit status says so
            self._stdin.write(data)
            if last:
                self._stdin.close()

    def said(self, line: str) -> None:
        """Add ``line`` to what it said, as if on the standard error."""
        self._stderr.append(line)

    async def end(self, grace: float = 0.0) -> tuple[int, str]:
        """See it end, and kill its whole group.

        Args:
            grace: seconds that it may take after it is asked to (SIGTERM); 0 kills at once what still runs.

        Returns:
            The exit status, below 0 the number of a signal; and the end of what it said on the standard error.
        """
        if grace and self._process.returncode is None:
            _signal_group(self._process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace)
        _signal_group(self._process.pid, signal.SIGKILL)
        status = await self._process.wait()
        atexit.unregister(self._at_exit)
        await asyncio.wait({self._reading})
        return status, "\n".join(self._stderr)

    async def left(self) -> tuple[int, str]:
        """As :meth:`end`, for a program that ends by itself."""
        await self._process.wait()
        return await self.end()

    async def _read_stderr(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.readline():
            self._stderr.append(chunk.decode("utf-8", "replace").rstrip())


def _signal_group(group: int, number: signal.Signals) -> None:
    """Signal the process and whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
