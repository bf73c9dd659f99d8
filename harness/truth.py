"""What is true of a call, in one sentence that is proven by its history. Pure.

Where a law is broken the sentence is that law's. Where all are kept it says what the user has: how much of the answer,
and what was told of it. Of a call that the user stopped it says when the server saw the connection close.
"""

from __future__ import annotations

from dataclasses import dataclass

from fake_server.record import Ended
from fake_server.text import Damage, Reading, closest, read
from harness.events import CaseFinished
from harness.history import Case
from harness.law import DELIVERY
from harness.model import Cancelled, Finished, Outcome
from harness.verdict import Ruling, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One sentence, and what it rests on."""

    verdict: Verdict
    sentence: str
    law: str = ""
    """Code of the law that is broken."""
    missing: str = ""
    """What the model said and the user never saw, where that is one stretch."""
    share: float | None = None
    """How much of the answer was on display in the end, from 0 to 1; None when nobody knows the answer."""


def truth(finished: CaseFinished, lacking: str = "") -> Truth:
    """What is true of a call that is over.

    Args:
        lacking: what the client cannot do at all and the scenario asks for; then it is not judged.
    """
    assert finished.record is not None
    case = Case(finished.record)
    reading, text = _reading(case)
    verdict, law, sentence = _said(case, finished, reading, lacking)
    shows = reading is not None and reading.damage in (Damage.TRUNCATED, Damage.GAP)
    return Truth(
        verdict=verdict,
        sentence=_sentence(sentence),
        law=law,
        missing=_stretch(text, reading) if reading is not None and shows else "",
        share=reading.share if reading is not None else None,
    )


def _reading(case: Case) -> tuple[Reading | None, str]:
    """What was on display in the end against the answer that explains it best, and that answer."""
    texts = [text for text in case.info.texts if text]
    if not texts:
        return None, ""
    reading = closest(case.displayed, texts)
    return reading, next(text for text in texts if read(case.displayed, text) == reading)


def _stretch(text: str, reading: Reading) -> str:
    return text.encode("utf-8", "surrogatepass")[reading.start : reading.stop].decode("utf-8", "replace")


def _said(case: Case, finished: CaseFinished, reading: Reading | None, lacking: str) -> tuple[Verdict, str, str]:
    """Verdict, law and sentence."""
    if lacking:
        return Verdict.SKIP, "", f"this client knows no {lacking}; {_what_is_there(case, reading)}"
    rulings = [one for one in finished.rulings if not (case.cancelled and one.law == DELIVERY)]
    worst = _first(rulings, Verdict.FAIL) or _first(rulings, Verdict.UNKNOWN)
    if worst is not None and worst.verdict is Verdict.FAIL:
        return Verdict.FAIL, worst.law, worst.harm
    if worst is not None:
        return Verdict.UNKNOWN, worst.law, f"this cannot be proven: {worst.harm}"
    if case.cancelled:
        return Verdict.PASS, "", _stopped(case)
    if _was_spared(case):
        return Verdict.UNKNOWN, "", "the answer was over before the fault could strike, so this proves nothing"
    return Verdict.PASS, "", _what_is_there(case, reading)


def _was_spared(case: Case) -> bool:
    """Whether a fault of the first reply was to strike behind the end of a short answer."""
    struck = {one.fault for attempt in case.attempts for one in attempt.struck}
    return bool(set(case.info.faults) - struck)


def _first(rulings: list[Ruling], verdict: Verdict) -> Ruling | None:
    return next((one for one in rulings if one.verdict is verdict), None)


def _what_is_there(case: Case, reading: Reading | None) -> str:
    """What the user has of a call that ended by itself."""
    end = case.finished
    if end is None:
        return "the call did not end by itself"
    seen = _seen(case, end, reading)
    if end.outcome in (Outcome.INCOMPLETE, Outcome.FAILED):
        return f"the user saw {seen}, and was told that it failed"
    if end.outcome is Outcome.COMPLETE:
        return f"the user saw {seen}{_after(len(case.attempts))}"
    return f"the user saw {seen}, and was told that it was {end.outcome}"


def _seen(case: Case, end: Finished, reading: Reading | None) -> str:
    tools = f"{len(end.tools)} whole tool call{'s' * (len(end.tools) > 1)}" if end.tools else ""
    if reading is None or not case.info.texts:
        return tools or _characters(case)
    if reading.damage is Damage.WHOLE:
        return f"the whole answer, once{f', and {tools}' if tools else ''}"
    return f"{reading.share:.0%} of the answer" if case.displayed else tools or "nothing of the answer"


def _characters(case: Case) -> str:
    """What can be said of an answer that only a real server knows."""
    if not case.displayed:
        return "no text"
    said = any(attempt.response.terminal for attempt in case.attempts)
    return f"{len(case.displayed)} characters{', and the server had said that this was the end' * said}"


def _after(requests: int) -> str:
    return f", after {requests} requests" if requests > 1 else ""


def _stopped(case: Case) -> str:
    """When the server saw that the user had stopped the call; all laws are kept, so it did."""
    stopped = next(one.t for one in case.client if isinstance(one, Cancelled))
    closes = [one.t for one in case.server if isinstance(one, Ended) and one.how == "peer_closed" and one.t >= stopped]
    if not closes:
        return "you stopped it, and no connection was open"
    return f"you stopped it, and {1000 * (max(closes) - stopped):.0f} ms later the server saw the connection close"


def _sentence(said: str) -> str:
    """With a capital at its beginning and a stop at its end."""
    return f"{said[:1].upper()}{said[1:]}" + ("" if said.endswith((".", "?", "!")) else ".")
