"""A Slack message that is edited while the answer comes.

Rules:

1. What should be seen is a list of messages; what Slack took is another. One call at a time brings the first
   difference.
2. A message that Slack already shows like that is not edited.
3. A message that vanished is posted anew, and those after it again after it.
4. Messages that are too many (the answer started over and is shorter) are deleted, or emptied where that is not
   allowed.
5. A post of which nobody knows whether it arrived is repeated with the same ``client_msg_id`` and the same text, so
   that Slack can tell that it is the same.
6. When Slack finds a text too long, all are cut shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

from slack_sdk.web.async_client import AsyncWebClient

from client_under_test.sinks.courier import PATIENCE_SECONDS, Courier, NotNow, Refused
from client_under_test.sinks.pace import Pace
from client_under_test.sinks.slack.api import Gone, TooLong, call
from client_under_test.sinks.slack.form import MRKDWN, Form, Shown, messages

EVERY_SECONDS = 1.2
"""Between two calls: 50 a minute, as Tier 3 (``chat.update``) promises, and less than one a second."""
WITHDRAWN = "_(withdrawn)_"

_LEAST_LIMIT = 900
_MOST_REPOSTS = 5


@dataclass(slots=True)
class Posted:
    """A message in Slack."""

    ts: str
    shown: Shown
    """What Slack took last."""


@dataclass(frozen=True, slots=True)
class _Post:
    shown: Shown
    id: str


class SlackMessage(Courier):
    """Shows the answer in one message, or in as many as it needs.

    Args:
        client: of slack_sdk. Its own retry handlers are best left out (``retry_handlers=[]``): this sink retries.
        channel: where to post.
        thread_ts: the message to reply to.
        form: ``MRKDWN``, or ``MARKDOWN`` for a workspace whose ``markdown_text`` renders what models write.
        pace: when calls may be made; give the same one to all sinks of a workspace.
        patience: seconds that the last edit may take after the stream is over.
        chance: the source of jitter.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        channel: str,
        thread_ts: str | None = None,
        form: Form = MRKDWN,
        pace: Pace | None = None,
        patience: float = PATIENCE_SECONDS,
        chance: Random | None = None,
    ) -> None:
        super().__init__(pace=pace or Pace(EVERY_SECONDS), patience=patience, chance=chance)
        self._client, self._channel, self._thread = client, channel, thread_ts
        self._form, self._limit = form, form.limit
        self._start = 0
        """The character of the answer at which the first of :attr:`_posted` begins."""
        self._posted: list[Posted] = []
        self._surplus: list[Posted] = []
        self._unclear: _Post | None = None
        self._reposts = 0

    @property
    def timestamps(self) -> tuple[str, ...]:
        """``ts`` of the messages that show the answer, in their order."""
        return tuple(one.ts for one in self._posted)

    def delivered(self) -> str:
        return self.view.text[: self._start] + "".join(one.shown.body for one in self._posted)

    def due(self) -> float | None:
        is_due = next(self._differences(), None) is not None or self._surplus or self._unclear
        return 0.0 if is_due else None

    async def bring(self) -> None:
        try:
            if self._unclear is not None:
                await self._post(self._unclear)
            elif self._surplus:
                await self._withdraw(self._surplus[-1])
            else:
                await self._show(*next(self._differences()))
        except TooLong as error:
            self._cut_shorter(error)

    async def _show(self, index: int, shown: Shown) -> None:
        if index < len(self._posted):
            await self._edit(index, shown)
        else:
            await self._post(_Post(shown, str(uuid4())))

    def _differences(self) -> Iterator[tuple[int, Shown]]:
        """Where what should be seen differs from what is. Finds out, too, which messages are too many."""
        wanted = messages(self.view, self._form, self._limit, self._start)
        self._surplus += self._posted[len(wanted) :]
        del self._posted[len(wanted) :]
        for index, shown in enumerate(wanted):
            if index >= len(self._posted) or self._posted[index].shown.written != shown.written:
                yield index, shown

    async def _post(self, post: _Post) -> None:
        arguments: dict[str, Any] = {self._form.field: post.shown.written, "client_msg_id": post.id}
        posting = self._client.chat_postMessage(channel=self._channel, thread_ts=self._thread, **arguments)
        try:
            response = await call(posting)
        except NotNow as later:
            self._unclear = post if later.unclear else self._unclear
            raise
        self._unclear = None
        self._channel = str(response.get("channel") or self._channel)  # an edit needs the id, a post takes a name, too
        self._posted.append(Posted(str(response["ts"]), post.shown))

    async def _edit(self, index: int, shown: Shown) -> None:
        message = self._posted[index]
        try:
            await self._update(message.ts, shown.written)
        except Gone as error:
            self._post_anew(index, error)
        else:
            message.shown = shown

    async def _update(self, ts: str, written: str) -> None:
        arguments: dict[str, Any] = {self._form.field: written}
        await call(self._client.chat_update(channel=self._channel, ts=ts, **arguments))

    def _post_anew(self, index: int, error: Gone) -> None:
        self._reposts += 1
        if self._reposts > _MOST_REPOSTS:
            raise Refused(f"{error}, for the {self._reposts}th time") from error
        self._surplus += self._posted[index + 1 :]
        del self._posted[index:]

    def _cut_shorter(self, error: TooLong) -> None:
        self._unclear = None
        if self._limit <= _LEAST_LIMIT:
            raise Refused(f"{error}, with {self._limit} characters") from error
        self._limit = max(_LEAST_LIMIT, self._limit * 2 // 3)

    async def _withdraw(self, message: Posted) -> None:
        try:
            if message.shown.written == WITHDRAWN:
                await self._update(message.ts, WITHDRAWN)
            else:
                await call(self._client.chat_delete(channel=self._channel, ts=message.ts))
        except Gone:
            pass
        except Refused:
            if message.shown.written == WITHDRAWN:
                raise
            message.shown = Shown(WITHDRAWN, "")  # not to be deleted here, so it is emptied next
            return
        self._surplus.remove(message)
