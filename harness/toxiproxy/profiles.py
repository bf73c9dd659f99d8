"""Networks by name, made of toxics that every Toxiproxy has. Pure.

Rates and latencies of 3G are those that Chrome's DevTools apply for the names (``NetworkManager.ts`` of its front end:
a nominal rate times 0.8 or 0.9, a nominal round trip times 5 or 3.75). A round trip is shared by both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.toxiproxy.toxic import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A toxic of a profile."""

    type: str
    stream: Stream
    attributes: Mapping[str, int]
    toxicity: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A kind of network."""

    title: str
    toxics: tuple[Placed, ...] = field(default=())
    offline: bool = False


def _network(title: str, *, down: int, up: int, round_trip: int, jitter: int = 0, loss: float = 0.0) -> Profile:
    """Rates in KB/s, times in milliseconds; ``loss`` is the part of connections that stop in the middle."""
    toxics = [
        Placed(type="latency", stream=stream, attributes={"latency": round_trip // 2, "jitter": jitter})
        for stream in ("upstream", "downstream")
    ]
    toxics += [
        Placed(type="bandwidth", stream="upstream", attributes={"rate": up}),
        Placed(type="bandwidth", stream="downstream", attributes={"rate": down}),
    ]
    if loss:
        toxics.append(Placed(type="limit_data", stream="downstream", attributes={"bytes": 4_000}, toxicity=loss))
    return Profile(title=title, toxics=tuple(toxics))


PROFILES: dict[str, Profile] = {
    "offline": Profile(title="No network at all.", offline=True),
    "slow-3g": _network("Slow 3G, as DevTools has it.", down=50, up=50, round_trip=2000),
    "fast-3g": _network("Fast 3G, as DevTools has it.", down=180, up=84, round_trip=562),
    "flaky-wifi": _network(
        "Wi-Fi at the edge of its reach: latency that jumps, one connection in five breaks off.",
        down=600,
        up=200,
        round_trip=60,
        jitter=40,
        loss=0.2,
    ),
    "satellite": _network("A geostationary satellite.", down=3_000, up=375, round_trip=600, jitter=20),
}
