"""Something that answers every request with the same bytes: a server that is no Toxiproxy."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answering(reply: bytes, *, host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of something that answers every request like that; ``host`` is an address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    def serve() -> None:
        while True:
            with server.accept()[0] as peer, peer.makefile("rb") as asked:
                head = b"".join(iter(asked.readline, b"\r\n" if asked.peek(1) else b""))
                if not head:
                    return
                length = re.search(rb"(?i)content-length: (\d+)", head)
                asked.read(int(length[1]) if length else 0)  # what is left unread would make a RST of the close
                peer.sendall(reply)

    with socket.create_server((host, 0), family=family) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{server.getsockname()[1]}"
        finally:
            socket.create_connection((host, server.getsockname()[1])).close()
            thread.join()


def http(body: str, status: str = "200 OK", *headers: str) -> bytes:
    """A whole HTTP reply."""
    data = body.encode()
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", *headers, "", ""]).encode() + data
