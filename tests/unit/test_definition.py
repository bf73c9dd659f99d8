"""Where scenarios are defined: the line that a report points at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import catalog
from harness.broken import definition
from harness.definition import Definition, defined, line_of

ROOT = Path(__file__).parents[2]
SOURCE = '''"""A family."""

def _stream(name, title):
    return into(KIND, f"stream_{name}", title)

SCENARIOS = (
    faulted("plain", "It is plain.", toxic("latency")),
    faulted("latency", "It is late."),
    Scenario(title="Named.", name="named"),
    _stream("whole", "Whole."),
    odd.faulted("attribute", "Called through a module."),
    nothing(KIND),
    *(faulted(f"status_{status}", f"Answer {status}.") for status in (400, 500)),
    faulted("status_code", "A name that a loop could have made."),
    *(faulted(f"{kind}_{status}", "Two holes.") for kind in KINDS for status in (600,)),
)
'''


def lines_with(source: str, text: str) -> list[int]:
    return [number for number, line in enumerate(source.splitlines(), 1) if text in line]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain", '"plain"'),
        ("latency", 'faulted("latency"'),
        ("named", 'name="named"'),
        ("stream_whole", '_stream("whole"'),
        ("status_500", 'f"status_'),
        ("status_code", '"status_code"'),
        ("odd_600", 'f"{kind}_'),
    ],
)
def test_the_line_is_the_one_that_names_the_scenario(name: str, text: str) -> None:
    assert [line_of(SOURCE, name)] == lines_with(SOURCE, text)


@pytest.mark.parametrize("name", ["gone", "attribute", "stream"])
def test_a_name_that_no_call_says_is_on_the_first_line(name: str) -> None:
    assert line_of(SOURCE, name) == 1


def says(line: str, name: str) -> bool:
    """Whether a text in this line of source is the name, can become it, or is the end of it."""
    texts = re.findall(r'"([a-z0-9_{}]+)"', line)
    patterns = [re.sub(r"\\{\w+\\}", ".+", re.escape(text)) for text in texts]
    return any(re.fullmatch(one, name) or name.endswith(f"_{text}") for one, text in zip(patterns, texts, strict=True))


def test_every_scenario_of_the_catalogue_has_the_line_of_its_name() -> None:
    wrong = []
    for scenario in catalog.scenarios().values():
        place = definition(scenario.id)
        line = (ROOT / place.path).read_text("utf-8").splitlines()[place.line - 1]
        is_file_of_its_own = place.path.endswith(f"/{scenario.name}.json")
        wrong += [] if is_file_of_its_own or says(line, scenario.name) else [(scenario.id, place, line)]
    assert wrong == []


def test_a_scenario_of_a_family_that_is_gone_is_where_it_would_stand() -> None:
    assert definition("weather.lightning") == Definition(path="scenarios/weather.py", line=1)


@pytest.mark.parametrize(
    "scenario", ["../../etc.passwd", "/etc.passwd", "a/b.c", "cutoff.", ".name", "cutoff.a.b", "Cut.off", "", "a\n.b"]
)
def test_what_is_no_id_of_a_scenario_is_never_looked_up(scenario: str) -> None:
    asked: list[str] = []
    assert defined(scenario, asked.append) == Definition(path="scenarios/__init__.py", line=1)
    assert asked == []
