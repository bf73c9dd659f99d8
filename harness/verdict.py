"""Verdicts: what a check says, and how several become one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """PASS, FAIL, UNKNOWN (cannot be told from what was recorded) or SKIP (does not concern this client)."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIP = "skip"


_RANK = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.SKIP)


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several: FAIL, then UNKNOWN, then PASS; SKIP counts only when there is nothing else."""
    return min(verdicts, key=_RANK.index, default=Verdict.SKIP)


class Ruling(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one law says of one case."""

    verdict: Verdict
    harm: str = ""
    """One sentence: what the user saw, for FAIL; why not, for UNKNOWN and SKIP."""
    law: str = ""
    """Code of the law, such as ``SP01``."""


PASSED = Ruling(verdict=Verdict.PASS)


def failed(harm: str) -> Ruling:
    """The law is broken; ``harm`` says what that did to the user."""
    return Ruling(verdict=Verdict.FAIL, harm=harm)


def unknown(why: str) -> Ruling:
    """The record does not show whether the law was kept."""
    return Ruling(verdict=Verdict.UNKNOWN, harm=why)


def skipped(why: str) -> Ruling:
    """The law says nothing about this case."""
    return Ruling(verdict=Verdict.SKIP, harm=why)
