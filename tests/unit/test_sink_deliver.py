"""One stream goes to many sinks, and none of them can spoil it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sinking import at_once, done, played, spoken

from client_under_test.answer import Outcome, ToolCall
from client_under_test.errors import AnswerTruncated, ConnectionLost, Overloaded, ServerFailed, Stalled, StreamError
from client_under_test.events import Done, Event, Next, Notice, Reset, Sentence, Text
from client_under_test.sinks import Interrupted, SinkFailed, SinksFailed, deliver, words
from client_under_test.sinks.view import View

STEPS = [Text("Hello "), Reset(), Text("Hi."), Sentence("Hi."), done("Hi.")]


@dataclass
class Note:
    """Writes down what it is given; raises where it should."""

    fails_to: str = ""
    slow: float = 0.0
    given: list[object] = field(default_factory=list)
    began: bool = False

    async def begin(self) -> None:
        self.began = True
        self._fail("begin")

    async def take(self, event: Event) -> None:
        self.given.append(event)
        self._fail("take")

    async def finish(self, error: StreamError | None) -> None:
        await asyncio.sleep(self.slow)
        self.given.append(error)
        self._fail("finish")

    def _fail(self, what: str) -> None:
        if what == self.fails_to:
            raise SinkFailed(f"cannot {what}", delivered="H", missing="i.")


class Plain:
    """A sink that has the two methods and no more."""

    def __init__(self) -> None:
        self.given: list[Event] = []

    async def take(self, event: Event) -> None:
        self.given.append(event)

    async def finish(self, error: StreamError | None) -> None: ...


def test_every_sink_is_given_every_event_and_the_caller_the_answer() -> None:
    sinks = Note(), Note()
    assert at_once(deliver(played(STEPS), *sinks)).text == "Hi."
    assert all(one.began and one.given == [*STEPS, None] for one in sinks)


def test_a_sink_needs_only_the_two_methods() -> None:
    sink = Plain()
    at_once(deliver(played(STEPS), sink))
    assert sink.given == STEPS


@pytest.mark.parametrize("what", ["begin", "take", "finish"])
def test_a_sink_that_fails_disturbs_neither_the_others_nor_the_answer(what: str) -> None:
    broken, good = Note(fails_to=what), Note()
    with pytest.raises(SinksFailed) as failed:
        at_once(deliver(played(STEPS), broken, good))
    assert good.given == [*STEPS, None]
    assert failed.value.answer.text == "Hi."
    (failure,) = failed.value.exceptions
    assert str(failure) == f"cannot {what} (1 characters delivered, 2 missing)"


def test_a_sink_that_failed_is_given_no_more_events_but_is_finished() -> None:
    broken = Note(fails_to="take")
    with pytest.raises(SinksFailed):
        at_once(deliver(played(STEPS), broken))
    assert broken.given == [STEPS[0], None]


def test_failures_of_sinks_are_taken_apart_like_any_group_and_keep_the_answer() -> None:
    with pytest.raises(SinksFailed) as failed:
        at_once(deliver(played(STEPS), Note(fails_to="take"), Note(fails_to="finish")))
    part = failed.value.subgroup(lambda one: "finish" in str(one))
    assert isinstance(part, SinksFailed)
    assert part.answer is failed.value.answer
    assert len(part.exceptions) == 1


def test_sinks_know_of_an_error_before_the_caller_does() -> None:
    error = ConnectionLost("gone", partial="Hel")
    sink = Note()
    with pytest.raises(ConnectionLost):
        at_once(deliver(played([Text("Hel"), error]), sink))
    assert sink.given == [Text("Hel"), error]


def test_sinks_that_fail_beside_the_stream_are_in_the_notes_of_its_error() -> None:
    error = ConnectionLost("gone")
    with pytest.raises(ConnectionLost) as raised:
        at_once(deliver(played([error]), Note(fails_to="finish")))
    assert raised.value.__notes__ == ["a sink failed, too: cannot finish (1 characters delivered, 2 missing)"]


def test_events_that_end_without_an_answer_are_an_error() -> None:
    sink = Note()
    with pytest.raises(AnswerTruncated) as raised:
        at_once(deliver(played([Text("Hel")]), sink))
    assert raised.value.partial == "Hel"
    assert sink.given[-1] is raised.value


def test_a_stream_that_breaks_in_a_way_of_its_own_still_finishes_the_sinks() -> None:
    async def broken() -> AsyncIterator[Event]:
        yield Text("Hel")
        raise ZeroDivisionError

    sink = Note()
    with pytest.raises(ZeroDivisionError):
        at_once(deliver(broken(), sink))
    told = sink.given[-1]
    assert isinstance(told, Interrupted)
    assert (told.partial, type(told.__cause__)) == ("Hel", ZeroDivisionError)


def test_events_need_not_come_from_a_generator() -> None:
    class Events:
        def __init__(self) -> None:
            self._left = iter(STEPS)

        def __aiter__(self) -> AsyncIterator[Event]:
            return self

        async def __anext__(self) -> Event:
            for event in self._left:
                return event
            raise StopAsyncIteration

    assert at_once(deliver(Events(), Note())).text == "Hi."


async def cancelled(sink: Note, steps: list[object], after: float, again: float = 0.0) -> float:
    """Seconds that a delivery took which was cancelled, perhaps twice."""
    delivery = asyncio.create_task(deliver(played(steps), sink, grace=5.0))
    await asyncio.sleep(after)
    delivery.cancel()
    if again:
        await asyncio.sleep(again)
        delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    await asyncio.sleep(0)
    return asyncio.get_running_loop().time()


def test_a_cancelled_caller_waits_until_its_sinks_have_finished() -> None:
    sink = Note(slow=2.0)
    assert at_once(cancelled(sink, [Text("Hel"), 60.0], after=1.0)) == pytest.approx(3.0)
    assert isinstance(sink.given[-1], Interrupted)


def test_a_cancelled_caller_waits_no_longer_than_it_said() -> None:
    sink = Note(slow=60.0)
    assert at_once(cancelled(sink, [Text("Hel"), 60.0], after=1.0)) == pytest.approx(6.0)
    assert sink.given == [Text("Hel")]


def test_a_caller_that_is_cancelled_at_the_end_gives_its_sinks_the_same_time() -> None:
    sink = Note(slow=4.0)
    assert at_once(cancelled(sink, [*STEPS], after=1.0)) == pytest.approx(4.0)
    assert sink.given[-1] is None


def test_a_caller_that_is_cancelled_twice_waits_for_nothing() -> None:
    assert at_once(cancelled(Note(slow=60.0), [60.0], after=1.0, again=1.0)) == pytest.approx(2.0)


def seen(*events: Event, error: StreamError | None = None, over: bool = False) -> View:
    view = View()
    for event in events:
        view.take(event)
    if error or over:
        view.finish(error)
    return view


def test_what_is_seen_is_the_text_since_the_last_reset() -> None:
    assert seen(Text("a"), Sentence("a"), Text("b"), Reset(), Text("c"), Text("d")).text == "cd"


def test_what_is_seen_at_the_end_is_what_the_answer_or_the_error_says() -> None:
    assert seen(Text("a"), done("ab")).text == "ab"
    assert seen(Text("a"), error=Stalled("s", partial="abc")).text == "abc"
    assert seen(Text("a"), error=Stalled("s")).text == "a"
    assert seen(ToolCall(id="1", name="f", input={})).text == ""


def test_a_notice_is_gone_when_text_comes() -> None:
    notice = Notice(next=Next.RETRY, attempt=2, wait=0.5)
    assert seen(notice).notice is notice
    assert seen(notice, Text("a")).notice is None


@pytest.mark.parametrize(
    ("error", "doing", "wait", "said"),
    [
        (ConnectionLost("x"), Next.CONTINUE, 1.0, "connection lost, continuing"),
        (Overloaded("x"), Next.RETRY, 20.4, "the model is busy, asking again in 20 s"),
        (ServerFailed("x"), Next.ELSEWHERE, 0.0, "the model's server failed, asking elsewhere"),
        (Stalled("x"), Next.WITHOUT_STREAM, 0.0, "no more text came, asking without streaming"),
        (None, Next.GO_ON, 0.0, "the turn paused, going on"),
    ],
)
def test_a_notice_says_why_and_what_is_done(error: StreamError | None, doing: Next, wait: float, said: str) -> None:
    assert words.notice(Notice(next=doing, attempt=2, wait=wait, error=error)) == said


def test_only_a_complete_answer_ends_without_a_word() -> None:
    for outcome in Outcome:
        view = seen(done("x", outcome=outcome), over=True)
        assert bool(words.ending(view)) == (outcome is not Outcome.COMPLETE)
    assert words.ending(seen(over=True)) == ""


def test_an_error_is_told_in_one_line_of_moderate_length() -> None:
    assert words.ending(seen(Text("a"), error=Stalled("no\nmore"))) == "incomplete: no more"
    assert words.ending(seen(error=Stalled("x" * 999))) == f"no answer: {'x' * 159}…"


def test_the_libraries_of_a_sink_are_loaded_only_by_who_uses_it() -> None:
    code = "import sys, client_under_test.sinks; print({'slack_sdk', 'aiohttp', 'rich'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


def test_spoken_answers_end_with_done() -> None:
    assert isinstance(spoken("a")[-1], Done)


class Blocking:
    """A stream without an event loop."""

    def __init__(self, steps: list[Event], error: StreamError | None = None) -> None:
        self._steps, self._error = steps, error
        self.left = threading.Event()
        self.read_in: set[str] = set()

    def __iter__(self) -> Iterator[Event]:
        for step in self._steps:
            self.read_in.add(threading.current_thread().name)
            yield step
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        self.left.set()


def test_a_blocking_stream_is_read_in_a_thread_and_delivered_like_any_other() -> None:
    stream, note = Blocking([Text("Hi."), done("Hi.")]), Note()
    assert asyncio.run(deliver(stream, note)).text == "Hi."
    assert note.given == [Text("Hi."), done("Hi."), None]
    assert threading.current_thread().name not in stream.read_in


def test_a_blocking_stream_is_read_while_the_loop_is_busy() -> None:
    class ReadToItsEnd(Blocking):
        def __iter__(self) -> Iterator[Event]:
            yield from self._steps
            self.left.set()

    class Busy(Plain):
        async def take(self, event: Event) -> None:
            assert stream.left.wait(60)

    stream, note = ReadToItsEnd([*map(Text, "abcdefgh"), done("abcdefgh")]), Note()
    asyncio.run(deliver(stream, Busy(), note))
    assert note.given == [*map(Text, "abcdefgh"), done("abcdefgh"), None]


def test_a_blocking_stream_is_not_read_far_ahead_of_slow_sinks() -> None:
    class Counts(Blocking):
        read = 0

        def __iter__(self) -> Iterator[Event]:
            for step in self._steps:
                self.read += 1
                yield step

    class Counted(Plain):
        taken = furthest = 0

        async def take(self, event: Event) -> None:
            await asyncio.sleep(0)
            self.taken += 1
            self.furthest = max(self.furthest, stream.read - self.taken)

    stream, sink = Counts([Text("x")] * 20_000 + [done("x" * 20_000)]), Counted()
    asyncio.run(deliver(stream, sink))
    assert sink.taken == 20_001
    assert 1 < sink.furthest < 300


def test_the_error_of_a_blocking_stream_reaches_sinks_and_caller() -> None:
    error, note = ConnectionLost("gone"), Note()
    with pytest.raises(ConnectionLost):
        asyncio.run(deliver(Blocking([Text("Hi")], error), note))
    assert note.given == [Text("Hi"), error]


def test_a_caller_that_is_cancelled_cancels_its_blocking_stream_and_leaves_no_thread_in_it() -> None:
    class Hanging(Blocking):
        def __iter__(self) -> Iterator[Event]:
            yield Text("Hi")
            assert self.left.wait(60)
            assert loop_went_on.wait(60)
            self.read_in.add("the end")

    stream, note = Hanging([]), Note()

    class Leaves(Plain):
        async def take(self, event: Event) -> None:
            delivering.cancel()
            asyncio.get_running_loop().call_later(0.05, loop_went_on.set)

    async def run() -> None:
        nonlocal delivering
        delivering = asyncio.create_task(deliver(stream, note, Leaves()))
        try:
            await delivering
        finally:
            assert stream.read_in == {"the end"}

    loop_went_on = threading.Event()
    delivering: asyncio.Task[Any]

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert isinstance(note.given[-1], Interrupted)
