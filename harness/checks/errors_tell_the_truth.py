from __future__ import annotations

from collections.abc import Iterator

from fake_server.dialects.anthropic import ERROR_TYPES
from harness.history import Case
from harness.law import law
from harness.model import Capability
from harness.reference import UNNAMED
from harness.verdict import PASSED, Ruling, failed, skipped

_IDS = ("request-id", "x-request-id")


def _documented(kind: str | None) -> Iterator[int]:
    return (status for status, its_kind in ERROR_TYPES.items() if its_kind == kind)


@law("SP19", rank=13)
def errors_tell_the_truth(case: Case) -> Ruling:
    """An error reports what was really received: the status, the request id, the API's own error type.

    An invented status or a lost ``overloaded_error`` sends retries, fallbacks and people the wrong way. The status that
    the API documents for the type of an error inside a 200 is not invented (API reference, "Errors").
    """
    error = case.finished.error if case.finished is not None else None
    if error is None:
        return skipped("no error was reported")
    statuses = {one.replied.status for one in case.attempts if one.replied is not None}
    statuses |= {one.response.status for one in case.attempts if one.response.status is not None}
    statuses |= {status for one in case.attempts for status in _documented(one.response.error_kind)}
    if error.status is not None and error.status not in statuses:
        return failed(f"the error reports status {error.status}; the server sent {sorted(statuses) or 'none'}")
    ids = {one.replied.headers.get(name) for one in case.attempts if one.replied is not None for name in _IDS}
    ids |= {one.response.headers.get(name) for one in case.attempts for name in _IDS}
    if error.request_id is not None and error.request_id not in ids:
        return failed(f"the error reports request id {error.request_id!r}, which the server never sent")
    kinds = [one.response.error_kind for one in case.attempts]
    if error.kind is not None and error.kind not in kinds:
        return failed(f"the error reports the type {error.kind!r}; the server sent {kinds[-1] or 'none'}")
    if case.network:
        return PASSED  # the error may be that of a later request, which the server never saw
    if not case.can(Capability.ERROR_KIND) or error.kind is not None:
        return PASSED
    if case.attempts and kinds[-1] not in (None, UNNAMED) and case.attempts[-1].has_legible_head:
        return failed(f"the server reported {kinds[-1]} and the error does not say so: {error.name}")
    return PASSED
