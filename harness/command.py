"""Clients that are programs, in any language: they are given a job and print what their user sees.

One process makes one call, or one process makes all of them (``many``). A program that makes one call may print plain
text, and then its exit status says how the call ended; or lines of JSON (:mod:`harness.spoken`).
"""

from __future__ import annotations

import asyncio
import codecs
import json
import re
import shlex
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

from fake_server.dialect import Dialect
from harness.adapter import Adapter
from harness.environments import Environment
from harness.errors import AdapterError, UsageError
from harness.model import Capability, Job, Observed, Policy
from harness.process import ClientProcess
from harness.program import Program, head_of
from harness.spoken import ENDS, Hearing, Line, described, environment

_AT_ONCE = 4
"""Processes at once: what they need of the machine is mostly to start."""
_CHUNK = 1 << 16
_GRACE_SECONDS = 0.5
"""What a program has to close its connection when its call is cancelled."""
_READY: Line = {"type": "ready"}
_READY_SECONDS = 60.0
_CLOSE_SECONDS = 2.0
"""What one that makes all calls has to say that a call was cancelled."""


COMMAND = "cmd:"
"""How the name of a client begins that is a command."""


def of_command(text: str) -> Adapter:
    """The client whose program ``text`` runs, as a shell would split it; the first file in it may have a head.

    Raises:
        UsageError: it is empty, cannot be split, or its file's head is malformed.
    """
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"the command {text!r} cannot be read: {error}") from error
    if not command:
        raise UsageError("the client cmd: names no command; for example cmd:'node my_client.mjs'")
    if shutil.which(command[0]) is None:
        raise UsageError(f"there is no program {command[0]!r} to run the client {text!r} with")
    file = next((Path(word) for word in command if Path(word).is_file() and Path(word).suffix), None)
    head = head_of(file.read_text("utf-8", "replace"), str(file)) if file is not None else Program()
    name = head.name or re.sub(r"[^\w.-]", "_", (file or Path(command[0])).stem)
    version = head.version or "of unknown version"
    if head.many:
        return ManyAdapter(lambda: command, head, name=name, version=version)
    return CommandAdapter(command, head, name=name, version=version)


def of_environment(environment: Environment) -> Adapter:
    """The client that ships as a program.

    Raises:
        UsageError: it cannot be run here.
    """
    if environment.lacks:
        raise UsageError(f"client {environment.name!r} cannot be run: {environment.lacks}")
    named = {"name": environment.name, "version": environment.version}
    if environment.head.many:
        return ManyAdapter(environment.command, environment.head, variables=environment.variables, **named)
    return CommandAdapter(environment.command(), environment.head, **named)


class CommandAdapter:
    """Runs a command once for each call."""

    starts_anew = True

    def __init__(self, command: Sequence[str], head: Program, *, name: str, version: str) -> None:
        self.name, self.version = name, version
        self.policy: Policy = head.policy
        self.capabilities: frozenset[Capability] = head.capabilities
        self.dialect: Dialect = head.dialect
        self.at_once = head.at_once or _AT_ONCE
        self._command = tuple(command)

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        process = await ClientProcess.start(self._command, environment(job))
        ended = False
        try:
            process.write(_line(described(job)), last=True)
            hearing = Hearing()
            async for observation in _heard(process, hearing):
                yield observation
            status, stderr = await process.left()
            ended = True
            if not hearing.over:
                yield _end_of_text(hearing, status, stderr)
        finally:
            if not ended:
                await process.end(_GRACE_SECONDS)


def _line(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _end_of_text(hearing: Hearing, status: int, stderr: str) -> Observed:
    if hearing.speaks_json:
        raise AdapterError(f"the program ended with status {status} and did not say how the call ended: {stderr}")
    return hearing.ended(status, stderr)


async def _heard(process: ClientProcess, hearing: Hearing) -> AsyncGenerator[Observed, None]:
    """What the program prints: lines of JSON if the first thing that it prints is an object, otherwise text."""
    first = await process.stdout.read(1)
    if first == b"{":
        hearing.speaks_json = True
        while line := first + await process.stdout.readline():
            first = b""
            yield hearing.heard(_parsed(line))
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while first:
        if text := decoder.decode(first):
            yield hearing.text(text)
        first = await process.stdout.read(_CHUNK)
    if rest := decoder.decode(b"", final=True):
        yield hearing.text(rest)


def _parsed(line: bytes) -> Line:
    try:
        parsed = json.loads(line)
    except ValueError as error:
        raise AdapterError(f"it printed what is no line of JSON: {line[:200]!r} ({error})") from error
    if not isinstance(parsed, dict):
        raise AdapterError(f"it printed {line[:200]!r}: each line must be a JSON object")
    return parsed


class ManyAdapter:
    """Runs a command once for each event loop; its process makes all calls.

    It says ``{"type": "ready"}`` when it can make calls. Each job is a line with an ``id``; every line about it has
    that ``id``. ``{"id": …, "cancel": true}`` cancels it, and the program then says how the call ended, too. It ends
    when its input does. Calls with the same ``client`` are made by one client, until ``{"client": …, "close": true}``.
    """

    def __init__(
        self,
        command: Callable[[], Sequence[str]],
        head: Program,
        *,
        name: str,
        version: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.version = name, version
        self.policy: Policy = head.policy
        self.capabilities: frozenset[Capability] = head.capabilities
        self.dialect: Dialect = head.dialect
        self.at_once = head.at_once
        self._command, self._variables = command, variables
        self._running: dict[asyncio.AbstractEventLoop, asyncio.Task[Calls]] = {}

    async def prepare(self) -> None:
        """Start the program, and wait until it is ready; why it cannot be started is said when it should run."""
        with suppress(AdapterError):
            await (await self._calls()).is_ready()

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        """Make the call; see :class:`harness.adapter.Adapter`."""
        calls, hearing = await self._calls(), Hearing()
        await calls.is_ready()
        if job.kept is not None:
            await job.kept.client(partial(calls.shared, job.kept.name))
        call = calls.begin(described(job))
        try:
            while not call.over:
                yield hearing.heard(await call.line())
        finally:
            await calls.end(call)

    async def _calls(self) -> Calls:
        loop = asyncio.get_running_loop()
        if loop not in self._running:
            start = Calls.start(self._command(), self._variables, over=lambda: self._running.pop(loop, None))
            self._running[loop] = asyncio.create_task(start)
        return await asyncio.shield(self._running[loop])


class Call:
    """A job under way, and the lines about it."""

    def __init__(self, number: int) -> None:
        self.number, self.over = number, False
        self.lines: asyncio.Queue[Line | AdapterError] = asyncio.Queue()

    async def line(self) -> Line:
        """The next line.

        Raises:
            AdapterError: the process ended.
        """
        line = await self.lines.get()
        self.over = isinstance(line, AdapterError) or line.get("type") in ENDS
        if isinstance(line, AdapterError):
            raise line
        return line


class Calls:
    """One process, and the calls that it makes.

    The task that reads what it prints kills the whole group in the end; it ends with its event loop, which cancels it.
    """

    def __init__(self, process: ClientProcess, over: Callable[[], object]) -> None:
        self._process, self._over = process, over
        self._numbers = count(1)
        self._calls: dict[int, Call] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        variables: Mapping[str, str] | None = None,
        *,
        over: Callable[[], object],
    ) -> Calls:
        """Start the process.

        Args:
            over: called when it is of no use any more, or could not be started.
        """
        try:
            return cls(await ClientProcess.start(command, variables), over)
        except BaseException:
            over()
            raise

    async def is_ready(self) -> None:
        """Wait until the program says so.

        Raises:
            AdapterError: it ended, or its time was over.
        """
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _READY_SECONDS)
        except TimeoutError:
            raise AdapterError(f'its program did not say {{"type": "ready"}} within {_READY_SECONDS:g} s') from None

    def begin(self, job: Line) -> Call:
        """Give the client a job."""
        call = Call(next(self._numbers))
        self._calls[call.number] = call
        self._process.write(_line({"id": call.number, **job}))
        return call

    @asynccontextmanager
    async def shared(self, client: str) -> AsyncGenerator[None, None]:
        """A client that several calls share; the program is told to close it at the end of the block."""
        yield
        self._process.write(_line({"client": client, "close": True}))

    async def end(self, call: Call) -> None:
        """Cancel the job, if it is not over, and wait until the client says so."""
        try:
            if not call.over:
                self._process.write(_line({"id": call.number, "cancel": True}))
                async with asyncio.timeout(_CLOSE_SECONDS):
                    while not call.over:
                        await call.line()
        except (TimeoutError, AdapterError):
            pass  # whether the connection is closed, the server says
        finally:
            del self._calls[call.number]

    async def _read(self) -> None:
        try:
            await self._read_lines()
        except (AdapterError, ValueError, KeyError) as error:  # ValueError: of the limit for a line
            self._process.said(f"what it printed is no line about a call: {type(error).__name__}: {error}")
        finally:
            self._over()
            status, stderr = await self._process.end()
            said = stderr or "nothing on the standard error"
            ended = AdapterError(f"its program ended with status {status}: {said}")
            for call in self._calls.values():
                call.lines.put_nowait(ended)
            if not self._ready.done():
                self._ready.set_exception(ended)
                self._ready.exception()  # perhaps nobody waits

    async def _read_lines(self) -> None:
        while text := await self._process.stdout.readline():
            line = _parsed(text)
            if line == _READY:
                if not self._ready.done():
                    self._ready.set_result(None)
                continue
            call = self._calls.get(line.pop("id"))
            if call is not None:
                call.lines.put_nowait(line)
