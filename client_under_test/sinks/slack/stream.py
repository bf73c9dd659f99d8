"""Slack's own streaming: the message grows by what is new, and Slack shows that it is being written.

Rules:

1. What was appended cannot be taken back. When it is not the beginning of what should be seen any more (the answer
   started over), the stream is stopped and the message edited, as :class:`SlackMessage` does, for the rest of the call.
2. Appending is not safe to repeat. When nobody knows whether it took effect, the message is edited from then on, too.
3. Slack ends a stream by itself, about five minutes after its start (slackapi/python-slack-sdk#1859). Then the same.
4. A message that is a stream cannot be edited (``streaming_state_conflict``), so it is stopped first.
"""

from __future__ import annotations

from random import Random

from slack_sdk.web.async_client import AsyncWebClient

from client_under_test.sinks import words
from client_under_test.sinks.courier import PATIENCE_SECONDS, NotNow, Refused
from client_under_test.sinks.pace import Pace
from client_under_test.sinks.slack.api import Gone, NotStreaming, TooLong, call
from client_under_test.sinks.slack.form import MARKDOWN, Shown, mark
from client_under_test.sinks.slack.message import Posted, SlackMessage
from client_under_test.sinks.slack.parts import Growing, Part


class SlackStream(SlackMessage):
    """Shows the answer in streamed messages, which are always replies.

    Falls back to edits of the same message where streaming is not possible, or stops being so. While it streams, pauses
    are not explained: Slack itself shows that the message is being written.

    Args:
        client: of slack_sdk; see :class:`SlackMessage`.
        channel: the id of the channel.
        thread_ts: the message to reply to.
        recipient_team_id: workspace of the reader; Slack needs it in channels, and not in direct messages.
        recipient_user_id: the reader; likewise.
        pace: when calls may be made.
        patience: seconds that the last call may take after the stream is over.
        chance: the source of jitter.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        channel: str,
        thread_ts: str,
        recipient_team_id: str | None = None,
        recipient_user_id: str | None = None,
        pace: Pace | None = None,
        patience: float = PATIENCE_SECONDS,
        chance: Random | None = None,
    ) -> None:
        super().__init__(
            client,
            channel=channel,
            thread_ts=thread_ts,
            form=MARKDOWN,
            pace=pace,
            patience=patience,
            chance=chance,
        )
        self._reply_to = thread_ts
        self._team, self._user = recipient_team_id, recipient_user_id
        self._streams = hasattr(client, "chat_startStream")
        """Whether text is appended; otherwise messages are edited."""
        self._open: str | None = None
        """``ts`` of the message that is a stream in Slack's eyes."""
        self._full: list[Posted] = []
        """Messages that were stopped because they were full; the one after them begins at :attr:`_start`."""
        self._sent = ""
        """All text that was appended, from the beginning of the answer."""
        self._fence = ""
        """The fence that the message opens again."""
        self._is_ended = False

    @property
    def timestamps(self) -> tuple[str, ...]:
        streamed = [self._open] if self._streams and self._open else []
        return (*(one.ts for one in self._full), *streamed, *super().timestamps)

    def delivered(self) -> str:
        return self._sent if self._streams else super().delivered()

    def due(self) -> float | None:
        self._look_back()
        if not self._streams:
            return 0.0 if self._open else super().due()
        return 0.0 if not self._is_ended and (self._open is None or self._next()) else None

    async def bring(self) -> None:
        self._look_back()
        try:
            await (self._bring_part() if self._streams else self._bring_edit())
        except (NotStreaming, Gone):
            self._edit_from_now_on(is_open=False)
        except TooLong:
            self._edit_from_now_on(is_open=True)
        except NotNow as later:
            if later.unclear:
                self._edit_from_now_on(is_open=True)
            raise

    def _next(self) -> Part | None:
        text, sent = self.view.text, len(self._sent)
        growing = Growing(text=text, start=self._start, sent=sent, fence=self._fence, over=self.view.over)
        return growing.next(self._form)

    async def _bring_part(self) -> None:
        if self._open is None:
            await self._begin()
            return
        part = self._next()
        assert part is not None, "there is something to bring"
        if self._is_last(part) and self._is_told_apart_by_blanks(part):
            self._edit_from_now_on(is_open=True)
            return
        await (self._stop(self._open, part) if part.stops else self._append(self._open, part))

    async def _bring_edit(self) -> None:
        if self._open is None:
            await super().bring()
        else:
            await call(self._client.chat_stopStream(channel=self._channel, ts=self._open))
            self._open = None

    async def _begin(self) -> None:
        starting = self._client.chat_startStream(
            channel=self._channel,
            thread_ts=self._reply_to,
            markdown_text=f"{self._fence}\n" if self._fence else None,
            recipient_team_id=self._team,
            recipient_user_id=self._user,
        )
        try:
            response = await call(starting)
        except Refused:  # not every channel, workspace and token may stream
            self._edit_from_now_on(is_open=False)
        else:
            self._open = str(response["ts"])

    async def _append(self, ts: str, part: Part) -> None:
        text = self._form.escape(part.body)
        await call(self._client.chat_appendStream(channel=self._channel, ts=ts, markdown_text=text))
        self._sent += part.body

    async def _stop(self, ts: str, part: Part) -> None:
        is_last = self._is_last(part)
        text = self._end(part) if is_last else _closed(self._form.escape(part.body), part.fence)
        await call(self._client.chat_stopStream(channel=self._channel, ts=ts, markdown_text=text or None))
        self._sent += part.body
        self._is_ended = is_last
        self._full.append(Posted(ts, Shown("", self._sent[self._start :])))
        self._open, self._start, self._fence = None, len(self._sent), part.fence

    def _is_last(self, part: Part) -> bool:
        return part.stops and len(self._sent) + len(part.body) == len(self.view.text) and self.view.over

    def _is_told_apart_by_blanks(self, part: Part) -> bool:
        """Whether the mark at the end would be appended with no text before it: Slack drops the blanks between them."""
        return bool(self._sent[self._start :]) and not part.body.strip() and bool(mark(self.view, self._form))

    def _end(self, part: Part) -> str:
        said = mark(self.view, self._form) or ("" if self.view.text.strip() else words.NO_TEXT)
        body = self._form.escape(part.body)
        return f"{_closed(body, part.fence)}\n\n{said}".lstrip() if said else body

    def _edit_from_now_on(self, *, is_open: bool) -> None:
        """Let :class:`SlackMessage` show what begins at :attr:`_start`; what is there by now is not relied on."""
        if self._streams:
            self._streams = False
            body = self._sent[self._start :]
            self._posted = [Posted(self._open, Shown("", body))] if self._open else []
        if not is_open:
            self._open = None

    def _look_back(self) -> None:
        """See whether what was appended is still the beginning of the answer."""
        if self._streams and not self.view.text.startswith(self._sent):
            self._edit_from_now_on(is_open=True)
        if self._full and not self.view.text.startswith(self._sent[: self._start]):
            self._posted, self._full, self._start = self._full + self._posted, [], 0


def _closed(text: str, fence: str) -> str:
    if not fence:
        return text
    return f"{text}{fence}" if text.endswith("\n") else f"{text}\n{fence}"
