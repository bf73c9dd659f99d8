"""A parser's process: it is given one job after the other, and answers each with a line."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

_READ = 1 << 16
_START_SECONDS = 60.0


class Refused(Exception):
    """What was named is no parser, for the reason given."""


class TooSlow(Exception):
    """No answer in time; the process is gone."""


class Died(Exception):
    """The process ended; what it said last is in the message."""


class Worker:
    """One process. It is started when the first job comes, and anew after it was too slow.

    Args:
        command: the parser's program.
        variables: what it finds in its environment.
    """

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self._command, self._variables = command, variables
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._buffer = b""

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._stderr.close()

    def ask(self, job: Mapping[str, Any], patience: float) -> dict[str, Any]:
        """Give it a job.

        Args:
            job: ``do`` says what; the rest is that job's.
            patience: seconds that it may take.

        Raises:
            Refused: there is no parser in it.
            TooSlow: it did not answer in time.
            Died: it ended.
        """
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        return self._answer(patience)

    def _start(self) -> None:
        self._buffer = b""
        self._process = subprocess.Popen(  # noqa: S603
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **self._variables},
        )
        ready = self._answer(_START_SECONDS)
        if "refused" in ready:
            self._end()
            raise Refused(ready["refused"])

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        end = monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, end - monotonic())):
                    self._end()
                    raise TooSlow(f"it took more than {seconds:g} s")
                came = os.read(self._process.stdout.fileno(), _READ)
                if not came:
                    self._end()
                    raise Died(f"its process ended: {self._said()}")
                self._buffer += came
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _said(self) -> str:
        self._stderr.seek(0)
        text = self._stderr.read().decode("utf-8", "replace").strip()
        return text.splitlines()[-1][:300] if text else "it said nothing"

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
