from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.receiver import Called
from harness.verdict import PASSED, Ruling, failed, skipped

_ON_ITS_WAY_SECONDS = 0.1
"""A call that came so soon after the 429 (and as late as this machine was) may have been made before it was known."""
_LATE = 5.0
"""Times the lateness of the event loop that two calls may have moved towards each other on their ways."""


@law("SP26", rank=10)
def receiver_is_not_flooded(case: Case) -> Ruling:
    """A receiver is not flooded: no call inside a penalty, no edit that changes nothing, not one 429 after the other.

    A limit is a debt: every call that is refused makes it longer, and the last edit, the only one that matters, has to
    pay for all of them. A message that already shows a text need not be told again. Who meets a limit once has learned
    of it; who meets it again does not keep to it.
    """
    receiver = case.info.receiver
    if receiver is None:
        return skipped("the answer goes to nobody but the caller")
    if penalised := _inside_a_penalty(case.calls, _ON_ITS_WAY_SECONDS + case.lag):
        seconds, count = penalised
        return failed(f"{count} calls were made inside a penalty, the first {seconds:.1f} s after the 429")
    if same := _identical(case.calls):
        return failed(f"call {same.number} ({same.method}) brought the text that was there already")
    if spent := [call for call in case.calls if call.error == "used_url"][1:]:
        return failed(f"a response_url that was used up was called {len(spent)} more times")
    if len(hurried := _hurried(case.calls, receiver.every - _LATE * case.lag)) > 1:
        return failed(f"{len(hurried)} calls met a limit, the last one {hurried[-1]:.2f} s after the one before it")
    return PASSED


def _inside_a_penalty(calls: tuple[Called, ...], grace: float) -> tuple[float, int] | None:
    """Seconds from the 429 to the first call that was made in spite of it, and how many there were."""
    began: dict[str, float] = {}
    late: list[float] = []
    for call in calls:
        if call.in_penalty and call.t - began.get(call.method, call.t) > grace:
            late.append(call.t - began[call.method])
        elif call.status == 429 and not call.in_penalty:
            began[call.method] = call.t
    return (late[0], len(late)) if late else None


def _identical(calls: tuple[Called, ...]) -> Called | None:
    """The first edit to a text of which its client had been told that it is there."""
    shown: dict[str, str] = {}
    for call in calls:
        if call.replaces and shown.get(call.about) == call.text:
            return call
        if call.is_acknowledged and (call.replaces or call.method == "chat.postMessage"):
            shown[call.about] = call.text
        elif call.is_unclear:
            shown.pop(call.about, None)
    return None


def _hurried(calls: tuple[Called, ...], least: float) -> list[float]:
    """Of each call that met the receiver's own limit the seconds after the one before it, if fewer than ``least``."""
    before: dict[str, float] = {}
    gaps = []
    for call in calls:
        gap = call.t - before.get(call.method, float("-inf"))
        if call.status == 429 and not call.fault and not call.in_penalty and gap < least:
            gaps.append(gap)
        before[call.method] = call.t
    return gaps
