"""The receiver's side of a run: a stand-in for each case that needs one, what its client must know, and its lane."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Self

from fake_server.clock import Clock
from fake_server.receivers.plan import Call
from fake_server.receivers.slack import RESPONSE, FakeSlack, Limits
from fake_server.receivers.webhook import FakeWebhook
from harness.receiver import Called, Destination, Kind, Receiver, ReceiverRecord, Showed

CHANNEL, THREAD, USER = "C1", "1.0", "U1"
_TOKEN = "xoxb-streamproof-test-token"
_KEY = b"the key of streamproof's webhook"
_ORIGINAL = "Shall I ask?"
"""The message that an ephemeral answer replaces."""
_PENALTY_SECONDS = 1.0


class Receiving(ABC):
    """The receiver of one case, on a port of its own while the block runs."""

    _fake: FakeSlack | FakeWebhook

    def __init__(self, receiver: Receiver, clock: Clock) -> None:
        self._receiver, self._clock = receiver, clock

    async def __aenter__(self) -> Self:
        await self._fake.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._fake.__aexit__(*exc)

    @abstractmethod
    def destination(self) -> Destination:
        """What the client is told."""

    def records(self, start: float) -> tuple[ReceiverRecord, ...]:
        """Every call so far, and what is seen now; times are counted from ``start``."""
        now = Showed(t=round(self._clock.now() - start, 6), messages=tuple(self._seen()))
        return (*self._calls(start), now)

    def _calls(self, start: float) -> Iterator[Called]:
        counts: Counter[str] = Counter()
        for call in self._fake.calls:
            counts[call.method] += 1
            name = self._receiver.name_of(call.number, call.method, counts[call.method])
            yield _called(call, self._said(call), "" if call.in_penalty else name, start)

    @abstractmethod
    def _said(self, call: Call) -> dict[str, Any]:
        """Fields of :class:`Called` by the payload; only what cannot be secret."""

    @abstractmethod
    def _seen(self) -> list[str]:
        """What its readers have before them."""


def receiving(receiver: Receiver, clock: Clock) -> Receiving:
    """The stand-in for ``receiver``."""
    return (_Webhook if receiver.kind is Kind.WEBHOOK else _Slack)(receiver, clock)


class _Slack(Receiving):
    def __init__(self, receiver: Receiver, clock: Clock) -> None:
        super().__init__(receiver, clock)
        limits = Limits(
            update_interval=receiver.interval,
            post_interval=receiver.interval,
            append_interval=receiver.interval,
            retry_after=_PENALTY_SECONDS,
            stream_life=receiver.stream_life,
            response_uses=receiver.uses,
        )
        self._fake: FakeSlack = FakeSlack(receiver.plan, limits, clock)
        self._is_ephemeral = receiver.kind is Kind.SLACK_EPHEMERAL

    def destination(self) -> Destination:
        kind, every = self._receiver.kind, self._receiver.every
        if self._is_ephemeral:
            url = self._fake.response_url(original=_ORIGINAL)
            return Destination(kind=kind, url=url, every=every, uses=self._receiver.uses)
        thread, user = (THREAD, USER) if kind is Kind.SLACK_STREAM else ("", "")
        return Destination(
            kind=kind, url=self._fake.url, every=every, token=_TOKEN, channel=CHANNEL, thread=thread, user=user
        )

    def _said(self, call: Call) -> dict[str, Any]:
        payload, body = call.payload, call.reply.body
        named = body.get("ts", "") if isinstance(body, Mapping) else ""
        is_edit = bool(payload.get("replace_original")) if call.method == RESPONSE else call.method == "chat.update"
        text = payload.get("markdown_text") or payload.get("text") or ""
        return {"about": str(payload.get("ts") or named), "text": str(text), "replaces": is_edit}

    def _seen(self) -> list[str]:
        return self._fake.visible_to_one() if self._is_ephemeral else self._fake.visible(CHANNEL)


class _Webhook(Receiving):
    def __init__(self, receiver: Receiver, clock: Clock) -> None:
        super().__init__(receiver, clock)
        self._fake: FakeWebhook = FakeWebhook(_KEY, receiver.plan, clock)

    def destination(self) -> Destination:
        secret = f"whsec_{b64encode(_KEY).decode()}"
        return Destination(kind=self._receiver.kind, url=self._fake.url, every=self._receiver.every, secret=secret)

    def _said(self, call: Call) -> dict[str, Any]:
        """It took effect when it was believed, then or earlier."""
        fields = _object(call.payload["body"])
        data = fields.get("data")
        data = data if isinstance(data, dict) else {}
        name = str(call.payload["headers"].get("webhook-id", ""))
        return {
            "method": str(fields.get("type", call.method)),
            "about": name,
            "text": str(data.get("text", "")),
            "sequence": _if(int, data.get("sequence")),
            "complete": _if(bool, data.get("complete")),
            "sentences_complete": _if(bool, data.get("sentences_complete")),
            "took_effect": _has_effect(call) and any(one.id == name for one in self._fake.told),
        }

    def _seen(self) -> list[str]:
        last = self._fake.last
        return [str(last["text"])] if last is not None else []


def _called(call: Call, said: dict[str, Any], fault: str, start: float) -> Called:
    reply = call.reply
    answered = not (reply.cut or reply.hang)
    hint = reply.headers.get("retry-after")
    fields = {
        "t": round(call.at - start, 6),
        "number": call.number,
        "method": call.method,
        "status": reply.status if answered else None,
        "error": str(reply.body.get("error", "")) if answered and isinstance(reply.body, Mapping) else "",
        "retry_after": float(hint) if hint is not None else None,
        "took_effect": _has_effect(call),
        "in_penalty": call.in_penalty,
        "fault": fault,
    }
    return Called(**{**fields, **said})


def _has_effect(call: Call) -> bool:
    if call.in_penalty or call.fault is None:
        body = call.reply.body
        return call.reply.status < 300 and isinstance(body, Mapping) and body.get("ok") is not False
    return bool(getattr(call.fault, "applied", False))


def _object(body: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        fields = json.loads(body)
        return fields if isinstance(fields, dict) else {}
    return {}


def _if(kind: type, value: Any) -> Any:
    return value if isinstance(value, kind) else None
