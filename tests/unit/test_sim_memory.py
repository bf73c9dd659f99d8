"""Connections in memory for httpx and httpx2: they are kept, and what goes wrong is told as over real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from importlib import import_module
from random import Random
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
from live.peers import deaf_server

from harness.sim.line import EndOfLine, connect
from harness.sim.loop import LoopAgenda, VirtualLoop
from harness.sim.memory import Memory

MODULES = pytest.mark.parametrize("module", [httpx, httpx2], ids=lambda one: one.__name__)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
WHOLE = HEAD + b"0123456789"
PATIENCE = 0.25
"""Of the client, in seconds; that much is waited for in real time where the other side is a socket."""


@dataclass(frozen=True)
class Answers:
    """What a server does with each request."""

    data: bytes = b""
    end: str = "keep"
    """keep, fin or rst."""


CASES = {
    "whole": Answers(WHOLE),
    "whole, then fin": Answers(WHOLE, "fin"),
    "fin before anything": Answers(b"", "fin"),
    "rst before anything": Answers(b"", "rst"),
    "silence": Answers(),
    "silence in the head": Answers(HEAD[:20]),
    "silence in the body": Answers(HEAD + b"01234"),
    "fin in the head": Answers(HEAD[:20], "fin"),
    "fin in the body": Answers(HEAD + b"01234", "fin"),
    "rst in the body": Answers(HEAD + b"01234", "rst"),
    "no http": Answers(b"220 mail.example.com ESMTP\r\n\r\n"),
}


class InMemory:
    """A server at the other end of lines in memory; answers what comes with a blank line at its end."""

    def __init__(self, *answers: Answers) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._agenda, self._answers = LoopAgenda(loop), list(answers)
        self.connections: list[EndOfLine] = []
        self.ended: list[str] = []
        self.memory = Memory(self.dial)

    async def dial(self, host: str, port: int) -> EndOfLine | None:
        client, server = connect(self._agenda, Random(1))
        self.connections.append(server)
        server.owner = _Owner(self, server)
        return client

    def answer(self, end: EndOfLine) -> None:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        end.send(answer.data)
        later = 0.01 if answer.end == "rst" else 0.0  # or the RST is there before the bytes are read
        self._agenda.at(self._agenda.now() + later, lambda: self._end(end, answer.end))

    def _end(self, end: EndOfLine, how: str) -> None:
        if how == "fin":
            end.close()
        elif how == "rst":
            end.reset()


class _Owner:
    def __init__(self, server: InMemory, end: EndOfLine) -> None:
        self._server, self._end = server, end

    def received(self, data: list[bytes]) -> None:
        if b"".join(data).endswith(b"\r\n\r\n"):
            self._server.answer(self._end)

    def ended(self) -> None:
        self._server.ended.append("fin")

    def broken(self) -> None:
        self._server.ended.append("rst")


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def client_of(module: ModuleType, memory: Memory | None, timeout: float = PATIENCE) -> Any:
    transport = memory.transport(module) if memory is not None else None
    return module.AsyncClient(transport=transport, timeout=timeout, verify=False, trust_env=False)


async def told(ask: Callable[[], Awaitable[Any]]) -> str:
    """What the user of the client is told: the body, or the exception with its words."""
    try:
        return f"{(await ask()).content!r}"
    except Exception as error:
        return f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}: {error}"


async def on_a_socket(module: ModuleType, answers: Answers) -> str:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers.data)
            await writer.drain()
            if answers.end == "rst":
                await asyncio.sleep(0.01)  # or the RST is there before the bytes are read
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            elif answers.end == "keep":
                await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    patience = PATIENCE if answers.end == "keep" else 30.0  # where something comes, this machine may be late with it
    async with client_of(module, None, patience) as client:
        heard = await told(lambda: client.get(url))
    server.close()
    await server.wait_closed()
    return heard


@MODULES
@pytest.mark.parametrize("name", CASES)
def test_what_goes_wrong_is_told_as_over_a_socket(module: ModuleType, name: str) -> None:
    async def in_memory() -> str:
        async with client_of(module, InMemory(CASES[name]).memory) as client:
            return await told(lambda: client.get("http://sim/"))

    assert at_once(in_memory()) == asyncio.run(on_a_socket(module, CASES[name]))


@MODULES
def test_a_refused_connection_is_told_as_over_a_socket(module: ModuleType) -> None:
    async def nobody(host: str, port: int) -> None:
        return None

    async def ask(memory: Memory | None, url: str) -> str:
        async with client_of(module, memory, timeout=5.0) as client:
            return await told(lambda: client.get(url))

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        real = asyncio.run(ask(None, f"http://127.0.0.1:{bound.getsockname()[1]}"))
    assert at_once(ask(Memory(nobody), "http://sim/")) == real
    assert "ConnectError" in real


@MODULES
def test_a_connection_that_nobody_answers_is_told_as_over_a_socket(module: ModuleType) -> None:
    async def deaf(host: str, port: int) -> None:
        await asyncio.Event().wait()

    async def ask(memory: Memory | None, url: str) -> str:
        async with client_of(module, memory) as client:
            return await told(lambda: client.get(url))

    with deaf_server() as listener:
        real = asyncio.run(ask(None, f"http://127.0.0.1:{listener.getsockname()[1]}"))
    assert at_once(ask(Memory(deaf), "http://sim/")) == real
    assert "ConnectTimeout" in real


@MODULES
def test_a_connection_that_was_reset_is_an_error_for_who_reads_and_for_who_writes(module: ModuleType) -> None:
    core = import_module(module.__name__.replace("httpx", "httpcore"))

    async def use() -> None:
        server = InMemory(Answers())
        stream = await client_of(module, server.memory)._transport._pool._network_backend.connect_tcp("sim", 80)
        server.connections[0].reset()
        with pytest.raises(core.ReadError):
            await stream.read(10)
        with pytest.raises(core.WriteError):
            await stream.write(b"more")

    at_once(use())


@asynccontextmanager
async def kept(module: ModuleType, *answers: Answers) -> Any:
    server = InMemory(*answers)
    async with client_of(module, server.memory, timeout=60.0) as client:
        yield server, lambda: told(lambda: client.get("http://sim/"))


@MODULES
def test_two_requests_share_a_connection(module: ModuleType) -> None:
    async def ask() -> tuple[str, str, int]:
        async with kept(module, Answers(WHOLE)) as (server, asked):
            return await asked(), await asked(), len(server.connections)

    assert at_once(ask()) == ("b'0123456789'", "b'0123456789'", 1)


@MODULES
@pytest.mark.parametrize(("idle", "connections"), [(4.9, 1), (5.1, 2)])
def test_a_connection_is_kept_as_long_as_the_pool_keeps_it(module: ModuleType, idle: float, connections: int) -> None:
    async def ask() -> int:
        async with kept(module, Answers(WHOLE)) as (server, asked):
            await asked()
            await asyncio.sleep(idle)
            await asked()
            return len(server.connections)

    assert at_once(ask()) == connections


@MODULES
@pytest.mark.parametrize("end", ["fin", "rst"])
def test_a_kept_connection_that_the_server_has_ended_is_not_used_again(module: ModuleType, end: str) -> None:
    async def ask() -> tuple[str, int]:
        async with kept(module, Answers(WHOLE, end), Answers(WHOLE)) as (server, asked):
            await asked()
            await asyncio.sleep(1.0)
            return await asked(), len(server.connections)

    assert at_once(ask()) == ("b'0123456789'", 2)


@MODULES
def test_bytes_left_on_a_connection_become_the_next_answer(module: ModuleType) -> None:
    async def ask() -> list[str]:
        async with kept(module, Answers(WHOLE + HEAD + b"stale bits"), Answers(WHOLE)) as (_, asked):
            return [await asked(), await asked()]

    assert at_once(ask()) == ["b'0123456789'", "b'stale bits'"]


@MODULES
def test_a_client_that_is_closed_closes_its_connections(module: ModuleType) -> None:
    async def ask() -> list[str]:
        async with kept(module, Answers(WHOLE)) as (server, asked):
            await asked()
        await asyncio.sleep(0.1)
        return list(server.ended)

    assert at_once(ask()) == ["fin"]


@MODULES
def test_closing_with_bytes_unread_resets_the_connection(module: ModuleType) -> None:
    async def ask() -> list[str]:
        server = InMemory(Answers(HEAD + b"0"))
        client = client_of(module, server.memory)
        async with client.stream("GET", "http://sim/"):
            server.connections[0].send(b"1234")
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        return server.ended

    assert at_once(ask()) == ["rst"]


@MODULES
def test_no_certificates_are_loaded(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **more: Any) -> None:
        raise AssertionError("certificates were loaded")

    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", forbidden)
    monkeypatch.setattr("ssl.SSLContext.load_default_certs", forbidden)

    async def ask() -> str:
        transport = InMemory(Answers(WHOLE)).memory.transport(module)
        async with module.AsyncClient(transport=transport) as client:
            return await told(lambda: client.get("http://sim/"))

    assert at_once(ask()) == "b'0123456789'"


@MODULES
def test_what_nobody_reads_stays_outside(module: ModuleType) -> None:
    async def use() -> list[bool]:
        server = InMemory(Answers())
        stream = await client_of(module, server.memory)._transport._pool._network_backend.connect_tcp("sim", 80)
        waits = []
        for read in (stream.read, lambda _: asyncio.sleep(0)):
            server.connections[0].send(b"1234")
            await asyncio.sleep(0.01)
            waits.append(stream.get_extra_info("is_readable"))
            await read(4)
            waits.append(stream.get_extra_info("is_readable"))
        return waits

    assert at_once(use()) == [True, False, True, True]
