"""What the calls of a load meet: scenarios with weights, as a TOML file names them, and how fast answers come. Pure.

::

    pace = 0.5        # seconds between two pieces of an answer
    patience = 3      # times the limits that the catalogue gives a client

    [weights]         # of the calls, how many meet what; an expression as for `-k` shares its weight out evenly
    "completion.plain" = 80
    "cutoff or broken_network" = 15
    "4." = 5

The expression ``""`` is the whole catalogue. A load has no use for the limits of a test, which let a client give up
after a second: a machine with thousands of calls is later than that.
"""

from __future__ import annotations

import tomllib
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Any

import msgspec

from fake_server.dialect import Dialect
from fake_server.effects import Effect, Send, Wait
from fake_server.script import Reply, Request, Script, Step
from harness.asking import asked
from harness.errors import UsageError, unknown_name
from harness.model import Limits, Scenario
from harness.numbers import Numbers
from harness.plan import selected

_MOST_PACE, _MOST_PATIENCE = 60.0, 100.0


USUAL = """
[weights]
"completion.plain" = 70
"" = 30
"""
"""The mix of who names none: most answers are whole, and every fault is met."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast answers come, and how long a client is told to wait for them."""

    pace: float = 1.0
    """Seconds between two pieces of an answer that has no pace of its own; 0 sends them as fast as they go."""
    patience: float = 5.0
    """Times the limits of the scenarios."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Scenarios by their weights."""

    scenarios: tuple[Scenario, ...]
    weights: tuple[float, ...]
    speed: Speed = Speed()

    def draw(self, chance: Random) -> Scenario:
        """One of them."""
        sums = list(accumulate(self.weights))
        return self.scenarios[bisect(sums, chance.uniform(0, sums[-1]), hi=len(sums) - 1)]

    def only(self, can: Callable[[Scenario], bool]) -> Mix:
        """Those that ``can`` be played.

        Raises:
            UsageError: there is none.
        """
        kept = [(one, weight) for one, weight in zip(self.scenarios, self.weights, strict=True) if can(one)]
        if not kept:
            raise UsageError("nothing of the mix can be played with this client and this server")
        scenarios, weights = zip(*kept, strict=True)
        return replace(self, scenarios=scenarios, weights=weights)


def parse(text: str, name: str, scenarios: Mapping[str, Scenario], numbers: Numbers) -> Mix:
    """The mix in a file.

    Args:
        name: of the file, for errors.
        scenarios: by id.
        numbers: what the file may call them beside their ids.

    Raises:
        UsageError: it is no TOML, has something else in it, or a weight of nothing.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is no TOML: {error}") from error
    if strange := sorted(tree.keys() - {"pace", "patience", "weights"}):
        raise UsageError(f"{name}: {unknown_name('setting', strange[0], ('pace', 'patience', 'weights'))}")
    usual = Speed()
    speed = Speed(
        pace=_number(tree.get("pace", usual.pace), "pace", name, _MOST_PACE),
        patience=_number(tree.get("patience", usual.patience), "patience", name, _MOST_PATIENCE),
    )
    weights = tree.get("weights", {"": 1})
    if not isinstance(weights, dict) or not weights:
        raise UsageError(f"{name}: [weights] names scenarios and how often each is met")
    shares = _shares(weights, name, scenarios, numbers)
    if not any(shares.values()):
        raise UsageError(f"{name}: no weight is more than 0")
    met = {one: weight for one, weight in shares.items() if weight}
    return Mix(scenarios=tuple(scenarios[one] for one in met), weights=tuple(met.values()), speed=speed)


def _shares(
    weights: Mapping[str, Any], name: str, scenarios: Mapping[str, Scenario], numbers: Numbers
) -> dict[str, float]:
    """The weight of each scenario, in the order of the catalogue."""
    shares = dict.fromkeys(scenarios, 0.0)
    for expression, said in weights.items():
        weight = _number(said, f"the weight of {expression!r}", name, float("inf"))
        try:
            found = [expression] if expression in scenarios else selected(expression, scenarios, numbers)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from error
        for one in found:
            shares[one] += weight / len(found)
    return shares


def _number(said: Any, what: str, name: str, most: float) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= most:
        raise UsageError(
            f"{name}: {what} is {said!r}; it must be a number from 0 on{'' if most > 1e9 else f', at most {most:g}'}"
        )
    return float(said)


# ---- at the speed of a load ------------------------------------------------------------------------------------------

_PIECE = "content_block_delta"
"""What a piece of an answer is called, in every dialect."""
_ANSWERS = 2
"""Times all its answers that a call may take: some are said twice."""
_MOST_PIECES = 100
"""An answer with more of them takes no longer than one with so many."""


@dataclass(frozen=True, slots=True)
class Slow:
    """A step whose answers come piece by piece, with so many seconds between two, and their begin and end at once, as a
    model's do. One that takes its time anyway is as it was."""

    step: Step
    pace: float

    def texts(self, seed: str) -> tuple[str, ...]:
        return self.step.texts(seed)

    def reply(self, request: Request) -> Reply:
        reply = self.step.reply(request)
        body = tuple(reply.body)
        return reply if any(isinstance(one, Wait) for one in body) else replace(reply, body=self._apart(body))

    def _apart(self, body: Sequence[Effect]) -> tuple[Effect, ...]:
        pieces = [place for place, one in enumerate(body) if isinstance(one, Send) and one.event == _PIECE]
        pace = Wait(self.pace * min(1.0, _MOST_PIECES / max(1, len(pieces))))
        later = set(pieces[1:])
        return tuple(effect for place, one in enumerate(body) for effect in ((pace, one) if place in later else (one,)))


def slowed(scenario: Scenario, speed: Speed, seed: str, dialect: Dialect) -> Scenario:
    """The same scenario with the same bytes, at the speed of a load.

    Args:
        seed: of its texts, as a run has it.
        dialect: of the client; how long an answer takes is a matter of its words.
    """
    limits = scenario.limits
    slow = replace(
        scenario,
        script=_slow(scenario.script, speed.pace),
        elsewhere=None if scenario.elsewhere is None else _slow(scenario.elsewhere, speed.pace),
    )
    patient = Limits(
        connect=limits.connect * speed.patience,
        first_byte=limits.first_byte * speed.patience,
        idle=limits.idle * speed.patience,
        progress=limits.progress * speed.patience,
        close=limits.close,
        settle=limits.settle * max(1.0, speed.patience) + _ANSWERS * _lasts(slow, seed, dialect),
    )
    return replace(slow, limits=patient)


def _slow(script: Script, pace: float) -> Script:
    return Script(tuple(Slow(step, pace) for step in script.steps)) if pace else script


def _lasts(scenario: Scenario, seed: str, dialect: Dialect) -> float:
    """Seconds that all its answers take, one after the other."""
    body = {**asked(scenario.request, dialect), "stream": True}
    scripts = [one for one in (scenario.script, scenario.elsewhere) if one is not None]
    requests = [
        (script, Request(attempt=attempt, seed=scenario.drawn_by(seed), body=body, dialect=dialect))
        for script in scripts
        for attempt in range(1, len(script.steps) + 1)
    ]
    return sum(
        effect.seconds
        for script, request in requests
        for effect in script.reply(request).body
        if isinstance(effect, Wait)
    )
