"""What runs and servers tell a log, event by event; people have reports and displays for that.

Levels: ``warning`` is what somebody has to look at, ``info`` is everything else.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from fake_server.record import Ended, Replied, Requested, ServerRecord, Struck
from harness.events import CaseFinished, Event, RunFinished, RunStarted
from harness.logs import Say
from harness.standing import ATTENTION
from harness.timeline import server_line


class RunLog:
    """A run: its begin, each case as it ends, its end."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._stands: Counter[str] = Counter()

    def take(self, event: Event) -> None:
        """Tell of the next event."""
        match event:
            case RunStarted():
                more: dict[str, Any] = {
                    "clients": event.clients,
                    "scenarios": len(event.scenarios),
                    "versions": event.versions,
                }
                self._say.log("the run begins", seed=event.seed, tier=event.tier, cases=event.cases, **more)
            case CaseFinished():
                self._stands[event.standing] += 1
                self._case(event)
            case RunFinished():
                self._say.log(
                    "the run is interrupted" if event.interrupted else "the run is over",
                    level=logging.WARNING if event.interrupted else logging.INFO,
                    seconds=event.seconds,
                    stands=dict(self._stands),
                )

    def _case(self, case: CaseFinished) -> None:
        finding = case.finding
        self._say.log(
            f"{case.case}: {case.standing}",
            level=logging.WARNING if case.standing in ATTENTION else logging.INFO,
            case=case.case,
            scenario=case.scenario,
            client=case.client,
            verdict=case.verdict,
            standing=case.standing,
            law=finding.law if finding is not None else "",
            harm=finding.harm if finding is not None else case.why,
            seconds=case.seconds,
        )


def say_exchange(say: Say, record: ServerRecord, text: str, case: str = "") -> None:
    """Tell what a server did or saw.

    Args:
        text: for people.
        case: whose request it was, where several are served.
    """
    fields: dict[str, Any] = {"case": case} if case else {}
    match record:
        case Requested():
            message = f"request {record.attempt}"
            fields |= {"method": record.method, "streams": record.streams}
        case Replied():
            message = f"reply {record.attempt}"
            fields |= {"status": record.status, "faults": record.faults, "problem": record.problem}
        case Struck():
            message = f"{record.fault} strikes"
            fields |= {"fault": record.fault, "bytes": record.total}
        case Ended():
            message = f"the end of reply {record.attempt}: {record.how}"
            fields |= {"how": record.how, "bytes": record.total}
        case _:
            message = server_line(record).what
    say(text, message, number=record.attempt, seconds=round(record.t, 3), **fields)
