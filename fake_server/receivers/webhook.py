"""A webhook that believes only signed requests, and knows what it was told.

Signatures are those of Standard Webhooks 1.0.0: the base64 of the HMAC-SHA256 of ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from fake_server.clock import Clock
from fake_server.receivers.plan import Plan, Reply
from fake_server.receivers.receiver import LOOPBACK, Receiver

POST = "POST"
TOLERANCE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A request that was believed, once."""

    id: str
    type: str
    sequence: int
    data: Mapping[str, Any]


class FakeWebhook(Receiver):
    """A URL that takes POSTs.

    Args:
        key: the key that requests must be signed with.
        plan: which requests go wrong.
        clock: where its time comes from.

    Attributes:
        told: what it was told, in the order in which it was accepted; what came twice is there once.
        repeats: ids of accepted requests that had been accepted before.
    """

    def __init__(self, key: bytes, plan: Plan | None = None, clock: Clock | None = None) -> None:
        super().__init__(plan, clock)
        self.told: list[Told] = []
        self.repeats: list[str] = []
        self._key = key

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.port}/hook"

    @property
    def text(self) -> str:
        """The text by the sentences alone, in the order of their sequence numbers."""
        text = ""
        for one in sorted(self.told, key=lambda one: one.sequence):
            if one.type == "answer.sentences":
                text += str(one.data["text"])
            elif one.type == "answer.reset":
                text = ""
        return text

    @property
    def last(self) -> Mapping[str, Any] | None:
        """What it was told at the end."""
        ends = [one.data for one in self.told if one.type == "answer.finished"]
        return ends[-1] if ends else None

    def answer(self, method: str, payload: Mapping[str, Any]) -> Reply:
        headers, body = payload["headers"], payload["body"]
        if not self._is_signed(headers, body):
            return Reply(status=401, body={"error": "bad signature"})
        fields = json.loads(body)
        name = headers["webhook-id"]
        if any(one.id == name for one in self.told):
            self.repeats.append(name)
        else:
            data = fields["data"]
            self.told.append(Told(id=name, type=fields["type"], sequence=data["sequence"], data=data))
        return Reply(status=202, body={})

    async def read(self, http: web.Request) -> tuple[str, dict[str, Any]]:
        headers = {name.lower(): value for name, value in http.headers.items()}
        return POST, {"headers": headers, "body": await http.read()}

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
        message = name.encode() + b"." + timestamp.encode() + b"." + body
        expected = b"v1," + base64.b64encode(hmac.new(self._key, message, hashlib.sha256).digest())
        fits = any(hmac.compare_digest(one.encode(), expected) for one in headers.get("webhook-signature", "").split())
        return fits and abs(self._clock.wall() - float(timestamp)) <= TOLERANCE_SECONDS
