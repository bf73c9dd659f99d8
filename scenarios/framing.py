"""The same events in other bytes and other pieces: all of it is valid, and every client must read it."""

from __future__ import annotations

from fake_server.answer import Answer
from fake_server.blocks import text_block
from fake_server.faults.between_events import BetweenEvents
from fake_server.faults.close_early import CloseEarly
from fake_server.faults.end_early import EndEarly
from fake_server.faults.inject import Inject
from fake_server.faults.line_ends import LineEnds
from fake_server.faults.merge_all import MergeAll
from fake_server.faults.multiline_data import MultilineData
from fake_server.faults.no_event_field import NoEventField
from fake_server.faults.no_space import NoSpace
from fake_server.faults.oversized import Oversized
from fake_server.faults.pause import Pause
from fake_server.faults.repeat_bytes import RepeatBytes
from fake_server.faults.split_at import SplitAt
from fake_server.faults.split_every import SplitEvery
from fake_server.faults.split_in_frame import SplitInFrame
from fake_server.faults.split_line_ends import SplitLineEnds
from fake_server.faults.until_closed import UntilClosed
from fake_server.position import AtByte, InEvent
from fake_server.script import script
from fake_server.text import story
from harness.model import Expect, Level, Outcome, Scenario
from scenarios.shapes import CLAUDE, DELTA, EVERY_DIALECT, MID_TEXT, WHOLE, WITH_A_STOP, WITH_NAMES, faulted, unusual

_HUGE = story("huge event", 50) * 100
"""Some 280 KB."""
_FRAGMENTED = _HUGE[:40_000]

DIALECTS = EVERY_DIALECT
HARM = "A healthy answer breaks, or a part of it is missing."

SCENARIOS = (
    unusual(
        "crlf",
        "Lines end with CRLF, the default of some servers.",
        LineEnds(style="crlf"),
        covers=("sse-crlf",),
        sources=("hey-api/hey-api#3054", "miruamel/xuan#194"),
    ),
    unusual(
        "cr",
        "Lines end with a lone CR.",
        LineEnds(style="cr"),
        covers=("sse-cr-only",),
        sources=("universal-tool-calling-protocol/typescript-utcp#45",),
    ),
    unusual(
        "mixed_line_ends",
        "LF, CRLF and CR in one stream.",
        LineEnds(style="mixed"),
        covers=("sse-mixed-line-endings",),
        sources=("whatwg/html#4411",),
    ),
    unusual(
        "crlf_split",
        "Each CR comes in one chunk and its LF in the next.",
        LineEnds(style="crlf"),
        SplitLineEnds(),
        covers=("sse-crlf-split-across-chunks",),
        sources=("rexxars/eventsource-parser#17", "Effect-TS/effect#6954"),
    ),
    unusual(
        "blank_line_split",
        "The two newlines that end an event come in two chunks.",
        SplitLineEnds(),
        covers=("sse-crlf-split-across-chunks", "sse-split-at-every-boundary"),
    ),
    unusual(
        "chunk_split",
        "The size of a chunk comes in two reads, and the data of another one, too.",
        SplitInFrame(at=InEvent(DELTA, 18, byte=1)),
        SplitInFrame(at=InEvent(DELTA, 20, byte=70)),
        covers=("sse-split-at-every-boundary",),
    ),
    unusual(
        "one_byte_chunks",
        "Every byte is a chunk of its own.",
        SplitEvery(size=1),
        covers=("sse-one-byte-reads", "sse-split-at-every-boundary"),
        sources=("deeplethe/utopia#764",),
    ),
    Scenario(
        name="huge_event_in_fragments",
        title="One event of 40 KB comes in chunks of 16 bytes: the work must not grow with their number squared.",
        script=script(Answer(blocks=(text_block(_FRAGMENTED, pieces=(_FRAGMENTED,)),), faults=(SplitEvery(size=16),))),
        expect=WHOLE,
        covers=("res-quadratic-fragments",),
        sources=("openai/openai-node#2324", "rexxars/eventsource-parser#28"),
    ),
    unusual("seven_byte_chunks", "Chunks of seven bytes cut events anywhere.", SplitEvery(size=7)),
    unusual(
        "one_write",
        "The whole answer is one chunk.",
        MergeAll(),
        covers=("sse-many-events-per-read",),
        sources=("anthropics/anthropic-sdk-typescript#1096",),
    ),
    unusual(
        "pause_in_event",
        "The server pauses in the middle of a data line.",
        SplitAt(at=InEvent(DELTA, 18, byte=70)),
        Pause(at=InEvent(DELTA, 20, byte=70), seconds=0.3),
        covers=("json-partial-read-parsed",),
        sources=("btubbs/sseclient#28", "vllm-project/aibrix#2653"),
    ),
    unusual(
        "comments",
        "Comment lines, a bare colon among them, stand between all events.",
        BetweenEvents(data=b":\n\n: keepalive\n\n: OPENROUTER PROCESSING\n"),
        covers=("sse-comment-keepalive",),
        sources=("mistralai/mistral-vibe#794", "coder/coder#28185", "continuedev/continue#13144"),
    ),
    unusual(
        "ids_and_blank_lines",
        "An id, then blank lines and comments between all events.",
        Inject(at=AtByte(0), data=b"id: 1\n"),
        BetweenEvents(data=b": ping\n\n\n"),
        covers=("sse-blank-line-dispatches-empty",),
        sources=("openai/openai-python#2722", "stacklok/mecatl#309"),
    ),
    unusual(
        "ping_flood",
        "Three thousand pings come at once in the middle of the text.",
        RepeatBytes(at=MID_TEXT, every=0, count=3000),
        covers=("sse-many-events-per-read",),
        pair="stall.pings_only",
        dialects=CLAUDE,
    ),
    unusual(
        "retry_field",
        "A block with a retry field and no data comes first and in the middle.",
        Inject(at=AtByte(0), data=b"retry: 3000\n\n"),
        Inject(at=MID_TEXT, data=b"retry: 3000\n\n"),
        covers=("sse-retry-only-event",),
        sources=("openai/openai-python#2721",),
    ),
    unusual(
        "empty_data",
        "Events with empty data: unnamed, and a ping.",
        BetweenEvents(data=b"data:\n\nevent: ping\ndata: \n\n"),
        covers=("sse-empty-data-field",),
        sources=("modelcontextprotocol/python-sdk#1670", "caozhiyuan/copilot-api#88"),
    ),
    unusual(
        "odd_fields",
        "NUL in an id, unknown fields, an empty event name, leading blank lines.",
        Inject(at=AtByte(0), data=b"\n\nid: a\x00b\nunknown: field\nnocolon\nevent\n\n"),
        covers=("sse-null-and-odd-fields",),
        sources=("https://html.spec.whatwg.org/multipage/server-sent-events.html",),
    ),
    unusual(
        "no_space_after_colon",
        "No space stands after the colons.",
        NoSpace(),
        covers=("sse-no-space-after-colon",),
        sources=("praxis-proxy/praxis#739",),
    ),
    unusual(
        "no_event_field",
        "The event: lines are missing; the type is inside the JSON.",
        NoEventField(),
        covers=("sse-no-event-field",),
        sources=("https://platform.claude.com/docs/en/build-with-claude/streaming",),
        level=Level.SHOULD,
        dialects=WITH_NAMES,
    ),
    unusual(
        "multiline_data",
        "The JSON of each event is spread over two data lines.",
        MultilineData(),
        covers=("sse-multiline-data",),
        sources=("openresponses/openresponses#56",),
    ),
    Scenario(
        name="last_event_unterminated",
        title="The body ends right after the last data line: message_stop is not closed by a blank line.",
        script=script(Answer(faults=(EndEarly(at=InEvent("message_stop", byte=1_000)),)), Answer()),
        expect=WHOLE,
        covers=("sse-final-event-no-blank-line",),
        sources=("openai/openai-node#2725", "a2aproject/a2a-python#1216"),
        pair="framing.stop_reason_unterminated",
        dialects=WITH_A_STOP,
    ),
    faulted(
        "stop_reason_unterminated",
        "The body ends right after the data of message_delta: the standard discards the event, and with it the end.",
        EndEarly(at=InEvent("message_delta", byte=1_000)),
        covers=("sse-final-event-no-blank-line",),
    ),
    Scenario(
        name="huge_event",
        title="Text deltas of more than 128 KiB each.",
        script=script(Answer(blocks=(text_block(_HUGE, words=20_000),))),
        expect=Expect(),
        covers=("sse-huge-single-event",),
        sources=("open-webui/open-webui#24928", "aio-libs/aiohttp#4453"),
        pair="framing.unterminated_line",
    ),
    faulted(
        "unterminated_line",
        "A line grows to 1.5 MiB without ever ending.",
        Oversized(at=MID_TEXT, size=3 << 19),
        expect=Expect(may_fail=True, also=(Outcome.INCOMPLETE,)),
        covers=("sse-unterminated-event",),
        sources=("KarpelesLab/teamclaude#341", "theopenco/llmgateway#1540"),
    ),
    unusual(
        "close_delimited_whole",
        "No length and no chunks, and the whole answer before the connection closes.",
        UntilClosed(),
        covers=("conn-close-delimited-truncation",),
        pair="cutoff.close_delimited",
        harm="A whole answer is thrown away for the way in which its connection ended.",
    ),
    unusual(
        "no_final_chunk",
        "Every answer is whole and its final chunk is always missing.",
        CloseEarly(),
        level=Level.SHOULD,
        pair="cutoff.fin_mid_text",
        harm="A whole answer is thrown away for the way in which its connection ended.",
    ),
)
