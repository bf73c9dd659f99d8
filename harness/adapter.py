"""What an adapter is, and the wrapper that holds it to its word.

An adapter makes one client run one :class:`~harness.model.Job` and says what its user sees. It is any object with
these attributes; nothing needs to be inherited. It may have more:

- ``in_memory = True``: its client is built on httpx or httpx2. It makes its ``AsyncClient`` with
  ``job.memory.transport(httpx)`` where the job has a memory, and its cases can be run in virtual time.
- ``dialect``: the API that its client speaks, one of :class:`fake_server.dialect.Dialect`; by default the Messages API.
- ``at_once``: how many calls it can make at once.
- ``async def prepare()``: starts what takes its time, before a call's time begins.
- ``starts_anew = True``: each call starts a program; what that takes until the first request is not the call's time.

Adapters that ship with the harness are one file each in ``harness/adapters``, with the object called ``ADAPTER``, or
programs in ``harness/programs``. Anybody else's is named ``module:attribute`` or ``cmd:COMMAND`` on the command line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol, runtime_checkable

from fake_server.dialect import Dialect
from harness.errors import AdapterError
from harness.model import Capability, Cleared, Finished, Job, Noticed, Observed, Policy, Shown, ToolRan


@runtime_checkable
class Adapter(Protocol):
    """One client under test."""

    name: str
    """How the client is called on the command line and in reports."""
    version: str
    """Version of the client; recorded in the history."""
    policy: Policy
    """What the client promises; ``--policy`` overrules it."""
    capabilities: frozenset[Capability]

    def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call and yield what its user sees, as it happens; the last observation is :class:`Finished`.

        Exceptions of the client are part of ``Finished``. An exception that leaves this generator is taken for a
        fault of the adapter. When the harness cancels the call it closes the generator, which must then close the
        client.
        """
        ...


class Absent:
    """A client that cannot be run here, with the reason; its cases are skipped."""

    version = "not installed"
    policy = Policy.BEST_EFFORT
    capabilities = frozenset(Capability)

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why

    def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Raise: whoever runs it has not asked whether it can be run."""
        raise AdapterError(self.why)


def dialect_of(adapter: Adapter) -> Dialect:
    """The API that its client speaks."""
    return Dialect(getattr(adapter, "dialect", Dialect.ANTHROPIC))


def runs_in_memory(adapter: Adapter) -> bool:
    """Whether it says that it connects through the memory of a job that has one."""
    return getattr(adapter, "in_memory", False) is True


def starts_anew(adapter: Adapter) -> bool:
    """Whether each of its calls starts a program."""
    return getattr(adapter, "starts_anew", False) is True


async def prepared(adapter: Adapter) -> None:
    """Let it start what takes its time, before a call's time begins."""
    prepare = getattr(adapter, "prepare", None)
    if prepare is not None:
        await prepare()


def at_once(adapter: Adapter, most: int) -> int:
    """How many calls it makes at once, at most ``most``: one that starts a process for each says ``at_once``."""
    said = getattr(adapter, "at_once", most)
    return min(most, said) if isinstance(said, int) and said > 0 else most


async def observed(adapter: Adapter, job: Job) -> AsyncGenerator[Observed, None]:
    """Run ``adapter`` and pass on what it observes, checked: known observations, exactly one ``Finished``, at the end.

    Raises:
        AdapterError: the adapter broke the contract, or raised; the cause is kept.
    """
    finished = False
    async with aclosing(_guarded(adapter, job)) as observations:
        async for observation in observations:
            if finished:
                raise AdapterError(f"adapter {adapter.name!r} observed {type(observation).__name__} after Finished")
            if not isinstance(observation, Shown | Cleared | Noticed | ToolRan | Finished):
                raise AdapterError(f"adapter {adapter.name!r} yielded {observation!r}, which is no observation")
            finished = isinstance(observation, Finished)
            yield observation
    if not finished:
        raise AdapterError(f"adapter {adapter.name!r} stopped without Finished: it must say how the call ended")


async def _guarded(adapter: Adapter, job: Job) -> AsyncGenerator[Observed, None]:
    try:
        running = adapter.run(job)
        if not hasattr(running, "aclose"):
            getattr(running, "close", lambda: None)()
            raise AdapterError(f"run of adapter {adapter.name!r} is no async generator: it must yield observations")
        async with aclosing(running) as observations:
            async for observation in observations:
                yield observation
    except AdapterError:
        raise
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # it is the harness that cancels
        raise AdapterError(f"adapter {adapter.name!r} raised {type(error).__name__}: {error}") from error
