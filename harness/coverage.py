"""The page ``scenarios/COVERAGE.md``: which scenarios reproduce what is known to go wrong, and why some of it has none.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.failures import Failure
from harness.model import Scenario
from harness.numbers import Numbers

KINDS = {
    "conn": "Connections",
    "http": "Answers that are no stream",
    "hdr": "Headers",
    "sse": "Framing of events",
    "enc": "Characters",
    "json": "JSON",
    "order": "Order of events",
    "sem": "What an answer says of itself",
    "time": "Time",
    "retry": "Trying again",
    "resume": "Going on with a broken answer",
    "fallback": "Other ways to the answer",
    "res": "What a call holds",
    "sink": "Where the answer goes",
}
"""What the first part of an entry's id stands for."""
_HEAD = """# Coverage

What is known to go wrong with streamed answers (`failures.toml`), and which scenarios reproduce it. `make catalogue`
writes this page, and the tests compare it with the catalogue.
"""


def page(scenarios: Iterable[Scenario], failures: Mapping[str, Failure], numbers: Numbers) -> str:
    """The page, as Markdown."""
    every = tuple(scenarios)
    covered = {name: [one.id for one in every if name in one.covers] for name in failures}
    lines = [_HEAD, *_counts(covered, failures), *_tables(covered, failures, numbers), *_retired(every, numbers)]
    return "\n".join(lines) + "\n"


def unexplained(scenarios: Iterable[Scenario], failures: Mapping[str, Failure]) -> dict[str, str]:
    """The entries that say the wrong thing of their coverage, and what that is."""
    covered = {name for one in scenarios for name in one.covers}
    return {
        **dict.fromkeys(_silent(covered, failures), "no scenario reproduces it, and it says no `because`"),
        **{name: "a scenario reproduces it, and it says `because`" for name in covered if failures[name].because},
        **dict.fromkeys(_odd(covered, failures), "it `lacks` something of what no scenario reproduces"),
    }


def _silent(covered: set[str], failures: Mapping[str, Failure]) -> list[str]:
    return [name for name, one in failures.items() if name not in covered and not one.because]


def _odd(covered: set[str], failures: Mapping[str, Failure]) -> list[str]:
    return [name for name, one in failures.items() if name not in covered and one.lacks]


def _counts(covered: Mapping[str, list[str]], failures: Mapping[str, Failure]) -> Iterator[str]:
    reproduced = sum(bool(scenarios) for scenarios in covered.values())
    partly = sum(bool(one.lacks) for one in failures.values())
    yield f"{len(failures)} entries: {reproduced} are reproduced ({partly} of them in part)."
    yield f"{len(failures) - reproduced} are not, each with its reason."


def _tables(covered: Mapping[str, list[str]], failures: Mapping[str, Failure], numbers: Numbers) -> Iterator[str]:
    for kind, title in KINDS.items():
        yield f"\n## {title}\n"
        yield "| entry | what happens | scenarios |"
        yield "| --- | --- | --- |"
        for name, one in failures.items():
            if name.partition("-")[0] == kind:
                yield f"| {name} | {one.says} | {_told(covered[name], one, numbers)} |"


def _told(scenarios: list[str], failure: Failure, numbers: Numbers) -> str:
    if not scenarios:
        return f"none: {failure.because}"
    named = ", ".join(f"{numbers.of(one)} `{one}`" for one in scenarios)
    return f"{named}; it lacks {failure.lacks}" if failure.lacks else named


def _retired(scenarios: Iterable[Scenario], numbers: Numbers) -> Iterator[str]:
    gone = [line for line in numbers.lines if line.id not in {one.id for one in scenarios}]
    if gone:
        yield "\n## Numbers of scenarios that are gone\n"
        yield from (f"- {line.number} `{line.id}`" for line in gone)
