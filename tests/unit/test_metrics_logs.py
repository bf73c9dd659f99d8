"""Signals as lines: all that is needed to see what happened, no keys, and nothing that a line could be forged with."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from metrics_calls import CANCEL, KEY, OPEN, REQUEST, START, Passed, done, failed, notice, play, recovering, text

from client_under_test.answer import Outcome, ToolCall
from client_under_test.errors import ConnectionLost, Overloaded
from client_under_test.events import Next, Reset, Sentence
from client_under_test.metrics.logs import SignalLog
from client_under_test.signals import (
    BodyEnded,
    BytesReceived,
    Deliver,
    Drop,
    HeadReceived,
    Open,
    Signal,
    TimerFired,
    TransportFailed,
    WakeAt,
)
from client_under_test.targets import Target

LOST, BUSY = ConnectionLost("the connection broke"), Overloaded("overloaded", status=529)


class Lines(logging.Handler):
    """A logger of its own, and what it wrote."""

    def __init__(self, level: int = logging.DEBUG) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.logger = logging.Logger("test", level)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def text(self) -> list[str]:
        return [record.getMessage() for record in self.records]


def lines(*passed: Passed, level: int = logging.DEBUG, **settings: Any) -> list[str]:
    written = Lines(level)
    play(SignalLog(written.logger, **settings), *passed)
    return written.text


def line(signal: Signal, **settings: Any) -> str:
    """The one line that ``signal`` makes, without the number of the call and the time."""
    (only,) = lines((0.0, signal), **settings)
    return only.removeprefix("call 1 at 0.000 s: ")


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (START, "the call begins"),
        (HeadReceived(200, {"request-id": "r"}), 'received 200 {"request-id": "r"}'),
        (BytesReceived(b"event: \xff\n"), "received 9 bytes: b'event: \\xff\\n'"),
        (BodyEnded(), "the body ended"),
        (TransportFailed(LOST), "the connection failed: ConnectionLost: the connection broke"),
        (TimerFired(), "the timer fired"),
        (CANCEL, "the caller wants no more"),
        (Drop(), "drop the connection"),
        (WakeAt(1.5), "set the timer to 1.500 s"),
        (WakeAt(None), "no timer"),
        (text("Hi"), 'deliver Text "Hi"'),
        (Deliver(Sentence("Hi.")), 'deliver Sentence "Hi."'),
        (Deliver(Reset()), "deliver Reset"),
        (Deliver(ToolCall(id="t", name="n", input={"a": 1})), 'deliver ToolCall ["t", "n", {"a": 1}]'),
        (notice(BUSY), "Overloaded: overloaded - the client asks again in 0.500 s (attempt 2)"),
        (
            notice(None, Next.GO_ON),
            "the turn paused; the client goes on with a turn that paused in 0.500 s (attempt 2)",
        ),
        (done(attempts=2), "the call is complete after 2 attempts, 5 characters"),
        (failed(BUSY), "the call is failed after 1 attempts, 0 characters: Overloaded: overloaded"),
    ],
)
def test_every_signal_is_one_line(signal: Signal, said: str) -> None:
    assert line(signal) == said


def test_a_request_is_told_with_its_target_and_its_body() -> None:
    asked = Open({**REQUEST, "stream": True}, Target(model="claude-opus-5", base_url="https://other.example"))
    first, body = lines((0.0, asked))
    assert first == "call 1 at 0.000 s: attempt 1, streamed, asks claude-opus-5 at https://other.example"
    assert body.startswith('call 1 at 0.000 s: send {"model": "claude-sonnet-5-5", "max_tokens": 100')


def test_attempts_are_numbered_and_say_whether_they_stream() -> None:
    passed: list[Passed] = [(0.0, OPEN), (1.0, Open(REQUEST, Target()))]
    assert [one.partition("s: ")[2] for one in lines(*passed, level=logging.INFO)] == [
        "attempt 1, streamed, asks claude-sonnet-5-5",
        "attempt 2, in one piece, asks claude-sonnet-5-5",
    ]


def test_times_are_those_of_the_call_and_calls_have_numbers() -> None:
    written = Lines()
    log = SignalLog(written.logger)
    play(log, (100.0, START), (100.25, WakeAt(101.5)))
    play(log, (100.5, START))
    assert written.text == [
        "call 1 at 0.000 s: the call begins",
        "call 1 at 0.250 s: set the timer to 1.500 s",
        "call 2 at 0.000 s: the call begins",
    ]


def test_what_goes_wrong_is_a_warning_what_is_asked_and_how_it_ends_is_info_and_the_rest_debug() -> None:
    written = Lines()
    passed = [*recovering(LOST), (104.0, notice(None, Next.GO_ON)), (105.0, CANCEL), (106.0, failed(BUSY))]
    play(SignalLog(written.logger), *passed)
    levels = [(record.levelname, record.getMessage().partition("s: ")[2][:12]) for record in written.records]
    assert [one for one in levels if one[0] != "DEBUG"] == [
        ("INFO", "attempt 1, s"),
        ("WARNING", "ConnectionLo"),
        ("INFO", "attempt 2, s"),
        ("INFO", "the call is "),
        ("INFO", "the turn pau"),
        ("INFO", "the caller w"),
        ("WARNING", "the call is "),
    ]


def test_the_logger_has_a_name_of_its_own_when_none_is_given(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "client_under_test.signals"):
        play(SignalLog(), (0.0, START))
    assert [record.name for record in caplog.records] == ["client_under_test.signals"]


def test_what_is_not_wanted_is_not_even_made() -> None:
    class Costly:
        def __repr__(self) -> str:
            raise AssertionError("made for nothing")

    asked = Open({"x": Costly()}, Target())
    assert len(lines((0.0, asked), (0.0, BytesReceived(b"x")), level=logging.INFO)) == 1


@pytest.mark.parametrize(
    "signal",
    [
        Open(
            {**REQUEST, "system": f"use {KEY}", "metadata": {"api_key": "gateway-key"}}, Target(api_key="gateway-key")
        ),
        Open({"system": "gateway-key"}, Target(model=KEY, base_url=f"https://{KEY}@host", api_key="gateway-key")),
        HeadReceived(200, {"x-api-key": "gateway-key", "set-cookie": "session=gateway-key", "x-echo": KEY}),
        BytesReceived(f"you sent {KEY}".encode()),
        TransportFailed(ConnectionLost(f"Illegal header value b'{KEY}'")),
        Deliver(ToolCall(id="t", name="n", input={"authorization": "gateway-key", "a": [KEY]})),
        text(KEY),
        notice(Overloaded(f"{KEY}")),
        failed(Overloaded(f"{KEY}")),
    ],
)
def test_keys_are_in_no_line(signal: Signal) -> None:
    written = "\n".join(lines((0.0, signal)))
    assert "[redacted]" in written
    assert KEY not in written
    assert "gateway-key" not in written


def test_a_key_of_the_target_is_hidden_in_everything_that_comes_after() -> None:
    asked = Open(REQUEST, Target(api_key="gateway-key"))
    assert "gateway-key" not in "\n".join(
        lines((0.0, asked), (1.0, BytesReceived(b"<gateway-key>")), (2.0, text("gateway-key")))
    )


def test_secrets_that_were_named_are_in_no_line() -> None:
    assert line(BytesReceived(b"<my-token>"), secrets=["my-token"]) == "received 10 bytes: b'<[redacted]>'"


def test_a_key_that_is_cut_in_two_is_hidden_up_to_its_end() -> None:
    written = lines((0.0, BytesReceived(KEY[:14].encode())), (0.0, BytesReceived(KEY[14:].encode() + b" and more")))
    assert [one.partition("bytes: ")[2] for one in written] == ["b'[redacted]'", "b'[redacted] and more'"]


def test_bytes_of_another_attempt_do_not_continue_a_key() -> None:
    passed: list[Passed] = [(0.0, BytesReceived(KEY.encode())), (0.0, OPEN), (0.0, BytesReceived(b"event"))]
    assert lines(*passed)[-1].endswith("received 5 bytes: b'event'")


def test_long_bytes_texts_and_bodies_are_cut_and_say_by_how_much() -> None:
    assert line(BytesReceived(b"x" * 12), max_bytes=10) == "received 12 bytes: b'xxxxxxxxxx' and 2 more"
    assert line(BytesReceived(b"x" * 11), max_bytes=10) == "received 11 bytes: b'xxxxxxxxxx' and 1 more"
    assert line(BytesReceived(b"x" * 10), max_bytes=10) == "received 10 bytes: b'xxxxxxxxxx'"
    assert line(text("x" * 12), max_bytes=10) == 'deliver Text "xxxxxxxxx and 4 more'


HOSTILE = "a\r\nCRITICAL forged\x1b[2J\x9b\u202e\u2028\x00\ud83d"


@pytest.mark.parametrize(
    "signal",
    [
        Open({"system": HOSTILE}, Target(model=HOSTILE, base_url=f"http://x{HOSTILE}")),
        HeadReceived(200, {HOSTILE: HOSTILE}),
        BytesReceived(HOSTILE.encode("utf-8", "surrogatepass")),
        TransportFailed(ConnectionLost(HOSTILE)),
        text(HOSTILE),
        Deliver(Sentence(HOSTILE)),
        Deliver(ToolCall(id=HOSTILE, name=HOSTILE, input={HOSTILE: HOSTILE})),
        notice(Overloaded(HOSTILE)),
        failed(Overloaded(HOSTILE), Outcome.INCOMPLETE, HOSTILE),
    ],
)
def test_no_line_can_be_forged_and_no_terminal_moved(signal: Signal) -> None:
    written = lines((0.0, signal))
    assert all(one.isprintable() for one in written)
    assert all(one.encode("utf-8") for one in written)
