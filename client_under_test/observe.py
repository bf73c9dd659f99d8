"""The hook behind all metrics, traces and logs: an observer is given every signal of a call as it passes.

That is the whole interface: whoever knows what went into the session and what came out of it knows all there is. An
observer that raises is logged and never disturbs the call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from client_under_test.signals import Signal

_LOG = logging.getLogger("client_under_test")

Observer: TypeAlias = Callable[[Signal, float], None]
"""Takes each signal of one call, and the time in seconds at which it passed; that clock only ever goes forward and its
zero means nothing. It stands still while the caller holds an event, so a slow reader spoils no measurement."""


class Watch(Protocol):
    """Makes an observer for each call."""

    def __call__(self, request: Mapping[str, Any], /) -> Observer:
        """An observer of the call that makes ``request`` (the caller's JSON body)."""
        ...


class Observers:
    """The observers of one call."""

    def __init__(self, watches: Iterable[Watch], request: Mapping[str, Any]) -> None:
        self._observers: list[Observer] = []
        for watch in watches:
            with _guarded():
                self._observers.append(watch(request))

    def tell(self, signal: Signal, now: float) -> None:
        """Give ``signal`` to every observer."""
        for observer in self._observers:
            with _guarded():
                observer(signal, now)


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except Exception:
        _LOG.exception("an observer failed; the call goes on")
