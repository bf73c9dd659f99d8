"""One direction of one connection: a chain of stages, one for each toxic, between what is read and what is written.

Pure: bytes and the time go in, bytes and the next moment of interest come out. Whoever holds a link has sockets and a
clock (:mod:`harness.toxiproxy.connection`), or neither (a test, a simulation).

::

    feed(data) ─► channel ─► stage ─► channel ─► stage ─► channel ─► take()

Channels hold one chunk (1,024 in front of latency), so a reader that does not read stops the writer, as TCP would.
Toxics come, change and go between two calls, so nothing is lost or reordered, and no change ever waits for a peer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import assert_never

from harness.toxiproxy.pipe import FOREVER, RECEIVE, Chunk, Drop, Emit, Flow, Pipe, Receive, Reset, Silence, Step, Until
from harness.toxiproxy.toxic import Installed, Toxic

Report = Callable[[Installed, int, str], None]
"""Called when a toxic first does its work on a connection: the toxic, the bytes that it let through before, a note."""


@dataclass(slots=True, eq=False)
class Channel:
    """Chunks between two stages."""

    capacity: int = 1
    chunks: deque[Chunk] = field(default_factory=deque)
    ended: bool = False

    @property
    def has_room(self) -> bool:
        """Whether another chunk may come in."""
        return len(self.chunks) < self.capacity


@dataclass(slots=True, eq=False, kw_only=True)
class Dice:
    """What chance and count decide of one toxic on one connection; the same seed decides the same."""

    seed: str
    ordinal: int
    """The connection is the toxic's so-many-th."""
    throws: int = 0

    def throw(self, installed: Installed) -> tuple[bool, Random]:
        """Whether the toxic acts from now on, and the chance for what it does."""
        chance = Random(f"{self.seed}/{installed.name}/{self.throws}")
        self.throws += 1
        acts = chance.random() < installed.toxicity
        return acts and installed.activation.acts_on(self.ordinal), chance


class Stage:
    """One toxic at work on one link."""

    def __init__(self, installed: Installed, dice: Dice, inbox: Channel, report: Report, now: float) -> None:
        self.installed = installed
        self.inbox = inbox
        self.outbox = Channel()
        self.reset = False
        self.cut = False
        """Whether it ended before its input did."""
        self.peer_gone = False
        self._dice = dice
        self._report = report
        self._hand: Chunk | None = None
        self._stale = False
        self._acts = False
        self._flow = Flow(Random(0), now, now, now, self._struck)
        self._begin(now)

    @property
    def name(self) -> str:
        """The toxic's."""
        return self.installed.name

    @property
    def closes(self) -> bool:
        """Whether nothing may follow when it goes."""
        chosen = self.installed.activation.acts_on(self._dice.ordinal)
        return self._flow.lost > 0 or (chosen and self.installed.toxic.closes_when_removed)

    @property
    def wakes(self) -> float:
        """When it wants to go on, whatever comes."""
        wish = self._wish
        if self.outbox.ended:
            return FOREVER
        return wish.at if isinstance(wish, Until) else wish.until if isinstance(wish, Receive) else FOREVER

    def update(self, installed: Installed, now: float) -> None:
        """Go on with other settings: at once, or when what is being passed on has gone."""
        self.installed = installed
        self._stale = True
        if isinstance(self._wish, Receive | Until | Silence) and not self.outbox.ended:
            self._begin(now)

    def advance(self, now: float) -> bool:
        """Do what can be done now; returns whether anything was."""
        self._flow.now = now
        moved = False
        while not self.outbox.ended and self._grant(now):
            moved = True
            if self._stale and isinstance(self._wish, Receive | Until | Silence):
                self._begin(now)
        return moved

    def close(self) -> list[Chunk]:
        """Stop, and return what is in hand and what waits, in order; empty when nothing may follow any more."""
        self._pipe.close()
        held = [self._hand] if self._hand is not None else []
        return [] if self.outbox.ended else [*held, *self.inbox.chunks]

    def _begin(self, now: float) -> None:
        acts, self._flow.chance = self._dice.throw(self.installed)
        self._flow.began = self._flow.now = now
        self._stale = False
        self._pipe = self._behaviour(acts)
        self._wish: Step = RECEIVE
        self._resume(None)

    def _behaviour(self, acts: bool) -> Pipe:
        after, broken = self.installed.activation.after_bytes, self._flow.lost > 0
        self._acts = acts and (broken or after <= self._flow.passed)
        if self._acts:
            return self.installed.toxic.pipe(self._flow)
        if broken:
            return _over()
        return self._after(after) if acts else Toxic().pipe(self._flow)

    def _after(self, count: int) -> Pipe:
        while (left := count - self._flow.passed) > 0:
            chunk = yield RECEIVE
            if chunk is None:
                return
            yield Emit(chunk.data[:left])
        self._flow.began, self._acts = self._flow.now, True
        yield from self.installed.toxic.pipe(self._flow)

    def _grant(self, now: float) -> bool:
        """Give the toxic what it waits for, if that is there; returns whether it was."""
        wish = self._wish
        if isinstance(wish, Receive):
            return self._receive(wish.until, now)
        if isinstance(wish, Until):
            if wish.at > now:
                return False
            self._flow.waited = max(self._flow.waited, wish.at)
        elif isinstance(wish, Emit):
            if not self.outbox.has_room:
                return False
            self._emit(wish.data, now)
        elif isinstance(wish, Drop):
            self._drop()
        elif isinstance(wish, Silence):
            if not self.peer_gone:
                return False
        elif isinstance(wish, Reset):
            self.reset = self.outbox.ended = True
            return True
        else:
            assert_never(wish)
        self._resume(None)
        return True

    def _receive(self, until: float, now: float) -> bool:
        if self._hand is None and self.inbox.chunks:
            self._hand = self.inbox.chunks.popleft()
        if self._hand is not None:
            self._resume(self._hand)
        elif self.inbox.ended:
            self._resume(None)
        elif until <= now:
            self._resume(Chunk(b"", until))
        else:
            return False
        return True

    def _emit(self, data: bytes, now: float) -> None:
        at = max(self._hand.at if self._hand is not None else now, self._flow.waited)
        if data:
            self.outbox.chunks.append(Chunk(data, at))
        self._flow.passed += len(data)
        self._flow.spared += 0 if self._acts else len(data)
        rest = self._hand.data[len(data) :] if self._hand is not None else b""
        self._hand = Chunk(rest, at) if rest else None

    def _drop(self) -> None:
        self._flow.lost += len(self._hand.data) if self._hand is not None else 0
        self._hand = None

    def _resume(self, answer: Chunk | None) -> None:
        try:
            self._wish = self._pipe.send(answer)
        except StopIteration:
            self.cut = self._hand is not None or bool(self.inbox.chunks) or not self.inbox.ended
            self._drop()
            self.outbox.ended = True

    def _struck(self, note: str) -> None:
        self._report(self.installed, self._flow.passed, note)

    def free(self) -> None:
        """Refer to itself no longer; it is not used any more."""
        self._flow.report = _unheard


def _unheard(note: str) -> None:
    """What a toxic says when its connection is over."""


def _over() -> Pipe:
    yield from ()


class Link:
    """One direction of one connection."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._stages: list[Stage] = []
        self._first = self._last = Channel()
        self._cut = self._reset = self._peer_gone = False
        self.source_ended = False
        self.received = 0
        """Bytes that came in."""
        self.taken = 0
        """Bytes that went out."""

    @property
    def is_clear(self) -> bool:
        """Whether what is fed comes out at once as it is: no toxic is in it, nothing waits, and nothing is over."""
        return not (self._stages or self._last.chunks or self._last.ended or self._reset)

    @property
    def wants_input(self) -> bool:
        """Whether :meth:`feed` may be called: there is room, and a use for more."""
        return not (self.source_ended or self._first.ended or self._last.ended) and self._first.has_room

    @property
    def wakes(self) -> float:
        """When :meth:`advance` should be called next though nothing else happens; infinity for never."""
        first = FOREVER
        for stage in self._stages:
            if (wakes := stage.wakes) < first:
                first = wakes
        return first

    @property
    def reset(self) -> bool:
        """Whether a toxic has reset the connection."""
        for stage in self._stages:
            if stage.reset:
                return True
        return self._reset

    @property
    def cut(self) -> bool:
        """Whether a toxic ended the data before their own end."""
        return self._last.ended and (self._cut or not self._first.ended or any(stage.cut for stage in self._stages))

    @property
    def ended(self) -> bool:
        """Whether nothing will come out any more: the far side is to be closed."""
        return self._last.ended and not self._last.chunks

    def feed(self, data: bytes, now: float) -> None:
        """Bytes were read; with toxics at most :data:`~harness.toxiproxy.pipe.CHUNK_BYTES`."""
        self.received += len(data)
        self._first.chunks.append(Chunk(data, now))
        self.advance(now)

    def pass_by(self, count: int) -> None:
        """So many bytes were read and are written without being fed; only while it is clear."""
        self.received += count
        self.taken += count

    def end(self, now: float) -> None:
        """The source has ended: EOF, or an error, which is the same to Toxiproxy."""
        self.source_ended = self._first.ended = True
        self.advance(now)

    def peer_gone(self, now: float) -> None:
        """The peer on the far side has closed its own half."""
        self._peer_gone = True
        for stage in self._stages:
            stage.peer_gone = True
        self.advance(now)

    def take(self, now: float) -> bytes | None:
        """The next bytes to write, in one piece; None when there are none now."""
        if not self._last.chunks:
            return None
        data = self._last.chunks.popleft().data
        self.taken += len(data)
        self.advance(now)
        return data

    def free(self) -> None:
        """Nothing will be asked of it any more: leave nothing for the garbage collector."""
        for stage in self._stages:
            stage.free()

    def advance(self, now: float) -> None:
        """Let every stage do what it can do now."""
        again = True
        while again:
            again = False
            for stage in reversed(self._stages):
                if stage.advance(now):
                    again = len(self._stages) > 1  # what one leaves, another may take

    def add(self, installed: Installed, dice: Dice, now: float) -> None:
        """A toxic comes, behind all others; too late when all is over."""
        if self.ended:
            return
        self._last.capacity = max(self._last.capacity, installed.toxic.buffer)
        stage = Stage(installed, dice, self._last, self._report, now)
        stage.peer_gone = self._peer_gone
        self._stages.append(stage)
        self._last = stage.outbox
        self.advance(now)

    def update(self, installed: Installed, now: float) -> None:
        """The toxic of that name changes, in its place."""
        for stage in self._stages:
            if stage.name == installed.name:
                stage.update(installed, now)
        self.advance(now)

    def remove(self, name: str, now: float) -> None:
        """The toxic of that name goes; what waited for it moves on at once, unless bytes before it are missing."""
        for place, stage in enumerate(self._stages):
            if stage.name == name:
                self._unlink(place, stage)
                self.advance(now)
                return

    def _unlink(self, place: int, stage: Stage) -> None:
        waiting, inbox, outbox = stage.close(), stage.inbox, stage.outbox
        closes = stage.closes and not outbox.ended
        self._cut = self._cut or stage.cut or closes
        self._reset = self._reset or stage.reset
        if closes:
            outbox.ended = True
        else:
            outbox.chunks.extend(waiting)
            outbox.ended = outbox.ended or inbox.ended
        del self._stages[place]
        if place:
            self._stages[place - 1].outbox = outbox
        else:
            self._first = outbox
