"""Silence: the dead kind, which must be left, and the healthy kind, which must be borne."""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer
from fake_server.blocks import text_block
from fake_server.fault import Fault
from fake_server.faults.drip import Drip
from fake_server.faults.hold_all import HoldAll
from fake_server.faults.merge_all import MergeAll
from fake_server.faults.pause import Pause
from fake_server.faults.repeat_bytes import RepeatBytes
from fake_server.faults.stall_before_head import StallBeforeHead
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtByte, InEvent
from fake_server.script import script
from harness.model import Expect, Level, Limits, Scenario
from scenarios.shapes import (
    BLOCK_DONE,
    CLAUDE,
    DELTA,
    EVERY_DIALECT,
    MID_TEXT,
    PREAMBLE_ONLY,
    REASON_SEEN,
    WHOLE,
    WITH_A_STOP,
    faulted,
)

_SENTENCES = tuple(f"At {hour} the bell rings. " for hour in range(1, 9))
_DEAD = Expect(may_fail=True, stalls=True)
_SLOW = Expect(healthy=True)


def _slow(name: str, title: str, *faults: Fault, **more: Any) -> Scenario:
    """A healthy stream that takes its time, within the limits that the client was given."""
    return Scenario(name=name, title=title, script=script(Answer(faults=faults)), expect=_SLOW, **more)


DIALECTS = EVERY_DIALECT
HARM = "The user waits before a text that will never go on, or a healthy answer is killed."

SCENARIOS = (
    faulted(
        "before_head",
        "The request is taken and nothing ever comes.",
        StallBeforeHead(),
        expect=_DEAD,
        covers=("time-stall-before-headers",),
        sources=("obra/lace#370", "JuliaWeb/HTTP.jl#1331"),
        pair="stall.slow_start",
    ),
    faulted(
        "before_first_event",
        "Headers come, then silence.",
        StallForever(at=AtByte(0)),
        expect=_DEAD,
        covers=("time-stall-before-first-event",),
        sources=("anomalyco/opencode#40205", "open-webui/open-webui#27038"),
        pair="stall.slow_start",
    ),
    faulted(
        "preamble_only",
        "message_start comes, then silence.",
        StallForever(at=PREAMBLE_ONLY),
        expect=_DEAD,
        covers=("conn-half-open-silent-death", "retry-forwards-preamble-twice"),
        sources=("anthropics/claude-code#61001", "zirkelc/ai-retry#51"),
        pair="stall.pause_within_limits",
    ),
    faulted(
        "mid_text",
        "Text comes, then silence on an open connection.",
        StallForever(at=MID_TEXT),
        expect=_DEAD,
        covers=("time-stall-mid-text", "conn-half-open-silent-death"),
        sources=("anomalyco/opencode#37580", "langchain-ai/langchain#36056", "zed-industries/zed#56561"),
        pair="stall.pause_within_limits",
    ),
    faulted(
        "mid_event",
        "Silence in the middle of an event.",
        StallForever(at=InEvent(DELTA, 18, byte=50)),
        expect=_DEAD,
        pair="framing.pause_in_event",
    ),
    faulted(
        "text_done",
        "All text came; the final stop_reason never does.",
        StallForever(at=BLOCK_DONE),
        expect=_DEAD,
        pair="completion.held_open",
    ),
    faulted(
        "reason_seen",
        "The final stop_reason came; message_stop never does.",
        StallForever(at=REASON_SEEN),
        expect=WHOLE,
        level=Level.SHOULD,
        pair="stall.text_done",
        harm="The user has the whole answer and the spinner goes on turning.",
        dialects=WITH_A_STOP,
    ),
    faulted(
        "pings_only",
        "Text comes, then nothing but pings, for six seconds.",
        RepeatBytes(at=MID_TEXT, every=0.25, count=24),
        expect=_DEAD,
        covers=("time-ping-only-stall",),
        sources=("langchain-ai/langchain#36964", "anthony-chaudhary/fak#5486"),
        pair="stall.pings_then_content",
        dialects=CLAUDE,
    ),
    faulted(
        "comments_only",
        "Text comes, then nothing but comments, for six seconds.",
        RepeatBytes(at=MID_TEXT, every=0.25, count=24, data=b": keepalive\n\n"),
        expect=_DEAD,
        covers=("time-ping-only-stall", "time-heartbeat-invisible"),
        pair="stall.comments_then_content",
    ),
    _slow(
        "slow_start",
        "The first event takes half of the time that it may.",
        Pause(at=AtByte(0), seconds=0.5),
        covers=("time-long-thinking-healthy",),
        pair="stall.before_first_event",
    ),
    _slow(
        "pause_within_limits",
        "The model thinks for half of the time that it may, twice.",
        Pause(at=PREAMBLE_ONLY, seconds=0.5),
        Pause(at=MID_TEXT, seconds=0.5),
        covers=("time-long-thinking-healthy",),
        sources=("livekit/agents#5508", "provos/ironcurtain#376"),
        pair="stall.mid_text",
    ),
    _slow(
        "pings_then_content",
        "Pings for a second, then the text goes on.",
        RepeatBytes(at=MID_TEXT, every=0.2, count=5),
        covers=("time-long-thinking-healthy",),
        sources=("agentforce314/clawcodex#734", "anthropics/claude-code#46987"),
        pair="stall.pings_only",
        dialects=CLAUDE,
    ),
    _slow(
        "heartbeat_near_the_limit",
        "Pings come, each but a little before the client would take their absence for death; then the text goes on.",
        RepeatBytes(at=MID_TEXT, every=0.75, count=4),
        limits=Limits(idle=1.0, progress=5.0),
        covers=("time-heartbeat-equals-timeout",),
        sources=("livekit/agents#5508", "provos/ironcurtain#376"),
        pair="stall.mid_text",
        dialects=CLAUDE,
    ),
    _slow(
        "comments_then_content",
        "Comments for a second, then the text goes on.",
        RepeatBytes(at=MID_TEXT, every=0.2, count=5, data=b": keepalive\n\n"),
        covers=("time-heartbeat-invisible",),
        sources=("anomalyco/opencode#39352", "anthropics/anthropic-sdk-typescript#749"),
        pair="stall.comments_only",
    ),
    _slow(
        "slow_drip",
        "One event every 60 ms: longer in all than any silence may be.",
        Drip(seconds=0.06),
        covers=("time-slow-drip", "time-total-timeout-on-active-stream"),
        sources=("open-webui/open-webui#24559", "openai/openai-python#2599"),
        pair="stall.mid_text",
    ),
    Scenario(
        name="small_events",
        title="A short sentence every 0.4 s: each is on display before it is old.",
        script=script(Answer(blocks=(text_block("".join(_SENTENCES), pieces=_SENTENCES),), pace=0.4)),
        expect=Expect(healthy=True, prompt=0.9),
        limits=Limits(first_byte=3.0, idle=3.0, progress=4.0),
        level=Level.SHOULD,
        covers=("time-requests-iter-lines-delay",),
        sources=("LostRuins/koboldcpp#1411", "psf/requests#844"),
        pair="stall.mid_text",
    ),
    _slow(
        "buffering_proxy",
        "A proxy holds everything back and delivers it in blocks.",
        HoldAll(seconds=0.5, block=1024),
        covers=("time-proxy-buffers-all", "conn-tls-interception"),
        sources=("cloudflare/cloudflared#1496", "ggml-org/llama.cpp#20872"),
        pair="stall.before_first_event",
    ),
    _slow(
        "burst_after_silence",
        "Silence, then the whole answer in one write.",
        MergeAll(),
        Pause(at=AtByte(0), seconds=0.5),
        covers=("time-burst-after-stall",),
        sources=("anthropics/anthropic-sdk-typescript#1096",),
        pair="stall.before_first_event",
    ),
)
