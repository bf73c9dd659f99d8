from __future__ import annotations

from collections.abc import Iterator

from harness.attempt import Attempt
from harness.history import Case
from harness.law import law
from harness.model import Shown
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP29", rank=15, tolerates=0.3)
def text_is_shown_as_it_comes(case: Case) -> Ruling:
    """Text is on display soon after it came, while the stream goes on.

    A client that reads in large pieces, or waits for the end, makes a stream of no use: its user looks at nothing, and
    then at a lump. How soon is for the scenario to say; a sentence may be held until it is whole.
    """
    within = case.info.expect.prompt
    if not within:
        return skipped("the scenario does not say how soon")
    if len(case.attempts) != 1 or not case.attempts[0].requested.streams:
        return skipped("the answer did not come in one stream")
    for came, length in _arrived(case.attempts[0]):
        shown = sum(len(one.text) for one in case.client if isinstance(one, Shown) and one.t <= came + within)
        if shown < length:
            return failed(f"{length - shown} characters were not on display {within:g} s after they had come")
    return PASSED


def _arrived(attempt: Attempt) -> Iterator[tuple[float, int]]:
    """When text came, and how long all of it was then."""
    for sent in attempt.sent:
        if sent.event == "content_block_delta":
            yield sent.t, len(attempt.told_in(sent.total).text)
