"""Runs whose payloads try to break out of a report, and what a reporter makes of them."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
import zlib
from io import StringIO
from typing import Any

import pytest

from fake_server.record import Ended, Replied, Requested, Sent, Struck
from harness import catalog
from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.history import CaseInfo, Record
from harness.model import (
    Capability,
    ErrorSeen,
    Expect,
    Finished,
    Level,
    Limits,
    Noticed,
    Outcome,
    Policy,
    Shown,
    ToolUse,
)
from harness.receiver import Called, Showed
from harness.verdict import Ruling, Verdict

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "nul": "a\x00b",
    "surrogates": "\ud83d and \udc80",
    "override": "\u202efdp.exe\u2066",
    "cells": "a | b || c",
    "backticks": "`` ` ```\n```",
    "cdata": "]]><!--x--><?php ?>",
    "newlines": "one\ntwo\r\n\r\n| three |\u2028four",
    "template": "{{ 7 * 7 }}{% raw %}",
    "markup": "[/x] [bold] [link=http://a]",
    "links": "![a](http://b) <http://c> http://d",
    "nonsense": "\uffff\ufffe\ufdd0\ufeff",
    "commands": "::add-mask::a%0A::error file=b,line=1::c ##[error]d",
    "placeholders": "{0} {{1}} [a](0) [b](http://c)",
    "backslashes": 'a\\ b\\n \\" {c="d"} 1\\',
}
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
Run = list[Event]
REAL = "cutoff.clean_end_mid_text"
"""A scenario of the catalogue."""

every_payload = pytest.mark.parametrize("payload", [pytest.param(text, id=name) for name, text in PAYLOADS.items()])
every_place = pytest.mark.parametrize("place", ["wire", "client", "seed", "scenario"])


def record(payload: str, client: str, level: Level = Level.MUST) -> Record:
    """A history with ``payload`` wherever a server or a client can put it."""
    info = CaseInfo(
        id=f"family.name@{client}:1",
        scenario="family.name",
        client=client,
        seed="1",
        title="It breaks.",
        policy=Policy.RAISE,
        level=level,
        expect=Expect(),
        texts=(payload,),
        limits=Limits(),
        max_attempts=5,
        capabilities=tuple(sorted(Capability)),
        sources=("owner/repo#1",),
    )
    data = payload.encode("utf-8", "surrogatepass")
    error = ErrorSeen(name=payload, message=payload, typed=False, kind=payload, partial=payload)
    return Record(
        info=info,
        server=(
            Requested(
                t=0, attempt=1, method=payload, path=payload, headers={payload: payload}, body=payload, streams=True
            ),
            Replied(t=0, attempt=1, step=1, status=200, headers={payload: payload}, faults=[payload], problem=payload),
            Sent(t=0, attempt=1, data=data, size=len(data), total=len(data), event=payload),
            Struck(t=0, attempt=1, fault=payload, note=payload, total=1),
            Ended(t=0, attempt=1, how="end", total=1),
        ),
        client=(
            Noticed(what=payload),
            Shown(text=payload),
            Finished(
                outcome=Outcome.FAILED,
                text=payload,
                stop_reason=payload,
                tools=(ToolUse(payload, {payload: 1}),),
                error=error,
                undelivered=error,
            ),
        ),
        receiver=(
            Called(
                t=0, number=1, method=payload, about=payload, text=payload, status=200, error=payload, fault=payload
            ),
            Showed(t=0, messages=(payload, payload)),
        ),
    )


def run_of(payload: str, client: str = "naive", seed: str = "1", family: str = "family", more: str = "") -> Run:
    """A run with one failed, one unknown and one skipped case; ``more`` stands behind the names of its scenarios."""

    def case(name: str, verdict: Verdict) -> CaseFinished:
        judged = verdict is not Verdict.SKIP
        return CaseFinished(
            case=f"{family}.{name}{more}@{client}:{seed}",
            scenario=f"{family}.{name}{more}",
            client=client,
            verdict=verdict,
            rulings=(Ruling(verdict=verdict, harm=f"the user saw {payload}", law="SP03"),) if judged else (),
            why=payload,
            record=record(payload, client) if judged else None,
            seconds=0.25,
        )

    verdicts = {"first": Verdict.FAIL, "second": Verdict.UNKNOWN, "third": Verdict.SKIP}
    scenarios = tuple(f"{family}.{name}{more}" for name in verdicts)
    return [
        RunStarted(seed=seed, clients=(client,), versions={client: payload}, scenarios=scenarios, cases=len(scenarios)),
        *(case(name, verdict) for name, verdict in verdicts.items()),
        RunFinished(counts={client: dict.fromkeys(verdicts.values(), 1)}, seconds=0.75),
    ]


def report(name: str, run: Run) -> str:
    out = StringIO()
    reporter = catalog.reporter(name)(out)
    for event in run:
        reporter.take(event)
    return out.getvalue()


def block_in(page: str, name: str) -> Any:
    """What one block of data in the HTML report holds."""
    found = re.search(rf'id="{re.escape(name)}">([^<]*)<', page)
    assert found is not None
    return json.loads(zlib.decompress(base64.b64decode(found[1])))


def overview_in(page: str) -> Any:
    """What the matrix in the HTML report is made of."""
    return block_in(page, "overview")


def hostile(payload: str, place: str) -> Run:
    """A run with the payload on the wire, as the name of its client, as its seed, or in its scenarios."""
    match place:
        case "client":
            return run_of("x", client=payload)
        case "seed":
            return run_of("x", seed=payload)
        case "scenario":
            return run_of("x", family=payload, more=payload)
        case _:
            return run_of(payload)


def hidden(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in HIDDEN} - {"\n"}


def broke(scenario: str = REAL, client: str = "naive", seed: str = "1", level: Level = Level.MUST) -> CaseFinished:
    """A case that broke two laws, as the engine tells it."""
    laws = [("SP02", Verdict.FAIL), ("SP03", Verdict.FAIL), ("SP05", Verdict.PASS)]
    return CaseFinished(
        case=f"{scenario}@{client}:{seed}",
        scenario=scenario,
        client=client,
        verdict=Verdict.SKIP if level is Level.INFO else Verdict.FAIL,
        rulings=tuple(Ruling(verdict=one, harm=f"harm of seed {seed}", law=law) for law, one in laws),
        record=record("x", client, level),
    )


def run_with(*cases: CaseFinished) -> Run:
    started = RunStarted(
        seed="1",
        clients=tuple(dict.fromkeys(case.client for case in cases)),
        versions={"streamproof": "0.1.0"},
        scenarios=tuple(dict.fromkeys(case.scenario for case in cases)),
        cases=len(cases),
    )
    return [started, *cases, RunFinished(counts={}, seconds=1.0)]
