"""One case in one test: the environment that its client reads, the call's end, and the verdict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fake_server.app import LOOPBACK
from fake_server.record import Replied
from harness import catalog, engine
from harness.errors import StreamproofError
from harness.events import CaseFinished
from harness.explained import explained, wire
from harness.history import Record
from harness.hosting import Host
from harness.model import Endpoint, Job, TimedOut
from harness.plain import plain
from harness.plan import PlannedCase
from harness.verdict import Verdict
from harness.witness import Witness

_FORGOTTEN = """the test ended and never said what its user saw; say one of
  case.complete(text)            the client presents this as the whole answer
  case.failed(error, partial)    the client raised this, and has this text all the same
  with case.observe() as seen:   the call is made in the block, and seen.shown(piece) tells what is shown"""
_UNASKED = """no request came to the server of this case, so nothing can be said of the client: make the client in the \
test, or in a fixture that takes `case`, with base_url=case.base_url or so that it reads ANTHROPIC_BASE_URL then"""
_REFUSED = """every request was refused before the scenario could begin, so nothing can be said of the client: \
it should POST a Messages request to case.base_url + "/v1/messages", and the server said: {problem}"""


class NetworkMissing(StreamproofError):
    """The network of a case could not be set up: nothing can be said of any client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """How a test ends."""

    verdict: Verdict
    text: str
    """Why, where it did not pass."""


class Trial:
    """A case that is open while its test runs.

    Args:
        again: commands that show more of it, for people.

    Raises:
        NetworkMissing: its network could not be set up.
    """

    def __init__(
        self, host: Host, planned: PlannedCase, errors: tuple[type[BaseException], ...], again: Iterable[str]
    ) -> None:
        self.hosted = host.open(planned)
        if self.hosted.job is None:
            raise NetworkMissing(_summary(engine.finished(self.hosted.close(), catalog.laws())))
        self.witness = Witness(planned.scenario, self.hosted.job, self.hosted.note, errors)
        self._again = tuple(again)

    @property
    def is_late(self) -> bool:
        """Whether the call had not ended when its time was up."""
        return isinstance(self.hosted.ending, TimedOut)

    def story(self) -> str:
        """Close the case and tell what happened in it, for a test that failed by itself."""
        return "\n".join([*wire(self.hosted.close()), "", *self._again])

    def conclude(self) -> Concluded:
        """Close the case and judge it."""
        record = self.hosted.close()
        if trouble := _trouble(record, self.hosted.ending is None):
            return Concluded(verdict=Verdict.FAIL, text="\n".join([trouble, "", *wire(record), "", *self._again]))
        finished = engine.finished(record, self.witness.asked(catalog.laws()))
        if finished.verdict is not Verdict.FAIL:
            return Concluded(verdict=finished.verdict, text=_summary(finished))
        titles = {law.code: law.title for law in catalog.laws()}
        return Concluded(
            verdict=Verdict.FAIL, text=explained(finished, titles, self._again, raised=self.witness.raised)
        )


def _summary(finished: CaseFinished) -> str:
    why = [finished.why, plain(finished.finding.harm) if finished.finding is not None else ""]
    law = f" ({finished.finding.law})" if finished.finding is not None else ""
    return ": ".join(one for one in why if one) + law


def _trouble(record: Record, is_silent: bool) -> str:
    """What is wrong with the test itself; empty when nothing is."""
    replies = [one for one in record.server if isinstance(one, Replied)]
    is_reachable = record.info.endpoint is Endpoint.SERVER and not record.network
    if not replies and is_reachable:
        return _UNASKED
    if replies and all(one.step == 0 for one in replies):
        return _REFUSED.format(problem=plain(replies[0].problem or str(replies[0].status), 300))
    return _FORGOTTEN if is_silent else ""


def _environment(job: Job) -> dict[str, str | None]:
    """Variables by which clients find the server, of whatever dialect; None takes one away."""
    around = [one for one in (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), LOOPBACK) if one]
    return {
        "ANTHROPIC_BASE_URL": job.base_url,
        "ANTHROPIC_API_KEY": job.api_key,
        "OPENAI_BASE_URL": f"{job.base_url}/v1",
        "OPENAI_API_KEY": job.api_key,
        "ANTHROPIC_AUTH_TOKEN": None,  # a real one: nobody but the real API should be sent it
        "NO_PROXY": ",".join(around),  # a proxy of the machine would be asked for this server
        "no_proxy": ",".join(around),
    }


@contextmanager
def environment(job: Job) -> Iterator[None]:
    """Let clients that read the environment find the server, and put all back as it was."""
    wanted = _environment(job)
    before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    try:
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
