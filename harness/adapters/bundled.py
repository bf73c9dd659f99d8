"""The bundled resilient client. It promises to deliver the whole answer wherever that is possible."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from importlib.metadata import version
from random import Random
from typing import Any

from client_under_test import events
from client_under_test.answer import Answer
from client_under_test.driver_async import StreamClient
from client_under_test.errors import ApiError, StreamError
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.targets import Target
from harness import model
from harness.model import Capability, Cleared, ErrorSeen, Finished, Job, Noticed, Observed, Outcome, Shown, ToolUse


def settings(job: Job) -> Policy:
    """The client's settings for a job: its limits, and waits short enough for a test."""
    limits = Limits(
        connect=job.limits.connect,
        first_byte=job.limits.first_byte,
        whole_response=2 * job.limits.first_byte,
        first_event=job.limits.idle,
        idle=job.limits.idle,
        progress=job.limits.progress,
        closing=0.2,
        max_event_bytes=1 << 20,
    )
    retry = RetryPolicy(
        max_attempts=job.max_attempts, base=0.2, rate_limit_base=0.3, cap=1.0, jitter=0.25, max_retry_after=5.0
    )
    return Policy(limits=limits, retry=retry, max_pauses=3, sentence_idle=0.3)


def arguments(job: Job) -> dict[str, Any]:
    """What the constructor of the client is given for ``job``."""
    return {
        "api_key": job.api_key,
        "base_url": job.base_url,
        "policy": settings(job),
        "fallbacks": [Target(model=one.model, base_url=one.base_url, api_key=one.api_key) for one in job.fallbacks],
        "chance": Random(f"{job.seed}/client"),
    }


def client_of(job: Job) -> StreamClient:
    """The client under test, set up for ``job``."""
    return StreamClient(**arguments(job))


class BundledAdapter:
    """Runs :class:`client_under_test.StreamClient`; ``make`` builds the client for a job. Its user reads pieces of text
    as they come."""

    def __init__(self, make: Callable[[Job], StreamClient] = client_of, name: str = "bundled") -> None:
        self.name = name
        self.version = version("streamproof")
        self.policy = model.Policy.RECOVER
        self.capabilities = frozenset(Capability)
        self._make = make

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        async with self._make(job) as client, client.stream(job.request) as stream:
            try:
                async for event in stream:
                    if (observed := seen(event, shown=events.Text)) is not None:
                        yield observed
            except Exception as error:
                yield failed(error)


def seen(event: events.Event, *, shown: type[events.Text] | type[events.Sentence]) -> Observed | None:
    """What the user sees of ``event``, whose display takes text in the form ``shown``."""
    match event:
        case events.Text(text) | events.Sentence(text):
            return Shown(text=text) if isinstance(event, shown) else None
        case events.Reset():
            return Cleared()
        case events.Notice():
            cause = "" if event.error is None else f" after {type(event.error).__name__}"
            return Noticed(what=f"{event.next.value}{cause}, request {event.attempt}")
        case events.Done(answer):
            return _finished(answer)
        case events.ToolCall():
            return None  # they stand in the answer as well


def _finished(answer: Answer) -> Finished:
    return Finished(
        outcome=Outcome(answer.outcome.value),
        text=answer.text,
        stop_reason=answer.stop_reason,
        tools=tuple(ToolUse(call.name, call.input) for call in answer.tool_calls),
        usage=dict(answer.usage),
        content=answer.content,
        billed=model.Billed(input=answer.billed.input, output=answer.billed.output, exact=answer.billed.exact),
    )


def failed(error: Exception) -> Finished:
    """How the call ended for a caller who caught ``error``; one that leaks is what the user would get, and recorded."""
    if not isinstance(error, StreamError):
        leaked = ErrorSeen(name=type(error).__name__, message=str(error), typed=False)
        return Finished(outcome=Outcome.FAILED, error=leaked)
    api = error if isinstance(error, ApiError) else None
    typed = ErrorSeen(
        name=type(error).__name__,
        message=str(error),
        typed=True,
        status=api.status if api else None,
        kind=api.kind if api else None,
        retry_after=api.retry_after if api else None,
        request_id=error.request_id,
        partial=error.partial,
        sent=error.sent,
    )
    outcome = Outcome.INCOMPLETE if error.partial else Outcome.FAILED
    return Finished(outcome=outcome, error=typed, content=error.blocks)


ADAPTER = BundledAdapter()
