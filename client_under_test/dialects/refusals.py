"""Errors of a server: by the status, by the words with which it names them, and by ``x-should-retry``.

Source: the error documentation of both APIs, and the table of statuses of the official SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from client_under_test.errors import (
    ApiError,
    NotAuthorized,
    Overloaded,
    PromptTooLarge,
    RateLimited,
    RequestRefused,
    ServerFailed,
)

Kinds: TypeAlias = Mapping[str, type[ApiError]]
"""What the words of an API mean."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a server says of an error."""

    words: tuple[str, ...]
    """Its names for it, the most exact one first; none when it has none."""
    message: str

    @property
    def kind(self) -> str | None:
        """The most exact name."""
        return self.words[0] if self.words else None

    def among(self, kinds: Kinds) -> type[ApiError] | None:
        """What its words mean, None when they are not known."""
        return next((kinds[word] for word in self.words if word in kinds), None)


def in_a_200(told: Told, kinds: Kinds, *, otherwise: type[ApiError] = ServerFailed) -> ApiError:
    """The error of an event or a body that came with status 200."""
    return (told.among(kinds) or otherwise)(told.message, status=200, kind=told.kind)


def of_status(status: int, told: Told, should_retry: str | None, *, overruling: Kinds | None = None) -> ApiError:
    """The error of a response with an error status.

    Args:
        status: of the response.
        told: what its body says.
        should_retry: its header ``x-should-retry``, which overrules the table of statuses both ways.
        overruling: words that say more than the status.
    """
    kind = told.among(overruling or {}) or class_of(status)
    error = kind(f"HTTP {status}: {told.message}", status=status, kind=told.kind)
    if should_retry in ("true", "false"):
        error.retryable = should_retry == "true"
    return error


def class_of(status: int) -> type[ApiError]:
    """What an error status means."""
    if status == 429:
        return RateLimited
    if status == 529:
        return Overloaded
    if status in (401, 403):
        return NotAuthorized
    if status == 413:
        return PromptTooLarge
    return ServerFailed if status in (408, 409) or status >= 500 else RequestRefused
