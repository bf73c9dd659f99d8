from __future__ import annotations

from fake_server.text import Damage, closest
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
    if case.wire_lies:
        return skipped(case.wire_lies)
    if not case.info.texts and case.final_text:
        return failed(f"the user read text that no model wrote: {case.final_text[:60]!r}")
    if not case.info.texts:
        return PASSED
    for name, text in (("shown", case.displayed), ("returned", case.final_text)):
        if name == "shown" and not case.streamed:
            continue
        reading = closest(text, case.info.texts)
        if reading.damage is Damage.FOREIGN and reading.start == max(len(one.encode()) for one in case.info.texts):
            return failed(f"the text {name} goes on after the end of the answer: {reading.detail!r}")
        if reading.damage is not Damage.WHOLE:
            return failed(f"the text {name} as the answer {reading}")
    return PASSED
