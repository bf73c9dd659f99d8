"""The network cuts, resets or swallows a stream that the server says whole."""

from __future__ import annotations

from collections.abc import Iterator

from fake_server.answer import Answer
from fake_server.faults.drip import Drip
from fake_server.script import script
from harness.model import Scenario
from harness.network import AfterReply, AtAttempt, network, toxic
from scenarios.shapes import EVERY_DIALECT, NETWORK_STATES, RECOVERABLE, WHOLE, WITH_NAMES, dead, deltas, over

_GRACE = 50
"""Milliseconds before a RST, in which the client reads what it has: a RST makes it forget the rest."""


def _swept() -> Iterator[Scenario]:
    for state, words, moment in NETWORK_STATES:
        shown = state != "preamble_only"
        dialects = WITH_NAMES if state == "text_done" else EVERY_DIALECT
        yield over(
            f"cut_{state}",
            f"The network closes the connection (FIN) {words}.",
            network(toxic("limit_data", bytes=0, begins=moment, ends=AtAttempt(2))),
            covers=("conn-fin-without-final-chunk",),
            sources=("openai/openai-python#2065",),
            dialects=dialects,
        )
        yield over(
            f"reset_{state}",
            f"The network resets the connection {words}.",
            network(toxic("reset_now", delay=_GRACE, only_connections=1, begins=moment)),
            covers=("conn-rst-mid-stream" if shown else "conn-reset-before-visible-content",),
            sources=("anthropics/claude-code#83943", "cline/cline#5674"),
            dialects=dialects,
        )
        yield dead(
            f"silent_{state}",
            f"Nothing comes through any more {words}, and nobody closes.",
            network(toxic("bandwidth", rate=0, begins=moment, ends=AtAttempt(2))),
            covers=("conn-half-open-silent-death", *(("time-stall-mid-text",) if shown else ())),
            sources=("anthropics/claude-code#61001",),
            pair="slow_network.stall_that_resumes",
            dialects=dialects,
        )


DIALECTS = EVERY_DIALECT
HARM = "The answer breaks off where a second attempt would have brought it, or half of it passes for whole."

SCENARIOS = (
    *_swept(),
    over(
        "reset_before_answer",
        "The first byte of the answer is swallowed, and both sides get RST.",
        network(toxic("reset_peer", ends=AtAttempt(2))),
        covers=("conn-reset-before-visible-content",),
    ),
    over(
        "reset_after_a_while",
        "The answer is swallowed; 300 ms later both sides get RST.",
        network(toxic("reset_peer", timeout=300, ends=AtAttempt(2))),
    ),
    over(
        "closed_after_silence",
        "Text is swallowed, and after half a second without data the connection is closed.",
        network(toxic("timeout", timeout=500, only_connections=1, begins=deltas(10))),
        covers=("conn-lb-idle-timeout",),
    ),
    dead(
        "half_open",
        "The server says everything and closes; the network lets nothing of it through, and no end either.",
        network(toxic("half_open", only_connections=1, begins=deltas(18))),
        covers=("conn-half-open-silent-death",),
        pair="slow_network.stall_that_resumes",
    ),
    dead(
        "half_open_from_the_start",
        "The connection is made and nothing ever comes back.",
        network(toxic("half_open", only_connections=1)),
        covers=("time-stall-before-headers",),
        pair="slow_network.slow_open",
    ),
    Scenario(
        name="wall_clock",
        title="A middlebox closes connections after 600 ms, though data flow.",
        script=script(Answer(faults=(Drip(seconds=0.03),)), Answer()),
        network=network(toxic("limit_time", time=600, ends=AtAttempt(2))),
        expect=RECOVERABLE,
        covers=("conn-wall-clock-cut",),
        sources=("vercel/ai#497",),
        pair="slow_network.narrow",
    ),
    over(
        "cut_in_head",
        "The connection is closed inside the response headers.",
        network(toxic("limit_data", bytes=90, ends=AtAttempt(2))),
    ),
    over(
        "corrupt_status_line",
        "One bit of the status line is flipped.",
        network(toxic("corrupt", probability=1, count=1, ends=AtAttempt(2))),
    ),
    over(
        "silent_after_the_end",
        "The whole answer came; then the network swallows what is left, and nobody closes.",
        network(toxic("timeout", timeout=0, begins=AfterReply(), avoidable=True)),
        expect=WHOLE,
        pair="broken_network.silent_text_done",
        harm="The user has the whole answer and the spinner goes on turning.",
    ),
    over(
        "flaky_wifi",
        "Wi-Fi at the edge of its reach: latency jumps, and the connection breaks off after 4 kB.",
        network(toxic("latency", latency=30, jitter=30), toxic("limit_data", bytes=4_000, ends=AtAttempt(2))),
    ),
)
