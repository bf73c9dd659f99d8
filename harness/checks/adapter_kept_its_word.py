from __future__ import annotations

from harness.history import Case
from harness.law import ADAPTER, law
from harness.verdict import PASSED, Ruling, unknown


@law(ADAPTER, rank=0)
def adapter_kept_its_word(case: Case) -> Ruling:
    """The adapter did what adapters promise; otherwise nothing can be said of the client.

    An adapter that raises, stops without saying how the call ended, or observes what is no observation makes the case
    UNKNOWN: a broken adapter is never reported as a broken client. No other law is asked then.
    """
    failure = case.adapter_failure
    return PASSED if failure is None else unknown(f"the adapter failed: {failure.why}")
