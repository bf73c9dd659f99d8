"""A file of earlier runs: one line of JSON for each, the last one at its end."""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.bench.results import Run
from harness.errors import UsageError


def append(path: Path, run: Run) -> None:
    """Add a run to the file; it is made where there is none.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(msgspec.json.encode(run) + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def last(path: Path) -> Run:
    """The last run in the file.

    Raises:
        UsageError: it cannot be read, or holds no run of a benchmark.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not lines:
        raise UsageError(f"{path} holds no run")
    try:
        return msgspec.json.decode(lines[-1], type=Run)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}, line {len(lines)}, is no run of `streamproof bench`: {error}") from error
