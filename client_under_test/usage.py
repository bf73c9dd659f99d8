"""Counts tokens over all attempts of one call: what was billed, and what of it was wasted.

Rules:

1. Within one message usage is cumulative: later values replace earlier ones (:mod:`client_under_test.assemble`).
2. Every message that began is billed, whatever became of it; a refusal by status is not.
3. A message that broke off before its last count is known only from below, and so is every sum it is part of.
4. What was never counted is None. It is not zero.
5. Wasted is what was billed for messages of which nothing is in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A sum of tokens; None where the API never said anything."""

    input: int | None = None
    """Input tokens, those written to and read from the cache included."""
    output: int | None = None
    exact: bool = True
    """Whether every part of the sum was counted to its end; otherwise the numbers are a lower bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one attempt cost."""

    usage: Mapping[str, Any]
    counted: bool
    """Whether the last count of its message came, or it cannot have cost anything."""
    used: bool
    """Whether anything of it is in the answer."""


class Ledger:
    """The attempts of one call and what they cost."""

    def __init__(self) -> None:
        self._spent: list[Spent] = []
        self._turn = 0
        """Where the attempts of the turn in progress begin."""

    def add(self, spent: Spent) -> None:
        """An attempt is over."""
        self._spent.append(spent)

    def settle(self) -> None:
        """The turn in progress is over: what is in it stays."""
        self._turn = len(self._spent)

    def start_over(self) -> None:
        """The turn in progress is said anew: what its attempts said so far is wasted."""
        self._spent[self._turn :] = [replace(one, used=False) for one in self._spent[self._turn :]]
        self.settle()

    @property
    def billed(self) -> Tokens:
        """The sum over all attempts."""
        return _sum(self._spent)

    @property
    def wasted(self) -> Tokens:
        """The sum over the attempts of which nothing is in the answer."""
        return _sum([one for one in self._spent if not one.used])


def count(usage: Mapping[str, Any], name: str) -> int | None:
    """The number called ``name``, None when there is none."""
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_OUTPUT = ("output_tokens",)


def _sum(spent: Sequence[Spent]) -> Tokens:
    return Tokens(input=_known(spent, _INPUT), output=_known(spent, _OUTPUT), exact=all(one.counted for one in spent))


def _known(spent: Sequence[Spent], names: Sequence[str]) -> int | None:
    known = [number for one in spent for name in names if (number := count(one.usage, name)) is not None]
    return sum(known) if known else None
