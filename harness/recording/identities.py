"""Replaces what tells an account, or one request of it, by something that tells nothing: the same everywhere. Pure.

A scenario is kept for ever and shown to anybody, and a request id leads whoever has the server's logs to a prompt. Each
id becomes another of the same length and shape, wherever it stands, so that an error still names the id of its head.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from harness.recording.capture import Exchange

_HEADERS = frozenset(
    {"anthropic-organization-id", "apim-request-id", "cf-ray", "openai-organization", "openai-project", "request-id"}
    | {"x-amzn-requestid", "x-cloud-trace-context", "x-ms-request-id", "x-request-id"}
)
_PREFIX = b"req_"
_LOOKS = re.compile(rb"(?<![A-Za-z0-9])req_[A-Za-z0-9]{8,}")
_SHORTEST = 6
"""Anything shorter occurs by chance, and is left where it is in a body."""


def without_identities(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """The exchanges with other ids."""
    exchanges = list(exchanges)
    found = dict.fromkeys(one for exchange in exchanges for one in _ids(exchange))
    others = {one: stand_in(one, number) for number, one in enumerate(found, 1)}
    looked_for = sorted((one for one in others if len(one) >= _SHORTEST), key=len, reverse=True)
    looks = re.compile(b"|".join(map(re.escape, looked_for)) or rb"(?!)")
    return [_rewritten(one, looks, others) for one in exchanges]


def stand_in(identity: bytes, number: int) -> bytes:
    """An id of the same length and shape, which ends in ``number``."""
    prefix = _PREFIX if identity.startswith(_PREFIX) else b""
    blank = re.sub(rb"[^-]", b"0", identity[len(prefix) :])
    digits = str(number).encode()[-len(blank) :]
    return prefix + blank[: len(blank) - len(digits)] + digits


def _ids(exchange: Exchange) -> list[bytes]:
    named = [_bytes(value) for name, value in exchange.headers if name.lower() in _HEADERS and value]
    return [*named, *_LOOKS.findall(exchange.body)]


def _rewritten(exchange: Exchange, looks: re.Pattern[bytes], others: Mapping[bytes, bytes]) -> Exchange:
    def replaced(data: bytes) -> bytes:
        return looks.sub(lambda found: others[found[0]], data)

    headers = tuple(
        (name, _text(others.get(_bytes(value)) or replaced(_bytes(value)))) for name, value in exchange.headers
    )
    return msgspec.structs.replace(exchange.with_body(replaced(exchange.body)), headers=headers)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
