"""Tells the author of an adapter, in words, what is wrong with it.

The adapter is led through calls whose right observation is known for any client whatever: what it does wrong there is
not its client's fault. A client that fails under faults is no matter of this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec

from fake_server.clock import SystemClock
from harness import catalog
from harness.adapter import Adapter
from harness.history import Case, Record
from harness.live import LiveRunner
from harness.model import Capability, Finished, Outcome, Shown, TimedOut
from harness.plan import PlannedCase

_SETTLE_SECONDS = 20.0
_SEED = "conformance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A call, and what must be observed of it."""

    scenario: str
    problems: Callable[[Case], Iterator[str]]
    needs: Capability | None = None


def check_adapter(adapter: Adapter) -> list[str]:
    """What is wrong with ``adapter``, a sentence each; nothing when it keeps the contract of :mod:`harness.adapter`.

    Some twenty calls are made on sockets of this machine, many at once, in an event loop of their own.
    """
    return asyncio.run(problems_of(adapter))


async def problems_of(adapter: Adapter) -> list[str]:
    """As :func:`check_adapter`, in a running event loop."""
    due = [one for one in SITUATIONS if one.needs is None or one.needs in adapter.capabilities]
    async with LiveRunner(SystemClock()) as runner:
        slots = asyncio.Semaphore(8)

        async def made(scenario: str) -> Record:
            async with slots:
                return await runner.run(_planned(scenario, adapter))

        scenarios = list(dict.fromkeys(one.scenario for one in due))
        records = dict(zip(scenarios, await asyncio.gather(*map(made, scenarios)), strict=True))
    found = (_found(one, Case(records[one.scenario])) for one in due)
    return list(dict.fromkeys(problem for problems in found for problem in problems))


def _planned(name: str, adapter: Adapter) -> PlannedCase:
    scenario = catalog.scenarios()[name]
    limits = msgspec.structs.replace(scenario.limits, settle=_SETTLE_SECONDS)
    return PlannedCase(scenario=replace(scenario, limits=limits), adapter=adapter, seed=_SEED, policy=adapter.policy)


def _found(situation: Situation, case: Case) -> Iterator[str]:
    if (failure := case.adapter_failure) is not None:
        yield f"{failure.why} ({situation.scenario})"
        return
    for problem in situation.problems(case):
        yield f"{problem} ({situation.scenario})"


# ---- what must be observed -------------------------------------------------------------------------------------------


def _whole(case: Case) -> Iterator[str]:
    """A plain answer: asked for where the job says, shown, and ended."""
    if not case.attempts:
        yield "no request came to job.base_url: the client must be told where the server is"
        return
    yield from _asked(case)
    finished, (text, *_) = case.finished, case.info.texts
    if finished is None:
        yield f"a whole answer came, and nothing said within {_SETTLE_SECONDS:g} s how the call ended"
        return
    if finished.outcome is not Outcome.COMPLETE:
        why = f": {finished.error.name}: {finished.error.message}" if finished.error is not None else ""
        yield f"a whole answer was reported as {finished.outcome}{why}"
    if not any(isinstance(one, Shown) for one in case.client):
        yield "nothing was shown of a whole answer: yield Shown(text=…) for each piece that the user would see"
    elif case.displayed != text:
        yield f"the text shown is not what the server said: {_difference(text, case.displayed)}"
    if finished.text is not None and finished.text != text:
        yield f"Finished.text is not what the server said: {_difference(text, finished.text)}"


def _asked(case: Case) -> Iterator[str]:
    first = case.attempts[0].requested
    path = case.info.dialect.path
    if first.method != "POST" or not first.path.endswith(path):
        yield f"the request was {first.method} {first.path}; expected is POST {{job.base_url}}{path}"


def _difference(wanted: str, got: str) -> str:
    at = next((i for i, (one, other) in enumerate(zip(wanted, got, strict=False)) if one != other), None)
    place = min(len(wanted), len(got)) if at is None else at
    return f"at character {place} it is {got[place : place + 20]!r} where {wanted[place : place + 20]!r} is right"


def _refused(case: Case) -> Iterator[str]:
    """HTTP 401: an error, however it is named."""
    finished = case.finished
    if finished is None:
        yield "the server refused the request (401), and nothing said how the call ended"
    elif finished.outcome is not Outcome.FAILED:
        yield f"the server refused the request (401), and that was reported as {finished.outcome}"
    elif finished.error is None:
        yield "the server refused the request (401), and Finished.error is None: say what the caller gets"
    elif finished.error.status not in (None, 401):
        yield f"ErrorSeen.status is {finished.error.status} where the server sent 401"


def _stopped(case: Case) -> Iterator[str]:
    """The user presses stop: whoever closes the generator closes the client."""
    if not case.cancelled:
        return  # the call was over before
    left = [one for one in case.attempts if one.ended is None or one.ended.how == "abandoned"]
    if left:
        yield "the call was cancelled (its generator was closed), and the connection to the server stayed open"


def _ends(case: Case) -> Iterator[str]:
    """A broken stream: any honest end is right, and so is none; but what was shown must be in the records' order."""
    ends = [one for one in case.client if isinstance(one, Finished | TimedOut)]
    if not ends:
        yield "a broken stream left the call without an end"


def _tools(case: Case) -> Iterator[str]:
    got = case.finished.tools if case.finished is not None else ()
    if got != case.info.expect.tools:
        wanted = [f"{one.name}({one.input})" for one in case.info.expect.tools]
        yield f"it declares `tools`, and of the calls {wanted} it returned {[f'{o.name}({o.input})' for o in got]}"


def _usage(case: Case) -> Iterator[str]:
    got = (case.finished.usage if case.finished is not None else None) or {}
    wanted = case.info.expect.usage
    if not wanted.keys() <= got.keys():
        yield f"it declares `usage`, and Finished.usage lacks {sorted(wanted.keys() - got.keys())}"


def _billed(case: Case) -> Iterator[str]:
    if case.finished is not None and case.finished.billed is None:
        yield "it declares `billing`, and Finished.billed is None: say what all attempts were billed"


def _told(case: Case) -> Iterator[str]:
    finished, wanted = case.finished, case.info.expect.outcome
    if finished is not None and finished.outcome is Outcome.COMPLETE:
        yield f"it declares `outcomes`, and an answer that the model left {wanted} was reported as complete"


def _kind(case: Case) -> Iterator[str]:
    error = case.finished.error if case.finished is not None else None
    if error is not None and error.kind is None:
        yield "it declares `error_kind`, and ErrorSeen.kind is None though the server sent error.type"


def _retried(case: Case) -> Iterator[str]:
    if len(case.attempts) < 2:
        yield "it declares `retries`, and after a 529 it did not ask again"


SITUATIONS = (
    Situation(scenario="completion.plain", problems=_whole),
    Situation(scenario="completion.long_answer", problems=_whole),
    Situation(scenario="http_status.status_401", problems=_refused),
    Situation(scenario="retry.cancelled_mid_text", problems=_stopped),
    Situation(scenario="cutoff.fin_mid_text", problems=_ends),
    Situation(scenario="cutoff.reset_mid_text", problems=_ends),
    Situation(scenario="content.text_and_two_tools", problems=_tools, needs=Capability.TOOLS),
    Situation(scenario="completion.usage_cumulative", problems=_usage, needs=Capability.USAGE),
    Situation(scenario="completion.usage_cumulative", problems=_billed, needs=Capability.BILLING),
    Situation(scenario="completion.max_tokens", problems=_told, needs=Capability.OUTCOMES),
    Situation(scenario="http_status.status_401", problems=_kind, needs=Capability.ERROR_KIND),
    Situation(scenario="http_status.status_529", problems=_retried, needs=Capability.RETRIES),
)
