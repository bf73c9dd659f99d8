"""HTTP requests on a line: writing one, and reading them one after the other. Pure.

Source: RFC 9112 §3, §6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fake_server.exchange import Asked, read_body

_PREFIX = "/case/"


def request_bytes(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


class RequestReader:
    """Takes the bytes of one connection and gives the requests that are whole."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._bytes = bytearray()

    def take(self, data: bytes) -> Iterator[Asked]:
        """The requests that these bytes complete."""
        self._bytes += data
        while (asked := self._next()) is not None:
            yield asked

    def _next(self) -> Asked | None:
        head, blank, rest = self._bytes.partition(b"\r\n\r\n")
        if not blank:
            return None
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.strip(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
        length = int(next((value for name, value in headers.items() if name.lower() == "content-length"), "0"))
        if len(rest) < length:
            return None
        self._bytes = rest[length:]
        method, path, *_ = line.split(" ")
        return asked(method, path, headers, bytes(rest[:length]), self._peer)


def asked(method: str, path: str, headers: Mapping[str, str], raw: bytes, peer: str) -> Asked:
    """The request as the server takes it."""
    body, unreadable = read_body(raw)
    inside = path.removeprefix(_PREFIX).partition("/")[2]
    return Asked(method=method, path=path, inside=inside, headers=headers, body=body, unreadable=unreadable, peer=peer)
