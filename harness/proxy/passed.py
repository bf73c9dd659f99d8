"""One request that goes through the proxy: what was asked, what came, what was done to it. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fake_server.dialect import Dialect, dialect_of
from fake_server.effects import Close, End, Last, Reset, Send
from fake_server.fault import Fault
from fake_server.record import Requested, Struck
from fake_server.script import Reply
from fake_server.speech import speech_of
from fake_server.wire import JSON_TYPE, Head, Sized
from harness import recorded
from harness.recording.capture import Ended, Exchange, arrived
from harness.secrets import Headers, secrets_of

_HOW: dict[type[Last], Ended] = {End: "end", Close: "close", Reset: "reset"}


@dataclass(slots=True, kw_only=True)
class Passed:
    """A request and its answer, as far as it has come."""

    number: int
    method: str
    path: str
    headers: Headers
    body: bytes
    began: float
    """Seconds since the epoch."""
    attempt: int = 0
    """Which of the requests to a model it is; 0 when it is none."""
    status: int | None = None
    answered: Headers = ()
    pieces: list[tuple[bytes, float]] = field(default_factory=list)
    """What came from the server, and how many seconds after the head."""
    ended: Ended = "left"
    faults: tuple[Fault, ...] = ()

    @property
    def asked(self) -> dict[str, Any]:
        """The fields of its JSON body; none when it has no such body."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def dialect(self) -> Dialect:
        """In whose words it is answered where the server does not answer it."""
        return dialect_of(self.path.partition("?")[0])

    @property
    def seen(self) -> str:
        """Method and path, as they may be printed."""
        return f"{self.method} {secrets_of(self.headers, self.path).url(self.path)}"

    def requested(self, t: float) -> Requested:
        """The record of the request, without its body and its headers."""
        is_streaming = self.asked.get("stream") is True
        return Requested(
            t=t, attempt=self.number, method=self.seen, path=self.path, headers={}, body=None, streams=is_streaming
        )

    def given(self, reply: Reply) -> None:
        """The answer is one of ours, and the server was not asked."""
        sent = [one.data for one in reply.body if isinstance(one, Send)]
        self.status = reply.head.status
        self.answered = (*reply.head.headers, ("content-length", str(sum(map(len, sent)))))
        self.pieces, self.ended, self.faults = [(data, 0.0) for data in sent], "end", reply.faults

    def over(self, how: Last) -> None:
        """The server's answer has ended."""
        self.ended = _HOW[type(how)]

    def exchange(self, url: str, *, with_body: bool) -> Exchange:
        """What is kept of it, without keys.

        Args:
            url: of the server, without the path.
            with_body: keep the body of the request as well.
        """
        secrets = secrets_of(self.headers, self.path)
        said = secrets.body(self.body).decode("utf-8", "surrogateescape") if with_body else None
        whole = Exchange(
            number=self.number,
            began=round(self.began, 3),
            method=self.method,
            url=secrets.url(url + self.path),
            request_headers=secrets.headers(self.headers),
            request_body=said,
            status=self.status,
            headers=secrets.headers(self.answered),
            pieces=tuple(arrived(data, round(t, 4)) for data, t in self.pieces),
            ended=self.ended,
            faults=tuple(recorded.dump_faults(self.faults)),
        )
        return whole.with_body(secrets.body(whole.body))


def unstruck(faults: Sequence[Fault], struck: Sequence[Struck]) -> list[str]:
    """The faults that left no mark in a reply."""
    return list((Counter(one.name for one in faults) - Counter(one.fault for one in struck)).elements())


def bad_gateway(why: str, dialect: Dialect) -> Reply:
    """What is answered when the server cannot be asked: 502, in the words of the API."""
    body = speech_of(dialect).error_body(502, f"streamproof proxy: {why}")
    head = Head(status=502, headers=(("content-type", JSON_TYPE),), framing=Sized())
    return Reply(head=head, body=(Send(body), End()))
