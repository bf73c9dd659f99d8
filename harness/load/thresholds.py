"""What a load must keep, as in k6: ``completion>=99%``, ``ttft.p95<500ms``, ``lost==0``. Pure.

Source: https://grafana.com/docs/k6/latest/using-k6/thresholds/
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.errors import UsageError
from harness.load.result import Result, checked, told, value
from harness.verdict import Verdict

_FORM = re.compile(
    r"\s*(?P<metric>[a-z]+)(?:\.(?P<stat>[a-z0-9.]+))?\s*(?P<sign><=|>=|==|<|>)\s*"
    r"(?P<limit>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|%|MiB)?\s*"
)
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip
_SCALES = {"ms": ("s", 0.001), "s": ("s", 1.0), "%": ("%", 0.01), "MiB": ("MiB", 1.0)}
"""Of a unit in a threshold: that of the measure, and how many of those it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One of them."""

    text: str
    metric: str
    stat: str
    sign: str
    limit: float
    when_crossed: Verdict = Verdict.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Whether a threshold was kept; UNKNOWN where its number is not known."""

    threshold: Threshold
    verdict: Verdict
    told: str
    """The number, for people."""


def parse(text: str) -> Threshold:
    """The threshold that ``text`` says.

    Raises:
        UsageError: it says none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--threshold {text!r}: expected something like 'completion>=99%', 'ttft.p95<500ms' or 'lost==0'"
        )
    metric, stat, unit = found["metric"], found["stat"] or "", found["unit"]
    measure = checked(metric, stat)
    kind, scale = _SCALES[unit] if unit else (measure.unit, 1.0)
    if kind != measure.unit:
        raise UsageError(
            f"--threshold {text!r}: {metric} is {f'in {measure.unit}' if measure.unit else 'a plain number'}"
        )
    limit = float(found["limit"]) * scale
    return Threshold(text=text.strip(), metric=metric, stat=stat, sign=found["sign"], limit=limit)


_USUAL = (
    Threshold(text="failed==0", metric="failed", stat="", sign="==", limit=0.0),
    Threshold(text="unknown==0", metric="unknown", stat="", sign="==", limit=0.0, when_crossed=Verdict.UNKNOWN),
    Threshold(text="lost==0", metric="lost", stat="", sign="==", limit=0.0),
)


def all_of(wanted: Iterable[str]) -> tuple[Threshold, ...]:
    """These, and before them those that hold for every load whose measure none of them names.

    Raises:
        UsageError: one is malformed.
    """
    said = [parse(one) for one in wanted]
    named = {one.metric for one in said}
    return (*(one for one in _USUAL if one.metric not in named), *said)


def kept(thresholds: Iterable[Threshold], result: Result) -> list[Kept]:
    """Which of them were kept."""
    return [_kept(one, result) for one in thresholds]


def _kept(one: Threshold, result: Result) -> Kept:
    number = value(result, one.metric, one.stat)
    if number is None:
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.PASS if _SIGNS[one.sign](number, one.limit) else one.when_crossed
    return Kept(threshold=one, verdict=verdict, told=told(number, checked(one.metric, one.stat).unit))
