"""The twin of the bundled client in JavaScript, for Node 20 and later. It promises what the bundled one promises."""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import json
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any, Self

from harness import model
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
        self._processes: dict[asyncio.AbstractEventLoop, asyncio.Task[_Process]] = {}

    @cached_property
    def version(self) -> str:
        """Of Node and of the client.

        Raises:
            UsageError: there is no Node, or it is too old.
        """
        return f"{_version(program())}+{version('streamproof')}"

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        process = await self._process()
        call = process.begin(described(job))
        try:
            while not call.over:
                if (observed := seen(await call.line())) is not None:
                    yield observed
        finally:
            await process.end(call)

    async def _process(self) -> _Process:
        loop = asyncio.get_running_loop()
        if loop not in self._processes:
            start = _Process.start(lambda: self._processes.pop(loop, None))
            self._processes[loop] = asyncio.create_task(start)
        return await asyncio.shield(self._processes[loop])


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


@dataclass(slots=True, eq=False)
class _Call:
    """A job under way, and the lines about it."""

    number: int
    over: bool = False
    lines: asyncio.Queue[Line | AdapterError] = field(default_factory=asyncio.Queue)

    async def line(self) -> Line:
        """The next line.

        Raises:
            AdapterError: the process ended.
        """
        line = await self.lines.get()
        self.over = isinstance(line, AdapterError) or line["type"] in ("done", "error")
        if isinstance(line, AdapterError):
            raise line
        return line


class _Process:
    """``node streamproof.mjs --many`` in a process group of its own, and the calls that it makes.

    The task that reads what it prints kills the whole group in the end; it ends with its event loop, which cancels it.
    """

    def __init__(self, process: asyncio.subprocess.Process, over: Callable[[], object]) -> None:
        self._process, self._over = process, over
        self._numbers = count(1)
        self._calls: dict[int, _Call] = {}
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, over: Callable[[], object]) -> Self:
        """Start it.

        Args:
            over: called when it is of no use any more, or could not be started.
        """
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *(program(), str(module()), "--many"),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                limit=_LINE_BYTES,
                start_new_session=True,
            )
        except BaseException:
            over()
            raise
        return cls(process, over)

    def begin(self, job: Line) -> _Call:
        """Give the client a job."""
        call = _Call(next(self._numbers))
        self._calls[call.number] = call
        self._write({"id": call.number, **job})
        return call

    async def end(self, call: _Call) -> None:
        """Cancel the job, if it is not over, and wait until the client says so."""
        try:
            if not call.over:
                self._write({"id": call.number, "cancel": True})
                async with asyncio.timeout(_CLOSE_SECONDS):
                    while not call.over:
                        await call.line()
        except (TimeoutError, AdapterError):
            pass  # whether the connection is closed, the server says
        finally:
            del self._calls[call.number]

    def _write(self, line: Line) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def _read(self) -> None:
        kill = atexit.register(partial(_kill, self._process.pid))
        stderr = asyncio.create_task(self._read_stderr())
        try:
            await self._read_lines()
        except ValueError as error:  # of the limit for a line, too
            self._stderr.append(f"what it printed is no line of JSON: {error}")
        finally:
            self._over()
            kill()
            atexit.unregister(kill)
            await asyncio.wait({stderr})
            said = "\n".join(self._stderr) or "nothing on the standard error"
            status = await self._process.wait()
            for call in self._calls.values():
                call.lines.put_nowait(AdapterError(f"node ended with status {status} in the middle of a call: {said}"))

    async def _read_lines(self) -> None:
        assert self._process.stdout is not None
        while text := await self._process.stdout.readline():
            line = json.loads(text)
            call = self._calls.get(line.pop("id"))
            if call is not None:
                call.lines.put_nowait(line)

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self._stderr.append(line.decode("utf-8", "replace").rstrip())


def _kill(group: int) -> None:
    """Kill the process and whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


ADAPTER = NodeAdapter()
