"""Addresses as Toxiproxy reads and shows them: ``host:port``, with the error texts of Go's ``net``.

One difference on purpose: no host means this machine only, and not all of its interfaces.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

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
    wrong = "missing port" if not colon else _wrong_brackets(text) if text.startswith("[") else _wrong_host(host)
    inside = host[1:-1] if text.startswith("[") else host
    for bracket in "[]":
        if not wrong and bracket in inside + port:
            wrong = f"unexpected {bracket!r}"
    if wrong:
        raise AddressError(f"address {text}: {wrong} in address")
    return inside, port


def _wrong_host(host: str) -> str:
    return "too many colons" if ":" in host else ""


def _wrong_brackets(text: str) -> str:
    _, bracket, rest = text.partition("]")
    if not bracket:
        return "missing ']'"
    if not rest.startswith(":"):
        return "missing port"
    return "too many colons" if ":" in rest[1:] else ""


@lru_cache
def written(text: str) -> Address | None:
    """The address that is written there in figures, or None for a name; an empty text or host is this machine.

    Raises:
        AddressError: it has no port, or the host or the port does not exist.
    """
    host, port = split(text or ":0")
    number = _port(port)
    ip = _literal(host or LOOPBACK)
    if ip is None:
        return None
    return Address(socket.AF_INET if ip.version == 4 else socket.AF_INET6, str(ip), number)


async def resolve(text: str) -> Address:
    """The first of :func:`all_of`.

    Raises:
        AddressError: see :func:`written`.
    """
    return (await all_of(text))[0]


async def all_of(text: str) -> list[Address]:
    """The addresses that ``text`` stands for, whether one is written there or they have to be looked up.

    Raises:
        AddressError: see :func:`written`.
    """
    address = written(text)
    if address is not None:
        return [address]
    host, port = split(text)
    number = _port(port)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, number, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        raise AddressError(f"lookup {host}: no such host") from None
    found.sort(key=lambda one: one[0] != socket.AF_INET)
    return [Address(family, str(name), number) for family, _, _, _, (name, *_) in found]


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that is written there, or None for a name.

    Raises:
        AddressError: ``127.1``, ``2130706433`` and the like, which C takes for addresses.
    """
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        with suppress(OSError, ValueError):
            socket.inet_aton(host)
            raise AddressError(f"lookup {host}: no such host") from None
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _port(text: str) -> int:
    sign, digits = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if digits and not (digits.isascii() and digits.isdigit()):
        return _service(text)
    number = int(digits.lstrip("0")[:6] or 0)  # five are enough
    if number > 65535 or (sign == "-" and number):
        raise AddressError(f"address {text}: invalid port")
    return number


def _service(name: str) -> int:
    try:
        return socket.getservbyname(name.lower(), "tcp")
    except (OSError, ValueError):
        raise AddressError(f"lookup tcp/{name}: unknown port") from None


async def listen(text: str) -> socket.socket:
    """A non-blocking socket that listens on ``text``.

    Raises:
        AddressError: ``listen tcp ADDRESS: bind: address already in use`` and the like.
    """
    try:
        address = await resolve(text)
    except AddressError as error:
        raise AddressError(f"listen tcp: {error}") from None
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressError(f"listen tcp {address}: socket: {_reason(error)}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address.host != "::"))
        sock.bind((address.host, address.port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise AddressError(f"listen tcp {address}: bind: {_reason(error)}") from None
    return sock


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def name_of(sock: socket.socket) -> str:
    """The address that ``sock`` is bound to."""
    host, port, *_ = sock.getsockname()
    return join(host, port)
