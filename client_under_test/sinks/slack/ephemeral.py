"""A Slack message that only one person sees, by way of a ``response_url``.

``chat.update`` does not reach such messages. The URL that comes with an interaction does, with ``replace_original``,
but it may be used five times within thirty minutes and no more (docs.slack.dev, "Handling user interaction"). So:

1. While the answer comes, and as long as it fits into one message, that is replaced at planned moments, farther and
   farther apart. One use at least is kept for the end.
2. A use whose outcome nobody knows counts as used. The last state is brought again until Slack says that the URL is
   spent.
3. An answer that is too long for one message continues in more of them, one use each. When that are too many they are
   made longer than is good to read, and when Slack does not take that the rest is cut off with a mark, and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import httpx

from client_under_test.sinks import words
from client_under_test.sinks.courier import PATIENCE_SECONDS, Courier, NotNow, Refused
from client_under_test.sinks.pace import Pace, retry_after
from client_under_test.sinks.slack.form import MRKDWN, Shown, messages

USES = 5
PLAN_SECONDS = (0.0, 4.0, 15.0, 45.0)
LIMITS = (MRKDWN.limit, 12_000, 39_000)
"""What one message may weigh: what is good to read, and what Slack takes if need be."""
CUT_OFF = "⚠️ _The rest is missing: Slack takes no more answers to one interaction_"


class TooLong(NotNow):
    """A message is longer than Slack takes."""


class SlackEphemeral(Courier):
    """Shows the answer to the one who asked.

    The URL of a slash command cannot replace anything: give ``uses=1``, and only the last state is sent.

    Args:
        response_url: of the interaction.
        http: an httpx client; it is not closed.
        uses: how often the URL may still be used.
        plan: seconds after the first update at which the message may be replaced.
        pace: when calls may be made.
        patience: seconds that the last state may take after the stream is over.
        chance: the source of jitter.
    """

    def __init__(
        self,
        response_url: str,
        *,
        http: httpx.AsyncClient,
        uses: int = USES,
        plan: Sequence[float] = PLAN_SECONDS,
        pace: Pace | None = None,
        patience: float = PATIENCE_SECONDS,
        chance: Random | None = None,
    ) -> None:
        super().__init__(pace=pace or Pace(1.0), patience=patience, chance=chance)
        self._url, self._http = response_url, http
        self._uses, self._plan = uses, list(plan)
        self._began: float | None = None
        self._shown: Shown | None = None
        """What replaces the original just now."""
        self._last: list[Shown] = []
        """The messages of the last state, once it is known."""
        self._ended: list[Shown] = []
        """Those of them that Slack took."""
        self._limits = list(LIMITS)

    def delivered(self) -> str:
        if self._ended:
            return "".join(one.body for one in self._ended)
        return self._shown.body if self._shown else ""

    def due(self) -> float | None:
        if self.view.over:
            self._last = self._last or self._planned()
            return 0.0 if len(self._ended) < len(self._last) else None
        if not self._plan:
            return None
        now = self.pace.clock()
        self._began = now if self._began is None else self._began
        wait = self._began + self._plan[0] - now
        if wait > 0:
            return wait
        wanted = messages(self.view, MRKDWN, MRKDWN.limit)
        if len(wanted) > 1 or self._uses <= 1:
            self._plan = []
        return 0.0 if self._plan and wanted[0] != self._shown else None

    async def bring(self) -> None:
        if self.view.over:
            await self._bring_last()
        else:
            self._plan.pop(0)
            (shown,) = messages(self.view, MRKDWN, MRKDWN.limit)
            await self._post(shown, replaces=True)
            self._shown = shown

    async def _bring_last(self) -> None:
        shown = self._last[len(self._ended)]
        try:
            if self._ended or shown != self._shown:
                await self._post(shown, replaces=not self._ended)
        except NotNow as later:
            if isinstance(later, TooLong):
                self._make_shorter(later)
            if not self._ended:
                self._last = []  # there may be fewer uses now
            raise
        self._ended.append(shown)
        if shown.written.endswith(CUT_OFF):
            raise Refused("the answer needs more messages than Slack takes for one interaction")

    def _planned(self) -> list[Shown]:
        """The messages that show the answer at its end, or as much of it as the uses that are left allow."""
        left = max(1, self._uses)
        tried = [messages(self.view, MRKDWN, limit) for limit in self._limits]
        wanted = next((one for one in tried if len(one) <= left), tried[-1])
        last = wanted[:left][-1]
        return (
            wanted if len(wanted) <= left else [*wanted[: left - 1], Shown(f"{last.written}\n\n{CUT_OFF}", last.body)]
        )

    def _make_shorter(self, error: TooLong) -> None:
        longest = max(len(one.written) for one in self._last)
        self._limits = [one for one in self._limits if one < longest]
        if self._ended or not self._limits:
            raise Refused(str(error)) from error

    async def _post(self, shown: Shown, *, replaces: bool) -> None:
        body = {"text": shown.written, "response_type": "ephemeral", "replace_original": replaces}
        self._uses -= 1
        try:
            response = await self.in_time(self._http.post(self._url, json=body))
        except httpx.HTTPError as error:
            raise NotNow(f"no answer from Slack: {type(error).__name__}", unclear=True) from error
        if response.status_code == 429:
            self._uses += 1
            raise NotNow("Slack limits the rate", after=retry_after(response.headers))
        if response.status_code >= 500:
            raise NotNow(f"Slack failed: HTTP {response.status_code}", unclear=True)
        if "too_long" in response.text:
            self._uses += 1
            raise TooLong(f"Slack refuses: {words.line(response.text)}", after=self.pace.every)
        if response.status_code != 200 or '"ok":false' in response.text.replace(" ", ""):
            raise Refused(f"Slack refuses: {words.line(response.text)}")
