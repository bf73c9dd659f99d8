"""Bytes that are not what the API sends: broken JSON, foreign text, missing fields."""

from __future__ import annotations

from fake_server.faults.corrupt_event import CorruptEvent
from fake_server.faults.edit_json import EditJson
from fake_server.faults.end_early import EndEarly
from fake_server.faults.glue_events import GlueEvents
from fake_server.faults.inject import Inject
from fake_server.faults.inject_raw import InjectRaw
from fake_server.faults.malformed_json import MalformedJson
from fake_server.position import AtEvent
from harness.model import Level
from scenarios.shapes import CLAUDE, EVERY_DIALECT, MID_TEXT, RECOVERABLE, faulted, unusual

DIALECTS = EVERY_DIALECT
HARM = "A hole in the text goes unnoticed, or a parser's error takes the application down."

SCENARIOS = (
    faulted(
        "json_mid_stream",
        "One event's JSON stops half way; the rest of the stream is healthy.",
        MalformedJson(at=MID_TEXT),
        covers=("json-malformed-event-mid-stream",),
        sources=("BerriAI/litellm#40404", "NVIDIA/NeMo-Retriever#2393"),
        pair="malformed.unknown_fields",
    ),
    faulted(
        "json_first_event",
        "The JSON of message_start stops half way.",
        MalformedJson(at=AtEvent("message_start")),
        covers=("json-malformed-event-mid-stream",),
        pair="malformed.unknown_fields",
        dialects=CLAUDE,
    ),
    faulted(
        "json_last_event",
        "The JSON of message_delta, which carries the stop_reason, stops half way.",
        MalformedJson(at=AtEvent("message_delta")),
        covers=("json-malformed-event-mid-stream",),
        pair="malformed.usage_missing",
    ),
    faulted(
        "json_not_an_object",
        "An unnamed event carries a JSON number.",
        Inject(at=MID_TEXT, data=b"data: 42\n\n"),
        level=Level.SHOULD,
        pair="order.unknown_event",
    ),
    faulted(
        "invalid_utf8",
        "Three bytes of one event are no UTF-8.",
        CorruptEvent(at=MID_TEXT),
        covers=("enc-invalid-utf8",),
        sources=("jjang-ai/vmlx#129",),
        pair="encoding.servers_own_replacement",
    ),
    faulted(
        "glued_events",
        "An event loses its second half and its blank line, and the next one is glued to it.",
        GlueEvents(at=MID_TEXT),
        covers=("sse-glued-events",),
        sources=("Wei-Shaw/sub2api#1471",),
        pair="framing.one_write",
    ),
    faulted(
        "error_of_another_shape",
        "A gateway reports its error in a shape of its own, as data without a name, and ends the body.",
        Inject(at=MID_TEXT, data=b'data: {"object": "error", "error_message": "upstream failed", "code": 502}\n\n'),
        EndEarly(at=MID_TEXT),
        covers=("json-error-alternative-shape",),
        pair="order.unknown_event",
    ),
    faulted(
        "html_then_end",
        "A proxy writes its error page into the body and ends it.",
        Inject(at=MID_TEXT, data=b"<html><body><h1>504 Gateway Time-out</h1></body></html>\n\n"),
        EndEarly(at=MID_TEXT),
        covers=("sse-html-injected-mid-stream",),
        sources=("Oaklight/zerodep#129", "FlowiseAI/Flowise#3050"),
        pair="framing.comments",
    ),
    faulted(
        "raw_http_in_chunks",
        "A proxy writes a raw 502 response between two chunks.",
        InjectRaw(at=MID_TEXT, data=b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"),
        covers=("conn-chunk-framing-corrupt",),
        sources=("Oaklight/zerodep#130",),
        pair="framing.chunk_split",
    ),
    faulted(
        "delta_without_text",
        "A text delta has no text.",
        EditJson(at=MID_TEXT, remove=("delta.text",)),
        covers=("json-missing-required-field",),
        sources=("labring/aiproxy#604",),
        pair="malformed.unknown_fields",
        dialects=CLAUDE,
    ),
    faulted(
        "delta_without_index",
        "A text delta does not say to which block it belongs.",
        EditJson(at=MID_TEXT, remove=("index",)),
        covers=("json-missing-required-field",),
        sources=("zed-industries/zed#45761",),
        level=Level.SHOULD,
        pair="malformed.unknown_fields",
        dialects=CLAUDE,
    ),
    unusual(
        "usage_missing",
        "message_start and message_delta come without usage, as one example in the documentation shows.",
        EditJson(at=AtEvent("message_start"), remove=("message.usage",)),
        EditJson(at=AtEvent("message_delta"), remove=("usage",)),
        covers=("json-missing-required-field",),
        sources=("https://platform.claude.com/docs/en/build-with-claude/streaming",),
        level=Level.SHOULD,
        dialects=CLAUDE,
    ),
    unusual(
        "unknown_fields",
        "Objects have fields that no client knows yet.",
        EditJson(at=AtEvent("message_start"), put=(("novelty", {"a": [1]}), ("message.novelty", True))),
        EditJson(at=MID_TEXT, put=(("novelty", None), ("delta.novelty", "x"))),
        covers=("json-unknown-fields",),
        sources=("Dicklesworthstone/pi_agent_rust#144",),
        pair="malformed.delta_without_text",
        dialects=CLAUDE,
    ),
    faulted(
        "html_comment_as_data",
        "A gateway wraps its comment as data.",
        Inject(at=MID_TEXT, data=b"data: : OPENROUTER PROCESSING\n\n"),
        covers=("sse-comment-wrapped-as-data",),
        sources=("mnfst/llm-gateway#2053",),
        expect=RECOVERABLE,
        level=Level.SHOULD,
        pair="framing.comments",
    ),
)
