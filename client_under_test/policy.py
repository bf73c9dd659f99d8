"""What to do after a failure: how long to wait, whether to stream, when to give up. Pure decisions, no clock.

Sources: RFC 9110 §10.2.3 (Retry-After); the API's error documentation (429, 529); the official SDKs' table of statuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

from client_under_test.continuation import Strategy, Table
from client_under_test.errors import ApiError, RateLimited, StreamError

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long each kind of silence may last (seconds), and how much is kept (bytes)."""

    connect: float = 10.0
    first_byte: float = 120.0
    """From the request to the status line of a stream."""
    whole_response: float = 600.0
    """From the request to the status line without streaming: nothing comes before the whole answer is there."""
    first_event: float = 120.0
    """From the status line to the first event."""
    idle: float = 120.0
    """Between any two bytes: pings and comments count."""
    progress: float = 300.0
    """Between two events that carry something: pings do not count. Also for the whole of a body that is no stream."""
    closing: float = 1.0
    """From the final reason to stop to the end of the stream; then the answer is whole without it."""
    total: float | None = None
    """For the whole call, waits included; None sets no limit."""
    max_event_bytes: int = 16 << 20
    max_body_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When to try again, and how.

    The wait before retry *n* (from 0) is ``base * 2**n`` (``rate_limit_base`` for a 429), stretched by up to
    ``jitter`` of itself; ``cap`` limits it before that. A ``Retry-After`` is a floor under it, with jitter on top.
    """

    max_attempts: int = 6
    base: float = 0.5
    rate_limit_base: float = 2.0
    cap: float = 30.0
    jitter: float = 0.5
    max_retry_after: float = 60.0
    """A longer hint is not waited for: the error is raised at once and carries it."""
    fallback_after: int | None = 2
    """Failed streams after which the answer is asked for without streaming; None never does."""
    attempts_per_target: int = 3
    """Failed attempts after which the next target is asked, where there is one."""
    fallback_max_tokens: int = 21_333
    """No fallback above it: the API refuses non-streaming requests that could take longer than ten minutes."""

    def wait_before_retry(self, error: StreamError, attempts: int, chance: Random) -> float | None:
        """Seconds to wait after ``error`` ended attempt number ``attempts`` (from 1); None gives up."""
        if not error.retryable or attempts >= self.max_attempts:
            return None
        hint = error.retry_after if isinstance(error, ApiError) else None
        if hint is not None and hint > self.max_retry_after:
            return None
        stretch = 1.0 + self.jitter * chance.random()
        return max(self.backoff(error, attempts), hint or 0.0) * stretch

    def backoff(self, error: StreamError, attempts: int) -> float:
        """The wait without hint and jitter."""
        base = self.rate_limit_base if isinstance(error, RateLimited) else self.base
        return min(self.cap, base * 2.0 ** min(attempts - 1, 62))

    def streams_next(self, failed_streams: int, max_tokens: int) -> bool:
        """Whether the next attempt streams."""
        if self.fallback_after is None or max_tokens > self.fallback_max_tokens:
            return True
        return failed_streams < self.fallback_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All settings of one client."""

    limits: Limits = field(default_factory=Limits)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    table: Table | None = None
    """How an interrupted answer of each model is continued: the first pattern that fits. None: what the dialect knows
    of models."""
    strategy: Strategy | None = None
    """Continue every answer like this, whatever the table and the request say."""
    max_pauses: int = 8
    """How often a turn that paused (``pause_turn``) is gone on with; 0 hands the paused answer over."""
    sentence_idle: float = 0.5
    """Seconds without more text after which an unfinished sentence is given out; 0 holds nothing back."""
    sentence_chars: int = 400
    """Characters after which an unfinished sentence is given out."""


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that the server asks to wait, in any of the three forms; None when it did not ask or asked nonsense.

    Nonsense is what is no number of seconds from 0 on: ``-5``, ``nan``, ``inf``, ``120junk``. A limit of a week's use
    may ask for days. A date is read against the response's own ``date`` header, so that a wrong clock on either side
    does no harm.

    Args:
        headers: with lower-case names.
        wall: the local time in seconds since the epoch, used when there is no ``date`` header.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _sane(milliseconds / 1000)
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return _sane(seconds)
    then, now = _date(value), _date(headers.get("date"))
    return None if then is None else _sane(max(0.0, then - (wall if now is None else now)))


def _sane(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _number(value: str | None) -> float | None:
    value = (value or "").strip(" \t")  # the white space of HTTP; Python's own has characters that float() refuses
    return float(value) if _NUMBER.fullmatch(value) else None


def _date(value: str | None) -> float | None:
    """An HTTP-date of any of the three grammars, in seconds since the epoch; all of them are in GMT."""
    try:
        date = parsedate_to_datetime(value) if value else None
        return None if date is None else (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
