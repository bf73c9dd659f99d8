from __future__ import annotations

from harness.history import Case
from harness.law import law
from harness.model import Capability
from harness.reference import Response
from harness.verdict import PASSED, Ruling, failed, skipped

_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@law("SP23", rank=14)
def bill_is_the_sum(case: Case) -> Ruling:
    """What a call is said to have cost is the sum over all its attempts, and unknown is not zero.

    Every message that began is billed, whatever became of it: retries neither vanish nor count twice. A message that
    broke off before its last count is known only from below, and a sum with such a part must not pass for exact.
    """
    finished = case.finished
    if finished is None or finished.billed is None or not case.can(Capability.BILLING):
        return skipped("the client does not tell what all attempts were billed")
    if any(attempt.told.flaw for attempt in case.attempts):
        return skipped("a reply is out of order, so what it counts is not sure")
    replies = [attempt.response for attempt in case.attempts if attempt.response.started]
    for name, told, kinds in (
        ("input", finished.billed.input, _INPUT),
        ("output", finished.billed.output, ("output_tokens",)),
    ):
        counted = _sum(replies, kinds)
        if told is not None and counted is None:
            return failed(f"{told} {name} tokens were reported; the API never counted any")
        if counted is not None and (told is None or told > counted or (finished.billed.exact and told != counted)):
            return failed(f"{told} {name} tokens were reported as billed; the API counted {counted} over all attempts")
    if finished.billed.exact and not all(reply.counted for reply in replies):
        return failed("a bill passes for exact although a message broke off before its last count")
    return PASSED


def _sum(replies: list[Response], kinds: tuple[str, ...]) -> int | None:
    known = [reply.usage[kind] for reply in replies for kind in kinds if kind in reply.usage]
    return sum(known) if known else None
