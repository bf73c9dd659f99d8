"""What a client is asked to do in a case, and where. Pure."""

from __future__ import annotations

import re

from fake_server.exchange import ELSEWHERE
from harness.model import Alternative, Fallback, Job, Memory
from harness.plan import MAX_ATTEMPTS, PlannedCase
from harness.receiver import Destination

API_KEY = "sk-ant-streamproof-test-key"


def job_of(case: PlannedCase, base_url: str, receiver: Destination | None = None, memory: Memory | None = None) -> Job:
    """The job of ``case``, whose server is at ``base_url``; of a network, or of ``memory``."""
    return Job(
        base_url=base_url,
        api_key=API_KEY,
        request=case.request(),
        dialect=case.dialect,
        limits=case.scenario.limits,
        max_attempts=MAX_ATTEMPTS,
        seed=case.text_seed,
        fallbacks=tuple(_fallback(one, base_url) for one in case.scenario.alternatives),
        receiver=receiver,
        memory=memory,
    )


def token_of(case: PlannedCase) -> str:
    """The id of a case as one segment of a path, whatever characters its client's name and its seed have.

    Each try has its own, so that what a client still asks for an earlier one never counts for a later one.
    """
    token = re.sub(r"[^A-Za-z0-9.@:_-]", lambda char: f"~{ord(char[0]):x}", case.id)
    return token if case.nth == 1 else f"{token}~~{case.nth}"


def _fallback(alternative: Alternative, url: str) -> Fallback:
    base = f"{url}/{ELSEWHERE}" if alternative.elsewhere else url
    return Fallback(base_url=base, api_key=API_KEY, model=alternative.model)
