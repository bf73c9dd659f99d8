"""The Claude Messages API as the server says it: streams and messages of one script say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.answer import Answer, InTurns, Refuse, Respond, refusal
from fake_server.blocks import Block, text_block, thinking_block, tool_block, whole_block
from fake_server.dialects.anthropic import ERROR_TYPES, error_body, event
from fake_server.effects import Effect, Send, Wait
from fake_server.faults.end_early import EndEarly
from fake_server.position import AtEnd
from fake_server.script import Reply, Request, Step, render
from fake_server.text import story
from fake_server.wire import Sized
from harness.reference import Response, read_reply

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n"), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=2), max_leaves=3
)
INPUTS = st.dictionaries(TEXTS, JSON, max_size=3)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(text_block, TEXTS, words=st.integers(1, 5)),
    st.builds(thinking_block, TEXTS, st.none() | st.just("signed")),
    st.builds(
        tool_block, st.just("f"), INPUTS, kind=st.sampled_from(["tool_use", "server_tool_use"]), piece=st.integers(1, 9)
    ),
    st.just(whole_block({"type": "redacted_thinking", "data": "x"})),
)
REASONS = st.sampled_from(["end_turn", "max_tokens", "refusal", None])
ANSWERS = st.builds(
    Answer,
    blocks=st.lists(BLOCKS, max_size=3).map(tuple),
    stop_reason=REASONS,
    stop_sequence=st.none() | TEXTS,
    stop_details=st.none() | st.just({"type": "refusal"}),
    input_tokens=st.integers(0, 99),
    output_tokens=st.none() | st.integers(0, 99),
    final_usage=st.sampled_from([{}, {"cache_read_input_tokens": 7}, {"input_tokens": 8}]),
)
quick = settings(max_examples=40)


def asked(stream: bool = True, **body: Any) -> Request:
    return Request(attempt=1, seed="s", body={"model": "m", "stream": stream, **body}, now=86400.0)


def read(step: Step, request: Request) -> Response:
    effects = render(step.reply(request), request)[1]
    return read_reply(b"".join(effect.data for effect in effects if isinstance(effect, Send)))


def said(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(data) for _, data in read(answer, asked()).events]


def messaged(step: Step, **body: Any) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(read(step, asked(stream=False, **body)).body)
    return message


def assembled(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a stream says, put together from its events."""
    message: dict[str, Any] = {}
    inputs: dict[int, str] = {}
    for one in events:
        match one:
            case {"type": "message_start"}:
                message = one["message"]
            case {"type": "content_block_start"}:
                message["content"].append(one["content_block"])
            case {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta"} as delta}:
                inputs[index] = inputs.get(index, "") + delta["partial_json"]
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                key = delta["type"].removesuffix("_delta")
                message["content"][index][key] += delta[key]
            case {"type": "message_delta"}:
                message |= one["delta"]
                message["usage"] |= one["usage"]
    for index, raw in inputs.items():
        message["content"][index]["input"] = json.loads(raw)
    return message


@given(answer=ANSWERS)
@quick
def test_a_stream_and_a_message_of_one_script_say_the_same(answer: Answer) -> None:
    assert assembled(said(answer)) == messaged(answer)


@given(answer=ANSWERS)
@quick
def test_events_come_in_the_order_of_the_api(answer: Answer) -> None:
    assert answer.blocks is not None
    order: list[tuple[str, int | None]] = [("message_start", None)]
    for index, block in enumerate(answer.blocks):
        order += [("content_block_start", index), *([("ping", None)] if index == 0 else [])]
        order += [*[("content_block_delta", index)] * len(block.deltas), ("content_block_stop", index)]
    order += [("message_delta", None), ("message_stop", None)]
    assert [(one["type"], one.get("index")) for one in said(answer)] == order


@given(answer=ANSWERS)
@quick
def test_the_name_of_every_event_is_the_type_in_its_json(answer: Answer) -> None:
    response = read(answer, asked())
    assert [name for name, _ in response.events] == [json.loads(data)["type"] for _, data in response.events]


@given(answer=ANSWERS)
@quick
def test_the_text_of_a_step_is_what_the_reader_finds_in_either_form(answer: Answer) -> None:
    assert answer.texts("s")[0] == read(answer, asked()).text == read(answer, asked(stream=False)).text


@pytest.mark.parametrize("seed", ["s", "t"])
def test_an_answer_without_blocks_is_a_story_of_its_seed_and_name(seed: str) -> None:
    answer = Answer(sentences=3)
    assert answer.texts(seed)[0] == read(answer, Request(attempt=2, seed=seed, body={"stream": True})).text
    assert len({*answer.texts(seed), *Answer(sentences=3, story="other").texts(seed), *answer.texts(seed + "!")}) == 3


@given(end=st.integers(0, 150), as_block=st.booleans())
@quick
def test_an_answer_goes_on_where_its_prefill_stops(end: int, as_block: bool) -> None:
    answer = Answer(sentences=3)
    whole = answer.texts("s")[0]
    prefill = whole[:end]
    content = [{"type": "text", "text": prefill}] if as_block else prefill
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}]
    for stream in (True, False):
        assert prefill + read(answer, asked(stream, messages=messages)).text == whole


@pytest.mark.parametrize("last", [{"role": "user", "content": "The "}, {"role": "assistant", "content": "Other"}])
def test_what_is_no_beginning_of_the_answer_changes_nothing(last: dict[str, str]) -> None:
    answer = Answer(blocks=(text_block("The answer"),))
    assert read(answer, asked(messages=[last])).text == "The answer"


@given(end=st.integers(16, 150), repeats=st.sampled_from([0, 5, 40]), as_system=st.booleans())
@quick
def test_an_answer_goes_on_where_it_is_told_that_it_stopped(end: int, repeats: int, as_system: bool) -> None:
    answer = Answer(sentences=3, repeats=repeats)
    whole = answer.texts("s")[0]
    end = min(end, len(whole))
    quotation = f"It stopped:<x>{whole[:end]}</x>"
    asks = (
        {"messages": [{"role": "user", "content": "Hi"}], "system": quotation}
        if as_system
        else {"messages": [{"role": "user", "content": quotation}]}
    )
    assert read(answer, asked(**asks)).text == whole[max(0, end - repeats) :]


def test_a_model_that_does_not_continue_starts_over() -> None:
    answer = Answer(sentences=3, continues=False)
    quoted = [{"role": "user", "content": answer.texts("s")[0][:90]}]
    assert read(answer, asked(messages=quoted)).text == answer.texts("s")[0]


def test_another_story_of_the_script_is_continued_and_not_its_own() -> None:
    mine, other = Answer(sentences=3), Answer(sentences=3, story="other")
    quoted = [{"role": "user", "content": mine.texts("s")[0][:90]}]
    request = replace(asked(messages=quoted), told=mine.texts("s"))
    assert read(other, request).text == mine.texts("s")[0][90:]


def test_a_model_that_continues_a_text_says_no_more_than_text() -> None:
    text = story("then a tool", 3)
    answer = Answer(blocks=(text_block(text), tool_block("go", {})), stop_reason="tool_use")
    message = messaged(answer, messages=[{"role": "user", "content": text[:90]}])
    assert ([block["type"] for block in message["content"]], message["stop_reason"]) == (["text"], "end_turn")


SEARCH = tool_block("search", {"q": "é"}, kind="server_tool_use")
LONG_TURN = InTurns(
    (Answer(blocks=(text_block("One. "), SEARCH), stop_reason="pause_turn"), Answer(blocks=(text_block("Two."),)))
)


def test_a_long_turn_goes_on_when_its_parts_are_sent_back_as_they_came() -> None:
    content = messaged(LONG_TURN)["content"]
    assert [block["type"] for block in content] == ["text", "server_tool_use"]
    back = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}]
    assert messaged(LONG_TURN, messages=back)["stop_reason"] == "end_turn"
    assert read(LONG_TURN, asked(messages=back)).text == "Two."
    assert LONG_TURN.texts("s") == ("One. Two.", "One. ")


def test_a_paused_turn_that_was_changed_is_refused() -> None:
    content = messaged(LONG_TURN)["content"]
    content[1]["input"] = {}
    changed = LONG_TURN.reply(asked(messages=[{"role": "assistant", "content": content}]))
    assert changed.head.status == 400


def test_an_answer_can_ignore_the_wish_for_a_stream() -> None:
    answer = Answer(sentences=1)
    assert replace(answer, only_json=True).reply(asked()) == answer.reply(asked(stream=False))


def test_no_usage_given_counts_the_deltas() -> None:
    short, long = (Answer(blocks=(text_block("a b c d", words=words),)) for words in (4, 1))
    tokens = [messaged(answer)["usage"]["output_tokens"] for answer in (short, long)]
    assert tokens[1] - tokens[0] == 3


@pytest.mark.parametrize("pieces", [("a \ud83d", "\ude00 b"), ("\udc00",)])
def test_an_event_with_a_lone_surrogate_is_escaped_and_its_line_stays_utf_8(pieces: tuple[str, ...]) -> None:
    answer = Answer(blocks=(text_block("", pieces=pieces),))
    response = read(answer, asked())
    assert [one["delta"]["text"] for one in said(answer) if "index" in one and "delta" in one] == list(pieces)
    assert "\ufffd" not in response.body.decode()


@pytest.mark.parametrize("block", [text_block("\ud800"), tool_block("f", {"x": "\ud800"})], ids=["text", "tool"])
def test_a_message_with_a_lone_surrogate_is_escaped_as_a_stream_is(block: Block) -> None:
    assert messaged(Answer(blocks=(block,)))["content"] == [block.whole]


def test_a_model_with_a_lone_surrogate_is_echoed() -> None:
    response = read(Answer(sentences=1), asked(stream=False, model="\ud800"))
    assert json.loads(response.body)["model"] == "\ud800"


def test_an_error_message_may_quote_a_lone_surrogate() -> None:
    assert json.loads(error_body(400, "\ud800"))["error"]["message"] == "\ud800"


def test_other_characters_are_not_escaped() -> None:
    assert "é東🌍\u2028".encode() in event("ping", text="é東🌍\u2028")


@given(raw=TEXTS, piece=st.integers(1, 9))
@quick
def test_a_broken_tool_input_is_sent_as_it_is(raw: str, piece: int) -> None:
    block = tool_block("f", raw, piece=piece)
    assert "".join(delta["partial_json"] for delta in block.deltas) == raw
    assert block.whole["input"] == {}
    assert max(len(delta["partial_json"]) for delta in block.deltas) <= piece


@given(text=TEXTS, words=st.integers(1, 5))
@quick
def test_a_text_is_streamed_so_many_words_at_a_time(text: str, words: int) -> None:
    pieces = [delta["text"] for delta in text_block(text, words=words).deltas]
    assert "".join(pieces) == text
    assert {piece.count(" ") for piece in pieces[:-1]} <= {words}


@pytest.mark.parametrize("stream", [True, False])
def test_a_pace_and_faults_are_the_streams_alone(stream: bool) -> None:
    reply = Answer(sentences=1, pace=2).but(EndEarly(at=AtEnd())).reply(asked(stream))
    assert any(isinstance(effect, Wait) for effect in reply.body) == stream
    assert bool(reply.faults) == stream


def test_a_pace_comes_before_every_event() -> None:
    body = Answer(sentences=1, pace=2).reply(asked()).body
    events = Answer(sentences=1).reply(asked()).body
    pairs: list[Effect] = [effect for one in events[:-1] for effect in (Wait(2, steady=True), one)]
    assert list(body) == [*pairs, events[-1]]


@pytest.mark.parametrize("stream", [True, False])
def test_a_stream_and_a_message_have_their_own_type_and_framing(stream: bool) -> None:
    head = Answer(sentences=1).reply(asked(stream)).head
    assert (head.status, head.header("Content-Type")) == (
        200,
        "text/event-stream; charset=utf-8" if stream else "application/json",
    )
    assert isinstance(head.framing, Sized) != stream
    assert (head.header("cache-control") == "no-cache") == stream
    assert head.header("date") == "Fri, 02 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "kind"), [*ERROR_TYPES.items(), (405, "invalid_request_error"), (502, "api_error"), (599, "api_error")]
)
def test_a_refusal_has_the_status_the_kind_and_the_request_id_of_the_api(status: int, kind: str) -> None:
    response = read(Refuse(status=status, message="No"), asked())
    error = {"type": kind, "message": "No"}
    assert (response.status, response.error_kind, response.ended) == (status, kind, True)
    assert json.loads(response.body) == {"type": "error", "error": error, "request_id": response.headers["request-id"]}


def test_a_refusal_can_have_another_kind_and_other_headers() -> None:
    step = Refuse(status=400, kind="weather_error", headers=(("request-id", "req_x"), ("x", "y")), retry_after_date=60)
    response = read(step, asked())
    assert json.loads(response.body) == {
        "type": "error",
        "error": {"type": "weather_error", "message": "Weather"},
        "request_id": "req_x",
    }
    assert (response.headers["x"], response.headers["retry-after"]) == ("y", "Fri, 02 Jan 1970 00:01:00 GMT")


def test_a_refused_request_is_answered_as_any_refusal() -> None:
    assert refusal(asked(), 400, "No", "k") == Refuse(status=400, message="No", kind="k").reply(asked())


@given(status=st.integers(200, 599), kind=st.none() | st.just("text/html"), body=st.binary(max_size=20))
@quick
def test_something_else_answers_exactly_what_it_is_told(status: int, kind: str | None, body: bytes) -> None:
    response = read(Respond(status=status, content_type=kind, body=body, headers=(("x", "y"),)), asked())
    assert (response.status, response.body, response.ended) == (status, body, True)
    assert response.headers == {"x": "y", "content-length": str(len(body))} | ({"content-type": kind} if kind else {})


def test_only_an_answer_says_text() -> None:
    steps: tuple[Step, ...] = (Refuse(status=500), Respond(body=b"text"))
    assert [step.texts("s") for step in steps] == [(), ()]


def test_equal_requests_have_equal_ids_and_other_attempts_have_others() -> None:
    def ids(attempt: int) -> tuple[str | None, str]:
        request = Request(attempt=attempt, seed="s", body={})
        reply: Reply = Answer(sentences=1).reply(request)
        return reply.head.header("request-id"), json.loads(reply.body[0].data)["id"]  # type: ignore[union-attr]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))
