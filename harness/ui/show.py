"""One case that goes on before somebody's eyes: its client is ours, or a program that nobody here has started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from fake_server.record import Replied, Requested
from harness import again, catalog, engine
from harness.adapter import Absent, prepared
from harness.history import Record
from harness.live import LiveRunner, OpenCase
from harness.model import Job
from harness.observing import observe_until
from harness.plain import plain
from harness.plan import PlannedCase
from harness.timeline import timeline
from harness.toxiproxy.driver import Proxy
from harness.truth import truth
from harness.ui import bystander
from harness.ui.hand import STRIKES, UNTOUCHED, Change, Knobs, Put, Strike, changes, name_of
from harness.ui.marks import Mark, of_client, of_hand, of_network, of_server
from harness.ui.stage import meddled_with
from harness.web.board import Refused
from harness.web.channel import Channel

TICK_SECONDS = 0.05
"""How often what has happened is told: as often as an eye can follow."""
_MOST_LINES = 200
_MOST_BODY, _MOST_HEADER = 6000, 300
"""Characters of a request's body and of one of its headers that are told."""


class Show:
    """A case that somebody watches. All that happens is told in its channel, which ends with it.

    Args:
        case: as it is staged; of a program that asks from outside the client is an :class:`~harness.adapter.Absent`.
        token: a name in the path that no other case has.
        asked_for: what the command line called its client.
        knobs: how the sliders stand when it begins.
    """

    def __init__(
        self, runner: LiveRunner, case: PlannedCase, token: str, asked_for: str, knobs: Knobs = UNTOUCHED
    ) -> None:
        self.channel = Channel()
        self._runner, self._case, self._token, self._asked_for = runner, case, token, asked_for
        self._stopped = asyncio.Event()
        self._opened: OpenCase | None = None
        self._first, self._knobs, self._was_touched = knobs, UNTOUCHED, False
        self._has_begun = False
        self._hand = asyncio.Lock()
        self._told_server = self._told_network = self._told_client = 0
        self._judged = 0

    @property
    def is_served(self) -> bool:
        """Whether somebody else's program asks."""
        return isinstance(self._case.adapter, Absent)

    def stop(self) -> None:
        """The client leaves at once; of a program from outside nothing more is taken."""
        self._stopped.set()

    async def run(self) -> None:
        """Let it happen, and tell everything until it is over and judged."""
        try:
            record = await self._happens()
            self.channel.tell("truth", self._truth(record))
        finally:
            self.channel.close()

    async def turn(self, knobs: Knobs) -> None:
        """Set the sliders: it acts at once, on open connections as well; before the case begins, as soon as it does.

        Raises:
            Refused: the case is over, or has no network.
        """
        async with self._hand:
            if not self._has_begun:
                self._first = knobs
                return
            for change in changes(self._knobs, knobs):
                await self._change(change)
            self._knobs = knobs

    async def strike(self, how: Strike) -> None:
        """Cut or reset the connections that are open now.

        Raises:
            Refused: the case is over, or has no network.
        """
        async with self._hand:
            await self._meddle(partial(_struck, how=how), how, label="")  # what it strikes has its own

    # ---- what happens

    async def _happens(self) -> Record:
        await prepared(self._case.adapter)
        following: asyncio.Task[None] | None = None
        try:
            async with self._runner.opened(self._case, self._token) as opened:
                self._opened = opened
                following = asyncio.create_task(self._follow(opened))
                try:
                    if opened.job is not None:
                        await self._call(opened, opened.job)
                finally:
                    self._opened = None
        finally:
            if following is not None:
                following.cancel()
                await asyncio.wait({following})
        self._news(opened)
        return opened.record

    async def _call(self, opened: OpenCase, job: Job) -> None:
        self._has_begun = True
        if opened.nemesis is not None:
            await self.turn(self._first)
        self.channel.tell("opened", {"url": job.base_url})
        if self.is_served:
            await self._stopped.wait()
        else:
            await observe_until(self._stopped, self._case, job, opened.now, opened.seen, opened.lost)

    async def _follow(self, opened: OpenCase) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._news(opened)

    def _news(self, opened: OpenCase) -> None:
        """Tell what has happened since this was last asked."""
        server, client = opened.server[self._told_server :], opened.seen[self._told_client :]
        network: list[Any] = []
        if opened.nemesis is not None:
            network, self._told_network = opened.nemesis.news(self._told_network, opened.script.start)
        self._told_server += len(server)
        self._told_client += len(client)
        marks: list[Mark] = [
            *(mark for one in server for mark in of_server(one, is_wire=opened.nemesis is None)),
            *(mark for one in network for mark in of_network(one)),
            *(mark for one in client for mark in of_client(one)),
        ]
        if marks:
            self.channel.tell("marks", {"t": round(opened.now(), 3), "marks": sorted(marks, key=lambda one: one["t"])})
        for one in server:
            if isinstance(one, Requested):
                self.channel.tell("request", _request(one))
            elif isinstance(one, Replied):
                problem = plain(one.problem or "", _MOST_HEADER)
                self.channel.tell("reply", {"number": one.attempt, "status": one.status, "problem": problem})
        if self.is_served and self._told_server > self._judged and not opened.script.running:
            self._judge(opened)

    def _judge(self, opened: OpenCase) -> None:
        """Say what the server can say of the client up to now."""
        self._judged = self._told_server
        network = opened.nemesis.told(opened.script.start) if opened.nemesis is not None else ()
        self.channel.tell("so_far", self._sight(opened.told(network, ())))

    # ---- the hand

    async def _change(self, change: Change) -> None:
        await self._meddle(partial(_changed, change=change), change.said)

    async def _meddle(self, change: Callable[[Proxy], object], said: str, **more: str) -> None:
        opened = self._opened
        if opened is None or opened.nemesis is None:
            raise Refused("there is no network to change: press Run first")
        self._was_touched = True
        await opened.nemesis.by_hand(change)
        now = opened.now()
        self.channel.tell("marks", {"t": round(now, 3), "marks": [{**of_hand(said, now), **more}]})

    # ---- the end

    def _truth(self, record: Record) -> dict[str, Any]:
        lines = [{"t": round(one.t, 2), "side": one.side, "what": plain(one.what, 300)} for one in timeline(record)]
        said = self._sight(record) if self.is_served else self._sentence(record)
        more = {"lines": lines[:_MOST_LINES], "left": max(0, len(lines) - _MOST_LINES)}
        return {**said, **more, "replay": self._again(), "by_hand": self._was_touched}

    def _again(self) -> str:
        """The command that has the same bytes again; empty where there is none."""
        if self._was_touched or self.is_served:
            return ""
        return again.replay(self._case.id, again.options(self._case.adapter.name, self._asked_for))

    def _sentence(self, record: Record) -> dict[str, Any]:
        found = truth(engine.finished(self._asked(record), catalog.laws()))
        return {"verdict": found.verdict, "law": found.law, "sentence": plain(found.sentence), "share": found.share}

    def _sight(self, record: Record) -> dict[str, Any]:
        found = bystander.seen(self._asked(record), catalog.laws())
        return {
            "verdict": found.verdict,
            "law": found.law,
            "sentence": plain(found.sentence),
            "requests": found.requests,
        }

    def _asked(self, record: Record) -> Record:
        """The history, with what may be asked of the client."""
        return msgspec.structs.replace(record, info=meddled_with(record.info)) if self._was_touched else record


def _changed(proxy: Proxy, change: Change) -> None:
    if isinstance(change, Put):
        proxy.put(change.type, change.attributes, name=name_of(change.type))
    else:
        proxy.remove(name_of(change.type))


def _struck(proxy: Proxy, how: Strike) -> None:
    """Comes and goes; what was open when it came has met it."""
    type_, attributes = STRIKES[how]
    proxy.add(type_, attributes, name=name_of(how))
    proxy.remove(name_of(how))


def _request(record: Requested) -> dict[str, Any]:
    body = json.dumps(record.body, indent=2, ensure_ascii=False)
    return {
        "number": record.attempt,
        "t": round(record.t, 3),
        "line": plain(f"{record.method} {record.path}", _MOST_HEADER),
        "streams": record.streams,
        "headers": [[plain(name, 80), plain(text, _MOST_HEADER)] for name, text in record.headers.items()],
        "body": "\n".join(plain(line) for line in body[:_MOST_BODY].splitlines()),
        "left": max(0, len(body) - _MOST_BODY),
    }
