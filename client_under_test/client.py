"""What the asynchronous and the synchronous client have in common: their settings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from client_under_test.call import Call
from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.dialects.dialect import Dialect
from client_under_test.observe import Observers, Watch
from client_under_test.policy import Policy
from client_under_test.session import Session
from client_under_test.signals import Open
from client_under_test.targets import Target
from client_under_test.transport import request_of


class ClientSettings:
    """Settings of a client.

    Args:
        api_key: that of ``ANTHROPIC_API_KEY`` or ``OPENAI_API_KEY``, as the dialect has it, when none is given.
        base_url: the API, or anything that speaks it; that of ``ANTHROPIC_BASE_URL`` or ``OPENAI_BASE_URL`` when none
            is given.
        dialect: how the API is spoken: ``ANTHROPIC``, ``OPENAI_CHAT`` or ``OPENAI_RESPONSES`` of
            :mod:`client_under_test.dialects`.
        policy: limits and rules.
        fallbacks: other models or servers of the same dialect, asked in order when the first one fails.
        watch: makers of observers, one observer for each call; see :mod:`client_under_test.observe`.
        reuse_connections: keep connections for later requests. HTTP/2 needs it; over HTTP/1.1 it brings back the
            failures that :mod:`client_under_test.transport` tells of.
        chance: the source of jitter.
        clock: monotonic seconds; what :func:`time.monotonic` gives.

    Raises:
        ValueError: there is no key, neither here nor in the environment.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        dialect: Dialect = ANTHROPIC,
        policy: Policy | None = None,
        fallbacks: Sequence[Target] = (),
        watch: Iterable[Watch] = (),
        reuse_connections: bool = False,
        chance: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy or Policy()
        self.clock = clock
        self.reuse_connections = reuse_connections
        self.dialect = dialect
        self._targets = (first_target(api_key, base_url, dialect), *fallbacks)
        self._watch = tuple(watch)
        self._chance = chance or Random()

    def session(self, request: Mapping[str, Any]) -> Session:
        """The state machine that will make the call."""
        return Session(request, self.policy, self._chance, self._targets, self.dialect)

    def call(self, request: Mapping[str, Any], *, sentences: bool = True) -> Call:
        """A call that is to be driven."""
        session = self.session(request)
        session.in_sentences = sentences
        return Call(session, Observers(self._watch, request), self.clock)

    def sent(self, opening: Open) -> dict[str, Any]:
        """The arguments of ``http.stream`` for ``opening``; see :func:`~client_under_test.transport.request_of`."""
        return request_of(opening, self.policy.limits, reuse=self.reuse_connections)


def first_target(api_key: str | None, base_url: str | None, dialect: Dialect = ANTHROPIC) -> Target:
    """Whom a client asks that was given ``api_key`` and ``base_url``; the environment says what it was not given.

    Raises:
        ValueError: there is no key.
    """
    key = os.environ.get(dialect.key_variable) if api_key is None else api_key
    if key is None:
        raise ValueError(f"no API key: give api_key=..., or set {dialect.key_variable}")
    return Target(base_url=base_url or os.environ.get(dialect.url_variable) or dialect.api, api_key=key)
