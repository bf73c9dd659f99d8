"""One request and what a script answers to it: the part of the server that needs no socket. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fake_server.answer import refusal
from fake_server.dialect import Dialect, dialect_at
from fake_server.effects import Effect
from fake_server.prepared import prepared
from fake_server.record import Replied, Requested, redact
from fake_server.script import Reply, Request, Script, render
from fake_server.speech import speech_of
from fake_server.validate import MAX_REQUEST_BYTES, Problem
from fake_server.wire import Head

ELSEWHERE = "elsewhere"
"""First segment of the path, behind the case's token, of requests to the other server of a case."""
TOO_LARGE = Problem(413, "Request exceeds the maximum size of 32 MB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it was read."""

    method: str
    path: str
    inside: str
    """The path behind the case's token."""
    headers: Mapping[str, str]
    body: Any
    """The JSON body; None when there is none."""
    unreadable: Problem | None = None
    """Why there is none."""
    peer: str = ""

    @property
    def problem(self) -> Problem | None:
        """Why the API would refuse it; None when it would not."""
        return self._wrong_route() or self.unreadable or speech_of(self.dialect).problem_in(self.body, self.lower)

    @property
    def dialect(self) -> Dialect:
        """What it speaks; the first dialect of all where its path does not say it."""
        return dialect_at(self.inside.removeprefix(f"{ELSEWHERE}/")) or Dialect.ANTHROPIC

    @property
    def lower(self) -> dict[str, str]:
        """Its headers by their names in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of its body."""
        return self.body if isinstance(self.body, dict) else {}

    def _wrong_route(self) -> Problem | None:
        if dialect_at(self.inside.removeprefix(f"{ELSEWHERE}/")) is None:
            return Problem(404, f"Not found: /{self.inside}")
        if self.method != "POST":
            return Problem(405, f"Method Not Allowed: {self.method}")
        return None


def read_body(raw: bytes) -> tuple[Any, Problem | None]:
    """The JSON in the body of a request, or why it cannot be read."""
    if len(raw) > MAX_REQUEST_BYTES:
        return None, TOO_LARGE
    try:
        return json.loads(raw), None
    except (ValueError, RecursionError) as error:
        return None, Problem(400, f"The request body is not valid JSON: {error}")


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One logical call as the server knows it: its scripts, and how far it has come in them."""

    script: Script
    seed: str
    elsewhere: Script | None = None
    """What another server answers, whose base URL has :data:`ELSEWHERE` behind it."""
    requests: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    """Valid requests so far, for each script."""

    def begin(self, script: Script, seed: str, elsewhere: Script | None) -> None:
        """Be another call from now on."""
        self.script, self.seed, self.elsewhere, self.requests = script, seed, elsewhere, 0
        self.steps.clear()

    def requested(self, asked: Asked, *, t: float, attempt: int) -> Requested:
        """The record of a request."""
        return Requested(
            t=t,
            attempt=attempt,
            method=asked.method,
            path=asked.path,
            headers=redact(asked.headers),
            body=asked.body,
            streams=asked.fields.get("stream") is True,
            peer=asked.peer,
        )

    def answer(self, asked: Asked, *, t: float, attempt: int, wall: float) -> tuple[Replied, Head, Iterable[Effect]]:
        """What the script in question answers; what is wrong with the request is answered as the API would.

        Args:
            t: seconds since the case began, for the record.
            attempt: the number of the request in its case.
            wall: seconds since the epoch, for dates in headers.
        """
        problem = asked.problem
        server, script = self._script_of(asked.inside)
        self.steps[server] += problem is None
        step = self.steps[server] if problem is None else 0
        request = Request(
            attempt=step, seed=self.seed, body=asked.fields, headers=asked.lower, now=wall // 1, dialect=asked.dialect
        )
        if problem is None:
            reply, head, effects = prepared(script, request)
        else:
            reply = _refused(request, problem)
            head, effects = render(reply, request)
        replied = Replied(
            t=t,
            attempt=attempt,
            step=step,
            status=head.status,
            headers=dict(head.headers),
            faults=[fault.name for fault in reply.faults],
            problem=problem.message if problem else None,
            says=reply.says,
        )
        return replied, head, effects

    def _script_of(self, inside: str) -> tuple[str, Script]:
        """Name and script of the server that the path leads to."""
        if self.elsewhere is not None and inside.startswith(ELSEWHERE):
            return ELSEWHERE, self.elsewhere
        return "", self.script


def _refused(request: Request, problem: Problem) -> Reply:
    return refusal(request, problem.status, problem.message, problem.kind)
