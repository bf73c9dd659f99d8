"""The bundled resilient client. It promises to deliver the whole answer wherever that is possible."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from importlib.metadata import version
from random import Random

from client_under_test.answer import Answer
from client_under_test.driver_async import StreamClient
from client_under_test.errors import ApiError, StreamError
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.signals import Recovering, TextAdded, TextReset
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
    return Policy(limits=limits, retry=retry, sentence_age=0.3)


def client_of(job: Job) -> StreamClient:
    """The client under test, set up for ``job``."""
    return StreamClient(
        api_key=job.api_key, base_url=job.base_url, policy=settings(job), chance=Random(f"{job.seed}/client")
    )


class BundledAdapter:
    """Runs :class:`client_under_test.StreamClient`; ``make`` builds the client for a job."""

    def __init__(self, make: Callable[[Job], StreamClient] = client_of, name: str = "bundled") -> None:
        self.name = name
        self.version = version("streamproof")
        self.policy = model.Policy.RECOVER
        self.capabilities = frozenset(Capability)
        self._make = make

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        async with self._make(job) as client, aclosing(client.stream(job.request)) as updates:
            try:
                async for update in updates:
                    match update:
                        case TextAdded(text):
                            yield Shown(text=text)
                        case TextReset():
                            yield Cleared()
                        case Recovering():
                            yield Noticed(what=f"attempt {update.attempt} follows {type(update.error).__name__}")
                        case Answer():
                            yield _finished(update)
            except StreamError as error:
                yield _failed(error)
            except Exception as error:  # an error that leaks is what the user would get, and what is recorded
                seen = ErrorSeen(name=type(error).__name__, message=str(error), typed=False)
                yield Finished(outcome=Outcome.FAILED, error=seen)


def _finished(answer: Answer) -> Finished:
    return Finished(
        outcome=Outcome(answer.outcome.value),
        text=answer.text,
        stop_reason=answer.stop_reason,
        tools=tuple(ToolUse(call.name, call.input) for call in answer.tool_calls),
        usage=dict(answer.usage),
    )


def _failed(error: StreamError) -> Finished:
    api = error if isinstance(error, ApiError) else None
    seen = ErrorSeen(
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
    return Finished(outcome=Outcome.INCOMPLETE if error.partial else Outcome.FAILED, error=seen)


ADAPTER = BundledAdapter()
