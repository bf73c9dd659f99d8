"""What a user's test asks for by its mark: which scenarios, and by which promise its client is judged. Pure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable
from dataclasses import dataclass

from fake_server.dialect import Dialect
from harness.errors import InternalError, UsageError, unknown_name
from harness.model import Capability, Job, Observed, Outcome, Policy, Scenario
from harness.plan import PlannedCase

_KNOWN = ("policy", "capabilities", "dialect", "errors")
_TOLD_BY_OUTCOMES = frozenset({Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED})
"""Ends that a test which knows only answers and errors would call complete, whatever its client says of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """The arguments of a mark, checked."""

    patterns: tuple[str, ...]
    """As :func:`harness.plan.matching` takes them; empty for the whole catalogue."""
    policy: Policy
    capabilities: frozenset[Capability]
    dialect: Dialect
    """The API that it speaks."""
    errors: tuple[type[BaseException], ...]
    """The client's own errors; empty when the test does not say."""

    def not_possible(self, scenario: Scenario) -> str:
        """Why a test cannot run ``scenario``; empty when it can."""
        if scenario.receiver is not None:
            return "it is about where an answer is delivered, which only an adapter can be asked for"
        if scenario.before:
            return "it is about several calls of one client, which only an adapter can be asked for"
        if self.dialect not in scenario.spoken_in:
            return f"{self.dialect} has no words for it"
        if scenario.cancel_after is not None:
            return "the harness cancels the call in it, which only an adapter can be asked for"
        expect = scenario.expect
        told = {Capability.OUTCOMES} if {expect.outcome, *expect.also} & _TOLD_BY_OUTCOMES else set()
        if lacking := sorted((scenario.requires | told) - self.capabilities):
            return f"the mark does not declare capabilities={{{', '.join(repr(str(one)) for one in lacking)}}}"
        return ""

    def planned(self, scenario: Scenario, name: str, seed: str) -> PlannedCase:
        """``scenario`` against the client of the test called ``name``."""
        return PlannedCase(scenario=scenario, adapter=_Tested(name, self), seed=seed, policy=self.policy)


class _Tested:
    """The client of a test, which makes its call itself."""

    version = ""

    def __init__(self, name: str, marked: Marked) -> None:
        self.name, self.policy, self.capabilities = name, marked.policy, marked.capabilities
        self.dialect = marked.dialect

    def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        raise InternalError(f"the call of {self.name} is its test's to make")


def marked(
    *patterns: object,
    policy: object = Policy.RAISE,
    capabilities: object = (),
    dialect: object = Dialect.ANTHROPIC,
    errors: object = (),
    **unknown: object,
) -> Marked:
    """Check the arguments of a mark.

    Args:
        patterns: names of scenarios, globs or expressions.
        policy: what the client promises.
        capabilities: what it can do, and the test tells of.
        dialect: the API that it speaks.
        errors: the class of the client's own errors, or several.

    Raises:
        UsageError: an argument is unknown, or none of its values.
    """
    for name in unknown:
        raise unknown_name("argument of the mark", name, _KNOWN)
    for one in patterns:
        if not isinstance(one, str):
            raise UsageError(f"a pattern is a str, not {one!r}")
    return Marked(
        patterns=tuple(str(one) for one in patterns),
        policy=_policy(policy),
        capabilities=frozenset(map(_capability, _several(capabilities, str))),
        dialect=_dialect(dialect),
        errors=tuple(map(_error, _several(errors, type))),
    )


def _policy(value: object) -> Policy:
    if value not in set(Policy):
        raise unknown_name("policy", str(value), Policy)
    return Policy(str(value))


def _dialect(value: object) -> Dialect:
    if value not in set(Dialect):
        raise unknown_name("dialect", str(value), Dialect)
    return Dialect(str(value))


def _capability(value: object) -> Capability:
    if value not in set(Capability):
        raise unknown_name("capability", str(value), Capability)
    return Capability(str(value))


def _error(value: object) -> type[BaseException]:
    if isinstance(value, type) and issubclass(value, BaseException):
        return value
    raise UsageError(f"errors are classes of exceptions, not {value!r}")


def _several(value: object, kind: type) -> Collection[object]:
    """One or many."""
    return (value,) if isinstance(value, kind) or not isinstance(value, Iterable) else tuple(value)
