"""How long to wait, and what a server's hint is worth."""

from __future__ import annotations

import time
from random import Random

import pytest

from client_under_test.errors import Overloaded, RateLimited, RequestRefused
from client_under_test.policy import RetryPolicy, retry_after

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT."""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "700", "retry-after": "9"}, 0.7),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:40 GMT"}, 3.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:40 GMT"}, 3.0),
        ({"retry-after": "Sun Nov  6 08:49:40 1994"}, 3.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:40 GMT", "date": "Sun, 06 Nov 1994 08:49:30 GMT"}, 10.0),
        *[({"retry-after": nonsense}, None) for nonsense in ("-5", "nan", "inf", "-inf", "120junk", "", "1e9", "soon")],
        ({"retry-after": "9" * 400}, None),
        *[({"retry-after": odd}, None) for odd in ("1_000", "٥", "1e2", "+5")],
        ({"retry-after": "259200"}, 259_200.0),
        ({"retry-after": "Wed, 09 Nov 1994 08:49:37 GMT"}, 259_200.0),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after-ms": "nan", "retry-after": "7"}, 7.0),
    ],
)
def test_a_hint_is_read_in_all_three_forms_and_nonsense_is_none(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_a_date_without_a_zone_is_gmt_wherever_the_client_is(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    seconds = retry_after({"retry-after": "Sun Nov  6 08:49:40 1994"}, NOW)
    monkeypatch.undo()
    time.tzset()
    assert seconds == 3.0


def test_a_wait_stays_between_the_backoff_and_its_jitter() -> None:
    policy = RetryPolicy(base=1, cap=100, jitter=0.5)
    for attempt in range(1, policy.max_attempts):
        wait = policy.wait_before_retry(Overloaded("x"), attempt, Random(attempt))
        assert wait is not None
        assert 2.0 ** (attempt - 1) <= wait <= 1.5 * 2.0 ** (attempt - 1)


def test_two_clients_do_not_wait_the_same_time_for_one_hint() -> None:
    waits = {RetryPolicy().wait_before_retry(RateLimited("x", retry_after=5.0), 1, Random(n)) for n in range(20)}
    assert len(waits) == 20
    assert all(wait is not None and wait >= 5.0 for wait in waits)


@pytest.mark.parametrize(
    ("error", "attempt"),
    [(RequestRefused("x"), 1), (Overloaded("x"), 6), (RateLimited("x", retry_after=61.0), 1)],
)
def test_it_gives_up_on_what_does_not_pass_on_the_last_attempt_and_on_hints_that_are_too_long(
    error: RequestRefused | Overloaded | RateLimited, attempt: int
) -> None:
    assert RetryPolicy().wait_before_retry(error, attempt, Random(0)) is None
