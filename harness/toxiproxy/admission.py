"""Who may ask the API: programs of this machine, and no web page that a browser on it shows. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit


def refusal(headers: Mapping[str, str], bound: str) -> str | None:
    """Why a request to a server on the host ``bound`` is refused, or None.

    What a web page can send has an Origin, or a Host of the page's own choice (DNS rebinding).
    """
    if "Origin" in headers:
        return "requests from web pages are not allowed"
    if not _is_ours(headers.get("Host", bound), bound):
        return "this Host is not allowed: use the address that the server listens on"
    return None


def _is_ours(host: str, bound: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name in ("localhost", bound.lower()) or ipaddress.ip_address(name).is_loopback or not _is_loopback(bound)
    except ValueError:
        return False


def _is_loopback(bound: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(bound).is_loopback
    return bound == "localhost"
