"""What OpenAI's dialects have of their own: ends, errors, empty chunks, tool calls that are hard to tell apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from fake_server.answer import Answer, Refuse
from fake_server.blocks import tool_block
from fake_server.dialect import Dialect
from fake_server.dialects import openai_chat
from fake_server.effects import Send
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.end_early import EndEarly
from fake_server.faults.inject import Inject
from fake_server.faults.repeat_event import RepeatEvent
from fake_server.position import AtByte
from fake_server.replayed import Piece, Replayed
from fake_server.script import Request, script
from fake_server.wire import STREAM_TYPE, json_text, sse
from harness.model import Capability, Expect, Level, Outcome, Scenario, ToolUse
from scenarios.shapes import BLOCK_DONE, MID_TEXT, PREAMBLE_ONLY, REFUSED, WHOLE, faulted, unusual

CHAT = frozenset({Dialect.OPENAI_CHAT})
RESPONSES = frozenset({Dialect.OPENAI_RESPONSES})

DIALECTS = CHAT | RESPONSES
HARM = "The user gets half of an answer for all of it, or a tool runs with what belongs to another."


def _chunk(**more: Any) -> bytes:
    """A chunk with the fields that all have; ``more`` comes last."""
    shared = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": "gpt-5.5"}
    return sse(None, json_text({**shared, **more}))


_FILTERED = {"id": "", "object": "", "created": 0, "model": "", "prompt_filter_results": [{"prompt_index": 0}]}
_NOTHING = _chunk(choices=[])
_ERROR = {"message": "The server had an error while processing your request", "type": "server_error", "code": None}
_CUT_OFF = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
_LIMITED = {"message": "Rate limit reached", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}
_DONE = openai_chat.DONE.data


def _two_calls() -> Iterator[bytes]:
    """The stream of an answer that calls two tools."""
    answer = Answer(blocks=(tool_block("go", _GO), tool_block("wait", _WAIT)), stop_reason="tool_use")
    reply = answer.reply(Request(attempt=1, seed="two calls", body={"stream": True}, dialect=Dialect.OPENAI_CHAT))
    return (effect.data for effect in reply.body if isinstance(effect, Send))


_GO, _WAIT = {"to": "the mill by the river"}, {"for": "the heron", "minutes": 5}
_CALLS = (ToolUse("go", _GO), ToolUse("wait", _WAIT))
Call = dict[str, Any]


def _numbered(name: str, title: str, change: Callable[[Call], Call], expect: Expect, **more: Any) -> Scenario:
    """Two tool calls, each piece of which is changed."""
    pieces = []
    for event in _two_calls():
        data = event.removeprefix(b"data: ")
        chunk = json.loads(data) if data.startswith(b"{") else {}
        for choice in chunk.get("choices", ()):
            if "tool_calls" in choice["delta"]:
                choice["delta"]["tool_calls"] = [change(call) for call in choice["delta"]["tool_calls"]]
        pieces.append(Piece((sse(None, json_text(chunk)) if chunk else event).decode()))
    answer = Replayed(headers=(("content-type", STREAM_TYPE),), pieces=tuple(pieces), says="", stop_reason="tool_use")
    return Scenario(
        name=f"tool_index_{name}",
        title=title,
        script=script(answer),
        expect=expect,
        requires=frozenset({Capability.TOOLS}),
        dialects=CHAT,
        covers=("order-openai-tool-index-unreliable",),
        **more,
    )


def _without(field: str) -> Callable[[Call], Call]:
    return lambda call: {name: value for name, value in call.items() if name != field}


def _drifting() -> Callable[[Call], Call]:
    """Each piece has an index of its own, whichever call it belongs to."""
    numbers = count()
    return lambda call: {**call, "index": next(numbers)}


_CALLED = Expect(tools=_CALLS)
_CALLED_OR_FAILED = Expect(tools=_CALLS, also=(Outcome.FAILED,))
"""Who cannot be sure to which call a piece belongs must say so."""

SCENARIOS = (
    faulted(
        "end_without_finish_reason",
        "The body ends politely after the text, with neither finish_reason nor [DONE].",
        EndEarly(at=BLOCK_DONE),
        dialects=CHAT,
        covers=("order-openai-eof-no-done",),
        sources=("vercel/ai#19165", "pydantic/pydantic-ai#6610"),
        pair="openai.done_without_finish_reason",
    ),
    Scenario(
        name="done_without_finish_reason",
        title="[DONE] comes, and finish_reason was always null: local servers and gateways say it so.",
        script=script(Answer(stop_reason=None)),
        expect=WHOLE,
        level=Level.SHOULD,
        dialects=CHAT,
        covers=("order-openai-done-no-finish",),
        sources=("can1357/oh-my-pi#9433", "pydantic/pydantic-ai#2996"),
        pair="openai.end_without_finish_reason",
    ),
    unusual(
        "empty_choices_first",
        "The first chunk has no choice, only the results of a filter: Azure says it so.",
        Inject(at=AtByte(0), data=sse(None, json_text({**_FILTERED, "choices": []}))),
        dialects=CHAT,
        covers=("order-openai-empty-choices",),
        sources=("pydantic/pydantic-ai#164",),
        pair="openai.error_chunk",
    ),
    unusual(
        "empty_choices_mid_text",
        "A chunk without a choice comes in the middle of the text: it ends nothing.",
        Inject(at=MID_TEXT, data=_NOTHING),
        dialects=CHAT,
        covers=("order-openai-empty-choices",),
        sources=("deepset-ai/haystack#8507",),
        pair="openai.error_chunk",
    ),
    faulted(
        "error_chunk",
        "An error comes as a chunk inside a 200, and the body ends.",
        Inject(at=MID_TEXT, data=sse(None, json_text({"error": _ERROR}))),
        EndEarly(at=MID_TEXT),
        dialects=CHAT,
        covers=("order-openai-error-chunk",),
        sources=("BerriAI/litellm#40578", "open-octo/octo-agent#910"),
        pair="openai.empty_choices_mid_text",
    ),
    faulted(
        "error_chunk_then_done",
        "An error comes as a chunk, and [DONE] after it.",
        Inject(at=MID_TEXT, data=sse(None, json_text({"error": _ERROR})) + _DONE),
        EndEarly(at=MID_TEXT),
        dialects=CHAT,
        covers=("order-openai-error-chunk",),
        sources=("diegosouzapw/OmniRoute#8210",),
        pair="openai.empty_choices_mid_text",
    ),
    faulted(
        "error_chunk_with_finish_reason",
        "An error comes in a chunk that has a choice as well, whose finish_reason is error.",
        Inject(at=MID_TEXT, data=_chunk(error={"code": 502, "message": "Upstream died"}, choices=[_CUT_OFF]) + _DONE),
        EndEarly(at=MID_TEXT),
        dialects=CHAT,
        covers=("order-openai-error-chunk",),
        sources=("damianvtran/local-operator#223",),
        pair="openai.empty_choices_mid_text",
    ),
    faulted(
        "rate_limit_chunk",
        "A rate limit is reported as a chunk, before any text.",
        Inject(at=PREAMBLE_ONLY, data=sse(None, json_text({"error": _LIMITED}))),
        EndEarly(at=PREAMBLE_ONLY),
        dialects=CHAT,
        covers=("order-openai-error-chunk",),
        pair="openai.empty_choices_first",
    ),
    _numbered(
        "missing",
        "The pieces of two tool calls have no index; the first of each has an id.",
        _without("index"),
        _CALLED,
        sources=("apache/maka#1976", "openai/openai-python#2806"),
    ),
    _numbered(
        "all_zero",
        "The pieces of two tool calls all have the index 0; the first of each has an id.",
        lambda call: {**call, "index": 0},
        _CALLED,
        sources=("agno-agi/agno#8880",),
    ),
    _numbered(
        "from_one",
        "The index of tool calls begins at 1.",
        lambda call: {**call, "index": call["index"] + 1},
        _CALLED,
        sources=("pipecat-ai/pipecat#4987",),
    ),
    _numbered(
        "drifting",
        "The index of a tool call grows with each of its pieces.",
        _drifting(),
        _CALLED_OR_FAILED,
        sources=("continuedev/continue#13235",),
    ),
    _numbered(
        "without_id",
        "Two tool calls have an index and no id, so that nobody could answer them.",
        _without("id"),
        _CALLED_OR_FAILED,
        sources=("apache/maka#1995",),
    ),
    Scenario(
        name="quota_is_used_up",
        title="429 because nothing is left of the quota: asking again is of no use.",
        script=script(Refuse(status=429, kind="billing_error")),
        expect=REFUSED,
        level=Level.SHOULD,
        sources=("https://platform.openai.com/docs/guides/error-codes",),
        pair="rate_limit.no_retry_after",
        harm="The user waits for attempts that cannot be answered before the bill is paid.",
    ),
    faulted(
        "lost_event",
        "An event is lost on the way: the numbers of the events have a gap, and the end repeats the whole text.",
        DropEvent(at=MID_TEXT),
        dialects=RESPONSES,
        pair="openai.whole_in_order",
        harm="A hole in the text goes unnoticed, although the stream tells of it twice.",
    ),
    faulted(
        "repeated_event",
        "An event comes twice, with one number.",
        RepeatEvent(at=MID_TEXT),
        dialects=RESPONSES,
        pair="openai.whole_in_order",
        harm="A piece of the text is shown twice, although the stream tells of it.",
    ),
    unusual(
        "whole_in_order",
        "Every event has its number, each part is repeated when it is done, and the whole answer at the end.",
        dialects=RESPONSES,
        pair="openai.lost_event",
    ),
    faulted(
        "response_failed",
        "The response fails in the middle of the text, and says why.",
        Inject(
            at=MID_TEXT,
            data=sse(
                "response.failed",
                json_text(
                    {
                        "type": "response.failed",
                        "response": {
                            "id": "resp_1",
                            "object": "response",
                            "status": "failed",
                            "error": {"code": "server_error", "message": "The model failed to generate a response."},
                            "output": [],
                        },
                    }
                ),
            ),
        ),
        EndEarly(at=MID_TEXT),
        dialects=RESPONSES,
        pair="openai.whole_in_order",
    ),
    faulted(
        "error_event",
        "An error event ends the stream in the middle of the text.",
        Inject(
            at=MID_TEXT,
            data=sse("error", json_text({"type": "error", **_LIMITED, "type_of_error": "tokens"})),
        ),
        EndEarly(at=MID_TEXT),
        dialects=RESPONSES,
        pair="openai.whole_in_order",
    ),
)
