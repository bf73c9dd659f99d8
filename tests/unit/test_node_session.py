"""The session of the twin in JavaScript does what the Python session does, told the same at the same times."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from random import Random
from typing import Any, assert_never

from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import BLOCK, PING, START, STOP, error, reason, text, tool, whole
from unit.test_node_asked import NEEDS_NODE, twin
from unit.test_node_laws import CUTS, ROUNDS, pieces
from virtual import JSON, POLICY, REQUEST, STREAM, Call

from client_under_test.answer import Answer, ToolCall
from client_under_test.continuation import DEFAULT_TABLE, Strategy
from client_under_test.errors import ApiError, ConnectionLost, StreamError, ToolInputBroken
from client_under_test.events import Done, Event, Notice, Reset, Sentence, Text
from client_under_test.policy import Limits, Policy, RetryPolicy
from client_under_test.session import Session
from client_under_test.signals import (
    Action,
    BodyEnded,
    BytesReceived,
    CancelRequested,
    Deliver,
    Drop,
    HeadReceived,
    Input,
    Open,
    Started,
    TimerFired,
    TransportFailed,
    WakeAt,
)
from client_under_test.targets import Target

pytestmark = NEEDS_NODE


class Half(Random):
    """No chance at all."""

    def random(self) -> float:
        return 0.5


class Recorded(Call):
    """A call that writes down what its session was told, and what it answered."""

    def __post_init__(self) -> None:
        self.session = Session(self.request, self.policy, Half(), self.targets)
        self.cancelled_after = -1
        self.happened: list[list[Any]] = []
        self.actions: list[list[Any]] = []

    def feed(self, happened: Input) -> None:
        if len(self.happened) == self.cancelled_after:
            happened = CancelRequested()
        actions = self.session.handle(happened, self.now)
        self.happened.append([self.now, *as_input(happened)])
        self.actions.append([as_action(one) for one in actions])
        for action in actions:
            self._do(action)


def as_input(happened: Input) -> tuple[str, Any]:
    match happened:
        case BytesReceived(data):
            return "bytes", data.decode("latin-1")
        case HeadReceived():
            return "head", asdict(happened)
        case TransportFailed():
            return "failed", None
        case Started():
            return "started", None
        case BodyEnded():
            return "ended", None
        case TimerFired():
            return "timer", None
        case CancelRequested():
            return "cancel", None
        case _:
            assert_never(happened)


def as_action(action: Action) -> dict[str, Any]:
    match action:
        case Open(body, target):
            return {"type": "open", "body": body, "target": as_target(target)}
        case Drop():
            return {"type": "drop"}
        case WakeAt(at):
            return {"type": "wakeAt", "at": at}
        case Deliver(event):
            return {"type": "deliver", "event": as_event(event)}
        case _:
            assert_never(action)


def as_event(event: Event) -> dict[str, Any]:
    match event:
        case Text(said):
            return {"type": "text", "text": said}
        case Sentence(said):
            return {"type": "sentence", "text": said}
        case Reset():
            return {"type": "reset"}
        case Notice():
            next_ = camel(event.next.name.lower())
            return {
                "type": "notice",
                "next": next_,
                "attempt": event.attempt,
                "wait": event.wait,
                "error": as_error(event.error),
            }
        case ToolCall():
            return {"type": "toolCall", **asdict(event)}
        case Done(answer):
            return {"type": "done", "answer": as_answer(answer)}
        case _:
            assert_never(event)


def as_answer(answer: Answer) -> dict[str, Any]:
    names = [name for name in answer.__slots__ if name not in ("outcome", "error", "billed", "wasted", "tool_calls")]
    return {
        **{camel(name): getattr(answer, name) for name in names},
        "outcome": answer.outcome.value,
        "error": as_error(answer.error),
        "billed": asdict(answer.billed),
        "wasted": asdict(answer.wasted),
        "toolCalls": [asdict(call) for call in answer.tool_calls],
    }


def as_error(error: StreamError | None) -> dict[str, Any] | None:
    api = error if isinstance(error, ApiError) else None
    return (
        None
        if error is None
        else {
            "name": type(error).__name__,
            **{camel(name): getattr(error, name) for name in ("retryable", "sent", "partial", "blocks", "attempts")},
            "requestIds": error.request_ids,
            "earlier": [type(one).__name__ for one in error.earlier],
            **{camel(name): getattr(api, name, None) for name in ("status", "kind", "retry_after")},
            "tool": [error.tool, error.raw] if isinstance(error, ToolInputBroken) else None,
        }
    )


def as_target(target: Target) -> dict[str, str | None]:
    return {"model": target.model, "baseUrl": target.base_url, "apiKey": target.api_key}


def as_policy(policy: Policy) -> dict[str, Any]:
    told = {camel(name): value for name, value in asdict(policy).items()}
    for part in ("limits", "retry"):
        told[part] = {camel(name): value for name, value in told[part].items()}
    strategy = policy.strategy and policy.strategy.value
    return {
        **told,
        "table": [(pattern, one.value) for pattern, one in policy.table or DEFAULT_TABLE],
        "strategy": strategy,
    }


def camel(name: str) -> str:
    return re.sub("_([a-z])", lambda one: one[1].upper(), name)


LONG = "The heron stands in the mill pond at dawn. "
ODDITIES = [
    '{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"","signature":""}}',
    '{"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"Hm."}}',
    '{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"s1"}}',
    '{"type":"content_block_stop","index":1}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"url":"u"}}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"future_delta","x":{"toString":1}}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":{"toString":1}}}',
    '{"type":{"toString":1}}',
    '{"type":"message_delta","delta":{"stop_reason":5}}',
    '{"type":"content_block_stop","index":true}',
    '{"type":"content_block_start","index":2,"content_block":{"type":"web_search_tool_result","tool_use_id":"x"}}',
    '{"type":"message_delta","delta":{},"usage":{"output_tokens":3,"cache_read_input_tokens":2,"x":null}}',
    '\ufeff{"type":"ping"}',
    "[1]",
    '{"type":"content_block_start","index":3,"content_block":{"type":"thinking","signature":5}}',
    '{"type":"content_block_start","index":3,"content_block":{"type":"text","text":" ","citations":[{"url":"v"}]}}',
    '{"type":"content_block_start","index":4,"content_block":{"type":"text","citations":{"url":"v"}}}',
    '{"type":"content_block_start","index":5,"content_block":{"type":"new","text":""}}',
    '{"type":"content_block_stop","index":5}',
    '{"type":"content_block_start","index":6,"content_block":{"text":""}}',
    '{"type":"content_block_start","index":7,"content_block":{"type":"tool_use","id":"t","name":null}}',
    '{"error":{"type":"rate_limit_error","message":"Slow"}}',
    '{"error":{"message":"Slow","code":429}}',
    '{"error":{}}',
    '{"type":"content_block_start","index":8,"content_block":{"type":"mcp_tool_use","id":"m","name":"n","input":{}}}',
    '{"type":"content_block_delta","index":8,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\":1}"}}',
    '{"type":"content_block_stop","index":8}',
    '{"type":"content_block_start","index":9,"content_block":{"type":"compaction","content":null}}',
    '{"type":"content_block_delta","index":9,"delta":{"type":"compaction_delta","content":"So far."}}',
    '{"type":"content_block_stop","index":9}',
    '{"type":"message_delta","delta":{"stop_reason":"pause_turn","container":{"id":"c","expires_at":"x"}}}',
]
EVENTS = st.sampled_from([
    START, BLOCK, BLOCK, text(LONG), text(LONG), text("Hello. "), text("w\ud83d"), text("\ude00"), PING, STOP, reason(),
    reason("max_tokens"), reason("pause_turn"), reason("compaction"), reason("tool_use"), reason("new"), error(),
    error("rate_limit_error"),
    "event: error\ndata: broken\n\n", *tool('{"a":', "1}"), *whole("Hi.")[-3:-1], "data: {broken\n\n", "data: 42\n\n",
    ": c\n\n", "data: \xff\n\n", *(f"data: {one}\n\n" for one in ODDITIES), "".join(whole(LONG, LONG)[:5]),
    "".join(whole(LONG)), "".join(whole(LONG, stop_reason="pause_turn")), "".join([START, BLOCK, text(LONG * 2)]),
    "".join([START, BLOCK, text("w\ud83d"), text("\ude00")]), BLOCK + text("w\ud83d") + PING + text("\ude00"),
    *("".join([START, *tool(*raw), reason("tool_use"), STOP]) for raw in (['{"a":', "1}"], ['{"a'], [])),
])  # fmt: skip
BODIES = st.sampled_from([
    '{"type":"message","content":[{"type":"text","text":"Hi. 🌍"}],"stop_reason":"end_turn","usage":{}}',
    '{"type":"message","content":[],"stop_reason":"end_turn","usage":{"output_tokens":20}}',
    '{"type":"message","content":[{"type":"tool_use","id":"t","name":"n","input":{"a":[1]}}],"stop_reason":"tool_use"}',
    '{"type":"error","error":{"type":"overloaded_error","message":"Over"}}', '{"type":"message","content":[3]}', "<x>",
    '{"error":{"type":"x","message":{"toString":1}}}', '{"error":{"type":"rate_limit_error"}}',
    '{"type":"message","content":[{"type":"text","tex":"Hi."}],"stop_reason":"end_turn"}',
    '{"type":"message","content":[{"type":"tool_use","id":"t","input":{}}],"stop_reason":"tool_use"}',
])  # fmt: skip
HEADS = st.sampled_from([STREAM, STREAM, STREAM, STREAM, JSON, JSON]) | st.builds(
    HeadReceived,
    st.sampled_from([200, 302, 400, 400, 401, 404, 408, 413, 429, 500, 529]),
    st.dictionaries(st.just("retry-after"), st.sampled_from(["2", "inf", "900"]))
    | st.dictionaries(st.just("x-should-retry"), st.sampled_from(["true", "false"]))
    | st.dictionaries(st.just("content-type"), st.sampled_from(["text/html", "text/plain; x"]))
    | st.dictionaries(st.just("content-encoding"), st.sampled_from(["GZIP", "br"])),
    st.just(10.0),
)


@st.composite
def attempts(draw: st.DrawFn) -> list[Input | float]:
    inputs: list[Input | float] = []
    if draw(st.integers(0, 9)):
        inputs.append(head := draw(HEADS))
        said = draw(BODIES) if head is not STREAM else "".join(draw(st.lists(EVENTS, max_size=10)))
        raw = said.encode("utf-8", "surrogatepass") + draw(st.sampled_from([b"", b"", b"", b"\xff\n"]))
        inputs += [BytesReceived(one) for one in pieces(raw, draw(CUTS)) if one]
        for wait in draw(st.lists(st.sampled_from([0.1, 0.4, 4.0, 25.0, 70.0]), max_size=4)):
            inputs.insert(draw(st.integers(1, len(inputs))), wait)
    ending = draw(st.sampled_from([BodyEnded(), BodyEnded(), TransportFailed(ConnectionLost("x")), None]))
    if ending is not None and (inputs or isinstance(ending, TransportFailed)):
        inputs.append(ending)
    return inputs


@st.composite
def likely(draw: st.DrawFn) -> list[Input | float]:
    """What servers do: an answer that breaks off, pauses or is whole, with silence and pings in it, or a refusal."""
    if draw(st.integers(0, 3)) == 0:
        return [HeadReceived(draw(st.sampled_from([400, 529])), {}, 10.0), BodyEnded()]
    said = whole(*draw(st.sampled_from([[LONG, LONG], [LONG], ["Other. ", LONG]])))
    said = said[: draw(st.sampled_from([3, 4, len(said) - 1, len(said), len(said)]))]
    stop_reason = draw(st.sampled_from(["end_turn", "pause_turn", "pause_turn", "tool_use"]))
    said = [one.replace("end_turn", stop_reason) for one in said]
    inputs: list[Input | float] = [STREAM]
    for one in said:
        quiet: st.SearchStrategy[Input | float] = st.sampled_from([0.4, 0.4, 5.0, 15.0, BytesReceived(PING.encode())])
        inputs += draw(st.lists(quiet, max_size=3))
        inputs.append(BytesReceived(one.encode()))
    ends: st.SearchStrategy[Input | float] = st.sampled_from([BodyEnded(), TransportFailed(ConnectionLost("x")), 0.0])
    return [*inputs, draw(ends)]


POLICIES = st.builds(
    Policy,
    limits=st.builds(
        Limits,
        first_event=st.just(20.0),
        idle=st.sampled_from([6.0, 30.0]),
        progress=st.sampled_from([9.0, 60.0]),
        closing=st.just(1.0),
        total=st.sampled_from([None, None, 50.0]),
        max_event_bytes=st.sampled_from([300, 1 << 20]),
        max_body_bytes=st.sampled_from([2000, 1 << 20]),
    ),
    retry=st.builds(RetryPolicy, max_attempts=st.integers(1, 6), fallback_after=st.sampled_from([None, 1, 2])),
    strategy=st.none() | st.sampled_from(Strategy),
    max_pauses=st.integers(0, 3),
    sentence_idle=st.sampled_from([0.0, 0.5]),
    sentence_chars=st.sampled_from([20, 400]),
) | st.just(POLICY)


@ROUNDS
@settings(max_examples=150)
@given(
    policy=POLICIES,
    targets=st.sampled_from([[Target()], [Target(), Target(model="claude-sonnet-4-5")]]),
    more=st.sampled_from(
        [{}, {}, {"tools": [{}]}, {"max_tokens": 40_000}, {"model": "claude-3-opus"}, {"model": "claude-3-opus"}]
    ),
    tries=st.lists(attempts() | likely(), min_size=1, max_size=5),
    cancelled_after=st.just(-1) | st.integers(0, 30),
)
def test_a_session_does_what_the_python_session_does(
    again: int,
    policy: Policy,
    targets: list[Target],
    more: dict[str, Any],
    tries: list[list[Input | float]],
    cancelled_after: int,
) -> None:
    call = Recorded(policy=policy, targets=tuple(targets), request={**REQUEST, **more})
    call.cancelled_after = cancelled_after
    call.run(*tries)
    task = {"request": call.request, "policy": as_policy(policy), "targets": [as_target(one) for one in targets]}
    told = twin().ask("session", **task, happened=call.happened)
    assert told == json.loads(json.dumps(call.actions))
