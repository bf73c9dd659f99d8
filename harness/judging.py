"""Judges programs that nobody runs for us: they asked ``streamproof serve``, and their text comes back by POST.

The server knows every request and every byte; of the client there is its text, and perhaps how its call ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec
from aiohttp import web

from fake_server.app import Case
from fake_server.record import Requested, ServerRecord
from harness import catalog, engine
from harness.adapter import Absent
from harness.errors import UsageError, unknown_name
from harness.events import CaseFinished
from harness.history import Record
from harness.lateness import Watch
from harness.model import Capability, ErrorSeen, Finished, Outcome, Policy, Scenario, Shown
from harness.plan import PlannedCase

MOST_SITTINGS = 1 << 13
"""That are kept; beyond that those that were asked of longest ago are forgotten."""
MOST_REQUESTS = 1 << 8
"""Of one sitting that are kept; no call makes as many."""


@dataclass(slots=True, kw_only=True)
class Sitting:
    """One scenario that is served, and all that its server saw, unless that became too much to keep."""

    scenario: Scenario
    seed: str
    watch: Watch
    sink: Callable[[ServerRecord], object]
    """Is told everything as well."""
    server: list[ServerRecord] = field(default_factory=list)
    case: Case = field(init=False)
    """What the server is to do."""
    requests: int = 0

    def __post_init__(self) -> None:
        script, drawn = self.scenario.script, self.scenario.drawn_by(self.seed)
        self.case = Case(script=script, elsewhere=self.scenario.elsewhere, seed=drawn, sink=self._take)

    def _take(self, record: ServerRecord) -> None:
        self.requests += isinstance(record, Requested)
        if self.requests <= MOST_REQUESTS:
            self.server.append(record)
        else:
            self.server.clear()
        self.sink(record)

    def judged(self, text: str, said: Mapping[str, str]) -> CaseFinished:
        """What the laws say of a client that showed ``text``.

        Args:
            said: ``outcome``, ``error``, ``policy`` and ``capabilities``, each as a word or words; all may be missing.

        Raises:
            UsageError: a word is none that is known, or more was asked than is kept.
        """
        if self.requests > MOST_REQUESTS:
            why = f"{self.requests} requests are more than one call makes, and are not kept"
            raise UsageError(f"{why}: ask {self.scenario.id}~ANYTHING, which begins again at attempt 1")
        outcome = _one_of(Outcome, said, "outcome", Outcome.COMPLETE)
        client = Absent("client", "")
        client.policy = _one_of(Policy, said, "policy", Policy.BEST_EFFORT)
        client.capabilities = frozenset(_each_of(Capability, said.get("capabilities", "")))
        case = PlannedCase(scenario=self.scenario, adapter=client, seed=self.seed, policy=client.policy)
        error = ErrorSeen(name=said["error"], message="", typed=True) if said.get("error") else None
        shown, now = _as_said(text, case.info().texts), self.server[-1].t
        record = Record(
            info=case.info(),
            server=tuple(self.server),
            client=(Shown(t=now, text=shown), Finished(t=now, outcome=outcome, error=error)),
            lag=round(self.watch.worst, 3),
            lost=round(self.watch.within_one_second, 3),
        )
        return engine.finished(record, catalog.laws())


def crowded_out(sittings: Mapping[str, Sitting]) -> list[str]:
    """The tokens to forget so that there is room for one more; never one that is being answered.

    Args:
        sittings: by token; the one that was asked of longest ago comes first.
    """
    idle = (token for token, one in sittings.items() if not one.case.running)
    return list(islice(idle, max(0, len(sittings) + 1 - MOST_SITTINGS)))


def _as_said(text: str, texts: Iterable[str]) -> str:
    """Without the line's end that a shell or ``print`` puts behind a text that has none."""
    if text.endswith("\n") and not any(one.endswith("\n") for one in texts):
        return text.removesuffix("\n").removesuffix("\r")
    return text


def _one_of(kind: Any, said: Mapping[str, str], name: str, default: Any) -> Any:
    word = said.get(name) or default
    if word not in set(kind):
        raise unknown_name(name, word, kind)
    return kind(word)


def _each_of(kind: Any, words: str) -> list[Any]:
    return [_one_of(kind, {"capability": word}, "capability", "") for word in words.replace(",", " ").split()]


def route(sittings: Mapping[str, Sitting], forget: Callable[[str], Awaitable[object]]) -> web.RouteDef:
    """``POST /judge/<token>``: takes the text that a client showed, answers with the verdict as JSON.

    Args:
        sittings: by token; one comes with the first request for it.
        forget: drops one, where the request says ``forget=yes``: who makes thousands of calls needs each once.
    """

    async def judge(request: web.Request) -> web.Response:
        token = request.match_info["token"]
        if (sitting := sittings.get(token)) is None:
            kept = f"the last {MOST_SITTINGS} calls are kept"
            return web.json_response(
                {"error": f"nothing was asked of {token}: run the client first; {kept}"}, status=404
            )
        text = (await request.read()).decode("utf-8", "replace")
        try:
            result = sitting.judged(text, request.query)
        except UsageError as error:
            return web.json_response({"error": str(error)}, status=400)
        if request.query.get("forget") == "yes":
            await forget(token)
        return web.json_response(told(result))

    return web.post("/judge/{token}", judge)


def told(result: CaseFinished) -> dict[str, Any]:
    """What is answered: the verdict, and of every law that did not pass what it says."""
    findings = [one for one in result.rulings if one.verdict is result.verdict and one.harm]
    return {
        "scenario": result.scenario,
        "verdict": str(result.verdict),
        "findings": msgspec.to_builtins([{"law": one.law, "harm": one.harm} for one in findings]),
    }
