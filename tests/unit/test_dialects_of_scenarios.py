"""A scenario claims a dialect only if it happens there: its faults find their places, and an answer stays one."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from fake_server.dialect import Dialect
from fake_server.effects import Effect, Mark, Send
from fake_server.script import Reply, Request, render
from harness import catalog
from harness.asking import asked
from harness.grammar import Told
from harness.model import Expect, Scenario
from harness.network import AfterEvents
from harness.reading import reading_of
from harness.reference import Response

OTHERS = (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)
SPOKEN = [(one, dialect) for one in catalog.scenarios().values() for dialect in OTHERS if dialect in one.spoken_in]


def said(scenario: Scenario, dialect: Dialect, attempt: int = 1) -> tuple[Reply, list[Effect]]:
    """A reply and its effects; a second request is one that was made after a whole first reply."""
    body = {**asked(scenario.request, dialect), "stream": True, "stream_options": {"include_usage": True}}
    request = Request(attempt=attempt, seed=scenario.drawn_by("1"), body=body, dialect=dialect)
    reply = scenario.script.reply(request)
    return reply, list(render(reply, request)[1])


def named(case: tuple[Scenario, Dialect]) -> str:
    return f"{case[0].id}-{case[1]}"


def test_most_of_the_catalogue_is_spoken_in_every_dialect() -> None:
    assert len(SPOKEN) > len(catalog.scenarios())


@pytest.mark.parametrize("case", SPOKEN, ids=named)
def test_every_fault_of_a_reply_finds_its_place(case: tuple[Scenario, Dialect]) -> None:
    scenario, dialect = case
    for attempt in range(1, len(scenario.script.steps) + 1):
        reply, effects = said(scenario, dialect, attempt)
        struck = Counter(one.fault for one in effects if isinstance(one, Mark))
        assert [fault.name for fault in reply.faults if not struck[fault.name]] == []


@pytest.mark.parametrize("case", [one for one in SPOKEN if one[0].network is not None], ids=named)
def test_the_network_breaks_at_an_event_that_is_there(case: tuple[Scenario, Dialect]) -> None:
    scenario, dialect = case
    _, effects = said(scenario, dialect)
    there = Counter(one.event for one in effects if isinstance(one, Send))
    events = [AfterEvents(int(count), name) for count, name in re.findall(_AFTER, repr(scenario.network))]
    assert [one for one in events if one.name is not None and there[one.name] < one.count] == []


_AFTER = r"AfterEvents\(count=(\d+), name='(\w+)'"


def read(scenario: Scenario, dialect: Dialect) -> tuple[Response, Told]:
    """What the oracle makes of the first reply."""
    _, effects = said(scenario, dialect)
    reading = reading_of(dialect.path)
    response = reading.reply(b"".join(one.data for one in effects if isinstance(one, Send)))
    return response, reading.told(response)


UNUSUAL = [one for one in SPOKEN if one[0].expect == Expect() and one[0].network is None and not one[0].before]


@pytest.mark.parametrize("case", UNUSUAL, ids=named)
def test_an_answer_that_is_only_unusual_is_an_answer_to_the_oracle(case: tuple[Scenario, Dialect]) -> None:
    scenario, dialect = case
    response, told = read(scenario, dialect)
    characters = response.text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert characters in scenario.texts(scenario.drawn_by("1"))
    assert response.terminal
    assert response.error_kind is None
    assert told.flaw == read(scenario, Dialect.ANTHROPIC)[1].flaw
