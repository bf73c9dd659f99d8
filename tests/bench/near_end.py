"""The client of a proxy that is measured, in a process of its own.

Prints a port, where the connections of a crowd are to end: it is sender and receiver, so one clock tells how long a
message took. Then each line of stdin is a command and its arguments, and each line of stdout its result, in JSON.
"""

from __future__ import annotations

import json
import mmap
import resource
import select
import socket
import struct
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise

HOST = "127.0.0.1"
NOWHERE = mmap.mmap(-1, 64 << 20)
"""The kernel is told to throw away what comes here: reading costs next to nothing."""
STAMP = struct.Struct("<q")
SO_TIMESTAMPNS = 35
"""Of Linux; Python has no name for it."""
PATIENCE = 10.0
AT_ONCE = 32
TICK = 0.001


def cpu_seconds(pid: int) -> float:
    """What a process has used of all processors, to the nanosecond: ``clock_getcpuclockid`` of Linux."""
    return time.clock_gettime((~pid << 3) | 2)


def download(port: int, connections: int, size: int) -> float:
    """Seconds for ``size`` bytes over all of the connections, from connecting to the last byte."""
    with ThreadPoolExecutor(connections) as threads:
        began = time.perf_counter()
        list(threads.map(swallow, [port] * connections, [size // connections] * connections))
        return time.perf_counter() - began


def swallow(port: int, size: int) -> None:
    """Read ``size`` bytes, and no fewer."""
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(size.to_bytes(8, "big"))
        while size > 0:
            count = sock.recv_into(NOWHERE, min(size, len(NOWHERE)), socket.MSG_WAITALL | socket.MSG_TRUNC)
            if not count:
                raise EOFError(f"{size} bytes are missing")
            size -= count


def echo(port: int, size: int, count: int) -> list[float]:
    """Seconds of each of ``count`` round trips of ``size`` bytes, one after the other."""
    data = bytes(size)
    with socket.create_connection((HOST, port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        moments = [time.perf_counter()]
        for _ in range(count):
            sock.sendall(data)
            if len(sock.recv(size, socket.MSG_WAITALL)) < size:
                raise EOFError("the echo has gone")
            moments.append(time.perf_counter())
    return [after - before for before, after in pairwise(moments)]


def visits(port: int, count: int) -> float:
    """Seconds for ``count`` connections that are greeted and closed, a few of them at a time."""
    under_way: deque[socket.socket] = deque()
    began = time.perf_counter()
    for number in range(count + AT_ONCE):
        if number < count:
            under_way.append(begin_to_connect(port))
        if number >= AT_ONCE and under_way:
            with under_way.popleft() as sock:
                sock.settimeout(PATIENCE)
                if sock.recv(2, socket.MSG_WAITALL) != b"!":
                    raise EOFError("it was not greeted")
    return time.perf_counter() - began


def paced(port: int, count: int, events: int, rate: int, pid: int) -> dict[str, object]:
    """Open ``count`` connections and send ``events`` messages, ``rate`` a second in all, on one after the other.

    Returns the seconds that each message took, how many were lost, and the processor seconds that the process ``pid``
    used meanwhile.
    """
    senders = [begin_to_connect(port) for _ in range(count)]
    receivers = accepted(count)
    burst(senders, receivers)
    delays: list[float] = []
    with select.epoll() as arrivals:
        by_number = {sock.fileno(): sock for sock in receivers}
        for number, sock in by_number.items():
            sock.setblocking(False)
            arrivals.register(number, select.EPOLLIN)
        used, began, sent = cpu_seconds(pid), time.monotonic(), 0
        while len(delays) < events and time.monotonic() - began < events / rate + PATIENCE:
            for _ in range(min(int((time.monotonic() - began) * rate), events) - sent):
                senders[sent % count].send(STAMP.pack(time.time_ns()))
                sent += 1
            delays += [delay(by_number[number]) for number, _ in arrivals.poll(TICK)]
        used = cpu_seconds(pid) - used
    for sock in senders + receivers:
        sock.close()
    return {"delays": delays, "lost": events - len(delays), "cpu": used}


def crowd(port: int, count: int, bursts: int) -> dict[str, object]:
    """Open ``count`` connections at once, send on all of them at once, and then so again, ``bursts`` times.

    Returns the seconds until a first message has come through each connection, the seconds that each later message
    took, burst by burst, and how many were lost.
    """
    began = time.perf_counter()
    senders = [begin_to_connect(port) for _ in range(count)]
    receivers = accepted(count)
    first = burst(senders, receivers)
    opening = time.perf_counter() - began
    later = [burst(senders, receivers) for _ in range(bursts)]
    for sock in senders + receivers:
        sock.close()
    return {"opening": opening, "bursts": later, "lost": count * (bursts + 1) - len(first) - sum(map(len, later))}


def begin_to_connect(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect_ex((HOST, port))
    return sock


def accepted(count: int) -> list[socket.socket]:
    """What comes out behind the proxy; fewer than ``count`` when nothing comes any more."""
    found: list[socket.socket] = []
    with suppress(TimeoutError):
        while len(found) < count:
            found.append(LISTENER.accept()[0])
    return found


def burst(senders: list[socket.socket], receivers: list[socket.socket]) -> list[float]:
    """Send on all; returns what each message that arrived took.

    Nobody wakes up for each of them: the kernel writes down when they come.
    """
    for sock in senders:
        sock.send(STAMP.pack(time.time_ns()))
    deadline = time.monotonic() + PATIENCE
    delays = []
    for sock in reversed(receivers):
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        with suppress(TimeoutError):
            delays.append(delay(sock))
    return delays


def delay(sock: socket.socket) -> float:
    data, notes, _, _ = sock.recvmsg(STAMP.size, 64)
    came = time.time_ns()
    for _, _, value in notes:
        seconds, rest = struct.unpack("@ll", value)
        came = seconds * 1_000_000_000 + rest
    return (came - STAMP.unpack(data)[0]) / 1e9


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    LISTENER = socket.create_server((HOST, 0), backlog=4096)
    LISTENER.settimeout(PATIENCE)
    if sys.platform == "linux":  # elsewhere the moment of reading has to do
        LISTENER.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # and so have those that it accepts
    say(LISTENER.getsockname()[1])
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        commands = {"download": download, "echo": echo, "visits": visits, "paced": paced, "crowd": crowd}
        say(commands[name](*arguments))
