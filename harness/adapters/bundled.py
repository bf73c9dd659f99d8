"""The bundled resilient client. It promises to deliver the whole answer wherever that is possible."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from importlib.metadata import version
from random import Random
from typing import Any

import httpx
import msgspec

from client_under_test import dialects, events
from client_under_test.answer import Answer
from client_under_test.driver_async import AnswerStream, StreamClient
from client_under_test.driver_sync import SyncAnswerStream
from client_under_test.errors import ApiError, StreamError
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.session import Session
from client_under_test.sinks import Sink, SinkFailed, SinksFailed, deliver
from client_under_test.sinks.pace import Pace
from client_under_test.sinks.webhook import Batch, Webhook
from client_under_test.targets import Target
from client_under_test.transport import no_cookies, tls
from fake_server.dialect import Dialect
from harness import model
from harness.errors import AdapterError
from harness.model import Capability, Cleared, ErrorSeen, Finished, Job, Noticed, Observed, Outcome, Shown, ToolUse
from harness.receiver import Kind

logging.getLogger("client_under_test").addHandler(logging.NullHandler())  # what fails is recorded, and not printed

_PATIENCE_SECONDS, _GRACE_SECONDS = 5.0, 3.0
_UPDATES = (0.0, 0.4, 1.0, 2.0)
"""Seconds after which a message to one person is replaced."""


_DIALECTS = {
    Dialect.ANTHROPIC: dialects.ANTHROPIC,
    Dialect.OPENAI_CHAT: dialects.OPENAI_CHAT,
    Dialect.OPENAI_RESPONSES: dialects.OPENAI_RESPONSES,
}


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
        "dialect": _DIALECTS[job.dialect],
        "policy": settings(job),
        "fallbacks": [Target(model=one.model, base_url=one.base_url, api_key=one.api_key) for one in job.fallbacks],
        "chance": Random(f"{job.seed}/client"),
        **_in_memory(job),
    }


def _in_memory(job: Job) -> dict[str, Any]:
    """For the asynchronous client, where its connections are in memory: then the time is that of the event loop."""
    if job.memory is None:
        return {}
    http = httpx.AsyncClient(transport=job.memory.transport(httpx), cookies=no_cookies(), verify=tls())
    return {"http": http, "clock": asyncio.get_running_loop().time}


def client_of(job: Job) -> StreamClient:
    """The client under test, set up for ``job``."""
    return StreamClient(**arguments(job))


def sink_of(job: Job, http: httpx.AsyncClient, made: Callable[..., Sink] | None = None) -> Sink:
    """The sink for the receiver of ``job``, its waits short enough for a test; ``made`` takes the place of its class.

    Raises:
        AdapterError: slack_sdk is not installed.
    """
    where = job.receiver
    assert where is not None
    common: dict[str, Any] = {"patience": _PATIENCE_SECONDS, "chance": Random(f"{job.seed}/sink")}
    if where.kind is Kind.WEBHOOK:
        batch = Batch(sentences=5, seconds=0.5)
        return (made or Webhook)(where.url, secret=where.secret, http=http, stream="answer", batch=batch, **common)
    try:
        from slack_sdk.web.async_client import AsyncWebClient

        from client_under_test.sinks import slack
    except ImportError as error:
        raise AdapterError(
            f"no sink for Slack without its package: pip install 'streamproof[slack]' ({error})"
        ) from error
    common["pace"] = Pace(where.every)
    if where.kind is Kind.SLACK_EPHEMERAL:
        return (made or slack.SlackEphemeral)(where.url, http=http, uses=where.uses, plan=_UPDATES, **common)
    web = AsyncWebClient(where.token, base_url=where.url, retry_handlers=[], timeout=max(1, int(job.limits.first_byte)))
    if where.kind is Kind.SLACK:
        return (made or slack.SlackMessage)(web, channel=where.channel, **common)
    common |= {"channel": where.channel, "thread_ts": where.thread, "recipient_user_id": where.user}
    return (made or slack.SlackStream)(web, **common)


class BundledAdapter:
    """Runs :class:`client_under_test.StreamClient`; ``make`` builds the client for a job, and ``sink`` what takes its
    answer to the receiver, where there is one. Its user reads pieces of text as they come, or what is ``shown``."""

    def __init__(
        self,
        make: Callable[[Job], StreamClient] = client_of,
        name: str = "bundled",
        sink: Callable[[Job, httpx.AsyncClient], Sink] = sink_of,
        dialect: Dialect = Dialect.ANTHROPIC,
        shown: type[events.Text] | type[events.Sentence] = events.Text,
    ) -> None:
        self.name, self.dialect, self._shown = name, dialect, shown
        self.version = version("streamproof")
        self.policy = model.Policy.RECOVER
        self.capabilities = frozenset(Capability)
        self.in_memory = True
        self._make, self._sink = make, sink

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        async with job.client(lambda: self._make(job)) as client, client.stream(job.request) as stream:
            observed = _read(stream, self._shown) if job.receiver is None else delivered(stream, job, self._sink)
            async with aclosing(observed) as observations:
                async for observation in observations:
                    yield observation

    def session(self, job: Job) -> Session:
        """The state machine that makes the call, for a simulation."""
        return self._make(job).session(job.request)

    def observation(self, event: events.Event) -> Observed | None:
        """What the caller sees of an event of that state machine."""
        return observation(event)

    def failure(self, error: Exception) -> Observed:
        """What the caller sees when that state machine raises."""
        return failed(error)


async def delivered(
    stream: AnswerStream | SyncAnswerStream, job: Job, sink: Callable[[Job, httpx.AsyncClient], Sink] = sink_of
) -> AsyncGenerator[Observed, None]:
    """What the user sees while the answer goes to the receiver as well. The call ends when both have all of it."""
    screen = _Screen()
    async with httpx.AsyncClient(timeout=job.limits.first_byte, verify=tls()) as http:
        delivering = asyncio.create_task(_end(stream, sink(job, http), screen))
        try:
            while (observation := await screen.observed.get()) is not None:
                yield observation
            yield await delivering
        finally:
            delivering.cancel()
            await asyncio.wait({delivering})


def observation(event: events.Event) -> Observed | None:
    """What the caller sees of an event of a session; one that ends the call with an error is raised by a driver."""
    if isinstance(event, events.Done) and event.answer.error is not None:
        return failed(event.answer.error)
    return seen(event, shown=events.Text)


async def _read(
    stream: AnswerStream, shown: type[events.Text] | type[events.Sentence]
) -> AsyncGenerator[Observed, None]:
    try:
        async for event in stream:
            if (observed := seen(event, shown=shown)) is not None:
                yield observed
    except Exception as error:
        yield failed(error)


class _Screen:
    """A sink: what is before the user's eyes."""

    def __init__(self) -> None:
        self.observed: asyncio.Queue[Observed | None] = asyncio.Queue()
        """None when nothing more will be seen."""

    async def take(self, event: events.Event) -> None:
        observed = seen(event, shown=events.Text)
        if observed is not None and not isinstance(observed, Finished):
            self.observed.put_nowait(observed)

    async def finish(self, error: StreamError | None) -> None:
        return None


async def _end(stream: AnswerStream | SyncAnswerStream, sink: Sink, screen: _Screen) -> Finished:
    """How the call ended for a caller who delivers its answer."""
    try:
        return _finished(await deliver(stream, sink, screen, grace=_GRACE_SECONDS))
    except SinksFailed as failures:
        return msgspec.structs.replace(_finished(failures.answer), undelivered=_undelivered(failures.exceptions[0]))
    except Exception as error:
        notes = getattr(error, "__notes__", [])
        lost = ErrorSeen(name="SinkFailed", message=notes[0], typed=True) if notes else None
        return msgspec.structs.replace(failed(error), undelivered=lost)
    finally:
        screen.observed.put_nowait(None)


def _undelivered(error: Exception) -> ErrorSeen:
    return ErrorSeen(name=type(error).__name__, message=str(error), typed=isinstance(error, SinkFailed))


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


def in_sentences() -> BundledAdapter:
    """The same client for a user who reads whole sentences."""
    return BundledAdapter(shown=events.Sentence)


ADAPTER = BundledAdapter()
