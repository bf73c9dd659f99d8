"""The stream stops before its end: politely, with FIN, with RST; before, in and after the answer."""

from __future__ import annotations

from collections.abc import Iterator

from fake_server.faults.close_early import CloseEarly
from fake_server.faults.close_in_frame import CloseInFrame
from fake_server.faults.drip import Drip
from fake_server.faults.end_early import EndEarly
from fake_server.faults.reset_connection import ResetConnection
from fake_server.faults.reset_in_frame import ResetInFrame
from fake_server.faults.until_closed import UntilClosed
from fake_server.position import AfterSeconds, AtByte, InCharacter, InEvent, Position
from harness.model import Level, Scenario
from scenarios.shapes import (
    BLOCK_DONE,
    DELTA,
    EVERY_DIALECT,
    LATE_TEXT,
    MID_TEXT,
    PREAMBLE_ONLY,
    REASON_SEEN,
    TERMINAL_SEEN,
    WHOLE,
    WITH_A_STOP,
    faulted,
)

_STATES: tuple[tuple[str, str, Position], ...] = (
    ("preamble_only", "before any text", PREAMBLE_ONLY),
    ("mid_text", "in the middle of the text", MID_TEXT),
    ("late_text", "with most of the text sent", LATE_TEXT),
    ("text_done", "after the text, before anything says that it is all", BLOCK_DONE),
)


def _swept() -> Iterator[Scenario]:
    for state, words, at in _STATES:
        yield faulted(
            f"clean_end_{state}",
            f"The body ends politely {words}.",
            EndEarly(at=at),
            covers=("conn-clean-eof-mid-text",),
            sources=("SamSaffron/term-llm#955", "anthropics/anthropic-sdk-typescript#920", "pydantic/pydantic-ai#6610"),
            pair="completion.no_message_stop",
        )
        yield faulted(
            f"fin_{state}",
            f"The connection is closed (FIN, no final chunk) {words}.",
            CloseEarly(at=at),
            covers=("conn-fin-without-final-chunk",),
            sources=("openai/openai-python#2065", "groq/groq-python#26"),
            pair="framing.no_final_chunk",
        )
        yield faulted(
            f"reset_{state}",
            f"The connection is reset {words}.",
            ResetConnection(at=at),
            covers=("conn-reset-before-visible-content",)
            if at is PREAMBLE_ONLY
            else ("conn-rst-mid-stream", "sink-relay-200-after-death"),
            sources=("anthropics/claude-code#83943", "anthropics/claude-code#51076", "cline/cline#5674"),
            pair="cutoff.reset_terminal_seen",
        )


def _after_the_end() -> Iterator[Scenario]:
    yield faulted(
        "fin_terminal_seen",
        "The whole answer came; only the final chunk is missing.",
        CloseEarly(at=TERMINAL_SEEN),
        expect=WHOLE,
        level=Level.SHOULD,
        covers=("conn-fin-without-final-chunk",),
        pair="cutoff.fin_text_done",
        harm="A whole answer is thrown away for the way in which its connection ended.",
    )
    yield faulted(
        "reset_terminal_seen",
        "The whole answer came, then the connection is reset.",
        ResetConnection(at=TERMINAL_SEEN),
        expect=WHOLE,
        level=Level.SHOULD,
        pair="cutoff.reset_text_done",
        harm="A whole answer is thrown away for the way in which its connection ended.",
    )
    yield faulted(
        "clean_end_reason_seen",
        "The body ends politely after the final stop_reason, without message_stop.",
        EndEarly(at=REASON_SEEN),
        expect=WHOLE,
        covers=("order-stop-reason-but-no-message-stop",),
        sources=("esengine/DeepSeek-Reasonix#8756",),
        pair="cutoff.clean_end_text_done",
        dialects=WITH_A_STOP,
    )


DIALECTS = EVERY_DIALECT
HARM = "The reader takes a part of an answer for all of it, or a good answer is lost."

SCENARIOS = (
    *_swept(),
    *_after_the_end(),
    faulted(
        "fin_nothing_sent",
        "The request is read and the connection closed without a status line.",
        CloseInFrame(at=AtByte(0)),
        covers=("conn-close-before-headers",),
        sources=("open-webui/terminals#24", "duolahypercho/codex-router#165"),
        pair="stall.slow_start",
    ),
    faulted(
        "reset_nothing_sent",
        "The request is read and the connection reset without a status line.",
        ResetInFrame(at=AtByte(0)),
        covers=("conn-close-before-headers",),
        sources=("openai/codex#24260",),
        pair="stall.slow_start",
    ),
    faulted(
        "fin_in_head",
        "The connection is closed inside the response headers.",
        CloseInFrame(at=AtByte(90)),
        pair="stall.slow_start",
    ),
    faulted(
        "fin_after_head",
        "Headers come, then the connection is closed before the first event.",
        CloseEarly(at=AtByte(0)),
        covers=("retry-body-phase-uncovered", "res-pending-never-settles"),
        sources=("AtomicBot-ai/atomic-agent#313", "zirkelc/ai-retry#1", "modelcontextprotocol/python-sdk#3441"),
        pair="stall.slow_start",
    ),
    faulted(
        "fin_in_chunk",
        "The connection is closed inside a chunk whose size was declared.",
        CloseInFrame(at=InEvent(DELTA, 18, byte=40)),
        covers=("conn-fin-without-final-chunk",),
        pair="framing.chunk_split",
    ),
    faulted(
        "clean_end_in_event",
        "The body ends politely inside an event.",
        EndEarly(at=InEvent(DELTA, 18, byte=60)),
        covers=("conn-clean-eof-mid-text",),
        pair="framing.last_event_unterminated",
    ),
    faulted(
        "clean_end_in_character",
        "The body ends politely inside a multi-byte character.",
        EndEarly(at=InCharacter(4, byte=1)),
        covers=("enc-truncated-char-at-eof",),
        sources=("buildsense-ai/XiaoBa-CLI#256",),
        pair="encoding.one_character_split",
    ),
    faulted(
        "wall_clock",
        "A platform ends the body politely when the stream has run for a while, though it is busy.",
        Drip(seconds=0.03),
        EndEarly(at=AfterSeconds(0.6)),
        covers=("conn-wall-clock-cut",),
        sources=("vercel/ai#497", "datastax/ragbot-starter#22", "openai/openai-python#399"),
        pair="stall.slow_drip",
    ),
    faulted(
        "close_delimited",
        "No length and no chunks: the end of the connection is the end of the body, and it comes early.",
        UntilClosed(),
        EndEarly(at=MID_TEXT),
        covers=("conn-close-delimited-truncation",),
        sources=("tbphp/gpt-load#736",),
        pair="framing.close_delimited_whole",
    ),
)
