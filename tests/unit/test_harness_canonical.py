"""What two runs with one seed may differ in: times, ports, dates, and how reads were sliced."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Waited
from harness.history import CaseInfo, Record, canonical
from harness.model import Cancelled, ErrorSeen, Expect, Finished, Level, Limits, Noticed, Outcome, Policy, Shown
from harness.receiver import Called, ReceiverRecord, Showed
from harness.toxiproxy.events import Struck

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


def cancelled(one: Record) -> Record:
    return msgspec.structs.replace(one, client=(*one.client[:-1], Cancelled(t=1.0), one.client[-1]))


def behind(one: Record, *toxics: str, known: tuple[str, ...] = ("latency", "reset")) -> Record:
    """The record with these toxics having struck, in a scenario that knows those."""
    info = msgspec.structs.replace(one.info, toxics=dict.fromkeys(known, "noop"))
    network = tuple(
        Struck(at=place, proxy="", connection=1, toxic=toxic, stream="downstream", passed=place)
        for place, toxic in enumerate(toxics)
    )
    return msgspec.structs.replace(one, info=info, network=network)


@pytest.mark.parametrize("broken", [cancelled, lambda one: behind(one, "reset")], ids=["cancelled", "network"])
def test_how_much_was_written_to_a_broken_connection_is_a_matter_of_time_and_what_was_asked_is_not(broken: Any) -> None:
    assert canonical(broken(record(said=b"data: y\n\n"))) == canonical(broken(record()))
    asked, *answered = record().server
    other = msgspec.structs.replace(record(), server=(msgspec.structs.replace(asked, body={"x": 1}), *answered))
    assert canonical(broken(other)) != canonical(broken(record()))


def test_which_toxics_struck_is_kept_and_how_often_and_in_which_order_is_not() -> None:
    one = record()
    assert canonical(behind(one, "reset", "latency", "reset")) == canonical(behind(one, "latency", "reset"))
    assert canonical(behind(one, "latency")) != canonical(behind(one, "reset"))


def test_a_toxic_that_the_scenario_does_not_name_is_not_part_of_it() -> None:
    assert canonical(behind(record(), "latency", "helper")) == canonical(behind(record(), "latency"))
