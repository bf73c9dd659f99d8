"""What a search for failures tells a log, part by part; people have its display."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from harness.confirm import Confirmed
from harness.fuzz import Explored
from harness.logs import Say

Searched = Explored | Confirmed
"""What a search did: a part of it, or the proof of a failure."""
Watcher = Callable[[Searched], object]
"""Is told that, as it happens."""


class SearchLog:
    """A campaign: its parts, each new failure, and what came of it on sockets."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._codes: set[str] = set()
        self._cases = 0

    def take(self, what: Searched) -> None:
        """Tell of the next part, or of the next proof."""
        if isinstance(what, Confirmed):
            said = "could not be proved" if what.doubt else "is confirmed on sockets"
            told: dict[str, Any] = {"code": what.failure.code, "harm": what.failure.harm, "scenario": what.scenario.id}
            self._say.log(f"{what.failure.code} {said}", level=logging.WARNING, doubt=what.doubt, **told)
            return
        self._cases += what.cases
        for code, failure in what.failures.items():
            if code not in self._codes:
                self._codes.add(code)
                self._say.log(f"found {code}", level=logging.WARNING, code=code, harm=failure.harm)
        done: dict[str, Any] = {"cases": what.cases, "cases_in_all": self._cases, "distinct_failures": len(self._codes)}
        self._say.log(f"shard {what.shard.number} is done", shard=what.shard.number, **done)
