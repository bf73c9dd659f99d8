"""``streamproof`` in a terminal of a given size: what it wrote, and what can be read on the screen."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyte

STREAMPROOF = Path(sys.executable).with_name("streamproof")
LONGEST_SECONDS = 60.0
_UNSET = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """That of this process without what says how to print, and with ``more``."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return {**kept, "TERM": "xterm-256color", **more}


class Terminal:
    """A terminal, and the process in it."""

    def __init__(self, process: subprocess.Popen[bytes], handle: int, columns: int, rows: int) -> None:
        self.process, self._handle = process, handle
        self._screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""

    def until(self, text: str) -> None:
        """Read until ``text`` was written."""
        while text.encode() not in self.written:
            assert self._read(), f"it ended without {text!r}: {self.written!r}"

    def forget(self) -> None:
        """What was written does not count any more for :meth:`until`."""
        self.written = b""

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._handle, keys.encode())

    def end(self) -> int:
        """Read to the end, and wait for the process; its exit status."""
        while self._read():
            pass
        return self.process.wait(LONGEST_SECONDS)

    @property
    def lines(self) -> list[str]:
        """What can be read, also by scrolling back, without empty lines at the end."""
        columns = range(self._screen.columns)
        above = ["".join(row[column].data for column in columns) for row in self._screen.history.top]
        return "\n".join(line.rstrip() for line in (*above, *self._screen.display)).rstrip().split("\n")

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._handle], [], [], LONGEST_SECONDS)
        assert ready, f"nothing more was written for {LONGEST_SECONDS} s after {self.written[-500:]!r}"
        try:
            data = os.read(self._handle, 1 << 16)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""  # the other end is closed
        self.written += data
        self._stream.feed(data)
        return data


@contextmanager
def terminal(home: Path, *words: str, columns: int = 80, rows: int = 50, **variables: str) -> Iterator[Terminal]:
    """Runs ``streamproof`` with these words in a terminal; it is ended, by its own id, with the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen(
        [STREAMPROOF, *words],
        cwd=home,
        env=environment(variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(process, ours, columns, rows)
        finally:
            if process.poll() is None:
                process.terminate()
            os.close(ours)


def piped(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs ``streamproof`` with its output in pipes."""
    command = [STREAMPROOF, *words]
    return subprocess.run(
        command, cwd=home, env=environment(variables), capture_output=True, text=True, timeout=LONGEST_SECONDS
    )
