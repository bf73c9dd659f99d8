"""Addresses as Toxiproxy reads and shows them: ``host:port``, with the error texts of Go's ``net``.

One difference on purpose: no host means this machine only, and not all of its interfaces.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
_BACKLOG = 4096


class AddressError(Exception):
    """An address that cannot be read, found or bound; the text is Go's."""


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port."""

    family: socket.AddressFamily
    host: str
    port: int

    def __str__(self) -> str:
        return join(self.host, self.port)


def join(host: str, port: int) -> str:
    """``host:port``, IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split(text: str) -> tuple[str, str]:
    """Host and port of ``text``.

    Raises:
        AddressError: as ``net.SplitHostPort`` does.
    """
    host, colon, port = text.rpartition(":")
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise AddressError(f"address {text}: missing ']' in address")
        if not rest.startswith(":"):
            raise AddressError(f"address {text}: missing port in address")
        host, port = inside, rest[1:]
    elif not colon or "]" in port:
        raise AddressError(f"address {text}: missing port in address")
    elif ":" in host:
        raise AddressError(f"address {text}: too many colons in address")
    return host, port


async def resolve(text: str) -> Address:
    """The address that ``text`` stands for; an empty text or host is this machine.

    Raises:
        AddressError: it has no port, or the host or the port does not exist.
    """
    host, port = split(text or ":0")
    number = _port(port or "0")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host or LOOPBACK, number, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressError(f"lookup {host}: no such host") from None
    found.sort(key=lambda one: one[0] != socket.AF_INET)
    family, _, _, _, (ip, *_) = found[0]
    return Address(family, str(ip), number)


def _port(text: str) -> int:
    try:
        number = int(text) if text.isascii() and text.isdigit() else socket.getservbyname(text, "tcp")
    except OSError:
        raise AddressError(f"lookup tcp/{text}: unknown port") from None
    if number > 65535:
        raise AddressError(f"address {text}: invalid port")
    return number


async def listen(text: str) -> socket.socket:
    """A non-blocking socket that listens on ``text``.

    Raises:
        AddressError: ``listen tcp ADDRESS: bind: address already in use`` and the like.
    """
    try:
        address = await resolve(text)
    except AddressError as error:
        raise AddressError(f"listen tcp: {error}") from None
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address.host != "::"))
        sock.bind((address.host, address.port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        reason = os.strerror(error.errno or errno.EIO).lower()
        raise AddressError(f"listen tcp {address}: bind: {reason}") from None
    return sock


def name_of(sock: socket.socket) -> str:
    """The address that ``sock`` is bound to."""
    host, port, *_ = sock.getsockname()
    return join(host, port)
