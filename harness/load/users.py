"""Users for Locust, whose masters and workers make a load of many machines: ``locust -f``. Needs an extra.

Each user draws scenarios from a mix, asks ``streamproof serve`` for them with the bundled client, which needs no event
loop, and lets the same server judge what it showed. Locust has then three kinds of request under the name of each
scenario's chapter: ``stream`` (the whole call, which fails where a law is broken), ``ttft`` and ``gap`` (the longest of
a call).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from uuid import uuid4

import gevent
import httpx
from locust import User, task

from fake_server.clock import SystemClock
from fake_server.dialect import Dialect
from harness import catalog
from harness.adapters import bundled_sync
from harness.job import job_of
from harness.load.mix import USUAL, Mix, parse
from harness.model import Capability, Cleared, Endpoint, Finished, Job, Observed, Scenario, Shown
from harness.plan import PlannedCase
from harness.serve import is_served

_CAN = frozenset({Capability.RETRIES, Capability.FALLBACK, Capability.OUTCOMES})
"""What can be told to the server that judges."""
_MILLI = 1000.0
_SCENARIOS = catalog.scenarios()
"""Read before a worker says that it is ready: a master gives up one that then is busy for three seconds."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # Locust would print a line for each request
gevent.get_hub().loop.update_now()  # reading it took seconds; by as many a ``--run-time`` would be too short


class LawBroken(Exception):
    """A call broke a law; the message has its code and what that did to the user."""


class Unproven(Exception):
    """Of a call nothing can be proven; the message says why."""


@dataclass(slots=True)
class Seen:
    """What the user of one call saw."""

    text: str = ""
    times: list[float] = field(default_factory=list)
    """When text came, in seconds since the call began."""
    end: Finished | None = None

    def take(self, observation: Observed, now: float) -> None:
        """The next thing."""
        if isinstance(observation, Shown):
            self.text += observation.text
            self.times.append(now)
        elif isinstance(observation, Cleared):
            self.text = ""
        elif isinstance(observation, Finished):
            self.end = observation


class StreamUser(User):  # type: ignore[misc]
    """One reader, who asks again and again. ``host`` is where ``streamproof serve`` listens."""

    abstract = True
    mix: ClassVar[str] = ""
    """Path of the file with the mix; empty for the usual mix."""
    seed: ClassVar[str] = "0"

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._clock = SystemClock()
        self._chance = Random(
            uuid4().int
        )  # Locust says how many users there are, and where: nothing can be drawn again

    def calling(self, job: Job) -> Iterator[Observed]:
        """Make the call; another client than the bundled one overrides this."""
        return bundled_sync.calling(job)

    @task  # type: ignore[untyped-decorator]
    def stream(self) -> None:
        """Ask once, and report it.

        Locust kills users wherever they are. A condition of the standard library does not bear that: its lock raises
        another error instead, which a client takes for a failure of its call, and the user goes on for ever. So the
        user waits, and who asks is a greenlet of its own.
        """
        gevent.spawn(self._ask).get()

    def _ask(self) -> None:
        scenario = _mix(self.mix).draw(self._chance)
        token = f"{scenario.id}~{uuid4().hex}"
        adapter = bundled_sync.ADAPTER
        planned = PlannedCase(scenario=scenario, adapter=adapter, seed=self.seed, policy=adapter.policy)
        began, seen = self._clock.now(), Seen()
        for observation in self.calling(job_of(planned, f"{self.host}/case/{token}")):
            seen.take(observation, self._clock.now() - began)
        took = self._clock.now() - began
        self._report(scenario, seen, took, self._judged(token, seen))

    def _judged(self, token: str, seen: Seen) -> Exception | None:
        """What the laws say."""
        assert seen.end is not None, "a client says how its call ended"
        said = {
            "outcome": str(seen.end.outcome),
            "error": seen.end.error.name if seen.end.error is not None else "",
            "policy": str(bundled_sync.ADAPTER.policy),
            "capabilities": " ".join(sorted(_CAN)),
            "forget": "yes",
        }
        text = seen.text if seen.end.text is None else seen.end.text
        answer = _http().post(f"{self.host}/judge/{token}", params=said, content=text.encode("utf-8", "replace"))
        verdict = answer.json()
        if answer.is_error:
            return Unproven(verdict["error"])
        why = "; ".join(f"{one['law']}: {one['harm']}" for one in verdict["findings"])
        return {"fail": LawBroken(why), "unknown": Unproven(why)}.get(verdict["verdict"])

    def _report(self, scenario: Scenario, seen: Seen, took: float, error: Exception | None) -> None:
        self._fire("stream", scenario, took, len(seen.text.encode("utf-8", "replace")), error)
        if seen.times:
            self._fire("ttft", scenario, seen.times[0])
        if gaps := [after - before for before, after in pairwise(seen.times)]:
            self._fire("gap", scenario, max(gaps))

    def _fire(
        self, kind: str, scenario: Scenario, seconds: float, size: int = 0, error: Exception | None = None
    ) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=scenario.family,
            response_time=seconds * _MILLI,
            response_length=size,
            exception=error,
            context={"scenario": scenario.id},
        )


@cache
def _http() -> httpx.Client:
    """For all users of this process: each of its own would read every certificate of this machine."""
    return httpx.Client(timeout=30.0, trust_env=False, limits=httpx.Limits(max_connections=None))


@cache
def _mix(path: str) -> Mix:
    text = Path(path).read_text("utf-8") if path else USUAL
    return parse(text, path, _SCENARIOS, catalog.numbers()).only(_can_be_judged)


def _can_be_judged(scenario: Scenario) -> bool:
    is_asked = scenario.endpoint is Endpoint.SERVER and scenario.cancel_after is None
    return is_served(scenario) and is_asked and scenario.requires <= _CAN and Dialect.ANTHROPIC in scenario.spoken_in
