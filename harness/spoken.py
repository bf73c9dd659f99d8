"""What the harness and a client's program say to each other: a job as JSON, and lines of JSON about the call. Pure."""

from __future__ import annotations

import json
from typing import Any, TypeAlias, assert_never

import msgspec

from harness.errors import AdapterError
from harness.model import (
    Billed,
    Cleared,
    ErrorSeen,
    Finished,
    Job,
    Noticed,
    Observed,
    Outcome,
    Shown,
    ToolRan,
    ToolUse,
)

Line: TypeAlias = dict[str, Any]


class Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """Base of what a line can say."""


class Text(Said, frozen=True, kw_only=True, tag="text"):
    """Text was added to what the user sees."""

    text: str


class Reset(Said, frozen=True, kw_only=True, tag="reset"):
    """What was shown is gone; the answer starts over."""


class Notice(Said, frozen=True, kw_only=True, tag="notice"):
    """The user was told something beside the answer."""

    what: str


class Tool(Said, frozen=True, kw_only=True, tag="tool"):
    """A tool call was carried out."""

    name: str
    input: dict[str, Any]


class Done(Said, frozen=True, kw_only=True, tag="done"):
    """The call returned; the fields are those of :class:`harness.model.Finished`."""

    outcome: Outcome = Outcome.COMPLETE
    text: str | None = None
    stop_reason: str | None = None
    tools: tuple[ToolUse, ...] = ()
    usage: dict[str, Any] | None = None
    billed: Billed | None = None
    content: tuple[dict[str, Any], ...] = ()


class Error(Said, frozen=True, kw_only=True, tag="error"):
    """The call raised; the fields are those of :class:`harness.model.ErrorSeen`."""

    name: str
    message: str = ""
    typed: bool = True
    status: int | None = None
    kind: str | None = None
    request_id: str | None = None
    partial: str | None = None
    sent: bool | None = None
    retry_after: float | None = None


Spoken: TypeAlias = Text | Reset | Notice | Tool | Done | Error
ENDS = ("done", "error")
TYPES = ("text", "reset", "notice", "tool", *ENDS)


def described(job: Job) -> Line:
    """The job as a program is given it; seconds and bytes, as everywhere."""
    return {
        "base_url": job.base_url,
        "api_key": job.api_key,
        "dialect": job.dialect,
        "request": job.request,
        "limits": msgspec.to_builtins(job.limits),
        "max_attempts": job.max_attempts,
        "seed": job.seed,
        "client": job.kept.name if job.kept is not None else None,
        "fallbacks": [{"base_url": one.base_url, "api_key": one.api_key, "model": one.model} for one in job.fallbacks],
    }


def environment(job: Job) -> dict[str, str]:
    """What SDKs find the server by without a change of code. The job itself may be too large for a variable."""
    return {
        "ANTHROPIC_BASE_URL": job.base_url,
        "ANTHROPIC_API_KEY": job.api_key,
        "OPENAI_BASE_URL": f"{job.base_url}/v1",
        "OPENAI_API_KEY": job.api_key,
    }


class Hearing:
    """Makes observations of what one call's program says."""

    def __init__(self) -> None:
        self.over = False
        """Whether it said how the call ended."""
        self.speaks_json = False
        self._shown = False

    def heard(self, line: Line) -> Observed:
        """What the user sees of ``line``.

        Raises:
            AdapterError: it says nothing that can be understood, or comes after the end.
        """
        try:
            said: Spoken = msgspec.convert(line, Spoken)
        except msgspec.ValidationError as error:
            shown = json.dumps(line, ensure_ascii=False)[:200]
            raise AdapterError(f"{error}, in the line {shown}; the types are {', '.join(TYPES)}") from error
        if self.over:
            raise AdapterError(f"it said {line['type']!r} after it had said how the call ended")
        return self._seen(said)

    def text(self, text: str) -> Shown:
        """The user sees ``text`` of a program that speaks no JSON."""
        self._shown = True
        return Shown(text=text)

    def ended(self, status: int, stderr: str) -> Finished:
        """How the call of such a program ended, by its exit status; below 0 it is the number of a signal."""
        self.over = True
        if status == 0:
            return Finished(outcome=Outcome.COMPLETE)
        name = f"exit status {status}" if status > 0 else f"signal {-status}"
        last = stderr.rstrip().rpartition("\n")[2]
        return self._failed(ErrorSeen(name=name, message=last[:300], typed=status > 0))

    def _seen(self, said: Spoken) -> Observed:
        match said:
            case Text():
                return self.text(said.text)
            case Reset():
                return Cleared()
            case Notice():
                return Noticed(what=said.what)
            case Tool():
                return ToolRan(name=said.name, input=said.input)
            case Done():
                self.over = True
                return Finished(**msgspec.structs.asdict(said))
            case Error():
                self.over = True
                return self._failed(ErrorSeen(**msgspec.structs.asdict(said)))
            case _:
                assert_never(said)

    def _failed(self, error: ErrorSeen) -> Finished:
        kept = error.partial or self._shown
        return Finished(outcome=Outcome.INCOMPLETE if kept else Outcome.FAILED, error=error)
