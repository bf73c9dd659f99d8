"""Answers that are no stream: error statuses, pages of proxies, redirects, JSON, nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fake_server.answer import Answer, Refuse, Respond
from fake_server.dialects.anthropic import error_body
from fake_server.faults.close_in_frame import CloseInFrame
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtByte
from fake_server.script import Step, script
from harness.model import Endpoint, Expect, Level, Outcome, Scenario
from scenarios.shapes import CLAUDE, EVERY_DIALECT, HOPELESS, RECOVERABLE, REFUSED

_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad gateway</h1>%b</body></html>"

_SOUNDS_PASSING = "Overloaded: rate limit reached, request timeout, connection lost. Please try again later."
_SOUNDS_PERMANENT = "invalid request: 401 unauthorized, wrong api key, prompt is too long. Do not retry."

_PERMANENT = {
    400: ("invalid request", ("http-400-not-retryable", "retry-identical-poison"), ("router-for-me/CLIProxyAPI#1390",)),
    401: ("wrong key", ("http-401-mid-session",), ("1mcp-app/agent#425", "cognitedata/cognite-sdk-js#1456")),
    402: ("unpaid bill", (), ()),
    403: ("missing permission", (), ()),
    404: ("unknown model", (), ()),
}

_PASSING = {
    408: ("request timeout", (), ()),
    409: ("conflict", (), ()),
    500: ("internal error", (), ()),
    504: ("gateway timeout", (), ("FlowiseAI/Flowise#3050",)),
    529: ("overload", ("http-529-pre-stream",), ("vercel/ai#7546", "BerriAI/litellm#6532")),
}


def _permanent() -> Iterator[Scenario]:
    for status, (words, covers, sources) in _PERMANENT.items():
        yield Scenario(
            name=f"status_{status}",
            title=f"Every attempt is answered with {status} ({words}).",
            script=script(Refuse(status=status)),
            expect=REFUSED,
            covers=covers,
            sources=sources,
            pair="http_status.status_529",
        )


def _passing() -> Iterator[Scenario]:
    for status, (words, covers, sources) in _PASSING.items():
        yield Scenario(
            name=f"status_{status}",
            title=f"The first attempt is answered with {status} ({words}), the next one is good.",
            script=script(Refuse(status=status), Answer()),
            expect=RECOVERABLE,
            covers=covers,
            sources=sources,
            pair="http_status.status_400",
        )


def _instead(name: str, title: str, step: Step, expect: Expect = RECOVERABLE, **more: Any) -> Scenario:
    """The first attempt is answered by something else than the API."""
    return Scenario(name=name, title=title, script=script(step, Answer()), expect=expect, **more)


DIALECTS = EVERY_DIALECT
HARM = "The user gets an error where a second attempt would have been answered, or waits for attempts that cannot be."

SCENARIOS = (
    *_permanent(),
    *_passing(),
    Scenario(
        name="status_413_html",
        title="The edge refuses a large request with 413 and an HTML page.",
        script=script(Respond(status=413, body=_PAGE % b"Request Entity Too Large")),
        expect=REFUSED,
        covers=("http-413-too-large",),
        sources=("askui/python-sdk#165", "braintrustdata/braintrust-sdk-python#415"),
        pair="http_status.status_502_html",
    ),
    _instead(
        "status_502_html",
        "The edge answers 502 with an HTML page of 200 KB.",
        Respond(status=502, body=_PAGE % (b"<p>ray id</p>" * 16_000)),
        covers=("http-5xx-html-body",),
        sources=("letta-ai/letta-code#1179", "esi/esi-issues#902"),
    ),
    _instead(
        "status_520_empty",
        "The edge answers 520 with an empty body and no content type.",
        Respond(status=520, content_type=None),
        covers=("http-5xx-html-body",),
    ),
    Scenario(
        name="status_503_for_ever",
        title="Every attempt is answered with 503: no healthy upstream.",
        script=script(Respond(status=503, content_type="text/plain", body=b"no healthy upstream")),
        expect=HOPELESS,
        covers=("http-503-persistent", "retry-endless"),
        sources=("cline/cline#4205",),
        pair="http_status.status_529",
    ),
    Scenario(
        name="status_529_for_ever",
        title="Every attempt is answered with 529.",
        script=script(Refuse(status=529)),
        expect=HOPELESS,
        covers=("retry-amplification", "retry-hides-cause"),
        sources=("HKUDS/nanobot#2759",),
        pair="http_status.status_529",
    ),
    Scenario(
        name="bad_request_that_says_try_again",
        title="400, and its message speaks of overload, rate limits, timeouts and another try: the type decides.",
        script=script(Refuse(status=400, message=_SOUNDS_PASSING)),
        expect=REFUSED,
        covers=("retry-by-message-substring",),
        sources=("hivecommons/hive#7855", "letta-ai/letta-code#543"),
        pair="http_status.overload_that_says_invalid",
    ),
    _instead(
        "overload_that_says_invalid",
        "529, and its message speaks of an invalid request, a wrong key and a prompt too long: the type decides.",
        Refuse(status=529, message=_SOUNDS_PERMANENT),
        covers=("retry-by-message-substring", "retry-misclassified"),
        sources=("hivecommons/hive#7855", "letta-ai/letta-code#543"),
        pair="http_status.bad_request_that_says_try_again",
    ),
    _instead(
        "refusal_without_end",
        "529, and its body stops half way on an open connection: it must be closed, or it is lost for the pool.",
        Respond(
            status=529,
            content_type="application/json",
            body=error_body(529, "Overloaded"),
            faults=(StallForever(at=AtByte(20)),),
        ),
        Expect(may_fail=True, stalls=True),
        covers=("res-pool-leak-on-error-status",),
        sources=("mistralai/client-python#532", "LiveBench/LiveBench#523"),
        pair="stall.slow_start",
        dialects=CLAUDE,
    ),
    _instead(
        "html_with_200",
        "A captive portal answers 200 with its login page.",
        Respond(body=b"<html><body>Please log in to the Wi-Fi</body></html>"),
        covers=("http-200-html-captive-portal",),
        sources=("jordigilh/kubernaut#565",),
        pair="headers.event_stream_as_plain_text",
    ),
    _instead(
        "empty_with_200",
        "200, an event stream by its header, and not one byte of body.",
        Respond(content_type="text/event-stream", body=b""),
        covers=("http-200-json-for-stream", "res-pending-never-settles"),
        sources=("rynfar/meridian#1098", "modelcontextprotocol/python-sdk#1811"),
    ),
    _instead(
        "json_with_200",
        "The server ignores the wish for a stream and answers with one JSON message.",
        Answer(only_json=True),
        covers=("http-200-json-for-stream",),
        sources=("rexxars/eventsource-client#9", "makecindy/cindy#2351"),
    ),
    _instead(
        "json_error_with_200",
        "An error object comes as JSON with the status 200.",
        Respond(content_type="application/json", body=error_body(529, "Overloaded")),
        covers=("http-200-json-for-stream",),
        sources=("rexxars/eventsource-client#9",),
        dialects=CLAUDE,
    ),
    Scenario(
        name="redirect_for_ever",
        title="307 to the same address, for ever.",
        script=script(Respond(status=307, content_type=None, headers=(("location", "messages"),))),
        expect=HOPELESS,
        level=Level.SHOULD,
        pair="http_status.status_529",
        dialects=CLAUDE,
    ),
    Scenario(
        name="never_reached",
        title="Nobody listens: the connection is refused.",
        script=script(Answer()),
        expect=Expect(outcome=Outcome.FAILED),
        endpoint=Endpoint.REFUSED,
        pair="cutoff.fin_nothing_sent",
        harm="The user waits for nothing, or is told that a request may have been billed that nobody ever got.",
    ),
    Scenario(
        name="no_answer_for_ever",
        title="Every request is read and the connection then closed without an answer.",
        script=script(Answer(faults=(CloseInFrame(at=AtByte(0)),))),
        expect=HOPELESS,
        covers=("conn-close-before-headers",),
        pair="cutoff.fin_nothing_sent",
        harm="The user waits for ever, or is told that nothing was sent where everything was.",
    ),
)
