"""The network part of a scenario: names of its faults, who must meet them, what they say in words, and the profiles."""

from __future__ import annotations

import msgspec
import pytest

from harness.errors import UsageError
from harness.history import CaseInfo, Record
from harness.model import Expect, Level, Limits, Policy
from harness.network import (
    ABANDONED,
    AfterBytes,
    AfterEvents,
    AfterReply,
    AfterSeconds,
    AtAttempt,
    AtStart,
    Counted,
    End,
    Lasting,
    NetworkFailed,
    NetworkFault,
    NetworkRecord,
    When,
    describe,
    down,
    network,
    profile,
    toxic,
)
from harness.timeline import Line, timeline
from harness.toxiproxy.events import (
    Carried,
    Closed,
    Left,
    Opened,
    Started,
    Stopped,
    Struck,
    ToxicAdded,
    ToxicRemoved,
    Unreachable,
)
from harness.toxiproxy.profiles import PROFILES
from harness.toxiproxy.toxic import STANDARD, kinds

# ---- names -----------------------------------------------------------------------------------------------------------


def names(*faults: NetworkFault) -> list[str]:
    return [name for name, _ in network(*faults).named()]


def test_a_fault_is_named_as_toxiproxy_would_name_its_toxic() -> None:
    assert names(toxic("latency"), toxic("slicer", stream="upstream"), down()) == [
        "latency_downstream",
        "slicer_upstream",
        "down",
    ]


def test_equal_faults_are_told_apart_by_a_number() -> None:
    assert names(toxic("latency"), toxic("latency"), toxic("latency")) == [
        "latency_downstream",
        "latency_downstream_2",
        "latency_downstream_3",
    ]
    assert names(down(), down()) == ["down", "down_2"]


def test_streams_and_types_are_numbered_apart() -> None:
    assert names(toxic("noop"), down(), toxic("noop", stream="upstream"), toxic("noop")) == [
        "noop_downstream",
        "down",
        "noop_upstream",
        "noop_downstream_2",
    ]


def test_each_name_comes_with_its_own_fault() -> None:
    first, second = toxic("latency", latency=1), toxic("latency", latency=2)
    assert dict(network(first, second).named()) == {"latency_downstream": first, "latency_downstream_2": second}


# ---- who must meet it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begins",
    [AtStart(), AtAttempt(1), AfterBytes(5), AfterEvents(1), AfterEvents(2, "ping"), AfterReply(), AfterSeconds(1)],
    ids=repr,
)
def test_a_fault_that_begins_with_the_first_attempt_is_due(begins: When) -> None:
    assert toxic("latency", begins=begins).is_due
    assert down(begins=begins).is_due


@pytest.mark.parametrize(
    "begins", [AtAttempt(2), AfterBytes(5, attempt=2), AfterEvents(1, attempt=2), AfterReply(attempt=3)], ids=repr
)
def test_a_fault_of_a_later_attempt_is_not_due_because_there_may_be_none(begins: When) -> None:
    assert not toxic("latency", begins=begins).is_due


def test_a_fault_of_some_connections_only_is_not_due() -> None:
    assert not toxic("latency", toxicity=0.99).is_due


def test_a_fault_that_leaves_the_first_connections_alone_is_not_due() -> None:
    assert not toxic("latency", skip_connections=1).is_due
    assert toxic("latency", only_connections=1).is_due
    assert toxic("latency", after_bytes=10, skip_connections=0).is_due


def test_a_fault_that_a_client_may_avoid_is_not_due() -> None:
    assert not toxic("reset_now", begins=AfterReply(), avoidable=True).is_due
    assert not down(avoidable=True).is_due


# ---- what the real one can do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", sorted(kinds()))
def test_exactly_the_types_of_toxiproxy_are_standard(type_: str) -> None:
    assert toxic(type_).is_standard == (type_ in STANDARD)


def test_any_toxiproxy_can_be_down() -> None:
    assert down().is_standard


@pytest.mark.parametrize("attribute", ["after_bytes", "skip_connections", "only_connections"])
def test_when_a_toxic_acts_is_an_extension_on_any_type(attribute: str) -> None:
    assert not toxic("latency", **{attribute: 1}).is_standard


def test_a_network_tells_which_of_its_faults_are_extensions() -> None:
    mixed = network(toxic("latency"), toxic("stall"), down(), toxic("latency", only_connections=1))
    assert mixed.extensions == ("stall_downstream", "latency_downstream_2")
    assert network(toxic("latency", latency=1), down()).extensions == ()


# ---- what does not exist ---------------------------------------------------------------------------------------------


def test_an_unknown_type_names_the_close_ones() -> None:
    with pytest.raises(UsageError, match=r"no toxic named 'latencies'; did you mean latency\?"):
        toxic("latencies")


def test_down_is_one_of_the_types() -> None:
    with pytest.raises(UsageError, match=r"did you mean down\?"):
        toxic("dwn")
    assert toxic("down").type == "down"


def test_an_unknown_stream_names_the_close_ones() -> None:
    with pytest.raises(UsageError, match=r"no stream named 'upstrem'; did you mean upstream or downstream\?"):
        NetworkFault(type="latency", stream="upstrem")  # type: ignore[arg-type]


def test_an_unknown_attribute_names_the_close_ones_of_its_type() -> None:
    with pytest.raises(UsageError, match=r"no attribute of latency named 'latncy'; did you mean latency\?"):
        toxic("latency", latncy=1)


def test_an_attribute_of_another_type_is_unknown() -> None:
    with pytest.raises(UsageError, match="no attribute of latency named 'rate'"):
        toxic("latency", rate=1)


def test_an_outage_has_no_attributes() -> None:
    with pytest.raises(UsageError, match="no attribute of down named 'after_bytes'"):
        toxic("down", after_bytes=1)


def test_an_unknown_profile_names_the_close_ones() -> None:
    with pytest.raises(UsageError, match=r"no network profile named 'slow-4g'; did you mean slow-3g"):
        profile("slow-4g")


# ---- in words --------------------------------------------------------------------------------------------------------

MOMENTS: list[tuple[When, str]] = [
    (AtStart(), "the start"),
    (AtAttempt(2), "request 2"),
    (AfterBytes(90, 2), "byte 90 of reply 2"),
    (AfterEvents(18, "ping"), "ping 18 of reply 1"),
    (AfterEvents(3, attempt=2), "event 3 of reply 2"),
    (AfterReply(), "the end of reply 1"),
    (AfterSeconds(0.5), "0.5 s after the start"),
]
ENDS: list[tuple[End, str]] = [(when, words) for when, words in MOMENTS if not isinstance(when, AtStart)]


@pytest.mark.parametrize(("begins", "words"), MOMENTS, ids=repr)
def test_every_beginning_has_words(begins: When, words: str) -> None:
    assert describe(toxic("timeout", begins=begins)) == f"timeout downstream: from {words}"


@pytest.mark.parametrize(("ends", "words"), [*ENDS, (Lasting(1.0), "1 s later")], ids=repr)
def test_every_end_has_words(ends: End, words: str) -> None:
    assert describe(down(ends=ends)) == f"down: from the start until {words}"


def test_attributes_are_told_exactly() -> None:
    fault = toxic("slicer", stream="upstream", average_size=1_234_567, delay=20)
    assert describe(fault) == "slicer upstream (average_size 1234567, delay 20): from the start"
    assert "probability 0.001" in describe(toxic("corrupt", probability=0.001))


@pytest.mark.parametrize(("toxicity", "words"), [(0.5, "50%"), (0.07, "7%"), (0.005, "0.5%"), (0, "0%")])
def test_a_part_of_the_connections_is_told(toxicity: float, words: str) -> None:
    assert (
        describe(toxic("latency", toxicity=toxicity))
        == f"latency downstream, on {words} of connections: from the start"
    )


# ---- profiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_a_network_that_every_toxiproxy_can_do(name: str) -> None:
    assert profile(name).faults
    assert profile(name).extensions == ()


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_a_title(name: str) -> None:
    assert PROFILES[name].title.endswith(".")


def test_a_profile_is_there_from_the_start_to_the_end_of_the_case() -> None:
    assert {(fault.begins, fault.ends) for name in PROFILES for fault in profile(name).faults} == {(AtStart(), None)}


def test_a_profile_keeps_what_its_toxics_say() -> None:
    placed = [(one.type, one.stream, one.attributes, one.toxicity) for one in PROFILES["flaky-wifi"].toxics]
    assert [(one.type, one.stream, one.attributes, one.toxicity) for one in profile("flaky-wifi").faults] == placed


def test_offline_is_down_and_nothing_else() -> None:
    assert profile("offline").faults == (down(),)


def test_both_directions_share_a_round_trip() -> None:
    slow = {name: fault.attributes for name, fault in profile("slow-3g").named()}
    assert slow["latency_upstream"]["latency"] + slow["latency_downstream"]["latency"] == 2000


def test_loss_breaks_a_part_of_the_connections() -> None:
    (loss,) = (fault for fault in profile("flaky-wifi").faults if fault.type == "limit_data")
    assert loss.toxicity == 0.2
    assert not loss.is_due


# ---- what is written down --------------------------------------------------------------------------------------------

COUNTS = {"upstream_received": 4, "upstream_sent": 3, "downstream_received": 2, "downstream_sent": 1}
RECORDS: list[NetworkRecord] = [
    Started(at=0.0, proxy="p", listen="127.0.0.1:1"),
    Stopped(at=0.1, proxy="p"),
    ToxicAdded(at=0.2, proxy="p", toxic="t", type="latency", stream="upstream"),
    ToxicRemoved(at=0.3, proxy="p", toxic="t"),
    Opened(at=0.4, proxy="p", connection=1, client="127.0.0.1:2", local="127.0.0.1:3"),
    Unreachable(at=0.5, proxy="p", connection=2, why="refused"),
    Struck(at=0.6, proxy="p", connection=1, toxic="t", stream="upstream", passed=7),
    Carried(at=0.7, proxy="p", connection=1, stream="downstream", data=b"\x00\xff"),
    Left(at=0.8, proxy="p", connection=1, side="client"),
    Closed(at=0.9, proxy="p", connection=1, how="client", **COUNTS),
    Counted(at=1.0, proxy="p", attempt=1, **COUNTS),
    NetworkFailed(at=1.1, proxy="p", why="gone"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_survives_being_written_down(record: NetworkRecord) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=NetworkRecord) == record


# ---- for people ------------------------------------------------------------------------------------------------------

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
TRAFFIC = "up: 4 bytes in, 3 out; down: 2 in, 1 out"
WORDS = [
    ("network", "is up", ""),
    ("fault", "down: the network closes its connections and refuses new ones", ""),
    ("network", "toxic t comes", ""),
    ("network", "toxic t goes", ""),
    ("network", "connection 1 opens", ""),
    ("network", "connection 2 finds no server: refused", ""),
    ("fault", "t strikes on connection 1 after 7 bytes", ""),
    ("network", "passed 2 bytes to the client on connection 1", ""),
    ("network", "the client has closed connection 1", ""),
    ("network", "connection 1 over: the client closed it", TRAFFIC),
    ("network", "counted when request 1 had come", TRAFFIC),
    ("network", "failed: gone", ""),
]


def lines(*records: NetworkRecord) -> list[Line]:
    return timeline(Record(info=INFO, network=records))


def test_every_record_has_a_line_at_its_time() -> None:
    assert [(one.t, one.side, one.what, one.detail) for one in lines(*RECORDS)] == [
        (record.at, *words) for record, words in zip(RECORDS, WORDS, strict=True)
    ]


def test_the_note_of_a_strike_is_told() -> None:
    (line,) = lines(Struck(at=0.6, proxy="", connection=1, toxic="t", stream="upstream", passed=7, note="a flip"))
    assert line.what == "t (a flip) strikes on connection 1 after 7 bytes"


def test_the_last_count_is_told_to_be_that() -> None:
    (line,) = lines(Counted(at=1.0, proxy="", attempt=0, **COUNTS))
    assert line.what == "counted at the end"


def test_neighbouring_pieces_are_one_line() -> None:
    pieces = [Carried(at=t, proxy="", connection=1, stream="downstream", data=b"12345") for t in (0.1, 0.2, 0.4)]
    left = Left(at=0.3, proxy="", connection=1, side="server")
    first, _, second = lines(*pieces[:2], left, pieces[2])
    assert (first.t, first.what) == (0.1, "passed 10 bytes to the client on connection 1")
    assert (second.t, second.what) == (0.4, "passed 5 bytes to the client on connection 1")


def test_pieces_of_two_connections_are_two_lines() -> None:
    pieces = [Carried(at=0.1, proxy="", connection=one, stream="downstream", data=b"123") for one in (1, 2, 2)]
    assert [line.what[7:] for line in lines(*pieces)] == [
        "3 bytes to the client on connection 1",
        "6 bytes to the client on connection 2",
    ]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("client", "the client closed it"),
        ("server", "the server closed it"),
        ("toxic", "closed by a toxic"),
        ("reset", "reset by a toxic"),
        ("stopped", "the network went down"),
        (ABANDONED, "still open when the harness took the network away"),
    ],
)
def test_every_end_of_a_connection_has_words(how: str, words: str) -> None:
    (line,) = lines(Closed(at=0.9, proxy="", connection=3, how=how, **COUNTS))
    assert line.what == f"connection 3 over: {words}"


def test_what_a_server_said_cannot_write_on_the_terminal() -> None:
    failed, unreachable = lines(
        NetworkFailed(at=0.0, proxy="", why="\x1b[2J"), Unreachable(at=0.1, proxy="", connection=1, why="\x1b[2J")
    )
    assert "\x1b" not in failed.what + unreachable.what
