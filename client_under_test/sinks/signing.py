"""Signatures of webhooks, after Standard Webhooks 1.0.0 (www.standardwebhooks.com).

Three headers go with every request: ``webhook-id`` names the message and stays the same when it is sent again,
``webhook-timestamp`` is the time of this attempt in seconds since the epoch, and ``webhook-signature`` has one or more
signatures, separated by blanks: ``v1,`` and the base64 of the HMAC-SHA256 of ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

TOLERANCE_SECONDS = 300

_PREFIX = "whsec_"


class BadSignature(ValueError):
    """The request is not from who has the secret, or it is old."""


def key(secret: str | bytes) -> bytes:
    """The key in ``secret``: ``whsec_`` and base64, or the bytes themselves.

    Raises:
        ValueError: the text is not of that form.
    """
    if isinstance(secret, bytes):
        return secret
    if not secret.startswith(_PREFIX):
        raise ValueError(f"expected a secret that begins with {_PREFIX}, or bytes")
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


def signed(name: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers; several keys sign while a secret is being replaced."""
    signatures = " ".join(_signature(name, str(timestamp), body, one) for one in keys)
    return {"webhook-id": name, "webhook-timestamp": str(timestamp), "webhook-signature": signatures}


def verify(headers: Mapping[str, str], body: bytes, secret: str | bytes, now: float) -> str:
    """Check a request that was received; returns its id, by which to tell that it came twice.

    ``headers`` are found by names in lower case; ``now`` is in seconds since the epoch.

    Raises:
        BadSignature: do not believe it.
    """
    name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise BadSignature("no timestamp, or one that is not of now")
    expected = _signature(name, timestamp, body, key(secret))
    given = headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
        raise BadSignature("no signature that fits")
    return name


def _signature(name: str, timestamp: str, body: bytes, one: bytes) -> str:
    digest = hmac.digest(one, f"{name}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
