"""What the page of the chat may ask for: the menu, a question, its events, and a stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from harness import catalog
from harness.adapter import Adapter
from harness.chat.calls import Speaker
from harness.chat.menu import DEFAULT, MENU, choices
from harness.chat.talk import Question, Side, Talk, clients
from harness.plan import PlannedCase
from harness.web import serving, shared
from harness.web.board import NUMBER, Board, Refused


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the page sends."""

    message: str
    fault: str
    """Id of a scenario of the menu."""
    speaker: str
    sides: tuple[Side, ...]


class Room:
    """The chat without its sockets.

    Args:
        speakers: who can answer, by the names by which the page asks for them; the first is the default.
        seed: of the first question; each has its own.
        say: takes a line about what went wrong here.
    """

    def __init__(self, speakers: Mapping[str, Speaker], seed: str, say: Callable[[str], object]) -> None:
        self._speakers, self._seed = dict(speakers), seed
        self._clients: dict[Side, Adapter] = clients()
        self._talks: Board[Talk] = Board(say)

    def site(self) -> serving.Site:
        """The page with all that it may ask for."""
        here = Path(__file__).parent
        files = {"": here / "chat.html", "chat.css": here / "chat.css", "chat.js": here / "chat.js"}
        files |= {name: shared(name) for name in ("base.css", "page.js")}
        routes = [
            web.get("/menu", self._menu),
            web.post("/talks", self._ask),
            web.get(f"/talks/{NUMBER}", self._talks.hear),
            web.post(f"/talks/{NUMBER}/stop", self._talks.stop),
        ]
        return serving.Site(files, routes, closing=self._talks.close)

    async def _menu(self, request: web.Request) -> web.Response:
        groups = [
            {
                "name": name,
                "choices": [self._choice(one.scenario, one.name) for one in group],
            }
            for name, group in MENU.items()
        ]
        speakers = [{"id": called, "name": one.name} for called, one in self._speakers.items()]
        return web.json_response({"groups": groups, "default": DEFAULT, "speakers": speakers})

    def _choice(self, scenario: str, name: str) -> dict[str, Any]:
        found = catalog.scenarios()[scenario]
        return {
            "scenario": scenario,
            "name": name,
            "title": found.title,
            "speakers": [called for called, one in self._speakers.items() if one.can(found)],
        }

    async def _ask(self, request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=Asked)
            number = self._begun(asked)
        except (msgspec.MsgspecError, Refused) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"number": number, "seed": self._seed_of(number), "talk": f"talks/{number}"})

    def _begun(self, asked: Asked) -> int:
        """The number of a talk that is running now.

        Raises:
            Refused: it cannot be had; the message says why.
        """
        speaker = self._checked(asked)
        return self._talks.begin(lambda number: self._talk(asked, speaker, number))

    def _talk(self, asked: Asked, speaker: Speaker, number: int) -> Talk:
        cases = {side: self._case(side, asked.fault, number) for side in dict.fromkeys(asked.sides)}
        return Talk(Question(number=number, message=asked.message, cases=cases, speaker=speaker))

    def _checked(self, asked: Asked) -> Speaker:
        speaker = self._speakers.get(asked.speaker)
        if not asked.message.strip() or not asked.sides:
            raise Refused("there is nothing to ask, or nobody")
        if asked.fault not in choices() or speaker is None:
            raise Refused("this is not on the menu")
        if not speaker.can(catalog.scenarios()[asked.fault]):
            raise Refused(f"{speaker.name} decides this itself: choose another fault")
        return speaker

    def _case(self, side: Side, fault: str, number: int) -> PlannedCase:
        adapter = self._clients[side]
        return PlannedCase(
            scenario=catalog.scenarios()[fault], adapter=adapter, seed=self._seed_of(number), policy=adapter.policy
        )

    def _seed_of(self, number: int) -> str:
        """The first question has the seed that was given; all have different ones, so that stories differ."""
        return self._seed if number == 1 else f"{self._seed}.{number}"
