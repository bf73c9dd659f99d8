"""Scenarios and cases for people: the exact bytes before a run, both sides after it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TextIO, assert_never

from fake_server.dialect import Dialect
from fake_server.effects import Close, Effect, End, Mark, Reset, Send, Stall, Wait
from fake_server.script import Request, render
from harness import catalog
from harness.asking import asked
from harness.events import CaseFinished, Event
from harness.history import Record
from harness.model import Policy, Scenario
from harness.network import describe
from harness.plain import plain, plain_bytes
from harness.receiver import Receiver
from harness.receiver import describe as describe_call
from harness.timeline import Line, timeline
from harness.verdict import Verdict

_MOST_EFFECTS = 400
_MOST_BYTES = 400


def shown(scenario: Scenario, seed: str, dialect: Dialect = Dialect.ANTHROPIC) -> Iterator[str]:
    """Lines that describe ``scenario``: what it is in the catalogue, and each attempt's effects with their bytes.

    Args:
        dialect: in whose words the bytes are.
    """
    yield from _place(scenario)
    yield scenario.title
    for policy in Policy:
        yield f"  right under {policy}: {' or '.join(sorted(scenario.expect.right(policy)))}"
    yield f"  level: {scenario.level}"
    if harm := catalog.harm(scenario):
        yield f"  harm: {harm}"
    yield f"  dialects: {', '.join(sorted(scenario.spoken_in))}"
    if scenario.pair:
        yield f"  other side: {_named(scenario.pair)}"
    if scenario.sources:
        yield f"  seen in: {', '.join(scenario.sources)}"
    if scenario.covers:
        yield f"  reproduces: {', '.join(scenario.covers)}"
    for _, fault in scenario.network.named() if scenario.network is not None else ():
        yield f"  network: {describe(fault)}"
    if scenario.receiver is not None:
        yield from _receiver(scenario.receiver)
    for earlier in scenario.before:
        yield f"  an earlier call of the same client meets: {_named(earlier)}"
    for attempt in range(1, len(scenario.script.steps) + 1):
        last = attempt == len(scenario.script.steps)
        yield ""
        yield f"attempt {attempt}{' and later' if last else ''}, streaming:"
        yield from _bytes(scenario, seed, attempt, dialect)


def _place(scenario: Scenario) -> Iterator[str]:
    """Its number and name, and its chapter."""
    yield _named(scenario.id)
    chapters = catalog.numbers().chapters
    if scenario.family in chapters:
        yield f"chapter {chapters[scenario.family]}: {catalog.chapter(scenario.family).title}"


def _named(scenario: str) -> str:
    return f"{catalog.numbers().of(scenario)} {scenario}".lstrip()


def _receiver(receiver: Receiver) -> Iterator[str]:
    yield f"  delivered to: {receiver.kind.replace('_', ' ')}"
    for limit in receiver.limits():
        yield f"  receiver: {limit}"
    for name, fault in receiver.named():
        yield f"  receiver: {describe_call(name, fault)}"


def _bytes(scenario: Scenario, seed: str, attempt: int, dialect: Dialect) -> Iterator[str]:
    body = {**asked(scenario.request, dialect), "stream": True}
    request = Request(attempt=attempt, seed=scenario.drawn_by(seed), body=body, dialect=dialect)
    _, effects = render(scenario.script.reply(request), request)
    total = 0
    for effect in islice(effects, _MOST_EFFECTS):
        yield f"  {total:>8}  {_effect(effect)}"
        total += len(effect.data) if isinstance(effect, Send) else 0
    if next(effects, None) is not None:
        yield f"  {total:>8}  … more effects follow"


def _effect(effect: Effect) -> str:
    match effect:
        case Send(data):
            return plain_bytes(data, _MOST_BYTES)
        case Wait(seconds):
            return f"-- wait {seconds:g} s"
        case Mark(fault, note):
            return f"-- {fault} strikes {f'({note})' if note else ''}".rstrip()
        case End():
            return "-- clean end"
        case Close():
            return "-- FIN"
        case Reset():
            return "-- RST"
        case Stall():
            return "-- silence until the client leaves"
        case _:
            assert_never(effect)


def told(line: Line) -> Iterator[str]:
    """One line of a timeline as it is printed, and its bytes or text below it."""
    yield f"{line.t:9.3f}  {line.side:<8}  {plain(line.what)}"
    if line.detail:
        yield f"{'':21}{line.detail}"


class Replay:
    """Prints one case in full: every ruling, and both sides in order of time."""

    suffix = "txt"

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def take(self, event: Event) -> None:
        """Take the next event; a finished case is printed."""
        if isinstance(event, CaseFinished) and event.record is None:
            self._out.write(f"{event.case}: {event.verdict}: {event.why}\n")
        elif isinstance(event, CaseFinished) and event.record is not None:
            info = event.record.info
            self._out.write(f"{event.case}: {event.verdict}\n{info.title}\n")
            right = " or ".join(sorted(info.expect.right(info.policy)))
            self._out.write(f"expected under {info.policy}: {right}\n\n")
            for earlier in event.record.before:
                self._out.write(f"an earlier call, which is not judged: {earlier.info.scenario}\n")
                self._lanes(earlier)
            if event.record.before:
                self._out.write("the call that is judged\n")
            self._lanes(event.record)
            for ruling in event.rulings:
                if ruling.verdict is not Verdict.SKIP:
                    self._out.write(f"{ruling.law} {ruling.verdict:<7} {plain(ruling.harm)}".rstrip() + "\n")

    def _lanes(self, record: Record) -> None:
        """All sides of one call, in order of time."""
        for line in timeline(record):
            self._out.writelines(f"{one}\n" for one in told(line))
        self._out.write("\n")
