"""The twin of the bundled client in JavaScript, for Node 20 and later. It promises what the bundled one promises."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
from collections.abc import AsyncGenerator
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness import model
from harness.command import Calls
from harness.errors import AdapterError, UsageError
from harness.model import Capability, Cleared, ErrorSeen, Finished, Job, Noticed, Observed, Outcome, Shown

OLDEST = 20
_LINE_BYTES = 256 << 20
"""A line can hold a whole answer several times over."""
_STDERR_LINES = 20
_CLOSE_SECONDS = 2.0
"""What the client has to say that a call was cancelled."""
Line = dict[str, Any]


class NodeAdapter:
    """Runs ``node streamproof.mjs --many``: one process for each event loop, which all its cases share."""

    name = "node"
    policy = model.Policy.RECOVER
    capabilities = frozenset(Capability) - {Capability.SINKS}

    def __init__(self) -> None:
        self._running: dict[asyncio.AbstractEventLoop, asyncio.Task[Calls]] = {}

    @cached_property
    def version(self) -> str:
        """Of Node and of the client.

        Raises:
            UsageError: there is no Node, or it is too old.
        """
        return f"{_version(program())}+{version('streamproof')}"

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        calls = await self._calls()
        if job.kept is not None:
            await job.kept.client(partial(calls.shared, job.kept.name))
        call = calls.begin(described(job))
        try:
            while not call.over:
                if (observed := seen(await call.line())) is not None:
                    yield observed
        finally:
            await calls.end(call)

    async def _calls(self) -> Calls:
        loop = asyncio.get_running_loop()
        if loop not in self._running:
            command = (program(), str(module()), "--many")
            self._running[loop] = asyncio.create_task(Calls.start(command, over=lambda: self._running.pop(loop, None)))
        return await asyncio.shield(self._running[loop])


def module() -> Path:
    """Where the client is. It is found and not imported: it is no Python, and stands alone."""
    package = importlib.util.find_spec("client_under_test")
    assert package is not None
    return Path((package.submodule_search_locations or [""])[0], "node", "streamproof.mjs")


def program() -> str:
    """Where Node is.

    Raises:
        UsageError: nowhere.
    """
    path = shutil.which("node")
    if path is None:
        raise UsageError(
            f"client 'node' needs Node.js {OLDEST} or later, and there is no program `node` on the PATH: "
            "install it (https://nodejs.org, or your system's package manager), or leave the client out"
        )
    return path


def _version(node: str) -> str:
    command = [node, "--version"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()  # noqa: S603
    number = said.removeprefix("v").partition(".")[0]
    if not number.isdecimal() or int(number) < OLDEST:
        raise UsageError(f"client 'node' needs Node.js {OLDEST} or later, and {node} is {said or 'something else'}")
    return said


def described(job: Job) -> Line:
    """The job in the client's own words: its limits, and waits short enough for a test."""
    limits = {
        "connect": job.limits.connect,
        "first_byte": job.limits.first_byte,
        "whole_response": 2 * job.limits.first_byte,
        "first_event": job.limits.idle,
        "idle": job.limits.idle,
        "progress": job.limits.progress,
        "closing": 0.2,
        "max_event_bytes": 1 << 20,
    }
    waits = {"base": 0.2, "rate_limit_base": 0.3, "cap": 1.0, "jitter": 0.25, "max_retry_after": 5.0}
    retry = {"max_attempts": job.max_attempts, **waits}
    return {
        "base_url": job.base_url,
        "api_key": job.api_key,
        "request": job.request,
        "policy": {"limits": limits, "retry": retry, "max_pauses": 3, "sentence_idle": 0.3},
        "fallbacks": [{"model": one.model, "base_url": one.base_url, "api_key": one.api_key} for one in job.fallbacks],
        "seed": f"{job.seed}/client",
        "client": job.kept.name if job.kept is not None else None,
    }


def seen(line: Line) -> Observed | None:
    """What the user sees of an event, whose display takes text as it comes."""
    match line["type"]:
        case "text":
            return Shown(text=line["text"])
        case "reset":
            return Cleared()
        case "notice":
            cause = "" if line["error"] is None else f" after {line['error']['name']}"
            return Noticed(what=f"{line['what']}{cause}, request {line['attempt']}")
        case "done":
            return _finished(line["answer"])
        case "error":
            return _failed(line["error"])
        case "sentence" | "toolCall":
            return None  # the same text once more; the calls stand in the answer as well
        case other:
            raise AdapterError(f"the client printed a line of the unknown type {other!r}")


def _finished(answer: Line) -> Finished:
    return Finished(
        outcome=Outcome(answer["outcome"]),
        text=answer["text"],
        stop_reason=answer["stop_reason"],
        tools=tuple(model.ToolUse(call["name"], call["input"]) for call in answer["tool_calls"]),
        usage=answer["usage"],
        content=tuple(answer["content"]),
        billed=model.Billed(**answer["billed"]),
    )


def _failed(error: Line) -> Finished:
    """How the call ended for a caller who caught ``error``; one that leaks is what the user would get, and recorded."""
    if error["name"] == "BadJob":
        raise AdapterError(f"the client does not take the job: {error['message']}")
    if not error["typed"]:
        leaked = ErrorSeen(name=error["name"], message=error["message"], typed=False)
        return Finished(outcome=Outcome.FAILED, error=leaked)
    typed = ErrorSeen(
        name=error["name"],
        message=error["message"],
        typed=True,
        status=error["status"],
        kind=error["kind"],
        retry_after=error["retry_after"],
        request_id=error["request_ids"][-1] if error["request_ids"] else None,
        partial=error["partial"],
        sent=error["sent"],
    )
    outcome = Outcome.INCOMPLETE if error["partial"] else Outcome.FAILED
    return Finished(outcome=outcome, error=typed, content=tuple(error["blocks"]))


ADAPTER = NodeAdapter()
