"""What can be said of a client by whoever sees its requests and nothing of its screen. Pure.

Of a program that nobody runs for us there is the server's half of the history, and the network's. Some laws ask for no
more than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.history import Case, Record
from harness.law import Law, judge
from harness.verdict import Ruling, Verdict, merge

LAWS = ("SP10", "SP11", "SP12", "SP13", "SP15", "SP16", "SP18", "SP22", "SP30")
"""Codes of the laws that are judged by requests and replies alone: how many, when, after what, how they were left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a bystander can say."""

    verdict: Verdict
    law: str
    """Code of the law that decides; empty where all are kept."""
    sentence: str
    requests: int


def seen(record: Record, laws: Iterable[Law]) -> Sight:
    """Judge a client by what its server saw of it.

    Args:
        laws: all that there are; those are asked that need no more.
    """
    case = Case(record)
    rulings = judge(case, [one for one in laws if one.code in LAWS])
    requests = len(case.attempts)
    if not requests:
        return Sight(verdict=Verdict.UNKNOWN, law="", sentence="No request has come.", requests=0)
    verdict = merge(one.verdict for one in rulings)
    worst = next((one for one in rulings if one.verdict is verdict and one.harm), None)
    if verdict is Verdict.PASS or worst is None:
        return Sight(verdict=verdict, law="", sentence=_kept(rulings, requests), requests=requests)
    sentence = worst.harm if verdict is Verdict.FAIL else f"this cannot be proven: {worst.harm}"
    return Sight(verdict=verdict, law=worst.law, sentence=_sentence(sentence), requests=requests)


def _kept(rulings: Iterable[Ruling], requests: int) -> str:
    kept = [one.law for one in rulings if one.verdict is Verdict.PASS]
    made = f"{requests} request{'s' * (requests > 1)}"
    return f"After {made} nothing is wrong that a server can see ({', '.join(sorted(kept))})."


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."
