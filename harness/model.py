"""The nouns: scenario, expectation, job, and what an adapter may observe."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from fake_server.dialect import Dialect
from fake_server.script import Script
from harness.kept import Kept
from harness.network import Network
from harness.receiver import Destination, Receiver

T = TypeVar("T")


class Outcome(StrEnum):
    """How a call can end, in the words of its client."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    """The model's limit was reached, and the client says so."""
    REFUSED = "refused"
    PAUSED = "paused"
    INCOMPLETE = "incomplete"
    """Broken off; the partial text is kept."""
    FAILED = "failed"
    """Nothing usable came."""
    CANCELLED = "cancelled"


class Policy(StrEnum):
    """What a client promises."""

    RECOVER = "recover"
    """It delivers the whole answer wherever that is possible."""
    RAISE = "raise"
    """It may give up, with an error of its own and the partial text kept."""
    BEST_EFFORT = "best-effort"
    """It may give up with any error; it must not lie."""


class Level(StrEnum):
    """How much a scenario matters: MUST and SHOULD can fail a client; a failure of INFO is noted and not counted."""

    MUST = "must"
    SHOULD = "should"
    INFO = "info"


class Capability(StrEnum):
    """What a client can do at all; a law or a scenario that needs more is skipped."""

    RETRIES = "retries"
    FALLBACK = "fallback"
    """Asks without streaming after failed streams."""
    TOOLS = "tools"
    """Returns tool calls."""
    USAGE = "usage"
    ERROR_KIND = "error_kind"
    """Its errors tell the API's ``error.type``."""
    OUTCOMES = "outcomes"
    """Tells truncated, refused and paused answers from complete ones."""
    ALTERNATIVES = "alternatives"
    """Asks other models or servers when the first one fails."""
    BILLING = "billing"
    """Tells what all attempts together were billed."""
    CONTENT = "content"
    """Returns content blocks that may be sent back, also of an answer that broke off."""
    PROGRESS = "progress"
    """Has a limit for a stream that lives and says nothing, whatever pings come."""
    REUSE = "reuse"
    """One client makes several calls, one after the other."""
    SINKS = "sinks"
    """Delivers the answer to Slack or to a webhook while it comes."""


class Endpoint(StrEnum):
    """What the client's base URL leads to."""

    SERVER = "server"
    REFUSED = "refused"
    """A port at which nobody listens."""
    SILENT = "silent"
    """An address at which no attempt to connect is answered, neither with yes nor with no."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a client should wait for what, in seconds; given to every adapter that has such settings."""

    connect: float = 2.0
    first_byte: float = 1.0
    idle: float = 1.0
    """Between two bytes."""
    progress: float = 1.6
    """Between two events with content, whatever pings come."""
    close: float = 1.0
    """In which a connection that is of no more use must be closed."""
    settle: float = 9.0
    """In which the call must have ended, one way or the other."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Another model or server that the client may ask when the first one fails."""

    model: str | None = None
    """None keeps the model of the request."""
    elsewhere: bool = False
    """Whether it is another server; its requests are told apart by their path."""


class ToolUse(msgspec.Struct, frozen=True):
    """A tool call as its user would run it."""

    name: str
    input: dict[str, Any]


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """What is right in a scenario.

    ``outcome`` is what a client under the policy ``recover`` reports (``also`` is as good). When ``may_fail``, a
    client that promises less may report ``incomplete`` or ``failed`` instead, if it does so honestly.
    """

    outcome: Outcome = Outcome.COMPLETE
    also: tuple[Outcome, ...] = ()
    may_fail: bool = False
    permanent: bool = False
    """The same request would fail again: one attempt is right."""
    stalls: bool = False
    """The server goes silent: the client must leave by itself."""
    healthy: bool = False
    """The stream is slow and alive: the client must stay."""
    tools: tuple[ToolUse, ...] = ()
    usage: dict[str, int] = {}
    """Fields that the reported usage must have."""
    prompt: float = 0.0
    """Seconds after which text that came must be on display, while the stream goes on; 0 asks for nothing."""
    absurd_hint: bool = False
    """The server's Retry-After is nonsense or hours: it need not be obeyed."""

    def right(self, policy: Policy) -> frozenset[Outcome]:
        """The outcomes that are right under ``policy``."""
        right = {self.outcome, *self.also}
        if self.may_fail and policy is not Policy.RECOVER:
            right |= {Outcome.INCOMPLETE, Outcome.FAILED}
        return frozenset(right)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What the server does to attempt 1, 2, 3..., and what must hold."""

    name: str
    """Unique in its family; the id is ``family.name``."""
    title: str
    """What goes wrong, in one sentence."""
    script: Script
    expect: Expect
    family: str = ""
    """Set by the catalogue: the name of the module."""
    level: Level = Level.MUST
    sources: tuple[str, ...] = ()
    """Where it happened to somebody: ``owner/repo#number`` or a standard's clause."""
    covers: tuple[str, ...] = ()
    """Entries of the failure catalogue (``scenarios/failures.toml``) that it reproduces, the closest first."""
    harm: str = ""
    """What the user of a client has of it that gets this wrong, in one sentence; empty where the first entry that it
    covers, or its chapter, says it."""
    pair: str = ""
    """Id of the scenario on the other side: what must not be broken by being strict here."""
    requires: frozenset[Capability] = frozenset()
    dialects: frozenset[Dialect] = frozenset()
    """Those that have words for it; empty: those of its chapter (``DIALECTS``), or else the Messages API alone."""
    limits: Limits = Limits()
    request: dict[str, Any] = field(default_factory=dict)
    """Fields of the request beside model, max_tokens and messages, in the form of the Messages API."""
    alternatives: tuple[Alternative, ...] = ()
    """What the client may ask when the first target fails; needs the capability of that name."""
    elsewhere: Script | None = None
    """What another server answers, where an alternative is one."""
    cancel_after: int | None = None
    """The harness cancels the call when so many characters are shown."""
    endpoint: Endpoint = Endpoint.SERVER
    network: Network | None = None
    """What is wrong between client and server; None puts nothing between them."""
    receiver: Receiver | None = None
    """Where the client delivers the answer while it comes; needs the capability ``sinks``."""
    before: tuple[str, ...] = ()
    """Ids of scenarios that earlier calls of the same client meet, one after the other; needs the capability ``reuse``.
    They are not judged: what is, is whether anything of them is left. What they do to the network is over with them."""
    drawn_as: str = ""
    """The name by which its texts and faults are drawn; its id when empty. A case keeps them when it is renamed."""

    def __post_init__(self) -> None:
        if self.receiver is not None:
            object.__setattr__(self, "requires", self.requires | {Capability.SINKS})
        if self.before:
            assert self.network is None, "of several calls, only those before have a network that is broken"
            object.__setattr__(self, "requires", self.requires | {Capability.REUSE})

    @property
    def id(self) -> str:
        """``family.name``."""
        return f"{self.family}.{self.name}"

    @property
    def spoken_in(self) -> frozenset[Dialect]:
        """The dialects that have words for it."""
        return self.dialects or frozenset({Dialect.ANTHROPIC})

    def drawn_by(self, seed: str) -> str:
        """The seed of its texts and faults in a run with ``seed``."""
        return f"{seed}/{self.drawn_as or self.id}"

    def texts(self, seed: str) -> tuple[str, ...]:
        """Every whole text that a server of the scenario would say; the first is the main one."""
        scripts = [self.script, *([self.elsewhere] if self.elsewhere is not None else [])]
        return tuple(dict.fromkeys(text for script in scripts for text in script.texts(seed)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """An alternative with its address."""

    base_url: str
    api_key: str
    model: str | None


class Memory(Protocol):
    """Connections in memory, for clients whose HTTP library can be given a transport."""

    def transport(self, httpx: Any, limits: Any = None) -> Any:
        """An ``AsyncHTTPTransport`` of that module (httpx or httpx2), whose pool has these ``Limits``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What an adapter is asked to do: one call against one base URL."""

    base_url: str
    """Without the API's own path: the request goes to ``{base_url}/v1/messages``, or to that of another dialect."""
    api_key: str
    request: dict[str, Any]
    """JSON body of the request in the dialect of the client, without ``stream``."""
    dialect: Dialect = Dialect.ANTHROPIC
    limits: Limits
    max_attempts: int
    seed: str
    fallbacks: tuple[Fallback, ...] = ()
    receiver: Destination | None = None
    """Where the answer is to be delivered while it comes; only for clients with the capability ``sinks``."""
    memory: Memory | None = None
    """What to connect through instead of sockets; only for adapters that say ``in_memory``."""
    kept: Kept | None = None
    """The client that this call shares with others; only for clients with the capability ``reuse``."""

    @asynccontextmanager
    async def client(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> AsyncGenerator[T, None]:
        """The client for this call: one that ``make`` makes and that is closed behind it, or the one that is kept."""
        if self.kept is not None:
            yield await self.kept.client(make)
        else:
            async with make() as client:
                yield client


# ---- what an adapter observes, in the order in which it happens ------------------------------------------------------


class Observation(msgspec.Struct, frozen=True, kw_only=True, tag_field="saw", gc=False):
    """Base of the client's half of a history. ``t`` (seconds since the case began) is set by the harness."""

    t: float = 0.0


class Shown(Observation, frozen=True, kw_only=True, tag="shown"):
    """Text was added to what the user sees."""

    text: str


class Cleared(Observation, frozen=True, kw_only=True, tag="cleared"):
    """The user was told that the answer starts over; what was shown is gone."""


class Noticed(Observation, frozen=True, kw_only=True, tag="noticed"):
    """The client told its user something: recovering, falling back."""

    what: str


class ToolRan(Observation, frozen=True, kw_only=True, tag="tool_ran"):
    """The client carried a tool call out."""

    name: str
    input: dict[str, Any]


class ErrorSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An error as the caller of the client can see it."""

    name: str
    message: str
    typed: bool
    """Whether it belongs to the client's own documented errors."""
    status: int | None = None
    kind: str | None = None
    """The API's ``error.type``."""
    request_id: str | None = None
    partial: str | None = None
    sent: bool | None = None
    """Whether the request reached a server; None when the error does not tell."""
    retry_after: float | None = None


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens over all attempts of a call."""

    input: int | None
    output: int | None
    exact: bool
    """Whether nothing is missing; otherwise the numbers are a lower bound."""


class Finished(Observation, frozen=True, kw_only=True, tag="finished"):
    """The call ended. The last observation of every run."""

    outcome: Outcome
    text: str | None = None
    """The final text where the client returns one apart from what it streamed."""
    stop_reason: str | None = None
    tools: tuple[ToolUse, ...] = ()
    usage: dict[str, Any] | None = None
    billed: Billed | None = None
    content: tuple[dict[str, Any], ...] = ()
    """Content blocks as the client would send them back."""
    error: ErrorSeen | None = None
    undelivered: ErrorSeen | None = None
    """Why the receiver does not have the last state, where the caller is told so."""


class Cancelled(Observation, frozen=True, kw_only=True, tag="cancelled"):
    """The harness cancelled the call, as the scenario asks."""


class TimedOut(Observation, frozen=True, kw_only=True, tag="timed_out"):
    """The call had not ended when the time to settle was over; the harness stopped it."""


class AdapterFailed(Observation, frozen=True, kw_only=True, tag="adapter_failed"):
    """The adapter broke its contract; nothing can be said of the client."""

    why: str


Observed: TypeAlias = Shown | Cleared | Noticed | ToolRan | Finished
ClientRecord: TypeAlias = Observed | Cancelled | TimedOut | AdapterFailed
