"""A reply is rendered once for all that ask the same, and is never that of another request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from fake_server.answer import Answer, Refuse
from fake_server.dialect import Dialect
from fake_server.effects import Effect, End, Mark, Send
from fake_server.fault import Fault
from fake_server.faults.close_early import CloseEarly
from fake_server.position import AtEvent
from fake_server.prepared import prepared
from fake_server.script import Reply, Request, Script, render, script
from fake_server.wire import Head

BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
ASKED = Request(attempt=1, seed="1", body=BODY, headers={"accept": "*/*"}, now=1e9)


@dataclass
class Counted:
    """A step that counts how often it is asked."""

    step: Answer = field(default_factory=Answer)
    asked: int = 0

    def texts(self, seed: str) -> tuple[str, ...]:
        return self.step.texts(seed)

    def reply(self, request: Request) -> Reply:
        self.asked += 1
        return self.step.reply(request)


def told(said: Script, request: Request) -> tuple[Reply, Head, list[Effect]]:
    reply, head, effects = prepared(said, request)
    return reply, head, list(effects)


def anew(said: Script, request: Request) -> tuple[Reply, Head, list[Effect]]:
    reply = said.reply(request)
    head, effects = render(reply, request)
    return reply, head, list(effects)


def test_who_asks_the_same_is_given_the_same_without_asking_the_script_again() -> None:
    step = Counted()
    said = script(step)
    first = prepared(said, ASKED)
    assert all(prepared(said, replace(ASKED, body={**BODY}))[2] is first[2] for _ in range(5))
    assert step.asked == 1


@pytest.mark.parametrize(
    "other",
    [
        {"attempt": 2},
        {"seed": "2"},
        {"body": {**BODY, "model": "n"}},
        {"body": {**BODY, "stream": False}},
        {"headers": {"accept": "text/event-stream"}},
        {"now": 1e9 + 1},
        {"dialect": Dialect.OPENAI_CHAT},
    ],
    ids=str,
)
def test_a_request_that_differs_in_anything_has_a_reply_of_its_own(other: dict[str, Any]) -> None:
    step = Counted()
    said = script(step, step)
    for request in (ASKED, replace(ASKED, **other), ASKED):
        assert told(said, request) == anew(step_of(said), request)
    assert step.asked >= 2


def step_of(said: Script) -> Script:
    """The same without counting."""
    return Script(tuple(one.step if isinstance(one, Counted) else one for one in said.steps))


def test_another_script_at_the_place_of_one_that_is_gone_is_asked() -> None:
    replies = {}
    for number in range(200):
        said = script(Refuse(status=400 + number % 100))
        replies[number] = prepared(said, ASKED)[1].status
    assert replies == {number: 400 + number % 100 for number in replies}


def test_faults_strike_each_time() -> None:
    said = script(Answer(faults=(CloseEarly(at=AtEvent("content_block_delta")),)))
    for _ in range(2):
        effects = told(said, ASKED)[2]
        assert effects == anew(said, ASKED)[2]
        assert sum(isinstance(effect, Mark) for effect in effects) == 1


def test_what_faults_make_of_a_reply_may_have_no_end() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Forever(Fault):
        size: int

        def body(self, effects: Iterable[Effect], chance: Random) -> Iterator[Effect]:
            yield self.mark()
            while True:
                yield Send(b"x" * self.size)

    for size in (1, 1 << 18):
        said = script(Answer(faults=(Forever(size=size),)))
        for _ in range(2):
            effects = iter(prepared(said, ASKED)[2])
            assert sum(isinstance(next(effects), Send) for _ in range(10_000)) == 9_999


def test_a_body_that_can_be_read_once_or_has_no_end_is_made_each_time() -> None:
    class Endless:
        def texts(self, seed: str) -> tuple[str, ...]:
            return ()

        def reply(self, request: Request) -> Reply:
            return Reply(head=Head(), body=self.body())

        def body(self) -> Iterator[Effect]:
            while True:
                yield Send(b"x")

    said = script(Endless())
    for _ in range(2):
        effects = iter(prepared(said, ASKED)[2])
        assert sum(isinstance(next(effects), Send) for _ in range(100)) == 100


def test_what_is_kept_is_bounded() -> None:
    step = Counted(Answer(blocks=()))
    said = script(step)
    for number in range(1000):
        assert told(said, replace(ASKED, seed=str(number)))[2][-1] == End()
    prepared(said, replace(ASKED, seed="0"))
    assert step.asked == 1001
