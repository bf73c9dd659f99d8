"""Whom to ask: the model and server of the request, and others when those fail."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model, and where it is asked. What is None is as for the first target."""

    model: str | None = None
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
