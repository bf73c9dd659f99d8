"""What two runs with one seed may differ in: times, ports, dates, and how reads were sliced."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Waited
from harness.history import CaseInfo, Record, canonical
from harness.model import ErrorSeen, Expect, Finished, Level, Limits, Noticed, Outcome, Policy, Shown
from harness.receiver import Called, ReceiverRecord, Showed

INFO = CaseInfo(
    id="f.n@c:1",
    scenario="f.n",
    client="c",
    seed="1",
    title="Something.",
    policy=Policy.RAISE,
    level=Level.MUST,
    expect=Expect(),
    texts=("One two.",),
    limits=Limits(),
    max_attempts=3,
    capabilities=(),
)


def record(
    *,
    t: float = 1.0,
    port: int = 1,
    day: int = 6,
    pieces: tuple[str, ...] = ("One ", "two."),
    pings: int = 2,
    said: bytes = b"data: x\n\n",
    edits: int = 2,
    seen: str = "One two.",
) -> Record:
    date = f"Sun, 0{day} Nov 1994 08:49:37 GMT"
    head = f"HTTP/1.1 200 OK\r\ndate: {date}\r\nretry-after: {date}\r\nx: y\r\n\r\n".encode()
    headers = {"date": date, "retry-after": date, "x": "y"}
    server: list[ServerRecord] = [
        Requested(
            t=t, attempt=1, method="POST", path="/", headers={"host": f"127.0.0.1:{port}"}, body={}, streams=True
        ),
        Replied(t=t, attempt=1, step=1, status=200, headers=headers, faults=[]),
        Sent(t=t, attempt=1, data=head, size=len(head), total=len(head)),
        Sent(t=t, attempt=1, data=said, size=len(said), total=99),
    ]
    for number in range(pings):
        server.append(Sent(t=t, attempt=1, data=b"ping", size=4, total=99 + number))
        server.append(Waited(t=t, attempt=1, seconds=0.5))
    server.append(Ended(t=t, attempt=1, how="end", total=99))
    error = ErrorSeen(name="E", message=f"no answer from http://127.0.0.1:{port}/x", typed=True)
    shown = [Shown(t=t, text=piece) for piece in pieces]
    lost = ErrorSeen(name="SinkFailed", message=f"{edits} characters missing", typed=True)
    end = Finished(t=t, outcome=Outcome.INCOMPLETE, error=error, undelivered=lost)
    client = (*shown, Noticed(t=t, what="late"), end)
    return Record(info=INFO, server=tuple(server), client=client, receiver=receiver(t, edits, port, seen), lag=t / 100)


def receiver(t: float, edits: int, port: int, seen: str) -> tuple[ReceiverRecord, ...]:
    calls = [Called(t=t, number=number, method="chat.update", text=f"{number}") for number in range(edits)]
    struck = Called(t=t, number=edits, method="chat.update", fault="chat.update 1")
    return (*calls, struck, Showed(t=t, messages=(seen, f"(127.0.0.1:{port} is gone)")))


@pytest.mark.parametrize(
    "changed",
    [{"t": 2.0}, {"port": 65535}, {"day": 7}, {"pieces": ("O", "ne tw", "o.")}, {"pings": 9}, {"edits": 5}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_matter_of_time_makes_no_difference(changed: dict[str, Any]) -> None:
    assert canonical(record(**changed)) == canonical(record())


@pytest.mark.parametrize(
    "changed",
    [{"pieces": ("One ", "too.")}, {"said": b"data: y\n\n"}, {"seen": "One too."}],
    ids=["text", "bytes", "message"],
)
def test_anything_else_makes_one(changed: dict[str, Any]) -> None:
    assert canonical(record(**changed)) != canonical(record())


def test_a_case_without_any_record_has_a_form_too() -> None:
    assert canonical(Record(info=INFO))["client"] == []


def test_the_calls_before_are_compared_as_strictly() -> None:
    def after(**changed: Any) -> dict[str, Any]:
        return canonical(msgspec.structs.replace(record(), before=(record(**changed),)))

    assert after(t=2.0, port=65535, pings=9) == after()
    assert after(said=b"data: y\n\n") != after() != canonical(record())
