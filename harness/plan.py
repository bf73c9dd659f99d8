"""What a run will do: which scenarios, against which clients, with which seed. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fake_server.dialect import Dialect
from fake_server.script import Reply, Request
from harness.adapter import Adapter, dialect_of
from harness.asking import asked
from harness.errors import UsageError, unknown_name
from harness.history import CaseInfo
from harness.model import Capability, Policy, Scenario
from harness.numbers import NONE, NUMBER, Numbers

MAX_ATTEMPTS = 6
"""Requests that one call may make."""


class Tier(StrEnum):
    """Where cases run."""

    SIM = "sim"
    """In virtual time, without sockets."""
    LIVE = "live"
    """On real sockets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCase:
    """One scenario against one client."""

    scenario: Scenario
    adapter: Adapter
    seed: str
    policy: Policy
    nth: int = 1
    """The how-manieth try this is."""

    @property
    def id(self) -> str:
        """``scenario@client:seed``; ``streamproof replay`` takes it."""
        return f"{self.scenario.id}@{self.adapter.name}:{self.seed}"

    @property
    def text_seed(self) -> str:
        """The seed of texts and faults: the same for every client."""
        return self.scenario.drawn_by(self.seed)

    @property
    def lacking(self) -> frozenset[Capability]:
        """Capabilities that the scenario needs and the client does not have."""
        return self.scenario.requires - frozenset(self.adapter.capabilities)

    @property
    def unspoken(self) -> str:
        """Why the scenario is none of this client's business, whose dialect has no words for it; empty when it has."""
        return (
            "" if self.dialect in self.scenario.spoken_in else f"{self.dialect}, which it speaks, has no words for it"
        )

    @property
    def dialect(self) -> Dialect:
        """What its client speaks."""
        return dialect_of(self.adapter)

    def request(self) -> dict[str, Any]:
        """The JSON body that the client is asked to send."""
        return asked(self.scenario.request, self.dialect)

    def info(self) -> CaseInfo:
        """What goes into the history, so that the case can be judged again without the catalogue."""
        scenario = self.scenario
        return CaseInfo(
            id=self.id,
            scenario=scenario.id,
            client=self.adapter.name,
            seed=self.seed,
            title=scenario.title,
            policy=self.policy,
            level=scenario.level,
            dialect=self.dialect,
            expect=scenario.expect,
            texts=scenario.texts(self.text_seed),
            limits=scenario.limits,
            max_attempts=MAX_ATTEMPTS,
            capabilities=tuple(sorted(self.adapter.capabilities)),
            faults=tuple(fault.name for fault in self._first_reply().faults),
            toxics={name: fault.type for name, fault in scenario.network.named() if fault.is_due}
            if scenario.network is not None
            else {},
            endpoint=scenario.endpoint,
            sources=scenario.sources,
            receiver=scenario.receiver.info() if scenario.receiver is not None else None,
        )

    def _first_reply(self) -> Reply:
        body = {**self.request(), "stream": True}
        request = Request(attempt=1, seed=self.text_seed, body=body, dialect=self.dialect)
        return self.scenario.script.reply(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cases of one run, in the order of the catalogue."""

    cases: tuple[PlannedCase, ...]
    seed: str
    jobs: int = 64
    """Cases in flight at once."""
    policy: Policy | None = None
    """Overrules the clients' own."""
    toxiproxy: str = ""
    """Base URL of the Toxiproxy to use; our own when empty."""
    tier: Tier = Tier.LIVE
    tries: int = 1
    """How often a case may be tried that fails or is unknown."""
    gate: tuple[str, ...] = ()
    """The clients that alone decide the exit status; empty: all."""
    asked_for: Mapping[str, str] = field(default_factory=dict)
    """What the command line called clients whose names do not say it, by their names."""


def plan(
    scenarios: Mapping[str, Scenario],
    adapters: Iterable[Adapter],
    *,
    seed: str,
    select: str = "",
    policy: Policy | None = None,
    jobs: int = 64,
    toxiproxy: str = "",
    tier: Tier = Tier.LIVE,
    tries: int = 1,
    numbers: Numbers = NONE,
    gate: tuple[str, ...] = (),
    asked_for: Mapping[str, str] | None = None,
) -> Plan:
    """Every selected scenario against every adapter.

    Args:
        scenarios: by id.
        select: an expression for :func:`selected`; empty selects all.
        numbers: what the expression may call scenarios beside their ids.
        policy: judge every client by this one, instead of by its own.
        toxiproxy: base URL of the Toxiproxy to use; our own when empty.
        tries: how often a case may be tried that fails or is unknown.
        gate: the clients that alone decide the exit status; empty: all.
        asked_for: what the command line called each client, by its name.

    Raises:
        UsageError: the expression is malformed or selects nothing, two clients have one name, or a Toxiproxy or several
            tries are wanted where there are no sockets.
    """
    chosen, adapters = [scenarios[name] for name in selected(select, scenarios, numbers)], tuple(adapters)
    names = [adapter.name for adapter in adapters]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"two clients are called {', '.join(sorted(doubled))}: give them names of their own")
    if toxiproxy and tier is Tier.SIM:
        raise UsageError("a simulation has no sockets to lead through a Toxiproxy: leave out --toxiproxy or --tier sim")
    if tries > 1 and tier is Tier.SIM:
        raise UsageError("a simulation ends the same every time: leave out --tries or --tier sim")
    cases = tuple(
        PlannedCase(scenario=scenario, adapter=adapter, seed=seed, policy=policy or adapter.policy)
        for scenario in chosen
        for adapter in adapters
    )
    return Plan(
        cases=cases,
        seed=seed,
        jobs=jobs,
        policy=policy,
        toxiproxy=toxiproxy,
        tier=tier,
        tries=tries,
        gate=gate,
        asked_for=asked_for or {},
    )


def selected(
    expression: str, names: Iterable[str], numbers: Numbers = NONE, kind: str = "scenarios; see `streamproof list`"
) -> list[str]:
    """The names that match: parts of a name, joined by ``and``, ``or``, ``not`` and parentheses, as in pytest.

    A word such as ``4.12`` is the number of one scenario, and ``4.`` of all that are in that chapter. ``kind`` is what
    the names are called in an error.

    Raises:
        UsageError: the expression is malformed, or nothing matches.
    """
    known = list(names)
    if not expression.strip():
        return known
    tokens = _words(expression)
    matches = [name for name in known if _Expression(tokens, expression, name, numbers).value()]
    if not matches:
        raise UsageError(f"-k {expression!r} selects none of {len(known)} {kind}")
    return matches


def matching(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """The names that match one of the patterns, in the order of ``names``; all when there is no pattern.

    A pattern is a name, a shell glob for whole names (``cutoff.*``), or an expression as for :func:`selected`.

    Raises:
        UsageError: a pattern is malformed, or matches nothing; then it names what is close.
    """
    known, wanted = list(names), list(patterns)
    found = {name for pattern in wanted for name in _matching(pattern, known)}
    return [name for name in known if name in found] if wanted else known


def _matching(pattern: str, known: list[str]) -> list[str]:
    if pattern in known:
        return [pattern]
    if set(pattern) & set("*?["):
        found = fnmatch.filter(known, pattern)
    else:
        words = [word for word in _words(pattern) if word not in _OPERATORS]
        strange = next((word for word in words if not any(word.lower() in name.lower() for name in known)), None)
        found = selected(pattern, known) if strange is None else []
        pattern = strange or pattern
    if not found:
        families = dict.fromkeys(f"{name.partition('.')[0]}.*" for name in known)
        raise unknown_name("scenario", pattern, [*families, *known])
    return found


_OPERATORS = ("and", "or", "not", "(", ")")


def _words(expression: str) -> list[str]:
    return re.findall(r"[()]|[^\s()]+", expression)


class _Expression:
    """A recursive-descent reader of one expression for one name."""

    def __init__(self, tokens: list[str], source: str, name: str, numbers: Numbers) -> None:
        self._tokens: Iterator[str] = iter([*tokens, ""])
        self._source, self._name, self._numbers = source, name, numbers
        self._next = next(self._tokens)

    def value(self) -> bool:
        result = self._either()
        if self._next:
            raise self._malformed()
        return result

    def _either(self) -> bool:
        result = self._both()
        while self._next == "or":
            self._advance()
            right = self._both()
            result = result or right
        return result

    def _both(self) -> bool:
        result = self._one()
        while self._next == "and":
            self._advance()
            right = self._one()
            result = result and right
        return result

    def _one(self) -> bool:
        word = self._advance()
        if word == "not":
            return not self._one()
        if word == "(":
            result = self._either()
            if self._advance() != ")":
                raise self._malformed()
            return result
        if word in ("", ")", "and", "or"):
            raise self._malformed()
        if NUMBER.fullmatch(word):
            return self._numbers.has(word, self._name)
        return word.lower() in self._name.lower()

    def _advance(self) -> str:
        word, self._next = self._next, next(self._tokens, "")
        return word

    def _malformed(self) -> UsageError:
        return UsageError(f"-k {self._source!r} is malformed: use words, and, or, not and parentheses")
