from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fake_server.text import closest
from harness.history import Case
from harness.law import law
from harness.model import Finished, Outcome, Policy
from harness.plain import plain
from harness.receiver import Called, Kind
from harness.verdict import PASSED, Ruling, failed, skipped, unknown

_PASSING = (408, 409, 425, 429)
_ENDLESS_SECONDS = 60.0
_ECHO = 20
"""Characters of the answer that are no accident in what is said about it."""


@law("SP25", rank=4, tolerates=1.0)
def last_state_arrives(case: Case) -> Ruling:
    """When a call is over its receiver has the last state: the whole answer once, or the partial and that it is none.

    A message that is edited while an answer comes has many states, and only one that matters. Rate limits, failed
    edits and flags that say "sent" lose exactly that one, and its reader waits for ever or takes half of it for all.
    What cannot be delivered because the receiver refuses it for good must be told to the caller.
    """
    if case.info.receiver is None:
        return skipped("the answer goes to nobody but the caller")
    if case.finished is None and not case.cancelled:
        return skipped("the call did not end by itself")
    if not case.receiver:
        return unknown("the history does not have what the receiver saw")
    judged = _webhook if case.info.receiver.kind is Kind.WEBHOOK else _messages
    harm = judged(case, _last_state(case))
    if not harm:
        return PASSED
    told = case.finished.undelivered if case.finished is not None else None
    if told is None:
        return failed(f"{harm}, and nobody was told")
    if case.info.policy is not Policy.RECOVER or _is_refused(case.calls):
        return PASSED
    return failed(f"{harm}; the client gave up ({plain(told.message, 100)})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    text: str
    is_whole: bool


def _last_state(case: Case) -> _State:
    """What the receiver should have, by what the client itself says of its answer."""
    finished = case.finished
    if finished is None:
        return _State(text=_begun(case), is_whole=False)
    if finished.outcome in (Outcome.INCOMPLETE, Outcome.FAILED):
        return _State(text=_partial(finished) or case.displayed, is_whole=False)
    return _State(text=case.final_text, is_whole=finished.outcome is Outcome.COMPLETE)


def _partial(finished: Finished) -> str:
    return (finished.error.partial if finished.error is not None else "") or finished.text or ""


def _begun(case: Case) -> str:
    """Of a call that was cancelled: as much as the receiver has, but not less than was on display."""
    shown = _joined(case)
    sizes = [_common(shown, text) for text in case.info.texts if text.startswith(case.displayed)]
    return shown[: max([len(case.displayed), *sizes])] if shown.startswith(case.displayed) else case.displayed


def _joined(case: Case) -> str:
    ended = next(_endings(case), None)
    return ended.text if ended is not None else "".join(case.delivered)


# ---- messages --------------------------------------------------------------------------------------------------------


def _messages(case: Case, state: _State) -> str:
    """What is wrong with the messages; empty when nothing is."""
    missing, said = _beside(case.delivered, state.text)
    if not case.delivered:
        return "its readers see nothing"
    if missing and missing == state.text.strip():
        return f"its readers see {plain(case.delivered[-1], 60)!r} and nothing of the answer"
    if missing:
        return f"the text in the messages {closest(''.join(case.delivered), (state.text,))}"
    if _echoes(said, state.text):
        return "its readers see a part of the answer twice"
    if state.is_whole and state.text.strip():
        return f"its readers see more than the answer: {plain(said, 60)!r}" if said else ""
    if any(char.isalpha() for char in said):
        return ""
    if not state.text.strip():
        return f"its readers see {plain(said, 60)!r} and still wait for an answer"
    return f"its readers take {len(state.text)} characters for all of an answer that is not whole"


def _beside(messages: Iterable[str], text: str) -> tuple[str, str]:
    """What ``messages`` lack of ``text``, and what they say behind it. White space where one ends does not count."""
    missing, said = text.strip(), ""
    for message in messages:
        body = message.strip()
        size = 0 if said else _common(body, missing)
        missing, said = missing[size:].lstrip(), said + body[size:].strip()
    return missing, said


def _common(a: str, b: str) -> int:
    """How many characters both begin with."""
    return next((place for place, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _echoes(said: str, text: str) -> bool:
    return any(said[place : place + _ECHO] in text for place in range(len(said) - _ECHO + 1))


# ---- webhooks --------------------------------------------------------------------------------------------------------


def _webhook(case: Case, state: _State) -> str:
    """What is wrong with what the webhook was told; empty when nothing is."""
    ended = next(_endings(case), None)
    if ended is None:
        return "the webhook was never told that the answer is over"
    if ended.text != state.text:
        return f"the text that the webhook was told at the end {closest(ended.text, (state.text,))}"
    if bool(ended.complete) is not state.is_whole:
        return f"the webhook was told that the answer is {'not ' * state.is_whole}complete"
    return ""


def _endings(case: Case) -> Iterator[Called]:
    """The ends that the webhook believed, the last one first."""
    return (call for call in reversed(case.calls) if call.method == "answer.finished" and call.took_effect)


def _is_refused(calls: tuple[Called, ...]) -> bool:
    """Whether the scenario's last word to the client is one that trying again does not change.

    What the client itself used up is no such word.
    """
    if not calls or not calls[-1].fault:
        return False
    last = calls[-1]
    if last.status in _PASSING:
        return (last.retry_after or 0.0) > _ENDLESS_SECONDS
    return not last.is_unclear and not last.is_acknowledged
