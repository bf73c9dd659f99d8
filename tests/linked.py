"""Drives a Link in virtual time: no sockets, no event loop, and an hour of waiting costs nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from harness.toxiproxy.link import Dice, Link
from harness.toxiproxy.toxic import Installed, kinds

MOST_WAKES = 100_000


def installed(kind: str, *, name: str = "", toxicity: float = 1, **attributes: Any) -> Installed:
    """A toxic as the API installs it; its name is its type unless another is given."""
    plain = Installed(name=name or kind, type=kind, stream="downstream", toxic=kinds()[kind]())
    return plain.changed(attributes, toxicity)


@dataclass
class Wire:
    """A link with a source that sends when there is room, and a reader that takes what comes while it ``reads``."""

    now: float = 0.0
    reads: bool = True
    out: list[tuple[float, bytes]] = field(default_factory=list)
    """What came out, in pieces, and when."""
    ended: float | None = None
    """When the far side was closed."""
    struck: list[tuple[float, str, int, str]] = field(default_factory=list)
    """When a toxic said that it did its work, its name, the bytes that it had let through, and its note."""

    def __post_init__(self) -> None:
        self.link = Link(self._struck)
        self._source: deque[bytes | None] = deque()
        self._installed: dict[str, Installed] = {}

    @property
    def data(self) -> bytes:
        """All that came out."""
        return b"".join(piece for _, piece in self.out)

    @property
    def sizes(self) -> list[int]:
        """Of the pieces that came out."""
        return [len(piece) for _, piece in self.out]

    @property
    def names(self) -> list[str]:
        """Of the toxics, in their order."""
        return list(self._installed)

    def add(self, kind: str, *, ordinal: int = 1, seed: str = "s", **more: Any) -> None:
        """A toxic comes; the connection is the ``ordinal``-th that it meets."""
        new = installed(kind, **more)
        self._installed[new.name] = new
        self.link.add(new, Dice(seed=seed, ordinal=ordinal), self.now)
        self._move()

    def update(self, name: str, *, toxicity: float | None = None, **attributes: Any) -> None:
        """Other attributes are merged into a toxic's."""
        self._installed[name] = self._installed[name].changed(attributes, toxicity)
        self.link.update(self._installed[name], self.now)
        self._move()

    def remove(self, name: str) -> None:
        """A toxic goes."""
        del self._installed[name]
        self.link.remove(name, self.now)
        self._move()

    def send(self, *chunks: bytes) -> None:
        """The source sends these, one after the other, each as soon as there is room."""
        self._source.extend(chunks)
        self._move()

    def close(self) -> None:
        """The source closes, after all that it has sent."""
        self._source.append(None)
        self._move()

    def close_far_side(self) -> None:
        """The reader closes its half."""
        self.link.peer_gone(self.now)
        self._move()

    def read(self) -> None:
        """The reader reads from now on."""
        self.reads = True
        self._move()

    def until(self, moment: float) -> None:
        """Let time pass until then, with a turn at every moment that the link asks for."""
        for _ in range(MOST_WAKES):
            wakes = self.link.wakes
            if wakes > moment:
                break
            self.now = max(self.now, wakes)
            self._turn()
        else:
            raise AssertionError("the link never settles")
        self.now = max(self.now, moment)
        self._turn()

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        self.until(self.now + seconds)

    def _turn(self) -> None:
        self.link.advance(self.now)
        self._move()

    def _move(self) -> None:
        while self._gave() or self._took():
            pass
        if self.link.ended and self.ended is None:
            self.ended = round(self.now, 6)

    def _gave(self) -> bool:
        if not self._source or not self.link.wants_input:
            return False
        chunk = self._source.popleft()
        if chunk is None:
            self.link.end(self.now)
        else:
            self.link.feed(chunk, self.now)
        return True

    def _took(self) -> bool:
        data = self.link.take(self.now) if self.reads else None
        if data is not None:
            self.out.append((round(self.now, 6), data))
        return data is not None

    def _struck(self, toxic: Installed, passed: int, note: str) -> None:
        self.struck.append((round(self.now, 6), toxic.name, passed, note))
