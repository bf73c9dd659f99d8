"""A network that is slow and whole: latency, little bandwidth, small pieces; and the slowness that is a fault."""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer
from fake_server.fault import Fault
from fake_server.faults.until_closed import UntilClosed
from fake_server.script import script
from harness.model import Expect, Limits, Scenario
from harness.network import Network, network, profile, toxic
from scenarios.shapes import EVERY_DIALECT, LARGE_PROMPT, WHOLE, dead

_HEALTHY = Expect(healthy=True)
_PATIENT = Limits(connect=5.0, first_byte=5.0, idle=3.0, progress=5.0, settle=16.0)
"""For networks on which a round trip alone takes as long as a server may usually think."""


def _slow(name: str, title: str, over: Network, *faults: Fault, **more: Any) -> Scenario:
    """A healthy stream over a network that takes its time, within the limits that the client was given."""
    return Scenario(
        name=name, title=title, script=script(Answer(faults=faults)), network=over, **{"expect": _HEALTHY, **more}
    )


DIALECTS = EVERY_DIALECT
HARM = "On a slow line the answer is killed although it was under way."

SCENARIOS = (
    _slow(
        "latency",
        "Every piece of the answer comes 300 ms late.",
        network(toxic("latency", latency=300)),
        pair="slow_network.latency_beyond_limits",
    ),
    _slow(
        "latency_both_ways",
        "Request and answer come 200 ms late each.",
        network(toxic("latency", stream="upstream", latency=200), toxic("latency", latency=200)),
        pair="slow_network.latency_beyond_limits",
    ),
    _slow(
        "jitter",
        "Pieces come between 0 and 300 ms late; their order stays.",
        network(toxic("latency", latency=150, jitter=150)),
        pair="slow_network.latency_beyond_limits",
    ),
    _slow(
        "slow_open",
        "The first byte of the connection takes 400 ms, all others are in time.",
        network(toxic("slow_open", delay=400)),
        pair="slow_network.latency_beyond_limits",
    ),
    dead(
        "latency_beyond_limits",
        "The answer to the first request would come after four seconds.",
        network(toxic("latency", latency=4000, only_connections=1)),
        covers=("time-stall-before-headers",),
        pair="slow_network.latency",
    ),
    _slow(
        "narrow",
        "The answer comes at 8 KB/s.",
        network(toxic("bandwidth", rate=8)),
        covers=("time-slow-drip", "time-total-timeout-on-active-stream"),
        pair="broken_network.silent_mid_text",
    ),
    _slow(
        "narrow_upload",
        "A large prompt goes up at 400 KB/s.",
        network(toxic("bandwidth", stream="upstream", rate=400)),
        request=LARGE_PROMPT,
        limits=_PATIENT,
        pair="unreachable_network.upload_swallowed",
    ),
    _slow(
        "stall_in_upload",
        "A large prompt stands still for half a second on its way up.",
        network(toxic("stall", stream="upstream", after_bytes=10_000, duration=500)),
        request=LARGE_PROMPT,
        limits=_PATIENT,
        pair="unreachable_network.upload_swallowed",
    ),
    _slow(
        "sliced",
        "The answer comes in pieces of some 16 bytes: events and characters are cut anywhere.",
        network(toxic("slicer", average_size=16, size_variation=8, delay=2_000)),
        covers=("enc-utf8-split",),
        pair="broken_network.silent_mid_text",
    ),
    _slow(
        "sliced_slowly",
        "The answer comes in pieces of some 64 bytes, 5 ms apart.",
        network(toxic("slicer", average_size=64, size_variation=32, delay=5_000)),
        pair="broken_network.silent_mid_text",
    ),
    _slow(
        "stall_that_resumes",
        "In the middle of the text the network stands still for half of the time that it may.",
        network(toxic("stall", after_bytes=3_000, duration=500)),
        covers=("time-long-thinking-healthy",),
        pair="broken_network.silent_mid_text",
    ),
    _slow(
        "slow_close",
        "The whole answer is there, and the close that ends its body would come a minute later.",
        network(toxic("slow_close", delay=60_000)),
        UntilClosed(),
        expect=WHOLE,
        pair="broken_network.cut_text_done",
        harm="The user has the whole answer and the spinner goes on turning.",
    ),
    _slow(
        "late_and_sliced",
        "Latency, little bandwidth and small pieces at once.",
        network(
            toxic("latency", latency=100, jitter=50),
            toxic("bandwidth", rate=20),
            toxic("slicer", average_size=12, delay=1_000),
        ),
        pair="broken_network.silent_mid_text",
    ),
    _slow(
        "fast_3g",
        "A phone on fast 3G.",
        profile("fast-3g"),
        limits=_PATIENT,
        pair="slow_network.latency_beyond_limits",
    ),
    _slow(
        "slow_3g",
        "A phone on slow 3G: a round trip takes two seconds.",
        profile("slow-3g"),
        limits=_PATIENT,
        pair="slow_network.latency_beyond_limits",
    ),
    _slow(
        "satellite",
        "A line over a geostationary satellite.",
        profile("satellite"),
        limits=_PATIENT,
        pair="slow_network.latency_beyond_limits",
    ),
)
