"""Where in which file something stands, for messages about what is wrong there."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file something stands."""

    file: str
    path: str = ""

    def field(self, name: str) -> Place:
        """The field ``name`` of what stands here."""
        return Place(self.file, f"{self.path}.{name}" if self.path else name)

    def item(self, number: int) -> Place:
        """One of the items that stand here."""
        return Place(self.file, f"{self.path}[{number}]")

    def error(self, why: object) -> UsageError:
        """What is wrong here."""
        return UsageError(f"{self.file}: {f'{self.path}: ' if self.path else ''}{why}")

    def wrong(self, expected: str, found: Any) -> UsageError:
        """Something else stands here than ``expected``."""
        return self.error(f"expected {expected}, found {reprlib.repr(found)}")
