"""What stands behind a proxy that is measured: a source of bytes, an echo and a greeting, in a process of its own.

Prints the ports of all three. Nothing is done but system calls: the proxy is the bottleneck.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable

BLOCK = 16 << 20


def source(sock: socket.socket) -> None:
    """Send as many bytes as the client asks for in its first eight."""
    left = int.from_bytes(sock.recv(8, socket.MSG_WAITALL), "big")
    with tempfile.TemporaryFile() as file:
        file.truncate(BLOCK)
        while left > 0:
            left -= os.sendfile(sock.fileno(), file.fileno(), 0, min(left, BLOCK))


def echo(sock: socket.socket) -> None:
    """Send back what comes."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := sock.recv(65536):
        sock.sendall(data)


def greeting(sock: socket.socket) -> None:
    """Send one byte and close."""
    sock.send(b"!")


def serve(listener: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    while True:
        sock, _ = listener.accept()
        if answer is greeting:  # so quickly that a thread would cost more
            hold(sock, answer)
        else:
            threading.Thread(target=hold, args=(sock, answer), daemon=True).start()


def hold(sock: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with sock:
        answer(sock)


if __name__ == "__main__":
    listeners = {answer: socket.create_server(("127.0.0.1", 0), backlog=4096) for answer in (source, echo, greeting)}
    for answer, listener in listeners.items():
        threading.Thread(target=serve, args=(listener, answer)).start()
    sys.stdout.write(json.dumps([listener.getsockname()[1] for listener in listeners.values()]) + "\n")
    sys.stdout.flush()
