"""Makes a scenario of captured exchanges: the attempts of one call, and what may be expected of a client. Pure.

Rules:

1. A call is what came until the first answer with an end of its own, or the first refusal that would come again: what
   was asked after that belongs to another call.
2. What is right is read off the bytes that are served, faults of the proxy included, by the oracle's own reader.
3. Nobody knows how an answer that broke off would have gone on. What it said is all that it is held to say, and who
   cannot get more of it than that may say so.
4. Redirects and failures to connect are no answers, and are left out.
5. A stream that the oracle cannot read, or a turn that goes on in the next request, is not taken.
6. A compressed body is taken as it is or not at all: not when a key is in it, or when nobody can tell.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from msgspec.structs import replace as replaced

from fake_server.effects import Close, End, Reset, Send, Stall
from fake_server.replayed import Piece, Replayed
from fake_server.script import Request, Script, render
from fake_server.wire import Sized
from harness import recorded
from harness.checks.wire_decides import ENDS
from harness.errors import UsageError
from harness.grammar import Told, read_in_order, read_message
from harness.model import Capability, Expect, Level, Limits, Outcome, Scenario, ToolUse
from harness.plan import MAX_ATTEMPTS
from harness.recording.capture import Exchange
from harness.recording.heads import declared, end_to_end, framing_of, is_coded, is_compressed
from harness.recording.identities import without_identities
from harness.reference import Response, read_reply
from harness.secrets import Secrets, secrets_of

_PASSES = frozenset({408, 409, 425, 429})
"""Client errors that may pass."""
_LONGEST_HINT = 5.0
"""Seconds that a server may ask for before a client need not wait so long."""
_LEAST_PAUSE = 0.02
"""Seconds of silence that are worth repeating."""
_MOST_INFLATED = 64 << 20
"""Bytes of a compressed body that are looked through."""
_GAVE_UP = (Outcome.INCOMPLETE, Outcome.FAILED)
_HOW = {End: "end", Close: "close", Reset: "reset", Stall: "stall"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A scenario, and what was left out of it."""

    scenario: Scenario
    left_out: tuple[str, ...] = ()
    """What was not taken and why, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What the oracle reads in a reply as it is served."""

    response: Response
    told: Told
    how: str

    @property
    def is_whole(self) -> bool:
        """Whether it is an answer to its end, with nothing out of order."""
        fine = self.how == "end" and self.response.ended and self.response.status == 200
        return fine and self.told.is_flawless

    @property
    def is_over(self) -> bool:
        """Whether it has the end of an answer, in whatever order the rest is."""
        return self.response.status == 200 and self.response.terminal

    @property
    def is_final(self) -> bool:
        """Whether a refusal would come again."""
        status = self.response.status or 0
        hint = self.response.headers.get("x-should-retry", "").lower()
        usual = status < 500 and status not in _PASSES
        return status >= 400 and {"true": False, "false": True}.get(hint, usual)


def scenario_of(exchanges: Sequence[Exchange], name: str, *, first: int = 1, keeps_times: bool = True) -> Made:
    """The scenario of the call that begins with exchange ``first``, without keys and ids.

    Args:
        exchanges: as they were captured, in order.
        name: the scenario's name.
        first: number of the exchange to begin with, from 1.
        keeps_times: whether the pauses of the answers are repeated.

    Raises:
        UsageError: there is no such exchange, none has an answer, or one is of a kind that cannot be judged.
    """
    if not 1 <= first <= max(1, len(exchanges)):
        raise UsageError(f"there is no exchange {first} in the capture: it has {len(exchanges)}")
    numbered = [(number, one) for number, one in enumerate(exchanges, 1) if number >= first]
    taken = [(number, one) for number, one in numbered if _is_answer(one)]
    if any(_is_of_messages(one) for _, one in taken):
        taken = [(number, one) for number, one in taken if _is_of_messages(one)]
    if not taken:
        raise UsageError(f"none of the {len(numbered)} exchanges has an answer to make a scenario of")
    clean = without_identities(_without_keys(one) for _, one in taken)
    steps, reads = _call([number for number, _ in taken], clean, keeps_times=keeps_times)
    missing = [number for number, _ in numbered if number not in {one for one, _ in taken}]
    later = [number for number, _ in taken[len(steps) :]]
    return Made(scenario=_scenario(name, steps, reads), left_out=tuple(_left_out(missing, later)))


def _left_out(missing: Sequence[int], later: Sequence[int]) -> Iterator[str]:
    if missing:
        yield f"{_exchanges(missing)}: no answer of a model"
    if later:
        yield f"{_exchanges(later)}: after the end of the call; --from {later[0]} begins there"


def _exchanges(numbers: Sequence[int]) -> str:
    return f"exchange{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _is_answer(exchange: Exchange) -> bool:
    return exchange.status is not None and not 300 <= exchange.status < 400 and exchange.status >= 200


def _is_of_messages(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.url.partition("?")[0].endswith("/messages")


def _without_keys(exchange: Exchange) -> Exchange:
    secrets = secrets_of(exchange.request_headers, exchange.url)
    clean = exchange.with_body(secrets.body(exchange.body))
    return Exchange(
        method=clean.method,
        url=clean.url,
        status=clean.status,
        headers=secrets.headers(clean.headers),
        pieces=clean.pieces if _is_seen(exchange, secrets) else (),
        ended=clean.ended,
        faults=clean.faults,
    )


def _is_seen(exchange: Exchange, secrets: Secrets) -> bool:
    """Whether all keys of the body are where they can be overwritten; of other codings than gzip nobody knows."""
    if not is_compressed(exchange.headers, exchange.body):
        return True
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflating.decompress(exchange.body, _MOST_INFLATED)
    except zlib.error:
        return False
    is_all = not inflating.unconsumed_tail and not inflating.unused_data
    return is_all and secrets.body(plain) == plain


def _call(
    numbers: Sequence[int], exchanges: Sequence[Exchange], *, keeps_times: bool
) -> tuple[list[Replayed], list[_Read]]:
    """The steps up to the end of the call, and what is read in each."""
    steps: list[Replayed] = []
    reads: list[_Read] = []
    for number, exchange in zip(numbers, exchanges, strict=True):
        _demand_kept(exchange, number)
        step = _step(exchange, f"the faults of exchange {number}", keeps_times=keeps_times)
        truth = _read(replace(step, faults=()))
        _demand_legible(truth, number)
        if truth.response.status == 200 and (truth.response.started or truth.told.blocks):
            reason = truth.told.stop_reason if truth.is_whole else None
            step = replace(step, says=_paired(truth.response.text), stop_reason=reason)
        steps.append(step)
        reads.append(_read(step))
        if reads[-1].is_over or reads[-1].is_final:
            break
    return steps, reads


def _paired(text: str) -> str:
    """The text with the halves of characters joined that JSON had escaped apart; a half that is alone is shown as one
    that nobody can show."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _demand_kept(exchange: Exchange, number: int) -> None:
    if is_coded(exchange.headers) and not exchange.body:
        raise UsageError(
            f"exchange {number} is compressed, and its body is left out because a key may be in it: "
            "capture it without `accept-encoding`"
        )


def _demand_legible(read: _Read, number: int) -> None:
    response = read.response
    if response.stop_reason == "pause_turn":
        raise UsageError(f"exchange {number} pauses its turn: a call that goes on in its next request is not recorded")
    is_known = response.started or response.error_kind is not None or not response.events
    if response.status == 200 and not is_known:
        raise UsageError(
            f"exchange {number} is a stream, and not one of the Messages API: its first event is called "
            f"{response.events[0][0]!r}; what a client should make of it cannot be judged"
        )
    coding = response.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise UsageError(f"exchange {number} is compressed by {coding!r}: capture it without `accept-encoding`")


def _step(exchange: Exchange, where: str, *, keeps_times: bool) -> Replayed:
    assert exchange.status is not None
    framing = framing_of(exchange.status, exchange.headers, method=exchange.method)
    length = declared(exchange.headers)
    if isinstance(framing, Sized) and length is not None:
        framing = Sized(length - len(exchange.body))
    return Replayed(
        status=exchange.status,
        headers=end_to_end(exchange.headers, "content-length"),
        framing=framing,
        pieces=tuple(_pieces(exchange)) if keeps_times else tuple(Piece(one.text) for one in exchange.pieces),
        ends=exchange.ended if exchange.ended in ("end", "close", "reset") else "close",
        faults=recorded.load_faults(list(exchange.faults), where),
    )


def _pieces(exchange: Exchange) -> Iterator[Piece]:
    times = [0.0, *(piece.t for piece in exchange.pieces)]
    for piece, (before, now) in zip(exchange.pieces, pairwise(times), strict=True):
        pause = round(now - before, 3)
        yield Piece(piece.text, pause if pause >= _LEAST_PAUSE else 0.0)


def _read(step: Replayed) -> _Read:
    """What is served to a request for a stream, as the oracle reads it."""
    request = Request(attempt=1, seed="", body={"stream": True})
    effects = list(render(step.reply(request), request)[1])
    how = next((_HOW[type(one)] for one in effects if type(one) in _HOW), "close")
    response = read_reply(b"".join(one.data for one in effects if isinstance(one, Send)))
    if response.media_type == "application/json":
        return _Read(response=response, told=read_message(response.body), how=how)
    return _Read(response=response, told=read_in_order(response.events, is_utf8=response.is_utf8), how=how)


def _scenario(name: str, steps: Sequence[Replayed], reads: Sequence[_Read]) -> Scenario:
    last = reads[-1]
    tools = last.told.tools if last.is_whole else []
    return Scenario(
        name=name,
        family=recorded.FAMILY,
        title=f"A recorded call: {', then '.join(map(_words, reads, steps))}.",
        script=Script(tuple(steps)),
        expect=_expect(reads),
        level=Level.INFO if last.is_over and not last.is_whole else Level.MUST,
        requires=frozenset({Capability.TOOLS}) if tools else frozenset(),
        request={"tools": [_spec(tool) for tool in dict.fromkeys(tool for tool, _ in tools)]} if tools else {},
        limits=_limits(steps, reads),
    )


def _spec(tool: str) -> dict[str, Any]:
    return {"name": tool, "description": tool, "input_schema": {"type": "object", "properties": {}}}


def _words(read: _Read, step: Replayed) -> str:
    """What came, in words for a title."""
    struck = " and ".join(fault.name for fault in step.faults)
    return f"{_came(read)} ({struck})" if struck else _came(read)


def _came(read: _Read) -> str:
    response = read.response
    if response.status != 200:
        return f"status {response.status}" if response.status else "no answer"
    if read.is_whole:
        return "a whole answer"
    if read.is_over:
        return f"an answer in which {read.told.flaw or 'something is missing'}"
    if response.error_kind is not None:
        return "an error instead of the rest of an answer" if response.text else "an error instead of an answer"
    return "an answer that breaks off" if response.started else "no answer"


def _expect(reads: Sequence[_Read]) -> Expect:
    last = reads[-1]
    absurd = any(_hint(one) > _LONGEST_HINT for one in reads)
    common = Expect(
        may_fail=len(reads) > 1 or last.response.media_type == "application/json",
        stalls=any(one.how == "stall" for one in reads),
        absurd_hint=absurd,
    )
    if last.is_whole:
        return _of_an_answer(common, last, gives_up=absurd, is_first=len(reads) == 1)
    if last.is_over:
        return replaced(common, also=tuple(Outcome), may_fail=True)
    is_permanent = last.is_final and (last.response.status or 0) < 500 and len(reads) == 1
    return replaced(common, outcome=Outcome.FAILED, also=(Outcome.INCOMPLETE,), permanent=is_permanent)


def _of_an_answer(common: Expect, last: _Read, *, gives_up: bool, is_first: bool) -> Expect:
    """What is right where the last reply is a whole answer.

    Args:
        gives_up: whether it is right as well not to wait so long for it.
        is_first: whether it is given to everybody as it is; after another a client may ask only for the rest.
    """
    outcome = ENDS.get(last.told.stop_reason or "")
    return replaced(
        common,
        outcome=outcome or Outcome.COMPLETE,
        also=tuple(Outcome) if outcome is None else _GAVE_UP if gives_up else (),
        tools=tuple(ToolUse(name, given) for name, given in last.told.tools),
        usage=dict(last.response.usage) if last.response.counted and is_first else {},
    )


def _hint(read: _Read) -> float:
    """Seconds that a refusal asks to wait; what is no number is taken for a long time."""
    value = read.response.headers.get("retry-after", "0")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 9 else _LONGEST_HINT + 1


def _limits(steps: Sequence[Replayed], reads: Sequence[_Read]) -> Limits:
    """Limits in which a client bears the pauses that there really were, however often it asks."""
    usual = Limits()
    pauses = [piece.after for step in steps for piece in step.pieces]
    patience = round(2 * max(pauses, default=0.0), 1)
    hints = sum(min(_hint(one), 60.0) for one in reads if one.response.status != 200)
    in_all = sum(pauses) + (MAX_ATTEMPTS - len(steps)) * sum(piece.after for piece in steps[-1].pieces) + hints
    return Limits(
        first_byte=max(usual.first_byte, patience),
        idle=max(usual.idle, patience),
        progress=max(usual.progress, patience),
        settle=round(usual.settle + 1.5 * max(0.0, in_all), 1),
    )
