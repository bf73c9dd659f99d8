"""The parts of the simulation that have laws of their own: time, lines, and requests on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.answer import Answer
from fake_server.exchange import Asked, Conversation
from fake_server.record import Ended, ServerRecord
from fake_server.script import script
from harness.sim import agenda as agendas
from harness.sim.agenda import VirtualAgenda
from harness.sim.line import EndOfLine, connect
from harness.sim.request import RequestReader, request_bytes
from harness.sim.server import SimServer

quick = settings(max_examples=80)


def never() -> bool:
    return False


# ---- time


@quick
@given(st.lists(st.integers(0, 5)))
def test_what_is_due_is_done_in_order_of_time_and_of_entry_at_one_time(times: list[int]) -> None:
    agenda, done = VirtualAgenda(), list[tuple[int, int, float]]()
    for number, time in enumerate(times):
        agenda.at(time, lambda number=number, time=time: done.append((time, number, agenda.now())))
    agenda.run(never, 10)
    assert done == sorted(done)
    assert all(time == now for time, _, now in done)
    assert (len(done), agenda.now()) == (len(times), 10)


def test_what_is_entered_for_now_or_before_is_done_behind_all_that_is_due() -> None:
    agenda, done = VirtualAgenda(), list[str]()

    def first() -> None:
        agenda.at(agenda.now(), lambda: done.append("now"))
        agenda.at(0.0, lambda: done.append("before"))

    agenda.at(1, first)
    agenda.at(1, lambda: done.append("due"))
    agenda.run(never, 1)
    assert done == ["due", "now", "before"]
    assert agenda.now() == 1


def test_time_stops_at_its_limit_and_goes_on_from_there() -> None:
    agenda, done = VirtualAgenda(), list[float]()
    for time in (1.0, 2.0, 2.1):
        agenda.at(time, lambda time=time: done.append(time))
    agenda.run(never, 2.0)
    assert (done, agenda.now()) == ([1.0, 2.0], 2.0)
    agenda.run(never, 5.0)
    assert (done, agenda.now()) == ([1.0, 2.0, 2.1], 5.0)


def test_nothing_is_done_and_no_time_goes_by_when_it_is_over() -> None:
    agenda, done = VirtualAgenda(), list[float]()
    for time in (1.0, 2.0):
        agenda.at(time, lambda time=time: done.append(time))
    agenda.run(lambda: bool(done), 5.0)
    assert (done, agenda.now()) == ([1.0], 1.0)


def test_a_limit_that_has_passed_does_not_turn_time_back() -> None:
    agenda = VirtualAgenda()
    agenda.run(never, 5.0)
    agenda.run(never, 1.0)
    assert agenda.now() == 5.0


def test_time_that_stands_still_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agendas, "_MOST_AT_ONCE", 100)
    agenda = VirtualAgenda()

    def again() -> None:
        agenda.at(agenda.now(), again)

    agenda.at(3, again)
    with pytest.raises(RuntimeError, match="does not get on from 3 s"):
        agenda.run(never, 10)


def test_much_may_happen_when_time_goes_on_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agendas, "_MOST_AT_ONCE", 10)
    agenda, done = VirtualAgenda(), list[int]()
    for number in range(100):
        agenda.at(number // 9, lambda: done.append(1))
    agenda.run(never, 100)
    assert len(done) == 100


# ---- lines


@dataclass
class Ear:
    """Hears what comes at an end of a line."""

    heard: list[Any] = field(default_factory=list)
    then: Callable[[], object] = bool

    def received(self, data: list[bytes]) -> None:
        self.heard += data
        self.then()

    def ended(self) -> None:
        self.heard.append("end")

    def broken(self) -> None:
        self.heard.append("reset")


class Line:
    """A line, somebody at its near end, and time."""

    def __init__(self, seed: int = 0) -> None:
        self.agenda, self.ear, self.far_ear = VirtualAgenda(), Ear(), Ear()
        self.near, self.far = connect(self.agenda, Random(seed))
        self.near.owner, self.far.owner = self.ear, self.far_ear

    def pass_on(self) -> list[Any]:
        """Let all arrive that is under way; returns all that was heard at the near end."""
        self.agenda.run(never, self.agenda.now())
        return self.ear.heard


PIECES = st.lists(st.binary(min_size=1, max_size=4), max_size=5)


@quick
@given(PIECES)
def test_bytes_arrive_in_the_same_moment_but_later_in_their_pieces_with_the_end_behind_them(
    pieces: list[bytes],
) -> None:
    line = Line()
    for piece in pieces:
        line.far.send(piece)
    line.far.close()
    assert line.ear.heard == []
    assert line.near.is_readable
    assert line.pass_on() == [*pieces, "end"]
    assert line.agenda.now() == 0


@quick
@given(PIECES, PIECES, st.integers(0, 100))
def test_a_reset_loses_the_last_bytes_that_were_not_read_and_no_others(
    read: list[bytes], unread: list[bytes], seed: int
) -> None:
    line = Line(seed)
    for piece in read:
        line.far.send(piece)
    line.pass_on()
    for piece in unread:
        line.far.send(piece)
    line.far.reset()
    *data, last = line.pass_on()
    assert last == "reset"
    assert data[: len(read)] == read
    assert b"".join(unread).startswith(b"".join(data[len(read) :]))


def test_how_much_a_reset_loses_is_a_matter_of_chance() -> None:
    kept = set()
    for seed in range(60):
        line = Line(seed)
        line.far.send(b"abc")
        line.far.reset()
        kept.add(b"".join(line.pass_on()[:-1]))
    assert kept == {b"", b"a", b"ab", b"abc"}


def test_an_end_that_closes_with_unread_bytes_resets() -> None:
    line = Line()
    line.near.pause()
    line.far.send(b"x")
    line.pass_on()
    line.near.close()
    line.pass_on()
    assert (line.ear.heard, line.far_ear.heard) == ([], ["reset"])


def test_an_end_that_has_read_all_closes_in_order() -> None:
    line = Line()
    line.far.send(b"x")
    line.pass_on()
    line.near.close()
    line.pass_on()
    assert line.far_ear.heard == ["end"]


@pytest.mark.parametrize("how", [EndOfLine.close, EndOfLine.reset])
def test_nothing_comes_to_or_from_an_end_that_has_closed(how: Callable[[EndOfLine], None]) -> None:
    line = Line()
    line.far.send(b"lost")
    how(line.near)
    line.near.send(b"lost")
    line.far.send(b"lost")
    line.near.close()
    line.near.reset()
    line.pass_on()
    assert line.ear.heard == []
    assert len(line.far_ear.heard) == 1


def test_no_bytes_are_no_news() -> None:
    line = Line()
    line.far.send(b"")
    assert not line.near.is_readable
    assert line.pass_on() == []


def test_an_end_that_pauses_hears_nothing_until_it_goes_on_and_then_all() -> None:
    line = Line()
    line.near.pause()
    line.far.send(b"a")
    line.pass_on()
    line.far.send(b"b")
    line.far.close()
    assert line.pass_on() == []
    assert line.near.is_readable
    line.near.resume()
    assert line.pass_on() == [b"a", b"b", "end"]


def test_an_end_that_pauses_while_it_reads_hears_the_end_later() -> None:
    line = Line()
    line.ear.then = line.near.pause
    line.far.send(b"a")
    line.far.close()
    assert line.pass_on() == [b"a"]
    line.near.resume()
    assert line.pass_on() == [b"a", "end"]


def test_going_on_without_a_pause_changes_nothing() -> None:
    line = Line()
    line.far.close()
    line.pass_on()
    line.near.resume()
    assert line.pass_on() == ["end"]


def test_an_end_that_nobody_owns_keeps_what_comes() -> None:
    line = Line()
    line.near.owner = None
    line.far.send(b"a")
    line.pass_on()
    assert line.near.is_readable


# ---- requests

BODIES = st.lists(st.binary(max_size=20), min_size=1, max_size=4)


def requests(bodies: list[bytes]) -> bytes:
    headers = [{"Host": "sim", "Content-Length": str(len(body))} for body in bodies]
    return b"".join(request_bytes("/case/x/v1/messages", one, body) for one, body in zip(headers, bodies, strict=True))


def read(pieces: list[bytes]) -> list[Asked]:
    reader = RequestReader("peer")
    return [asked for piece in pieces for asked in reader.take(piece)]


@quick
@given(BODIES, st.lists(st.integers(0, 400)))
def test_requests_are_the_same_however_their_bytes_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    data = requests(bodies)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    assert read(pieces) == read([data])
    assert len(read([data])) == len(bodies)


def test_a_request_is_taken_as_it_was_written() -> None:
    (asked,) = read([request_bytes("/case/token/v1/messages", {"A": "b: c", "content-length": "9"}, b'{"a": 12}')])
    assert (asked.method, asked.inside, asked.lower["a"], asked.body) == ("POST", "v1/messages", "b: c", {"a": 12})


def test_a_request_without_a_length_has_no_body() -> None:
    first, second = read([b"GET /case/x/a HTTP/1.1\r\n\r\nGET /case/x/b HTTP/1.1\r\n\r\n"])
    assert (first.inside, second.inside) == ("a", "b")
    assert first.body is None


def test_a_request_is_not_there_before_its_last_byte() -> None:
    data = requests([b"abc"])
    assert read([data[:-1]]) == []


# ---- the server on a line


BODY = b'{"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01", "content-length": str(len(BODY))}
ASKED = request_bytes("/case/x/v1/messages", HEADERS, BODY)


class Served:
    """A server at the far end of a line."""

    def __init__(self) -> None:
        self.line = Line()
        self.seen: list[ServerRecord] = []
        conversation = Conversation(script=script(Answer(sentences=1, pace=0.01)), seed="1")
        self.server = SimServer(conversation, self.line.agenda, self.seen.append)
        self.server.accept(self.line.far, "peer")

    def ask(self, data: bytes) -> bytes:
        """All that is answered within a minute."""
        self.line.near.send(data)
        self.line.agenda.run(never, self.line.agenda.now() + 60)
        return b"".join(one for one in self.line.ear.heard if isinstance(one, bytes))


@pytest.mark.parametrize(
    "nonsense", [b"\r\n\r\n", b"POST\r\n\r\n", b"POST /case/x/v1/messages HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
)
def test_what_is_no_request_is_refused_and_nothing_is_recorded(nonsense: bytes) -> None:
    served = Served()
    assert served.ask(nonsense).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert served.line.ear.heard[-1] == "end"
    assert served.seen == []


def test_a_client_that_resets_is_one_that_has_closed() -> None:
    served = Served()
    served.line.agenda.at(0.05, served.line.near.reset)
    served.ask(ASKED)
    assert [one.how for one in served.seen if isinstance(one, Ended)] == ["peer_closed"]


def test_a_reply_that_is_abandoned_says_so_and_goes_no_further() -> None:
    served = Served()
    served.line.agenda.at(0.05, served.server.abandon)
    whole, part = Served().ask(ASKED), served.ask(ASKED)
    assert [one.how for one in served.seen if isinstance(one, Ended)] == ["abandoned"]
    assert len(part) < len(whole)


def test_requests_on_one_connection_are_answered_one_after_the_other() -> None:
    served = Served()
    answered = served.ask(ASKED * 2)
    assert answered.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert [one.attempt for one in served.seen if isinstance(one, Ended)] == [1, 2]
    assert [one.attempt for one in served.seen] == sorted(one.attempt for one in served.seen)
