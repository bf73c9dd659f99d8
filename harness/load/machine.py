"""What this process has of the machine: memory and sockets, as Linux tells it; elsewhere nobody knows. And how many
files it may have."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc/self")
_MIB = 1 << 20


_OF_A_STREAM = 4
"""Its client's end, its server's, and both of a proxy between them."""
_OTHERS = 250


def make_room(streams: int) -> int:
    """Let this process have the files that so many streams need; returns how many streams it may have, if fewer."""
    needed = streams * _OF_A_STREAM + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return streams if most == needed else max(0, (most - _OTHERS) // _OF_A_STREAM)


def memory() -> float | None:
    """MiB of it that are in memory."""
    try:
        pages = int((_PROC / "statm").read_text("ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def sockets() -> int | None:
    """How many it has open."""
    try:
        names = os.listdir(_PROC / "fd")  # noqa: PTH208 (thousands of them, every second)
    except OSError:
        return None
    return sum(_is_socket(name) for name in names)


def _is_socket(name: str) -> bool:
    with suppress(OSError):  # it may be closed by now
        return os.readlink(f"/proc/self/fd/{name}").startswith("socket:")  # noqa: PTH115
    return False
