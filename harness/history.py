"""The history of a case: what both sides did, complete enough to judge it again years later.

One line of JSON for each case; a run's file begins with one line about the run. Laws read a :class:`Case` and nothing
else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec

from fake_server.dialect import Dialect
from fake_server.record import ServerRecord
from harness.attempt import Attempt, attempts_in
from harness.delivery import delivered, is_in_doubt
from harness.model import (
    AdapterFailed,
    Cancelled,
    Capability,
    Cleared,
    ClientRecord,
    Endpoint,
    Expect,
    Finished,
    Level,
    Limits,
    Policy,
    Shown,
    TimedOut,
    ToolRan,
    ToolUse,
)
from harness.network import NetworkFailed, NetworkRecord
from harness.receiver import Called, ReceiverInfo, ReceiverRecord, Showed
from harness.toxiproxy.events import Struck as NetworkStruck
from harness.toxiproxy.events import ToxicAdded, ToxicRemoved


class CaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of whom."""

    id: str
    """``scenario@client:seed``."""
    scenario: str
    client: str
    seed: str
    title: str
    policy: Policy
    level: Level
    expect: Expect
    dialect: Dialect = Dialect.ANTHROPIC
    """What the client speaks."""
    texts: tuple[str, ...]
    """The whole texts that the script's answers say; the first is the main one."""
    limits: Limits
    max_attempts: int
    capabilities: tuple[Capability, ...]
    faults: tuple[str, ...] = ()
    """The faults of the first step, in their order; a client that never asks for a stream never meets them."""
    toxics: dict[str, str] = {}
    """The faults of the network that every client must meet: name and type."""
    endpoint: Endpoint = Endpoint.SERVER
    sources: tuple[str, ...] = ()
    receiver: ReceiverInfo | None = None
    """Where the answer goes while it comes; None when only the caller gets it."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One case as it is written down."""

    info: CaseInfo
    server: tuple[ServerRecord, ...] = ()
    client: tuple[ClientRecord, ...] = ()
    network: tuple[NetworkRecord, ...] = ()
    """What happened between them; empty where nothing was."""
    receiver: tuple[ReceiverRecord, ...] = ()
    """What the receiver saw; empty where there was none."""
    lag: float = 0.0
    """The longest time, in seconds, that the harness's own event loop came late while the case ran."""
    lost: float = 0.0
    """The most seconds within any one second that it came late in all: many short delays are as bad as a long one."""
    before: tuple[Record, ...] = ()
    """The calls that the same client had made, in their order. No law judges its client by them: they are there to be
    looked at, and to prove that what happened in them did."""


class Case:
    """A record with the questions that laws ask of it."""

    def __init__(self, record: Record, *, generous: bool = False) -> None:
        self._record, self._generous = record, generous
        self.info = record.info
        self.server = record.server
        self.client = record.client
        self.network = record.network
        self.receiver = record.receiver
        self.lag = record.lag
        self.lost = record.lost
        self.before = tuple(Case(one, generous=generous) for one in record.before)

    @cached_property
    def attempts(self) -> list[Attempt]:
        """The requests that the server saw, in order, and of each reply what the client could see."""
        attempts = attempts_in(self.server)
        return delivered(self.network, attempts, generous=self._generous) if self.network else attempts

    @cached_property
    def other_reading(self) -> Case | None:
        """The same case if all was delivered of which that is in doubt; None where nothing is."""
        return Case(self._record, generous=True) if self.is_counted else None

    @cached_property
    def network_failure(self) -> NetworkFailed | None:
        """What Toxiproxy did not do, if so."""
        return next((record for record in self.network if isinstance(record, NetworkFailed)), None)

    @property
    def is_counted(self) -> bool:
        """Whether of the network there are only counters: they tell how much came through, and not when."""
        return is_in_doubt(self.network)

    @cached_property
    def is_held_up(self) -> bool:
        """Whether the network has done anything to what the client sent.

        A toxic that goes may also close that half of a connection, and then nobody sees that its client has left.
        """
        upstream = {one.toxic for one in self.network if isinstance(one, ToxicAdded) and one.stream == "upstream"}
        return any(
            (isinstance(one, NetworkStruck) and one.stream == "upstream")
            or (isinstance(one, ToxicRemoved) and one.toxic in upstream)
            for one in self.network
        )

    @cached_property
    def is_misheard(self) -> bool:
        """Whether the network has changed what the client sent, so that nobody knows what that was."""
        kinds = (one.toxic for one in self.network if isinstance(one, NetworkStruck) and one.stream == "upstream")
        return any(one.startswith("corrupt") for one in kinds)

    @cached_property
    def finished(self) -> Finished | None:
        """How the client says it ended, None when it never did."""
        return next((record for record in self.client if isinstance(record, Finished)), None)

    @cached_property
    def timed_out(self) -> TimedOut | None:
        """The harness's own stop, when the client did not end in time."""
        return next((record for record in self.client if isinstance(record, TimedOut)), None)

    @cached_property
    def adapter_failure(self) -> AdapterFailed | None:
        """What the adapter did wrong, if it did."""
        return next((record for record in self.client if isinstance(record, AdapterFailed)), None)

    @property
    def ran(self) -> list[ToolUse]:
        """The tool calls that the client carried out, in order."""
        return [ToolUse(record.name, record.input) for record in self.client if isinstance(record, ToolRan)]

    def displays(self) -> Iterator[str]:
        """What the user saw after each change."""
        text = ""
        for record in self.client:
            if isinstance(record, Shown):
                text += record.text
                yield text
            elif isinstance(record, Cleared):
                text = ""
                yield text

    @cached_property
    def screens(self) -> tuple[str, ...]:
        """What the user saw at the end of each stretch in which text was only added; each stretch ends by clearing."""
        stretches: list[list[str]] = [[]]
        for record in self.client:
            if isinstance(record, Shown):
                stretches[-1].append(record.text)
            elif isinstance(record, Cleared):
                stretches.append([])
        return tuple("".join(stretch) for stretch in stretches)

    @property
    def displayed(self) -> str:
        """What the user saw in the end."""
        return self.screens[-1]

    @property
    def final_text(self) -> str:
        """The text that the client calls its answer: what it returned, or else what it showed."""
        finished = self.finished
        return finished.text if finished is not None and finished.text is not None else self.displayed

    @cached_property
    def calls(self) -> tuple[Called, ...]:
        """Every call that the receiver saw, in order."""
        return tuple(record for record in self.receiver if isinstance(record, Called))

    @property
    def delivered(self) -> tuple[str, ...]:
        """The messages that the receiver's readers had before them when the call was over."""
        return next((record.messages for record in self.receiver if isinstance(record, Showed)), ())

    def can(self, capability: Capability) -> bool:
        """Whether the client declares ``capability``."""
        return capability in self.info.capabilities

    @cached_property
    def cancelled(self) -> bool:
        """Whether the harness cancelled the call."""
        return any(isinstance(record, Cancelled) for record in self.client)

    def says_another(self, attempt: Attempt) -> bool:
        """Whether the reply says another answer than the one on display, to a client that promises no recovery: it was
        not asked to go on with it, and does not begin with it."""
        shown, said = self.displayed, attempt.told.text
        if self.info.policy is Policy.RECOVER or _asked(attempt) != _asked(self.attempts[0]):
            return False
        return not (said.startswith(shown) or shown.startswith(said))

    @cached_property
    def wire_lies(self) -> str:
        """What the wire said that the model did not say, and nobody could tell; empty when there is no such thing.

        A piece of text that is left out, said twice or changed inside a stream in perfect order, or inside a message of
        JSON, is beyond any client.
        """
        for attempt in self.attempts:
            if not self._says(attempt):
                return f"reply {attempt.number} says another text than the model, all in good order"
            if self.info.expect.tools and not self._calls(attempt):
                return f"reply {attempt.number} calls tools otherwise than the model, all in good order"
        return ""

    def _calls(self, attempt: Attempt) -> bool:
        """Whether the reply, as far as a lenient client may read it, makes the tool calls that the model made."""
        wanted = [(one.name, one.input) for one in self.info.expect.tools]
        if attempt.told.is_flawless and attempt.told.stop_reason == "tool_use":
            return attempt.told.tools == wanted
        return all(call in wanted for call in attempt.told_to_the_lenient.tools)

    def _says(self, attempt: Attempt) -> bool:
        """Whether the reply, as far as a lenient client may read it, says what the server wanted it to say."""
        told = attempt.told_to_the_lenient
        text = _paired(told.text)
        says = attempt.replied.says if attempt.replied is not None else None
        if _SURROGATE.search(text):
            return True
        if says is None:
            return any(text in one for one in ("", *self.info.texts))
        return says == text if told.stop_reason is not None or told.is_over else says.startswith(text)

    @property
    def streamed(self) -> bool:
        """Whether the client showed text while it came."""
        return any(isinstance(record, Shown) for record in self.client)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _paired(text: str) -> str:
    """The text with the halves of characters joined that JSON had escaped apart."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def canonical(record: Record) -> dict[str, Any]:
    """The record without what differs between two runs with one seed: times, ports, and how reads were sliced.

    Behind a broken network, and when a call was cancelled, it is also a matter of time how much the server wrote before
    it noticed, and after the end of an answer whether the client was still there. Of a receiver's lane what was seen in
    the end is kept.

    Adjacent pieces of shown text are joined, because where a read ends is a matter of time; runs of the same ping are
    counted as one.
    """
    tree: dict[str, Any] = msgspec.to_builtins(record)
    tree["client"] = _joined(tree["client"])
    over = {attempt.number for attempt in attempts_in(record.server) if attempt.response.terminal}
    tree["server"] = [
        one
        for one in _without_repeats(tree["server"])
        if not (one["did"] in ("struck", "ended") and one["attempt"] in over)
    ]
    if record.network or any(isinstance(one, Cancelled) for one in record.client):
        tree["server"] = [one for one in tree["server"] if one["did"] in ("requested", "replied")]
        struck = {one["toxic"] for one in tree["network"] if one["event"] == "struck"}
        tree["network"] = sorted(struck & record.info.toxics.keys())
    for one in tree["server"]:
        if one["did"] == "sent":
            _without_dates(one)
        elif one["did"] == "replied" and one["headers"].get("retry-after", "").endswith("GMT"):
            del one["headers"]["retry-after"]
    _strip(tree)
    last = (tree["client"] or [{}])[-1]
    if last.get("error"):
        last["error"]["message"] = _PORT.sub("127.0.0.1:*", last["error"]["message"])
    if last.get("undelivered"):
        del last["undelivered"]["message"]
    tree["receiver"] = _arrived(record)
    tree["before"] = [canonical(one) for one in record.before]
    return tree


def _arrived(record: Record) -> dict[str, Any]:
    """What came of the calls to a receiver; how many there were, and with how much of the text, is a matter of time."""
    case = Case(record)
    struck = sorted({call.fault for call in case.calls if call.fault})
    text = "" if case.cancelled else _PORT.sub("127.0.0.1:*", "".join(case.delivered))
    return {"struck": struck, "text": text}


def _joined(lane: list[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for record in lane:
        if joined and record["saw"] == joined[-1]["saw"] == "shown":
            joined[-1] = {**joined[-1], "text": joined[-1]["text"] + record["text"]}
        else:
            joined.append(record)
    return joined


def _without_repeats(lane: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for record in lane:
        key = {name: value for name, value in record.items() if name not in ("t", "total")}
        earlier = [{n: v for n, v in one.items() if n not in ("t", "total")} for one in kept[-2:]]
        if key not in earlier:
            kept.append(record)
    return kept


def _without_dates(sent: dict[str, Any]) -> None:
    """The time of day that the server wrote into its headers is a time like any other."""
    data = base64.b64decode(sent["data"])
    sent["data"] = _DATES.sub(b"", data).decode("utf-8", "backslashreplace")


_PORT = re.compile(r"127\.0\.0\.1:\d+")
_CONVERSATION = ("messages", "system", "input")
"""The fields of a request in which an answer that broke off can be quoted."""


def _asked(attempt: Attempt) -> list[Any]:
    body = attempt.requested.body
    return [body.get(name) for name in _CONVERSATION] if isinstance(body, dict) else []


_DATES = re.compile(rb"(?m)^(?:date|retry-after): \w{3}, [^\r]*GMT\r$")


def _strip(tree: Any) -> None:
    if isinstance(tree, dict):
        for name in ("t", "total", "lag", "lost", "date", "host", "peer"):
            tree.pop(name, None)
        for value in tree.values():
            _strip(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            _strip(value)
