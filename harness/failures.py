"""What is known to go wrong, as the catalogue has it: ``scenarios/failures.toml``, one table for each entry."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from harness.errors import UsageError


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry: something that happened to somebody."""

    says: str
    """What happens, in one sentence."""
    harm: str
    """What the user of a client has of it that gets it wrong, in one sentence."""
    sources: tuple[str, ...]
    """Where it happened: ``owner/repo#number``, or the address of a standard."""
    because: str = ""
    """Why no scenario reproduces it; empty where one does."""
    lacks: str = ""
    """Which part of it no scenario reproduces."""


def read(path: Path) -> dict[str, Failure]:
    """The entries of a file by id, in its order.

    Raises:
        UsageError: it is no TOML, or an entry lacks a field or has one too many; names the file and the place.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, Failure])
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: {error}") from None
