"""One process of a load: sets its place up, drives its streams, and tells how it stands.

As ``python -m harness.load.part`` it takes an order as the first line of its standard input and tells lines of JSON. It
ends when its input does, so it never outlives who started it. SIGINT or SIGTERM lets what goes on come to its end; a
second one drops it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import cache, partial

import msgspec

from fake_server.dialect import Dialect
from harness import catalog, journal
from harness.adapter import Adapter, dialect_of
from harness.chat.calls import can_strike
from harness.errors import UsageError
from harness.events import CaseFinished
from harness.load import place as places
from harness.load.drive import Drive, Load
from harness.load.messages import Failure, Order, Over, Progress, Stopping, Told, encoded
from harness.load.mix import USUAL, Mix, Speed, parse, slowed
from harness.load.place import Place
from harness.load.tally import Sample, Tally
from harness.model import Scenario
from harness.secrets import HIDDEN

KEY = "ANTHROPIC_API_KEY"
"""The variable with the key of a server that is not ours."""


async def play(order: Order, take: Callable[[Told], object]) -> None:
    """Do what ``order`` says; ``take`` is told all of it, at last that it is over."""
    adapter = catalog.adapter(order.client)
    mix, scenarios, dialect = mix_of(order, adapter), catalog.scenarios(), dialect_of(adapter)

    @cache
    def called(name: str, speed: Speed = mix.speed) -> Scenario:
        return scenarios[name] if order.url else slowed(scenarios[name], speed, order.seed, dialect)

    # What the calls before leave on a connection is the same at any pace, and there are up to fourteen of them.
    earlier = partial(called, speed=msgspec.structs.replace(mix.speed, pace=0.0))

    load = Load(
        adapter=adapter,
        mix=mix,
        at_speed=lambda scenario: called(scenario.id),
        seed=order.seed,
        streams=order.streams,
        seconds=order.seconds,
        ramp=order.ramp,
        part=order.part,
    )

    def tell(tally: Tally, sample: Sample, held: float) -> None:
        take(Progress(tally=tally, sample=sample, held=held))

    def fail(event: CaseFinished) -> None:
        line = journal.encode(event).decode()
        key = os.environ.get(KEY) if order.url else None
        take(Failure(event=line.replace(key, HIDDEN) if key else line))

    drive = Drive(load, catalog.laws(), tell, fail)
    _end_when_asked(drive, take)
    try:
        async with drive.watched(), _place(order, earlier) as place:
            await drive.run(place)
    except asyncio.CancelledError:
        drive.sample()  # the user has asked twice: what went on is counted as cut
    take(Over(leaked=drive.leaked))


def _end_when_asked(drive: Drive, take: Callable[[Told], object]) -> None:
    task, asked = asyncio.current_task(), 0
    assert task is not None

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            drive.stop()
            take(Stopping())
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ask)


def _place(order: Order, earlier: Callable[[str], Scenario]) -> AbstractAsyncContextManager[Place]:
    if not order.url:
        return places.ours(earlier)
    return places.theirs(order.url, os.environ.get(KEY, "any"), order.model)


def mix_of(order: Order, adapter: Adapter) -> Mix:
    """What the streams of this client meet.

    Raises:
        UsageError: the mix is malformed, or nothing of it can be played here.
    """
    can = _can_be_played(order, adapter)
    return mix_in(order).only(can)


def mix_in(order: Order) -> Mix:
    """The mix as it is written.

    Raises:
        UsageError: it is malformed.
    """
    return parse(order.mix or USUAL, order.file, catalog.scenarios(), catalog.numbers())


def _can_be_played(order: Order, adapter: Adapter) -> Callable[[Scenario], bool]:
    dialect, capabilities = dialect_of(adapter), frozenset(adapter.capabilities)
    if order.url and dialect is not Dialect.ANTHROPIC:
        raise UsageError(f"--url is asked for messages, and {adapter.name} speaks {dialect}")

    def can(scenario: Scenario) -> bool:
        if order.url:
            return can_strike(scenario)
        return dialect in scenario.spoken_in and scenario.requires <= capabilities

    return can


async def _as_a_process(order: Order) -> None:
    """Play, and end with whoever gave the order."""
    task = asyncio.current_task()
    assert task is not None

    def gone() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            os._exit(1)

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a client prints is none of ours

    def take(message: Told) -> None:
        out.write(encoded(message))
        out.flush()

    await play(order, take)


if __name__ == "__main__":
    asyncio.run(_as_a_process(msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)))
