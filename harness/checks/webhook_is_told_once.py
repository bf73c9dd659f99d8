from __future__ import annotations

from fake_server.text import closest
from harness.history import Case
from harness.law import law
from harness.receiver import Called, Kind
from harness.verdict import PASSED, Ruling, failed, skipped

_UNSIGNED = 401


@law("SP27", rank=5)
def webhook_is_told_once(case: Case) -> Ruling:
    """Whoever believes each request of a webhook once, by its id, has the answer once and in order.

    A request that got no answer may have been believed. Sent again it must be the same one: signed anew, with the id
    and the content that it had. Otherwise its sentences are there twice, and a workflow runs twice.
    """
    receiver = case.info.receiver
    if receiver is None or receiver.kind is not Kind.WEBHOOK:
        return skipped("the answer goes to no webhook")
    unsigned = [call.number for call in case.calls if call.status == _UNSIGNED and not call.fault]
    if unsigned:
        return failed(f"request {unsigned[0]} does not have the signature that its secret makes")
    if changed := _changed(case.calls):
        return failed(changed)
    return _by_believing(_believed(case.calls))


def _changed(calls: tuple[Called, ...]) -> str:
    """Whether two requests of one id differ."""
    first: dict[str, Called] = {}
    for call in calls:
        other = first.setdefault(call.about, call)
        if _content(call) != _content(other):
            return f"requests {other.number} and {call.number} differ and have one id: the second is taken for a repeat"
    return ""


def _content(call: Called) -> tuple[object, ...]:
    return call.method, call.sequence, call.text, call.complete


def _believed(calls: tuple[Called, ...]) -> list[Called]:
    """Each id once, in the order in which it was first believed."""
    told: dict[str, Called] = {}
    for call in calls:
        if call.took_effect:
            told.setdefault(call.about, call)
    return list(told.values())


def _by_believing(told: list[Called]) -> Ruling:
    text, last = "", 0
    for call in told:
        if call.sequence is not None and call.sequence == last:
            return failed(f"request {call.number} is believed a second time: it has another id and the same number")
        if call.sequence is not None and call.sequence < last:
            return failed(f"request {call.number} came out of order: {call.sequence} after {last}")
        last = call.sequence or last
        if call.method == "answer.reset":
            text = ""
        elif call.method == "answer.sentences":
            text += call.text
        elif call.sentences_complete and text != call.text:
            return failed(f"the text of all sentences together {closest(text, (call.text,))}")
    return PASSED
