"""What a law is: one sentence that must hold in every history, with a code that never changes.

A law is a function from a :class:`~harness.history.Case` to a :class:`~harness.verdict.Ruling`, in a file of its own in
``harness/checks``. Its docstring is what ``streamproof explain CODE`` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from inspect import getdoc

import msgspec

from harness.history import Case
from harness.verdict import Ruling, Verdict, unknown

ADAPTER = "SP00"
"""Code of the law about adapters, which comes before all others."""
DELIVERY = "SP22"
"""Code of the law about the faults themselves, the only one to ask when the network could not be set up."""
PARTIAL = "SP09"
"""Code of the law about the text of a call that failed; there is nothing to ask when nobody says what was kept."""


_MOST_LOST = 0.5
"""Seconds that may be lost of one second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """One law; ``rank`` orders the findings of a case, the most harmful first."""

    code: str
    name: str
    rank: int
    tolerates: float | None
    """Seconds that the harness's event loop may have come late for a failure still to be proof; None: any number."""
    check: Callable[[Case], Ruling]

    @property
    def text(self) -> str:
        """What the law says and why, as its author wrote it."""
        return getdoc(self.check) or ""

    @property
    def title(self) -> str:
        """Its first sentence."""
        return self.text.split("\n")[0]


def law(code: str, *, rank: int, tolerates: float | None = None) -> Callable[[Callable[[Case], Ruling]], Law]:
    """Make a law of a check; ``rank`` 1 is the worst harm; see :attr:`Law.tolerates`."""

    def make(check: Callable[[Case], Ruling]) -> Law:
        return Law(code=code, name=check.__name__, rank=rank, tolerates=tolerates, check=check)

    return make


def judge(case: Case, laws: Iterable[Law]) -> tuple[Ruling, ...]:
    """What every law says of ``case``, the most harmful first. A check that raises is UNKNOWN, never a pass.

    Of a case whose adapter broke its contract, or whose network could not be set up, only the law that says so is
    asked.
    """
    only = ADAPTER if case.adapter_failure is not None else DELIVERY if case.network_failure is not None else None
    return tuple(_rule(case, one) for one in _in_order(tuple(laws)) if only in (None, one.code))


@cache
def _in_order(laws: tuple[Law, ...]) -> list[Law]:
    return sorted(laws, key=lambda one: (one.rank, one.code))


def _rule(case: Case, law: Law) -> Ruling:
    ruling = _ask(case, law)
    if case.other_reading is not None:
        ruling = _of_both(ruling, _ask(case.other_reading, law))
    if ruling.verdict is Verdict.FAIL and case.is_misheard:
        ruling = unknown(f"the network changed what the client sent, so this proves nothing: {ruling.harm}")
    if law.tolerates is not None and ruling.verdict is Verdict.FAIL and (late := too_late(case, law.tolerates)):
        ruling = unknown(f"{late}, so this proves nothing: {ruling.harm}")
    return msgspec.structs.replace(ruling, law=law.code)


def too_late(case: Case, tolerated: float) -> str:
    """Says how late this machine came, if a client's own limits may have passed for that; otherwise nothing."""
    if case.lag > tolerated:
        return f"this machine was up to {case.lag:.2f} s late"
    if case.lost > max(tolerated, _MOST_LOST):
        return f"this machine was up to {case.lost:.2f} s late in all within one second"
    return ""


def _of_both(ruling: Ruling, other: Ruling) -> Ruling:
    """What can be said when it is in doubt how much came through: only what holds either way."""
    if (ruling.verdict is Verdict.FAIL) == (other.verdict is Verdict.FAIL):
        return ruling
    perhaps = ruling.harm if ruling.verdict is Verdict.FAIL else other.harm
    return unknown(f"the counters of this Toxiproxy do not tell how much came through; perhaps: {perhaps}")


def _ask(case: Case, law: Law) -> Ruling:
    try:
        return law.check(case)
    except Exception as error:
        return unknown(f"the check itself failed with {type(error).__name__}: {error}")
