"""Properties of the client: the same for every chunking, no surprise from any bytes, every call settles."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import BLOCK, PING, START, STOP, error, reason, text, tool, whole
from virtual import JSON, POLICY, STREAM, Call

from client_under_test.answer import Outcome
from client_under_test.dialects.reading import whole_characters
from client_under_test.display import Display
from client_under_test.errors import ConnectionLost, StreamError
from client_under_test.policy import retry_after
from client_under_test.session import NEXT, State
from client_under_test.signals import BodyEnded, BytesReceived, HeadReceived, Input, TransportFailed
from client_under_test.sse import SseDecoder
from harness.reference import read_events

LINES = st.sampled_from(
    ["data: a", "data:b", "data", ": c", ":", "event: x", "event:", "id: 1", "retry: 5", "", "", "x: é東🌍"]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12).map(
    lambda lines: "".join(line + end for line, end in lines).encode()
)
EVENTS = st.sampled_from([
    START, BLOCK, text("Hello. "), text("w\ud83d"), text("\ude00"), PING, STOP, reason(), reason("max_tokens"),
    error(), *tool('{"a":', "1}"), *whole("Hi.")[-3:-1], "data: {broken\n\n", "data: 42\n\n", ": c\n\n",
    "data: \xff\n\n",
])  # fmt: skip
HEADS = st.sampled_from([
    STREAM, JSON, HeadReceived(200, {}), HeadReceived(200, {"content-type": "text/html"}), HeadReceived(302, {}),
    HeadReceived(429, {"retry-after": "inf"}), HeadReceived(401, {}), HeadReceived(529, {"x-should-retry": "maybe"}),
])  # fmt: skip


def pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges)]


@given(raw=STREAMS | st.binary(max_size=60), cuts=st.lists(st.integers(0, 500), max_size=8))
def test_events_are_those_of_the_standard_however_the_bytes_are_cut(raw: bytes, cuts: list[int]) -> None:
    decoder = SseDecoder()
    events = [event for piece in pieces(raw, cuts) for event in decoder.feed(piece)]
    assert [(event.name, event.data) for event in events] == read_events(raw)


UNITS = st.sampled_from([
    ["event: a", 'data: {"some": "payload"}', ""],
    ["event: a", "data: x", "", "event: b", "data: y", ""],
    ["data: some payload of a stream without names", ""],
    ["event:a", "data:x", ""],
    ["event: a", "id: 7", "data: x", ""],
    ["event: a", "data: x", "data: y", ""],
])  # fmt: skip
ODD = LINES | st.sampled_from(["events: z", "datas: z", "cata: z", "data:z", ":" * 40, "\u00e9"])
SLOW = [*["event: a", "data: x", *[":" * 40] * 40], ""]
"""An event that comes with so many comments that its lines are not kept until it is over."""


@st.composite
def usual_streams(draw: st.DrawFn) -> bytes:
    """The same lines again and again, as an API sends them, and perhaps something odd in place of some of them."""
    lines = draw(UNITS) * draw(st.sampled_from([1, 2, 3, 50, 50, 50]))
    place = draw(st.integers(0, len(lines)))
    odd, gone = draw(
        st.tuples(st.lists(ODD, min_size=1, max_size=1), st.just(1)) | st.tuples(st.lists(ODD), st.just(0))
    )
    slow = draw(st.sampled_from([[], [], SLOW, SLOW[:-1]]))
    return "".join(f"{one}\n" for one in [*slow, *lines[:place], *odd, *lines[place + gone :]]).encode()


@settings(max_examples=400)
@given(
    raw=usual_streams(),
    cuts=st.lists(st.integers(0, 5000), max_size=3),
    limit=st.sampled_from([16 << 20, 16 << 20, 80]),
)
def test_what_an_api_sends_is_read_as_the_standard_says_with_something_odd_in_it(
    raw: bytes, cuts: list[int], limit: int
) -> None:
    decoder = SseDecoder(max_line_bytes=limit, max_event_bytes=limit)
    events = [event for piece in pieces(raw, cuts) for event in decoder.feed(piece)]
    assert [(event.name, event.data) for event in events] == read_events(raw)


@st.composite
def attempts(draw: st.DrawFn) -> list[Input | float]:
    inputs: list[Input | float] = []
    if draw(st.integers(0, 9)):
        inputs.append(draw(HEADS))
        raw = "".join(draw(st.lists(EVENTS, max_size=8))).encode("utf-8", "surrogatepass") + draw(st.binary(max_size=5))
        inputs += [BytesReceived(one) for one in pieces(raw, draw(st.lists(st.integers(0, 2000), max_size=5))) if one]
        inputs.insert(draw(st.integers(1, len(inputs))), draw(st.floats(0, 90)))
    ending = draw(st.sampled_from([BodyEnded(), TransportFailed(ConnectionLost("x")), None]))
    if ending is not None and (inputs or isinstance(ending, TransportFailed)):
        inputs.append(ending)
    return inputs


@settings(max_examples=200)
@given(tries=st.lists(attempts(), min_size=1, max_size=5))
def test_every_call_settles_within_its_budget_and_accounts_for_its_text(tries: list[list[Input | float]]) -> None:
    call = Call()
    answer = call.run(*tries)
    assert len(call.opened) <= POLICY.retry.max_attempts
    assert call.drops == len(call.opened)
    assert call.session.state is State.DONE
    assert answer.text == call.display
    assert len(call.display.encode()) >= len(call.display)
    assert (answer.error is None) == (answer.outcome not in (Outcome.INCOMPLETE, Outcome.FAILED))
    assert answer.error is None or isinstance(answer.error, StreamError)
    assert answer.error is None or answer.error.partial == call.display


@given(texts=st.lists(st.text(alphabet="ab", max_size=8), min_size=1, max_size=4), data=st.data())
def test_a_display_ends_with_the_text_of_the_last_whole_attempt(texts: list[str], data: st.DataObject) -> None:
    display, shown = Display(), ""
    for number, whole_text in enumerate(texts):
        display.start_over()
        said = whole_text if number == len(texts) - 1 else whole_text[: data.draw(st.integers(0, len(whole_text)))]
        for change in [display.say(said[i : i + 2]) for i in range(0, len(said), 2)]:
            shown = change.text if change.reset else shown + change.text
    last = display.finish()
    assert (last.text if last.reset else shown + last.text) == texts[-1] == display.text


@given(value=st.text(max_size=30) | st.floats().map(str) | st.integers().map(str), wall=st.floats(0, 4e9))
def test_a_hint_is_none_or_a_finite_number_of_seconds_to_come(value: str, wall: float) -> None:
    seconds = retry_after({"retry-after": value}, wall)
    assert seconds is None or 0 <= seconds < float("inf")


@given(text=st.text(alphabet=st.characters(codec=None, categories=["Cs", "L", "So"])))
def test_any_text_becomes_one_that_can_be_encoded(text: str) -> None:
    assert len(whole_characters(text).encode()) >= len(whole_characters(text))


def test_every_state_is_reachable_and_only_done_is_final() -> None:
    reached, frontier = {State.IDLE}, [State.IDLE]
    while frontier:
        for state in NEXT[frontier.pop()] - reached:
            reached.add(state)
            frontier.append(state)
    assert reached == set(State)
    assert [state for state in State if not NEXT[state]] == [State.DONE]
