"""A case that failed, in the words of a test report: the harm, the text around the damage, the wire, what to do. Pure.

Everything that came over the wire is hostile, and is made :func:`~harness.plain.plain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from fake_server.text import closest
from harness.events import CaseFinished
from harness.history import Case, Record
from harness.plain import plain
from harness.show import told
from harness.timeline import timeline
from harness.verdict import Verdict

_BEFORE, _BEHIND = 40, 60
"""Characters around the place where two texts part."""
_HEAD, _TAIL = 4, 10
"""Lines of the wire that are shown."""
_NOTHING = "(nothing)"


def explained(finished: CaseFinished, titles: dict[str, str], again: Iterable[str], raised: str = "") -> str:
    """All that is needed to understand why ``finished`` is no pass, in many lines.

    Args:
        titles: what each law says, by its code.
        again: commands that show more.
        raised: where the client's error came from.
    """
    lines = [plain(finished.finding.harm) if finished.finding is not None else str(finished.verdict)]
    if (record := finished.record) is not None:
        lines += ["", *_expectation(record, raised), *_broken(finished, titles), *damage(record), "", *wire(record)]
    law = [f"the law:    streamproof explain {finished.finding.law}"] if finished.finding is not None else []
    return "\n".join([*lines, "", *again, *law])


def _expectation(record: Record, raised: str) -> Iterator[str]:
    info, ending = record.info, Case(record).finished
    yield f"{info.scenario}: {plain(info.title)}"
    yield f"right under {info.policy}: {' or '.join(sorted(info.expect.right(info.policy)))}"
    said = str(ending.outcome) if ending is not None else "no end"
    if ending is not None and ending.error is not None:
        said += f", {ending.error.name}: {ending.error.message}" + (f" ({raised})" if raised else "")
    yield f"the test says: {plain(said, 400)}"


def _broken(finished: CaseFinished, titles: dict[str, str]) -> Iterator[str]:
    """The laws that failed, the most harmful first; the harm of the first stands above all this."""
    for number, one in enumerate(one for one in finished.rulings if one.verdict is Verdict.FAIL):
        yield f"{one.law}: {titles.get(one.law, '')}" + (f" Here {plain(one.harm)}." if number else "")


def damage(record: Record) -> Iterator[str]:
    """What was expected and what was seen around the first place where they part.

    Nothing when the text is whole, or when there is none and nobody says that it is the answer.
    """
    case = Case(record)
    is_answer = case.finished is not None and case.finished.error is None
    texts = case.info.texts or ("",)
    wrong = (text for text in case.displays() if not any(one.startswith(text) for one in texts))
    seen = next(wrong, case.final_text)
    if seen in texts or not (seen or is_answer):
        return
    truth = max(texts, key=lambda one: _common(one, seen))
    place = _common(truth, seen)
    yield f"the text {plain(str(closest(seen, texts)))}"
    yield f"  expected  {_around(truth, place)}"
    yield f"  seen      {_around(seen, place)}"


def _common(a: str, b: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _around(text: str, place: int) -> str:
    if not text:
        return _NOTHING
    before, behind = max(0, place - _BEFORE), place + _BEHIND
    end = "…" if behind < len(text) else " (ends here)"
    return f"{'…' if before else ''}{plain(text[before:behind])}{end}"


def wire(record: Record) -> Iterator[str]:
    """What all sides did, in order of time; of a long story its beginning and its end."""
    lines = list(timeline(record))
    if len(lines) > _HEAD + _TAIL:
        shown = [told(one) for one in lines[:_HEAD]], [told(one) for one in lines[-_TAIL:]]
        yield from (text for line in shown[0] for text in line)
        yield f"{'':11}… {len(lines) - _HEAD - _TAIL} more"
        yield from (text for line in shown[1] for text in line)
    else:
        yield from (text for line in lines for text in told(line))
