from __future__ import annotations

from fake_server.text import Damage, Reading, read
from harness.history import Case
from harness.law import law
from harness.model import Outcome
from harness.verdict import PASSED, Ruling, failed, skipped

_ENDED_BY_THE_MODEL = (Outcome.COMPLETE, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED)


@law("SP03", rank=4)
def whole_and_once(case: Case) -> Ruling:
    """What is called an answer is what the model said: whole, once, in order, nothing added.

    The text of the scripts describes itself, so what was lost, doubled or damaged is told to the byte. Answers that
    the model itself cut short (``max_tokens``, refusal, pause) must have all that it said as well.
    """
    finished = case.finished
    if finished is None or finished.outcome not in _ENDED_BY_THE_MODEL:
        return skipped("the client does not present its text as an answer")
    if not case.info.texts:
        return (
            PASSED
            if not case.final_text
            else failed(f"the user read text that no model wrote: {case.final_text[:60]!r}")
        )
    for name, text in (("shown", case.displayed), ("returned", case.final_text)):
        reading = max(
            (read(text, true) for true in case.info.texts), key=lambda one: (one.damage == "whole", one.share)
        )
        if reading.damage is not Damage.WHOLE:
            return failed(_sentence(reading, name))
    return PASSED


def _sentence(reading: Reading, name: str) -> str:
    span = f"bytes {reading.start}–{reading.stop}"
    match reading.damage:
        case Damage.TRUNCATED:
            return f"the text {name} as the answer is only {reading.share:.0%} of it, and nothing says so"
        case Damage.GAP:
            return f"the text {name} as the answer has a hole: {span} are missing, and nothing says so"
        case Damage.DUPLICATED:
            return f"the text {name} has {span} twice"
        case Damage.REORDERED:
            return f"the text {name} has {span} out of order"
        case Damage.GARBLED:
            return f"the text {name} is damaged at byte {reading.start}: {reading.detail!r}"
        case _:
            return f"the text {name} contains what the model never said, at byte {reading.start}: {reading.detail!r}"
