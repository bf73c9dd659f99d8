"""Thousands of readers of streams in one process, for who measures a server.

Each line of stdin is a command and its arguments, and each line of stdout its result, in JSON. They read bytes and
nothing else: the server is the bottleneck.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

HOST = "127.0.0.1"
PATIENCE = 30.0
NAP = 0.001
"""Seconds between two looks of a crowd: what it costs to wake a reader for each event is not the server's."""
NEVER = threading.Event()
LAST_CHUNK = b"0\r\n\r\n"
EVENT = b"data: "
BUFFER = bytearray(1 << 20)
SLICE, SLICE_SECONDS = 25, 0.01
"""Streams are let in so many at a time: beginning one takes the server longer than a hundred of its events."""
LOOK_SECONDS, SWEEP_SECONDS = 0.005, 0.5
"""How often those that are watched are read, and how often the others."""
SO_TIMESTAMPNS = 35
"""Of Linux; Python has no name for it."""


class Stream:
    """One connection, and what of its answer has come."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection((HOST, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.tail, self.size, self.events, self.is_over = b"", 0, 0, False
        self.times: list[float] = []

    def ask(self, request: bytes) -> None:
        self.tail, self.size, self.events, self.is_over = b"", 0, 0, False
        self.sock.send(request)

    def read(self) -> None:
        """What is there; raises EOFError when the server has gone before the end."""
        with suppress(BlockingIOError):
            self._took(self.sock.recv_into(BUFFER))

    def read_in_time(self) -> None:
        """The same, and note when each event came, as the kernel wrote it down: nobody wakes up for each."""
        count, notes, _, _ = self.sock.recvmsg_into([BUFFER], 64)
        self._took(count)
        came = time.time()
        for _, _, value in notes:
            seconds, rest = struct.unpack("@ll", value)
            came = seconds + rest / 1e9
        self.times += [came] * BUFFER.count(EVENT, 0, count)

    def _took(self, count: int) -> None:
        if not count:
            raise EOFError("a stream was lost")
        self.size += count
        self.tail = (self.tail + BUFFER[max(0, count - 64) : count])[-64:]
        self.is_over = self.tail.endswith(LAST_CHUNK)

    @property
    def is_whole(self) -> bool:
        return self.is_over and b"message_stop" in self.tail


def request(path: str, number: int, body: str, headers: dict[str, str]) -> bytes:
    path = path.replace("#", str(number))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\n{head}content-length: {len(body)}\r\n\r\n{body}".encode()


def one(port: int, asked: list[Any]) -> str:
    """The first answer, all of its bytes."""
    with socket.create_connection((HOST, port), PATIENCE) as sock:
        sock.sendall(request(asked[0], 0, asked[1], asked[2]))
        data = b""
        while not data.endswith(LAST_CHUNK):
            more = sock.recv(1 << 16)
            if not more:
                break
            data += more
    return data.decode("latin-1")


def burst(port: int, asked: list[Any], streams: int, rounds: int) -> dict[str, float]:
    """Ask on all of the connections at once, and on each again when its answer is whole.

    The first answer of each is not timed: it is the connection that takes the time. Returns the seconds from the first
    request that counts to the last byte, and of all answers how many were whole.
    """
    every = {stream.sock.fileno(): stream for stream in [Stream(port) for _ in range(streams)]}
    _, whole = answered(every, asked, range(streams))
    seconds, more = answered(every, asked, range(streams, streams * (rounds + 1)))
    for stream in every.values():
        stream.sock.close()
    return {"seconds": seconds, "whole": whole + more}


def answered(every: dict[int, Stream], asked: list[Any], numbers: range) -> tuple[float, int]:
    """The seconds that the answers took, and how many were whole."""
    poll, left, whole, waiting = select.epoll(), iter(numbers), 0, len(numbers)
    began = time.perf_counter()
    for number, stream in every.items():
        poll.register(number, select.EPOLLIN)
        stream.ask(request(asked[0], next(left), asked[1], asked[2]))
    while waiting:
        NEVER.wait(NAP)
        ready = poll.poll(PATIENCE)
        if not ready:
            break
        for number, _ in ready:
            stream = every[number]
            stream.read()
            if stream.is_over:
                waiting -= 1
                whole += stream.is_whole
                if (following := next(left, None)) is None:
                    poll.unregister(number)
                else:
                    stream.ask(request(asked[0], following, asked[1], asked[2]))
    poll.close()
    return time.perf_counter() - began, whole


HELD: list[Stream] = []


def hold(port: int, asked: list[Any], streams: int) -> int:
    """Open streams that say nothing after their beginning, and keep them; returns how many have begun."""
    for number in range(streams):
        stream = Stream(port)
        stream.ask(request(asked[0], number, asked[1], asked[2]))
        stream.sock.settimeout(PATIENCE)
        stream.read()
        HELD.append(stream)
    return sum(stream.size > 0 for stream in HELD)


def release() -> int:
    """Close what is held."""
    for stream in HELD:
        stream.sock.close()
    HELD.clear()
    return 0


def paced(port: int, asked: list[Any], streams: int, watched: int, pace: float) -> dict[str, Any]:
    """Read streams whose events come ``pace`` seconds apart; of ``watched`` of them, note when each comes.

    An event is due as long after the others as the pace says, so counted from the most punctual one of its stream.
    Returns by how many seconds each was late, sorted, and how many streams came whole, and of how many events.
    """
    poll = select.epoll()
    by_number: dict[int, Stream] = {}
    every: list[Stream] = []
    step = streams // watched

    def look(seconds: float) -> None:
        NEVER.wait(seconds)
        for number, _ in poll.poll(0):
            stream = by_number[number]
            stream.read_in_time()
            if stream.is_over:
                poll.unregister(number)

    def sweep() -> None:
        for stream in every:
            if stream.sock.fileno() not in by_number and not stream.is_over:
                stream.read()

    began = time.monotonic()
    while len(every) < streams:
        for _ in range(min(SLICE, streams - len(every))):
            stream = Stream(port)
            stream.ask(request(asked[0], len(every), asked[1], asked[2]))
            if len(every) % step == 0:
                stream.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                by_number[stream.sock.fileno()] = stream
                poll.register(stream.sock.fileno(), select.EPOLLIN)
            every.append(stream)
        look(SLICE_SECONDS)
    opened = swept = time.monotonic()
    while not all(stream.is_over for stream in every) and time.monotonic() < opened + PATIENCE:
        look(LOOK_SECONDS)
        if time.monotonic() > swept + SWEEP_SECONDS:
            sweep()
            swept = time.monotonic()
    late = sorted(seconds for stream in by_number.values() for seconds in lateness(stream.times, pace))
    whole = sum(stream.is_whole for stream in every)
    for stream in every:
        stream.sock.close()
    return {"late": late, "whole": whole, "opening": opened - began}


def lateness(times: list[float], pace: float) -> Iterator[float]:
    phases = [at - number * pace for number, at in enumerate(times)]
    first = min(phases, default=0.0)
    return (phase - first for phase in phases)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    commands = {each.__name__: each for each in (one, burst, hold, release, paced)}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(commands[name](*arguments)) + "\n")
        sys.stdout.flush()
