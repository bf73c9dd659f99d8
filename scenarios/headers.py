"""Response headers that are missing, wrong, or say more than the body holds."""

from __future__ import annotations

from fake_server.answer import Answer, Refuse
from fake_server.faults.content_length import ContentLength
from fake_server.faults.gzip_body import GzipBody
from fake_server.faults.hold_all import HoldAll
from fake_server.faults.set_header import SetHeader
from fake_server.script import script
from harness.model import Expect, Level, Scenario
from scenarios.shapes import EVERY_DIALECT, RECOVERABLE, REFUSED, WHOLE, faulted, unusual

DIALECTS = EVERY_DIALECT
HARM = "A good answer is refused or cut for its headers."

SCENARIOS = (
    faulted(
        "content_length_too_large",
        "Content-Length is 100 bytes more than the body; the answer itself is whole.",
        ContentLength(error=100),
        expect=WHOLE,
        level=Level.SHOULD,
        covers=("conn-content-length-mismatch",),
        sources=("open-webui/open-webui#24559", "BerriAI/litellm#40404"),
    ),
    faulted(
        "content_length_too_small",
        "Content-Length is 200 bytes less than the body: HTTP cuts the end of the answer off.",
        ContentLength(error=-200),
        covers=("conn-content-length-mismatch",),
        pair="headers.content_length",
    ),
    unusual("content_length", "A true Content-Length instead of chunks.", ContentLength(error=0)),
    faulted(
        "te_and_content_length",
        "Transfer-Encoding and a false Content-Length together: the chunks are right, or all is wrong (RFC 9112 §6.3).",
        SetHeader(header="content-length", value="10"),
        level=Level.SHOULD,
        covers=("conn-te-and-content-length",),
        sources=("timoklimmer/powerproxy-aoai#53",),
    ),
    unusual("gzip", "The stream is compressed, each event flushed.", GzipBody()),
    Scenario(
        name="gzip_unflushed",
        title="The stream is compressed without flushing: nothing for a while, then lumps that end inside events.",
        script=script(Answer(faults=(GzipBody(), HoldAll(seconds=0.5, block=1024)))),
        expect=Expect(healthy=True),
        covers=("hdr-gzip-unflushed",),
        pair="stall.before_first_event",
    ),
    faulted(
        "gzip_truncated",
        "The compressed stream is cut, and HTTP ends as if it were whole.",
        GzipBody(drop=200),
        covers=("hdr-gzip-truncated",),
        sources=("vm0-ai/vm0#25133",),
        pair="headers.gzip",
    ),
    faulted(
        "gzip_declared_plain",
        "The header says gzip and the body is plain.",
        SetHeader(header="content-encoding", value="gzip"),
        covers=("hdr-gzip-declared-plain-body",),
        sources=("curl/curl#6760",),
    ),
    unusual(
        "event_stream_as_plain_text",
        "A valid event stream is called text/plain.",
        SetHeader(header="content-type", value="text/plain"),
        level=Level.SHOULD,
        covers=("hdr-wrong-content-type-but-sse",),
        sources=("dunglas/mercure#143", "fal-ai/fal-js#89"),
        pair="http_status.html_with_200",
    ),
    unusual(
        "no_content_type",
        "The content type is missing.",
        SetHeader(header="content-type", value=None),
        level=Level.SHOULD,
    ),
    unusual("no_request_id", "The request id is missing.", SetHeader(header="request-id", value=None)),
    Scenario(
        name="should_retry_true",
        title="A 400 with x-should-retry: true may be tried again.",
        script=script(Refuse(status=400, headers=(("x-should-retry", "true"),)), Answer()),
        expect=RECOVERABLE,
        level=Level.SHOULD,
        covers=("http-x-should-retry",),
        sources=("HKUDS/nanobot#2760",),
        pair="headers.should_retry_false",
    ),
    Scenario(
        name="should_retry_false",
        title="A 503 with x-should-retry: false is final.",
        script=script(Refuse(status=503, headers=(("x-should-retry", "false"),))),
        expect=REFUSED,
        level=Level.SHOULD,
        covers=("http-x-should-retry",),
        sources=("HKUDS/nanobot#2760",),
        pair="headers.should_retry_true",
    ),
)
