"""What goes on for a page ends with it, and can be asked for as long as it goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from sinking import CLOCK, at_once

from harness.web.board import ALONE_SECONDS, MOST_KEPT, Board, Heard
from harness.web.channel import Channel


class Endless:
    """Goes on until it is stopped."""

    def __init__(self) -> None:
        self.channel = Channel()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        await self._stopped.wait()
        self.channel.close()

    def stop(self) -> None:
        self._stopped.set()


async def ended_at(*listens: tuple[float, float]) -> float:
    """When it ends that pages listen to, each from one moment to another."""
    heard = Heard(Endless(), CLOCK)

    async def page(begins: float, ends: float) -> None:
        await asyncio.sleep(begins)
        with heard.by_one_more():
            await asyncio.sleep(ends - begins)

    pages = [asyncio.create_task(page(*one)) for one in listens]
    await heard.run()
    end = CLOCK.now()
    await asyncio.gather(*pages)
    return end


@pytest.mark.parametrize(
    ("listens", "last"),
    [
        ([], 0),
        ([(1, 300)], 300),
        ([(1, 40), (60, 100)], 100),
        ([(1, 40), (1, 200)], 200),
        ([(ALONE_SECONDS - 1, ALONE_SECONDS)], ALONE_SECONDS),
    ],
    ids=["nobody ever", "one", "one that comes back", "two", "one that comes late"],
)
def test_it_is_stopped_when_nobody_has_listened_for_a_while(listens: list[tuple[float, float]], last: float) -> None:
    assert at_once(ended_at(*listens)) == last + ALONE_SECONDS


def test_what_ends_by_itself_is_not_waited_for() -> None:
    async def all_of_it() -> float:
        heard = Heard(Endless(), CLOCK)
        asyncio.get_running_loop().call_later(5, heard.going.stop)
        await heard.run()
        return CLOCK.now()

    assert at_once(all_of_it()) == 5


def asking_for(number: int) -> web.Request:
    match: Any = {"number": str(number)}
    return make_mocked_request("GET", "/", match_info=match)


def test_what_goes_on_can_be_asked_for_however_much_went_on_since() -> None:
    async def all_of_it() -> None:
        board: Board[Endless] = Board(print, clock=CLOCK)
        board.begin(lambda _: Endless())
        for _ in range(MOST_KEPT):
            board.find(asking_for(board.begin(lambda _: Endless()))).stop()
            await asyncio.sleep(0)  # it ends
        board.find(asking_for(1))
        with pytest.raises(web.HTTPNotFound):
            board.find(asking_for(2))
        await board.close()

    at_once(all_of_it())
