"""What the page of the control room may ask for: the menu, cases, their networks, searches, and what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web

from harness import catalog
from harness.adapter import Absent, Adapter, dialect_of
from harness.campaign import Campaign
from harness.job import token_of
from harness.live import LiveRunner
from harness.model import Capability, Scenario
from harness.plain import plain
from harness.plan import PlannedCase
from harness.sim import runner as simulation
from harness.ui.hand import Knobs, Strike
from harness.ui.marks import LANES
from harness.ui.search import Search
from harness.ui.show import Show
from harness.ui.stage import can_be_touched, is_shown, staged
from harness.web import serving, shared
from harness.web.board import NUMBER, Board, Refused

DEFAULT = "cutoff.clean_end_mid_text"
T = TypeVar("T")

Name = Annotated[str, msgspec.Meta(max_length=200)]


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case that the page wants to see."""

    scenario: Name
    client: Name
    """Empty for a program that asks from outside."""
    seed: Name = ""
    knobs: Knobs = Knobs()
    """How the sliders stand when it begins."""


class Struck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to the connections that are open."""

    how: Strike


class Sought(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search that the page wants to see."""

    client: Name
    seed: Name = ""
    examples: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 10_000
    jobs: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1


class Room:
    """The control room without its sockets.

    Args:
        clients: by the names by which the page asks for them, and a campaign names them.
        seed: of what has none of its own.
        pace: seconds between two events of an answer.
        say: takes a line about what went wrong here.
    """

    def __init__(
        self, runner: LiveRunner, clients: Mapping[str, Adapter], seed: str, pace: float, say: Callable[[str], object]
    ) -> None:
        self._runner, self._clients, self._seed, self._pace = runner, dict(clients), seed, pace
        self._shows: Board[Show] = Board(say)
        self._searches: Board[Search] = Board(say, most=1)  # one that ends kills the processes that came after it

    def site(self) -> serving.Site:
        """The page with all that it may ask for."""
        here = Path(__file__).parent
        files = {"": here / "ui.html", **{name: here / name for name in ("ui.css", "ui.js", "watch.js", "search.js")}}
        files |= {name: shared(name) for name in ("base.css", "lanes.js", "page.js")}
        routes = [
            web.get("/menu", self._menu),
            web.post("/shows", self._show),
            web.get(f"/shows/{NUMBER}", self._shows.hear),
            web.post(f"/shows/{NUMBER}/stop", self._shows.stop),
            web.post(f"/shows/{NUMBER}/knobs", self._turn),
            web.post(f"/shows/{NUMBER}/strike", self._strike),
            web.post("/searches", self._search),
            web.get(f"/searches/{NUMBER}", self._searches.hear),
            web.post(f"/searches/{NUMBER}/stop", self._searches.stop),
        ]
        return serving.Site(files, routes, closing=self.close)

    async def close(self) -> None:
        """End all that goes on."""
        await self._shows.close()
        await self._searches.close()

    # ---- the menu

    async def _menu(self, request: web.Request) -> web.Response:
        chapters: dict[str, list[dict[str, Any]]] = {}
        for one in catalog.scenarios().values():
            if is_shown(one):
                chapters.setdefault(one.family, []).append(_listed(one))
        told = {
            "chapters": [{"name": name, "scenarios": listed} for name, listed in chapters.items()],
            "default": DEFAULT,
            "clients": [_client(name, one) for name, one in self._clients.items() if not isinstance(one, Absent)],
            "absent": sum(isinstance(one, Absent) for one in self._clients.values()),
            "lanes": [{"id": lane, "name": name} for lane, name in LANES.items()],
            "seed": self._seed,
        }
        return web.json_response(told)

    # ---- cases

    async def _show(self, request: web.Request) -> web.Response:
        return await _answered(request, Wanted, self._shown)

    async def _shown(self, wanted: Wanted) -> dict[str, Any]:
        scenario = catalog.scenarios().get(wanted.scenario)
        if scenario is None or not is_shown(scenario):
            raise Refused("there is no such scenario to watch")
        adapter = self._adapter(wanted.client) if wanted.client else _outside()
        seed = wanted.seed or self._seed
        case = PlannedCase(scenario=scenario, adapter=adapter, seed=seed, policy=adapter.policy)
        if wanted.client and (why := case.unspoken or _lacks(case)):
            raise Refused(f"{wanted.client} cannot: {why}")
        shown = staged(case, self._pace)
        number = self._shows.begin(
            lambda number: Show(self._runner, shown, f"{token_of(case)}~{number}", wanted.client, wanted.knobs)
        )
        limits = msgspec.to_builtins(shown.scenario.limits)
        return {"show": f"shows/{number}", "seed": seed, "hand": can_be_touched(scenario), "limits": limits}

    def _adapter(self, name: str) -> Adapter:
        adapter = self._clients.get(name)
        if adapter is None or isinstance(adapter, Absent):
            raise Refused("there is no such client here")
        return adapter

    async def _turn(self, request: web.Request) -> web.Response:
        show = self._shows.find(request)

        async def turned(knobs: Knobs) -> dict[str, Any]:
            await show.turn(knobs)
            return {}

        return await _answered(request, Knobs, turned)

    async def _strike(self, request: web.Request) -> web.Response:
        show = self._shows.find(request)

        async def struck(strike: Struck) -> dict[str, Any]:
            await show.strike(strike.how)
            return {}

        return await _answered(request, Struck, struck)

    # ---- searches

    async def _search(self, request: web.Request) -> web.Response:
        return await _answered(request, Sought, self._sought)

    async def _sought(self, sought: Sought) -> dict[str, Any]:
        if why := simulation.cannot_search(self._adapter(sought.client)):
            raise Refused(why)
        campaign = Campaign(client=sought.client, seed=sought.seed or self._seed, examples=sought.examples)
        number = self._searches.begin(lambda _: Search(campaign, sought.jobs))
        return {"search": f"searches/{number}", "seed": campaign.seed}


async def _answered(request: web.Request, shape: type[T], answer: Callable[[T], Any]) -> web.Response:
    """What ``answer`` says to the JSON of a request; what is wrong with it, or cannot be had, is said in words."""
    try:
        return web.json_response(await answer(msgspec.json.decode(await request.read(), type=shape)))
    except (msgspec.MsgspecError, Refused) as error:
        return web.json_response({"error": str(error)}, status=400)


def _listed(scenario: Scenario) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "number": catalog.numbers().of(scenario.id),
        "title": plain(scenario.title),
        "needs": sorted(scenario.requires),
        "dialects": sorted(scenario.spoken_in),
        "hand": can_be_touched(scenario),
    }


def _client(name: str, adapter: Adapter) -> dict[str, Any]:
    return {
        "name": name,
        "version": plain(adapter.version),
        "policy": str(adapter.policy),
        "can": sorted(adapter.capabilities),
        "dialect": str(dialect_of(adapter)),
        "search": not simulation.cannot_search(adapter),
    }


def _lacks(case: PlannedCase) -> str:
    return f"the scenario needs {', '.join(sorted(case.lacking))}" if case.lacking else ""


def _outside() -> Absent:
    """A program that nobody here has started; that it may ask again is all that is known of it."""
    client = Absent("yours", "it asks from outside")
    client.capabilities = frozenset({Capability.RETRIES})
    return client
