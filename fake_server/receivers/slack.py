"""A Slack workspace with the limits of the real one, and the messages as its users see them.

Limits are those of the documentation, and where it is silent those that users report: docs.slack.dev (rate limits,
chat.update, chat.appendStream, handling user interaction), slackapi/python-slack-sdk#1859 (streams end after five
minutes), CopilotKit/CopilotKit#6064 (a stream has a size).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from fake_server.clock import Clock
from fake_server.receivers.messages import Ephemeral, Message, without_entities
from fake_server.receivers.plan import Plan, Reply
from fake_server.receivers.receiver import LOOPBACK, Receiver

RESPONSE = "response_url"
_OPENED = 1_700_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the workspace takes; lengths are in characters, times in seconds."""

    update_interval: float = 1.0
    """Between two edits of one message."""
    post_interval: float = 1.0
    """Between two posts to one channel."""
    append_interval: float = 0.6
    """Between two pieces of one stream."""
    retry_after: float = 3.0
    """The penalty for going beyond these."""
    update_text: int = 4_000
    post_text: int = 40_000
    """A longer post is cut off, and nothing is said."""
    markdown: int = 12_000
    """In one call."""
    stream_bytes: int = 10_600
    """In one streamed message."""
    stream_life: float = 300.0
    response_text: int = 40_000
    response_uses: int = 5
    response_life: float = 1_800.0


class Refusal(Exception):
    """The code of an API error."""


class _Fast(Exception):
    """A call came too soon."""


class FakeSlack(Receiver):
    """The Web API under ``/api/`` and response URLs under ``/response/``.

    Args:
        plan: which calls go wrong.
        limits: what it takes.
        clock: where its time comes from.
        channels: the channels by id, with their names.
        drops_blanks: whether the blanks at the beginning of what is appended to a stream are lost.
    """

    def __init__(
        self,
        plan: Plan | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        channels: Mapping[str, str] | None = None,
        *,
        drops_blanks: bool = True,
    ) -> None:
        super().__init__(plan, clock)
        self.limits = limits or Limits()
        self.messages: list[Message] = []
        self.ephemerals: dict[str, Ephemeral] = {}
        self._channels = dict(channels or {"C1": "#general", "D1": "@you"})
        self._posted: dict[str, float] = {}
        self._drops_blanks = drops_blanks
        self._methods = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.startStream": self._start,
            "chat.appendStream": self._append,
            "chat.stopStream": self._stop,
        }

    @property
    def url(self) -> str:
        """For ``AsyncWebClient(base_url=…)``."""
        return f"http://{LOOPBACK}:{self.port}/api/"

    def response_url(self, name: str = "r1", original: str | None = None) -> str:
        """A fresh URL of an interaction with the message ``original``; None is a slash command."""
        self.ephemerals[name] = Ephemeral(issued=self._clock.now(), original=original, more=[])
        return f"http://{LOOPBACK}:{self.port}/response/{name}"

    def visible(self, channel: str = "C1", thread_ts: str | None = None) -> list[str]:
        """What users see in the channel, or in one thread, oldest first."""
        here = [one for one in self.messages if one.channel == channel and not one.is_deleted]
        return [one.seen for one in here if thread_ts is None or one.thread_ts == thread_ts]

    def visible_to_one(self, name: str = "r1") -> list[str]:
        """What the person behind a response URL sees."""
        ephemeral = self.ephemerals[name]
        return [one for one in (ephemeral.original, *ephemeral.more) if one is not None]

    @property
    def identical_edits(self) -> int:
        """Edits that changed nothing."""
        return sum(one.identical_edits for one in self.messages)

    def answer(self, method: str, payload: Mapping[str, Any]) -> Reply:
        if method == RESPONSE:
            return self._respond(self.ephemerals[payload["url"]], payload)
        if method not in self._methods:
            return Reply(body={"ok": False, "error": "unknown_method"})
        try:
            message = self._methods[method](payload)
        except Refusal as refusal:
            return Reply(body={"ok": False, "error": str(refusal)})
        except _Fast:
            return self._limited(method, self.limits.retry_after)
        return Reply(body={"ok": True, "channel": message.channel, "ts": message.ts, "message": {"text": message.text}})

    def refused(self, method: str, payload: Mapping[str, Any], error: str) -> None:
        for message in self.messages:
            if message.ts == payload.get("ts"):
                message.is_deleted |= error == "message_not_found"
                message.streams_until = None if error == "message_not_in_streaming_state" else message.streams_until

    async def read(self, http: web.Request) -> tuple[str, dict[str, Any]]:
        kind, _, name = http.match_info["path"].partition("/")
        body = await http.json() if http.content_type == "application/json" else await http.post()
        payload = {**http.query, **body}
        return (RESPONSE, {**payload, "url": name}) if kind == "response" else (name, payload)

    def _post(self, payload: Mapping[str, Any]) -> Message:
        channel = self._channel(payload["channel"])
        name = payload.get("client_msg_id")
        for known in self.messages:
            if name is not None and known.client_msg_id == name:
                return known
        self._pace(self._posted.get(channel, -math.inf), self.limits.post_interval)
        text, is_markdown = self._text(payload)
        self._posted[channel] = self._clock.now()
        more = {"client_msg_id": name, "thread_ts": payload.get("thread_ts")}
        return self._add(channel, text=text[: self.limits.post_text], is_markdown=is_markdown, **more)

    def _update(self, payload: Mapping[str, Any]) -> Message:
        message = self._message(payload)
        self._end_if_expired(message)
        if message.streams_until is not None:
            raise Refusal("streaming_state_conflict")
        self._pace(message.changed, self.limits.update_interval)
        text, message.is_markdown = self._text(payload)
        if len(text) > self.limits.update_text and not message.is_markdown:
            raise Refusal("msg_too_long")
        message.edits += 1
        message.identical_edits += text == message.text
        self._change(message, text)
        return message

    def _delete(self, payload: Mapping[str, Any]) -> Message:
        message = self._message(payload)
        if message.streams_until is not None:
            raise Refusal("cant_delete_message")
        message.is_deleted = True
        return message

    def _start(self, payload: Mapping[str, Any]) -> Message:
        channel, until = self._channel(payload["channel"]), self._clock.now() + self.limits.stream_life
        if channel.startswith("C") and not payload.get("recipient_user_id"):
            raise Refusal("missing_recipient_user_id")
        message = self._add(channel, is_markdown=True, thread_ts=payload["thread_ts"], streams_until=until)
        self._grow(message, payload.get("markdown_text") or "")
        return message

    def _append(self, payload: Mapping[str, Any]) -> Message:
        message = self._streaming(payload)
        self._pace(message.changed, self.limits.append_interval)
        if not payload["markdown_text"].strip():
            raise Refusal("no_text")
        self._grow(message, payload["markdown_text"])
        return message

    def _stop(self, payload: Mapping[str, Any]) -> Message:
        message = self._streaming(payload)
        self._grow(message, payload.get("markdown_text") or "")
        message.streams_until = None
        return message

    def _respond(self, ephemeral: Ephemeral, payload: Mapping[str, Any]) -> Reply:
        if ephemeral.issued + self.limits.response_life < self._clock.now():
            return Reply(status=404, body={"ok": False, "error": "expired_url"})
        if ephemeral.uses >= self.limits.response_uses:
            return Reply(status=404, body={"ok": False, "error": "used_url"})
        if len(payload["text"]) > self.limits.response_text:
            return Reply(status=400, body={"ok": False, "error": "msg_too_long"})
        ephemeral.uses += 1
        text = without_entities(payload["text"])
        if payload.get("replace_original") and ephemeral.original is not None:
            ephemeral.original = text
        else:
            ephemeral.more.append(text)
        return Reply(body={"ok": True})

    def _channel(self, name: str) -> str:
        for channel, known_as in self._channels.items():
            if name in (channel, known_as):
                return channel
        raise Refusal("channel_not_found")

    def _message(self, payload: Mapping[str, Any]) -> Message:
        if payload["channel"] not in self._channels:
            raise Refusal("channel_not_found")
        for message in self.messages:
            if message.ts == payload["ts"] and not message.is_deleted:
                return message
        raise Refusal("message_not_found")

    def _streaming(self, payload: Mapping[str, Any]) -> Message:
        message = self._message(payload)
        self._end_if_expired(message)
        if message.streams_until is None:
            raise Refusal("message_not_in_streaming_state")
        return message

    def _end_if_expired(self, message: Message) -> None:
        if message.streams_until is not None and self._clock.now() >= message.streams_until:
            message.streams_until = None

    def _add(self, channel: str, **more: Any) -> Message:
        message = Message(
            channel=channel, ts=f"{_OPENED + len(self.messages)}.000000", changed=self._clock.now(), **more
        )
        self.messages.append(message)
        return message

    def _grow(self, message: Message, piece: str) -> None:
        whole = message.text + (piece.lstrip() if self._drops_blanks else piece)
        if len(piece) > self.limits.markdown or len(whole.encode("utf-8", "replace")) > self.limits.stream_bytes:
            raise Refusal("msg_too_long")
        self._change(message, whole)

    def _change(self, message: Message, text: str) -> None:
        message.text, message.changed = text, self._clock.now()

    def _text(self, payload: Mapping[str, Any]) -> tuple[str, bool]:
        is_markdown = "markdown_text" in payload
        text = str(payload["markdown_text"] if is_markdown else payload.get("text", ""))
        if not text.strip():
            raise Refusal("no_text")
        if is_markdown and len(text) > self.limits.markdown:
            raise Refusal("msg_too_long")
        return text, is_markdown

    def _pace(self, last: float, interval: float) -> None:
        if self._clock.now() - last < interval:
            raise _Fast
