"""Retry and fallback around somebody else's streaming function."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import pytest

from client_under_test.errors import (
    ConnectionFailed,
    ConnectionLost,
    NotAuthorized,
    Overloaded,
    RateLimited,
    Stalled,
    StreamError,
)
from client_under_test.events import Next, Notice, Reset, Text
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.wrap import classified, resilient

QUICK = Policy(retry=RetryPolicy(base=0.0, cap=0.0, max_attempts=4, attempts_per_target=2))
Said = list[str | Exception]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def speaker(*attempts: Said) -> Callable[..., Iterator[str]]:
    """A function that says ``attempts`` one after another; an exception is raised where it stands."""
    left = iter(attempts)

    def say(*args: Any, **named: Any) -> Iterator[str]:
        for piece in next(left):
            if isinstance(piece, Exception):
                raise piece
            yield piece

    return say


def asynchronous(say: Callable[..., Iterator[str]]) -> Callable[..., AsyncIterator[str]]:
    async def say_it(*args: Any, **named: Any) -> AsyncIterator[str]:
        for piece in say(*args, **named):
            yield piece

    return say_it


@pytest.fixture(params=["async", "sync"])
def events_of(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Wraps functions either way and reads one call to its end."""

    def read(*functions: Callable[..., Iterator[str]], policy: Policy = QUICK) -> list[Any]:
        if request.param == "sync":
            return [*resilient(functions[0], policy=policy, fallbacks=functions[1:])("Hi", x=1)]
        first, *others = [asynchronous(one) for one in functions]

        async def collect() -> list[Any]:
            return [event async for event in resilient(first, policy=policy, fallbacks=others)("Hi", x=1)]

        return asyncio.run(collect())

    return read


LOST = ConnectionResetError("gone")


def test_a_function_that_does_not_fail_is_only_passed_on(events_of: Callable[..., list[Any]]) -> None:
    assert events_of(speaker(["Hello ", "world."])) == [Text("Hello "), Text("world.")]


def test_what_a_second_call_repeats_is_not_shown_again(events_of: Callable[..., list[Any]]) -> None:
    first, notice, second = events_of(speaker(["Hello ", LOST], ["Hel", "lo world."]))
    assert (first, second) == (Text("Hello "), Text("world."))
    assert (notice.next, notice.attempt, type(notice.error)) == (Next.RETRY, 2, ConnectionLost)


def test_another_answer_is_announced_by_a_reset(events_of: Callable[..., list[Any]]) -> None:
    events = events_of(speaker(["Hello ", LOST], ["Good day."]))
    assert [one for one in events if not isinstance(one, Notice)] == [Text("Hello "), Reset(), Text("Good day.")]


def test_a_shorter_answer_is_announced_by_a_reset(events_of: Callable[..., list[Any]]) -> None:
    assert events_of(speaker(["Hello world", LOST], ["Hello"]))[-2:] == [Reset(), Text("Hello")]


def test_other_functions_are_asked_in_their_order(events_of: Callable[..., list[Any]]) -> None:
    events = events_of(speaker(["Hel", LOST], [LOST]), speaker(["Hello."]))
    assert [one.next for one in events if isinstance(one, Notice)] == [Next.RETRY, Next.ELSEWHERE]
    assert [one.text for one in events if isinstance(one, Text)] == ["Hel", "lo."]


def test_when_nothing_helps_the_error_has_the_text_and_every_cause(events_of: Callable[..., list[Any]]) -> None:
    with pytest.raises(ConnectionLost) as caught:
        events_of(speaker(*[["Hello ", LOST]] * 4))
    assert (caught.value.partial, caught.value.attempts, len(caught.value.earlier)) == ("Hello ", 4, 3)
    assert caught.value.__cause__ is LOST


def test_a_fault_of_the_function_itself_is_not_retried(events_of: Callable[..., list[Any]]) -> None:
    with pytest.raises(KeyError, match="typo"):
        events_of(speaker(["Hello ", KeyError("typo")], ["never"]))


def test_a_function_keeps_its_name_and_both_ways_of_decorating_work() -> None:
    @resilient
    def answer() -> Iterator[str]:
        """What it says."""
        yield "x"

    @resilient(policy=QUICK)
    def other() -> Iterator[str]:
        yield "y"

    assert (answer.__name__, answer.__doc__) == ("answer", "What it says.")
    assert [*other()] == [Text("y")]


def test_what_is_no_generator_function_is_told_at_once() -> None:
    with pytest.raises(TypeError, match="generator functions"):
        resilient(lambda: ["x"])
    with pytest.raises(TypeError, match="all of them asynchronous or none"):
        resilient(speaker(["x"]), fallbacks=[asynchronous(speaker(["x"]))])


async def test_an_asynchronous_function_that_goes_silent_is_left() -> None:
    async def silent() -> AsyncIterator[str]:
        yield "Hello "
        await asyncio.Event().wait()

    impatient = Policy(limits=Limits(progress=0.01), retry=RetryPolicy(max_attempts=1))
    with pytest.raises(Stalled) as caught:
        _ = [event async for event in resilient(silent, policy=impatient)()]
    assert caught.value.partial == "Hello "


async def test_a_time_out_of_the_functions_own_is_a_broken_connection() -> None:
    async def impatient() -> AsyncIterator[str]:
        yield "Hello "
        raise TimeoutError

    with pytest.raises(ConnectionLost):
        _ = [event async for event in resilient(impatient, policy=Policy(retry=RetryPolicy(max_attempts=1)))()]


def status_error(status: int, kind: str, **headers: str) -> anthropic.APIStatusError:
    request = httpx2.Request("POST", "https://example.com/")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.Response(status, request=request, headers=named)
    return anthropic.APIStatusError("no", response=response, body={"error": {"type": kind, "message": "No."}})


def test_an_error_of_the_sdk_is_told_by_its_status_its_body_and_its_headers() -> None:
    limited = classified(status_error(429, "rate_limit_error", retry_after="7"))
    assert isinstance(limited, RateLimited)
    assert (limited.status, limited.kind, limited.retry_after) == (429, "rate_limit_error", 7.0)
    assert isinstance(classified(status_error(200, "overloaded_error")), Overloaded)
    assert isinstance(classified(status_error(401, "authentication_error")), NotAuthorized)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_status_that_a_library_raises_is_a_refusal_and_no_broken_connection(library: Any) -> None:
    response = library.Response(
        429, request=library.Request("GET", "https://example.com/"), headers={"retry-after": "9"}
    )
    with pytest.raises(library.HTTPStatusError) as caught:
        response.raise_for_status()
    limited = classified(caught.value)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 9.0


@pytest.mark.parametrize("error", [FileNotFoundError("x"), PermissionError("x")])
def test_a_file_that_is_missing_is_no_broken_connection(error: OSError) -> None:
    assert classified(error) is None


def test_what_is_no_text_is_a_fault_of_the_function() -> None:
    def odd() -> Iterator[Any]:
        yield 7

    with pytest.raises((AttributeError, TypeError)):
        _ = [*resilient(odd, policy=QUICK)()]


def test_what_the_caller_throws_into_the_loop_is_no_failure_of_an_attempt() -> None:
    events = resilient(speaker(["Hello ", "world."]), policy=QUICK)()
    assert next(events) == Text("Hello ")
    with pytest.raises(ConnectionResetError):
        events.throw(ConnectionResetError("the caller's own"))


def test_an_error_is_told_by_its_cause_and_never_by_its_wording() -> None:
    wrapped = anthropic.APIConnectionError(request=httpx2.Request("POST", "https://example.com/"))
    wrapped.__cause__ = httpx2.ReadError("x")
    assert isinstance(classified(wrapped), ConnectionLost)
    assert isinstance(classified(httpx.ConnectError("x")), ConnectionFailed)
    assert classified(ValueError("connection lost, please retry")) is None
    ours = StreamError("x")
    assert classified(ours) is ours
