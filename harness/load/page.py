"""A load as one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from harness.load import summary
from harness.load.chart import HEIGHT, WIDTH, bars, over_time
from harness.load.result import MEASURES, Result
from harness.load.thresholds import Kept
from harness.plain import plain
from harness.verdict import Verdict
from harness.web import shared


def page(result: Result, kept: Sequence[Kept]) -> str:
    """The file."""
    style = _style()
    drawings = [
        drawn
        for name, measure in MEASURES.items()
        if measure.of is not None and (drawn := bars(name, measure.about, measure.of(result.tally))) is not None
    ]
    return str(
        _template().render(
            result=result,
            kept=kept,
            style=style,
            policy=_policy(style),
            summary=summary,
            drawings=drawings,
            lines=over_time(result.series.samples),
            size=(WIDTH, HEIGHT),
            Verdict=Verdict,
        )
    )


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = plain
    return environment.from_string((files(__package__) / "page.html.jinja").read_text("utf-8"))


@cache
def _style() -> str:
    return shared("base.css").read_text("utf-8") + (files(__package__) / "page.css").read_text("utf-8")


def _policy(style: str) -> str:
    """Nothing is loaded, and nothing runs; the style is this one."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
