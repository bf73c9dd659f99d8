"""Which target is asked next, whether it streams, and after what wait. One budget for the whole call.

Rules:

1. Failed streams and failed attempts count for the target that failed; the budget counts all of them.
2. After ``fallback_after`` failed streams a target is asked without streaming.
3. After ``attempts_per_target`` failed attempts the next target is asked, if there is one; at once when the target
   itself is the trouble: a wrong key, a model that it does not have, a limit that lasts longer than the policy waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from client_under_test.errors import ApiError, StreamError
from client_under_test.policy import RetryPolicy
from client_under_test.targets import Target

_TARGETS_FAULT = (401, 402, 403, 404)
_TARGETS_FAULT_KINDS = (
    "authentication_error",
    "permission_error",
    "billing_error",
    "not_found_error",
    "insufficient_quota",
)


class Route:
    """The targets of one call, in order, and how many attempts each had."""

    def __init__(self, targets: Sequence[Target], retry: RetryPolicy, chance: Random) -> None:
        first = targets[0]
        self._targets = [first, *(_completed(one, first) for one in targets[1:])]
        self._retry, self._chance = retry, chance
        self._place = 0
        self._failures = self._failures_here = self._streams_here = 0

    @property
    def target(self) -> Target:
        """Whom to ask next."""
        return self._targets[self._place]

    @property
    def place(self) -> int:
        """Number of the target, from 0."""
        return self._place

    def streams(self, max_tokens: int) -> bool:
        """Whether the next request asks for a stream."""
        return self._retry.streams_next(self._streams_here, max_tokens)

    def after(self, error: StreamError, *, streamed: bool, changes: bool = False) -> float | None:
        """An attempt failed; seconds to wait before the next one, None when there is none. May change the target.

        Args:
            error: with what it failed.
            streamed: whether a stream had begun.
            changes: whether the next request will not have what was wrong with this one.
        """
        self._failures += 1
        self._failures_here += 1
        self._streams_here += streamed
        if changes and self._failures < self._retry.max_attempts:
            hint = error.retry_after if isinstance(error, ApiError) else None
            if hint is None or hint <= self._retry.max_retry_after:
                return hint or 0.0
        wait = self._retry.wait_before_retry(error, self._failures, self._chance)
        if self._failures >= self._retry.max_attempts:
            return wait
        is_spent = wait is not None and self._failures_here >= self._retry.attempts_per_target
        if (is_spent or (wait is None and _elsewhere_may_help(error))) and self._move():
            return wait or 0.0
        return wait

    def _move(self) -> bool:
        if self._place + 1 >= len(self._targets):
            return False
        self._place += 1
        self._failures_here = self._streams_here = 0
        return True


def _completed(target: Target, first: Target) -> Target:
    return replace(
        target,
        base_url=first.base_url if target.base_url is None else target.base_url,
        api_key=first.api_key if target.api_key is None else target.api_key,
        model=first.model if target.model is None else target.model,
    )


def _elsewhere_may_help(error: StreamError) -> bool:
    return isinstance(error, ApiError) and (
        error.retryable or error.status in _TARGETS_FAULT or error.kind in _TARGETS_FAULT_KINDS
    )
