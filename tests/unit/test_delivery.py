"""What of each reply came through the network, told by events and by counters, on fabricated lanes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, chain, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_server.record import KEPT_BYTES, Ended, Replied, Requested, Sent, ServerRecord, Waited
from fake_server.record import Struck as ServerStruck
from harness import catalog
from harness.attempt import Attempt, attempts_in
from harness.delivery import delivered, is_in_doubt, proven, requests_left
from harness.history import Case, CaseInfo, Record
from harness.law import judge, law
from harness.model import AdapterFailed, ClientRecord, ErrorSeen, Expect, Finished, Level, Limits, Outcome, Policy
from harness.network import ABANDONED, Counted, NetworkFailed, NetworkRecord
from harness.toxiproxy.events import Carried, Closed, Left, Opened, Started, Stopped, Struck, ToxicAdded
from harness.toxiproxy.toxic import Stream
from harness.verdict import PASSED, Ruling, Verdict, failed, unknown

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
WRITES = (HEAD, b"event: a\n\n", b"event: b\n\n", b"event: c\n\n")
WIRE = b"".join(WRITES)
PEER = "127.0.0.1:5"

# ---- the lanes -------------------------------------------------------------------------------------------------------


def reply(
    number: int = 1,
    writes: Iterable[bytes] = WRITES,
    *,
    t: float = 0.1,
    peer: str = PEER,
    how: str | None = "end",
    struck: tuple[int, ...] = (),
) -> list[ServerRecord]:
    """The server's lane of one request: written at once at ``t``, with faults that strike after so many bytes."""
    log: list[ServerRecord] = [
        Requested(t=t, attempt=number, method="POST", path="/", headers={}, body={}, streams=True, peer=peer),
        Replied(t=t, attempt=number, step=number, status=200, headers={}, faults=[]),
    ]
    total = 0
    for place, data in enumerate(writes):
        total += len(data)
        sent = Sent(t=t, attempt=number, data=data[:KEPT_BYTES], size=len(data), total=total, event=f"e{place}")
        strikes = [at for at in struck if total - len(data) < at <= total]
        log += [sent, *(ServerStruck(t=t, attempt=number, fault=f"f{at}", note="", total=at) for at in strikes)]
    return [*log, *([Ended(t=t, attempt=number, how=how, total=total)] if how else [])]


def opened(number: int = 1, *, peer: str = PEER, at: float = 0.0) -> Opened:
    return Opened(at=at, proxy="", connection=number, client="127.0.0.1:4", local=peer)


def came(*pieces: bytes, at: float = 1.0, every: float = 1.0, number: int = 1) -> list[NetworkRecord]:
    """Pieces that came out of a connection, the first ``at``."""
    return [
        Carried(at=at + place * every, proxy="", connection=number, stream="downstream", data=data)
        for place, data in enumerate(pieces)
    ]


def left(at: float, *, side: Any = "client") -> Left:
    return Left(at=at, proxy="", connection=1, side=side)


def closed(how: str = "server", *, at: float = 9.0, number: int = 1, up: int = 100) -> Closed:
    return Closed(
        at=at,
        proxy="",
        connection=number,
        how=how,
        upstream_received=up,
        upstream_sent=up,
        downstream_received=0,
        downstream_sent=0,
    )


def strike(toxic: str, at: float, *, stream: Stream = "downstream") -> Struck:
    return Struck(at=at, proxy="", connection=1, toxic=toxic, stream=stream, passed=0, note="noted")


def counted(attempt: int, sent: int = 0, *, received: int = 0, up: tuple[int, int] = (0, 0)) -> Counted:
    return Counted(
        at=1.0,
        proxy="",
        attempt=attempt,
        upstream_received=up[0],
        upstream_sent=up[1],
        downstream_received=received,
        downstream_sent=sent,
    )


def seen(network: Iterable[NetworkRecord], *replies: list[ServerRecord], generous: bool = False) -> list[Attempt]:
    return delivered(list(network), attempts_in(tuple(chain(*replies))), generous=generous)


def form(attempt: Attempt) -> tuple[Any, ...]:
    """An attempt without its times."""
    ended = attempt.ended and (attempt.ended.how, attempt.ended.total)
    sent = [(one.data, one.size, one.total, one.event) for one in attempt.sent]
    return sent, [(one.fault, one.note, one.total) for one in attempt.struck], ended


def case(
    *network: NetworkRecord, server: Iterable[ServerRecord] = (), client: tuple[ClientRecord, ...] = (), **info: Any
) -> Case:
    about = {
        "id": "family.name@client:1",
        "scenario": "family.name",
        "client": "client",
        "seed": "1",
        "title": "Something goes wrong.",
        "policy": Policy.RECOVER,
        "level": Level.MUST,
        "expect": Expect(),
        "texts": ("One two.",),
        "limits": Limits(),
        "max_attempts": 3,
        "capabilities": (),
    }
    return Case(Record(info=CaseInfo(**{**about, **info}), server=tuple(server), client=client, network=network))


# ---- told by events: what came ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["end", "close"])
def test_a_reply_that_came_whole_is_the_servers_own(how: str) -> None:
    server = reply(how=how, struck=(15, 30))
    (view,) = seen([opened(), *came(WIRE), closed()], server)
    assert form(view) == form(attempts_in(tuple(server))[0])


def test_a_view_keeps_request_and_head_of_the_reply() -> None:
    server = reply()
    (view,) = seen([opened(), *came(WIRE)], server)
    assert (view.number, view.requested, view.replied) == (1, server[0], server[1])


@given(
    writes=st.lists(st.binary(max_size=5), max_size=6),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    share=st.integers(0, 30),
)
@settings(max_examples=200)
def test_whatever_prefix_came_is_what_the_client_saw_cut_at_the_servers_writes(
    writes: list[bytes], cuts: list[int], share: int
) -> None:
    wire = b"".join(writes)
    prefix = wire[:share]
    ends = [0, *sorted(min(one, len(prefix)) for one in cuts), len(prefix)]
    pieces = [prefix[begin:end] for begin, end in pairwise(ends)]
    (view,) = seen([opened(), *came(*pieces), closed("toxic")], reply(writes=writes))
    assert view.wire == prefix
    assert [one.total for one in view.sent] == list(accumulate(one.size for one in view.sent))
    assert [one.data for one in view.sent[:-1]] == writes[: len(view.sent)][:-1]
    assert [one.event for one in view.sent] == [
        f"e{place}" if one.data == writes[place] else None for place, one in enumerate(view.sent)
    ]
    assert view.ended is not None
    assert (view.ended.how, view.ended.total) == ("end" if prefix == wire else "close", len(prefix))


@given(first=st.integers(0, len(WIRE)), second=st.integers(0, len(WIRE)))
def test_two_requests_on_one_connection_share_its_bytes_in_their_order(first: int, second: int) -> None:
    shares = [first, second] if first == len(WIRE) else [first, 0]
    one, two = seen([opened(), *came(WIRE[:first] + WIRE[:second][: shares[1]]), closed()], reply(1), reply(2, t=0.5))
    assert [one.wire, two.wire] == [WIRE[: shares[0]], WIRE[: shares[1]]]


def test_requests_on_several_connections_are_told_apart_by_their_address() -> None:
    network = [opened(1), opened(2, peer="127.0.0.1:6"), *came(WIRE[:5], number=2), *came(WIRE[:7], number=1)]
    views = seen(network, reply(1), reply(2, peer="127.0.0.1:6"))
    assert [one.wire for one in views] == [WIRE[:7], WIRE[:5]]


def test_a_connection_that_was_given_up_before_it_led_anywhere_brought_nothing() -> None:
    one = [opened(), *came(WIRE), closed()]
    assert form(seen([*one, closed("abandoned", number=2)], reply())[0]) == form(seen(one, reply())[0])


def test_bytes_come_when_they_came_and_not_when_they_were_written() -> None:
    pieces = (WIRE[:10], WIRE[10:25], WIRE[25:])
    (view,) = seen([opened(), *came(*pieces, at=2.0)], reply(t=0.1))
    assert [one.t for one in view.sent] == [3.0, 4.0, 4.0, 4.0]


def test_bytes_that_come_after_the_client_has_left_are_for_nobody() -> None:
    (view,) = seen([opened(), *came(WIRE[:22]), left(1.5), *came(WIRE[22:], at=2.0), closed("client")], reply())
    assert view.wire == WIRE[:22]
    assert view.ended == Ended(t=1.5, attempt=1, how="peer_closed", total=22)


def test_bytes_of_the_request_are_no_part_of_the_reply() -> None:
    up = Carried(at=0.5, proxy="", connection=1, stream="upstream", data=b"POST / HTTP/1.1\r\n\r\n")
    (view,) = seen([opened(), up, *came(WIRE)], reply())
    assert view.wire == WIRE


def test_what_the_network_changed_is_what_the_client_saw() -> None:
    changed = WIRE.replace(b"200", b"300")
    (view,) = seen([opened(), *came(changed)], reply())
    assert view.wire == changed
    assert view.response.status == 300


def test_a_write_that_was_not_kept_in_full_counts_in_full() -> None:
    writes = (HEAD, b"x" * (KEPT_BYTES + 10), b"event: z\n\n")
    (view,) = seen([opened(), *came(b"".join(writes))], reply(writes=writes))
    assert form(view) == form(attempts_in(tuple(reply(writes=writes)))[0])
    assert not view.whole


def test_a_port_that_is_given_away_again_belongs_to_the_connection_that_was_opened_last_before_a_request() -> None:
    first = [opened(), *came(WIRE[:20]), closed("reset", at=3.0)]
    second = [opened(2, at=4.0), *came(WIRE, at=5.0, number=2), closed(number=2)]
    views = seen([*first, *second], reply(1, t=0.1), reply(2, t=4.1))
    assert [one.wire for one in views] == [WIRE[:20], WIRE]
    assert [one.ended and one.ended.how for one in views] == ["reset", "end"]


def test_a_request_from_before_all_connections_of_its_address_is_an_error() -> None:
    with pytest.raises(LookupError, match="where request 1 came from"):
        seen([opened(at=4.0), *came(WIRE, at=5.0)], reply(t=0.1))


def test_what_happens_beside_the_connections_does_not_matter() -> None:
    added = ToxicAdded(at=0.0, proxy="", toxic="t", type="latency", stream="upstream")
    (view,) = seen([added, opened(), *came(WIRE)], reply())
    assert view.wire == WIRE


# ---- told by events: what struck -------------------------------------------------------------------------------------


def test_a_fault_of_the_server_strikes_when_its_bytes_come() -> None:
    (view,) = seen([opened(), *came(WIRE[:20], WIRE[20:], at=2.0)], reply(struck=(15, 30)))
    assert [(one.fault, one.t, one.total) for one in view.struck] == [("f15", 2.0, 15), ("f30", 3.0, 30)]


def test_a_fault_of_a_second_reply_strikes_when_the_bytes_of_that_reply_come() -> None:
    network = [opened(), *came(WIRE[:20], WIRE[20:], WIRE, at=2.0)]
    _, second = seen(network, reply(1), reply(2, t=3.5, struck=(15,)))
    assert [(one.fault, one.t, one.total) for one in second.struck] == [("f15", 4.0, 15)]


def test_a_fault_of_the_server_strikes_no_earlier_than_it_did() -> None:
    (view,) = seen([opened(), *came(WIRE, at=0.0)], reply(t=0.3, struck=(15,)))
    assert [one.t for one in view.struck] == [0.3]


def test_a_fault_of_the_server_behind_the_cut_never_struck() -> None:
    (view,) = seen([opened(), *came(WIRE[:20])], reply(struck=(15, 30)))
    assert [one.fault for one in view.struck] == ["f15"]


def test_a_toxic_strikes_behind_the_bytes_that_were_there() -> None:
    (view,) = seen([opened(), *came(WIRE[:20], WIRE[20:], at=1.0), strike("toxic", 1.5)], reply())
    assert [(one.fault, one.note, one.t, one.total) for one in view.struck] == [("toxic", "noted", 1.5, 20)]


def test_a_toxic_of_the_request_strikes_before_the_reply() -> None:
    (view,) = seen([opened(), *came(WIRE), strike("toxic", 1.5, stream="upstream")], reply())
    assert [(one.fault, one.total) for one in view.struck] == [("toxic", 0)]


def test_strikes_of_both_are_in_order_of_time() -> None:
    network = [opened(), strike("early", 0.0), *came(WIRE[:20], WIRE[20:], at=2.0), strike("late", 2.5)]
    (view,) = seen(network, reply(struck=(15, 30)))
    assert [one.fault for one in view.struck] == ["early", "f15", "late", "f30"]


def test_a_strike_belongs_to_the_request_that_was_under_way() -> None:
    strikes = [strike("before", 0.05), strike("first", 3.9), strike("second", 4.0), strike("after", 8.0)]
    one, two = seen([opened(), *came(WIRE, WIRE[:10], at=1.0, every=4.0), *strikes], reply(1, t=0.1), reply(2, t=4.0))
    assert [(hit.fault, hit.attempt, hit.total) for hit in one.struck] == [("before", 1, 0), ("first", 1, len(WIRE))]
    assert [(hit.fault, hit.attempt, hit.total) for hit in two.struck] == [("second", 2, 0), ("after", 2, 10)]


# ---- told by events: how it ended ------------------------------------------------------------------------------------


def test_a_clean_end_is_where_its_last_byte_came() -> None:
    (view,) = seen([opened(), *came(WIRE[:9], WIRE[9:], at=2.0), closed("stopped")], reply(how="end"))
    assert view.ended == Ended(t=3.0, attempt=1, how="end", total=len(WIRE))


def test_a_reply_without_a_byte_ends_when_the_server_ended_it() -> None:
    (view,) = seen([opened(), closed()], reply(writes=(), t=0.3))
    assert view.ended == Ended(t=0.3, attempt=1, how="end", total=0)


ENDS = {
    "client": "peer_closed",
    "server": "close",
    "toxic": "close",
    "stopped": "close",
    "reset": "reset",
    ABANDONED: ABANDONED,
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("servers", ["peer_closed", "end", None])
def test_the_end_of_a_broken_reply_is_that_of_its_connection(how: str, servers: str | None) -> None:
    (view,) = seen([opened(), *came(WIRE[:20]), closed(how, at=7.0)], reply(how=servers))
    assert view.ended == Ended(t=7.0, attempt=1, how=ENDS[how], total=20)


@pytest.mark.parametrize("how", ENDS)
def test_the_end_of_a_reply_that_the_server_broke_off_is_that_of_its_connection(how: str) -> None:
    (view,) = seen([opened(), *came(WIRE), closed(how, at=7.0)], reply(how="close"))
    assert view.ended == Ended(t=7.0, attempt=1, how=ENDS[how], total=len(WIRE))


def test_a_client_that_leaves_first_has_left_however_the_connection_closed_later() -> None:
    (view,) = seen([opened(), *came(WIRE[:20]), left(3.0), closed("reset")], reply())
    assert view.ended == Ended(t=3.0, attempt=1, how="peer_closed", total=20)


def test_a_server_that_leaves_first_has_not_ended_what_is_still_under_way() -> None:
    network = [opened(), *came(WIRE[:20]), left(1.5, side="server"), *came(WIRE[20:], at=2.0), closed("server")]
    (view,) = seen(network, reply(how="close"))
    assert view.wire == WIRE
    assert view.ended == Ended(t=9.0, attempt=1, how="close", total=len(WIRE))


def test_a_connection_without_an_end_leaves_its_reply_without_one() -> None:
    (view,) = seen([opened(), *came(WIRE[:20])], reply())
    assert view.ended is None


# ---- what cannot be told ---------------------------------------------------------------------------------------------


def test_a_request_over_a_connection_that_the_network_does_not_know_is_an_error() -> None:
    with pytest.raises(LookupError):
        seen([opened(), *came(WIRE)], reply(peer="127.0.0.1:7"))


@law("SP90", rank=1)
def every_reply_is_whole(case: Case) -> Ruling:
    """Every reply came in whole."""
    return PASSED if all(one.wire == WIRE for one in case.attempts) else failed("it was cut")


@law("SP91", rank=2)
def no_reply_is_whole(case: Case) -> Ruling:
    """No reply came in whole."""
    return failed("it was whole") if any(one.wire == WIRE for one in case.attempts) else PASSED


@law("SP92", rank=3)
def nothing_can_be_said(case: Case) -> Ruling:
    """Of no reply can anything be said."""
    return unknown("who knows") if case.attempts[0].wire else PASSED


def test_a_law_that_asks_for_such_a_request_is_unknown() -> None:
    (ruling,) = judge(case(opened(), server=reply(peer="127.0.0.1:7")), [every_reply_is_whole])
    assert (ruling.verdict, ruling.law) == (Verdict.UNKNOWN, "SP90")
    assert "the check itself failed with LookupError: no connection of the network" in ruling.harm


def test_a_case_without_a_network_has_the_servers_own_attempts() -> None:
    assert [one.wire for one in case(server=reply()).attempts] == [WIRE]


def test_a_network_that_could_not_be_set_up_is_all_that_can_be_said_of_a_case() -> None:
    broken = NetworkFailed(at=0.0, proxy="", why="no such toxic")
    (ruling,) = judge(case(broken, server=reply(), toxics={"latency_downstream": "latency"}), catalog.laws())
    assert (ruling.law, ruling.verdict) == ("SP22", Verdict.UNKNOWN)
    assert ruling.harm == "the network could not be set up: no such toxic"


def test_a_broken_adapter_is_told_before_a_broken_network() -> None:
    broken = NetworkFailed(at=0.0, proxy="", why="no such toxic")
    (ruling,) = judge(case(broken, client=(AdapterFailed(why="it raised"),)), catalog.laws())
    assert (ruling.law, ruling.verdict) == ("SP00", Verdict.UNKNOWN)


# ---- told by counters ------------------------------------------------------------------------------------------------


@given(st.integers(1, len(WIRE)))
def test_as_many_bytes_came_as_were_counted(count: int) -> None:
    (view,) = seen([counted(1), counted(0, count)], reply())
    assert view.wire == WIRE[:count]
    assert view.ended == Ended(t=0.1, attempt=1, how="end" if count == len(WIRE) else "unknown", total=count)


def test_a_reply_that_was_counted_whole_is_the_servers_own() -> None:
    server = reply(struck=(15, 30), how="close")
    assert seen([counted(1), counted(0, len(WIRE))], server) == attempts_in(tuple(server))


def test_each_reply_has_what_was_counted_until_the_next_request() -> None:
    views = seen(
        [counted(1), counted(2, 10), counted(3, 10 + len(WIRE)), counted(0, 12 + len(WIRE))], *map(reply, (1, 2, 3))
    )
    assert [one.wire for one in views] == [WIRE[:10], WIRE, WIRE[:2]]


def test_what_was_counted_beyond_a_reply_belongs_to_the_one_before() -> None:
    kept_alive = [counted(1), counted(2), counted(3), counted(0, 2 * len(WIRE) + 7)]
    views = seen(kept_alive, *map(reply, (1, 2, 3)))
    assert [one.wire for one in views] == [WIRE[:7], WIRE, WIRE]


def test_more_than_was_ever_written_is_no_more_than_that() -> None:
    (view,) = seen([counted(1), counted(0, 1000)], reply())
    assert view.wire == WIRE
    assert view.ended == Ended(t=0.1, attempt=1, how="end", total=len(WIRE))


def test_a_fault_of_the_server_behind_what_was_counted_never_struck() -> None:
    (view,) = seen([counted(1), counted(0, 20)], reply(struck=(15, 30)))
    assert [one.fault for one in view.struck] == ["f15"]


def test_a_reply_that_the_server_never_ended_has_no_end() -> None:
    (view,) = seen([counted(1), counted(0, 20)], reply(how=None))
    assert view.ended is None


def test_a_write_that_was_not_kept_in_full_is_counted_in_full() -> None:
    writes = (HEAD, b"x" * (KEPT_BYTES + 10), b"event: z\n\n")
    (view,) = seen([counted(1), counted(0, sum(map(len, writes)))], reply(writes=writes))
    assert view == attempts_in(tuple(reply(writes=writes)))[0]


def test_nothing_counted_is_nothing_or_all() -> None:
    network = [counted(1), counted(2), counted(0, 20)]
    assert [one.wire for one in seen(network, reply(1), reply(2))] == [b"", WIRE[:20]]
    assert [one.wire for one in seen(network, reply(1), reply(2), generous=True)] == [WIRE, WIRE[:20]]


def test_counters_of_a_case_without_requests_tell_nothing() -> None:
    assert seen([counted(0, 20)]) == []


def test_a_request_that_was_not_counted_is_an_error() -> None:
    with pytest.raises(LookupError):
        seen([counted(1), counted(0, 20)], reply(1), reply(2))


def test_only_counters_are_in_doubt() -> None:
    assert is_in_doubt([counted(0)])
    assert not is_in_doubt([opened(), *came(WIRE), closed()])
    assert case(opened()).other_reading is None


def test_a_failure_in_one_reading_only_is_unknown() -> None:
    doubtful = case(counted(1), counted(0), server=reply())
    rulings = judge(doubtful, [every_reply_is_whole, no_reply_is_whole])
    assert [one.verdict for one in rulings] == [Verdict.UNKNOWN, Verdict.UNKNOWN]
    assert rulings[0].harm.endswith("do not tell how much came through; perhaps: it was cut")
    assert rulings[1].harm.endswith("perhaps: it was whole")


def test_a_failure_in_both_readings_is_a_failure() -> None:
    certain = case(counted(1), counted(0, 20), server=reply())
    assert [one.verdict for one in judge(certain, [every_reply_is_whole])] == [Verdict.FAIL]


def test_a_law_that_fails_in_neither_reading_says_what_it_says_of_the_first() -> None:
    doubtful = case(counted(1), counted(0), server=reply())
    assert [one.verdict for one in judge(doubtful, [nothing_can_be_said])] == [Verdict.PASS]


# ---- proof that a fault was delivered --------------------------------------------------------------------------------


def test_a_toxic_that_struck_is_proven() -> None:
    network = [opened(), strike("latency_downstream", 1.0), closed()]
    assert proven(network, {"latency_downstream": "latency", "slicer_downstream": "slicer"}, 50) == {
        "latency_downstream"
    }


def stopped(at: float) -> Stopped:
    return Stopped(at=at, proxy="")


def started(at: float) -> Started:
    return Started(at=at, proxy="", listen="127.0.0.1:1")


DOWN = {"down": "down"}
SETUP = -0.01
"""The network is set up before the case begins."""


def test_an_outage_that_closes_a_connection_is_proven() -> None:
    assert proven([started(SETUP), opened(), closed("stopped", at=1.0), stopped(1.0), started(1.1)], DOWN, 50) == {
        "down"
    }


def test_an_outage_that_closes_no_connection_is_not_proven() -> None:
    assert proven([opened(), closed("client", at=0.5), stopped(1.0), started(5.0)], DOWN, 50) == set()


def test_an_outage_before_anybody_has_connected_is_proven_only_if_it_was_there_at_the_start() -> None:
    assert proven([stopped(0.5), started(5.0), opened()], DOWN, 50) == set()


def test_an_outage_at_the_start_is_proven_by_a_client_that_complained_then() -> None:
    assert proven([stopped(SETUP), started(1.0), opened()], DOWN, 50, complained=0.9) == {"down"}


def test_an_outage_at_the_start_is_not_proven_by_a_client_that_was_perhaps_slower() -> None:
    assert proven([stopped(-5.0), started(1.0), opened()], DOWN, 50, complained=1.1) == set()
    assert proven([stopped(-5.0), started(9.0), opened()], DOWN, 50) == set()


def test_an_outage_of_the_whole_case_is_proven_by_any_complaint() -> None:
    assert proven([stopped(SETUP)], DOWN, 0, complained=5.0) == {"down"}
    assert proven([stopped(SETUP)], DOWN, 0) == set()


def test_each_outage_needs_its_own_proof() -> None:
    both = {"down": "down", "down_2": "down"}
    first, second = [stopped(SETUP), started(1.0)], [opened(), closed("stopped", at=2.0), stopped(2.0), started(2.5)]
    assert proven([*first, *second], both, 50, 0.5) == {"down", "down_2"}
    assert proven([*first, opened(), stopped(2.0)], both, 50, 0.5) == {"down"}
    assert proven([stopped(SETUP), started(0.1), *second], both, 50, 0.5) == {"down_2"}
    assert proven([*second, stopped(3.0)], both, 50) == {"down"}


def test_an_outage_that_a_client_may_avoid_proves_nothing_of_another() -> None:
    felt, missed = [opened(), closed("stopped", at=1.0), stopped(1.0), started(1.1)], [stopped(2.0)]
    assert proven([*felt, *missed], {"down_2": "down"}, 50) == set()
    assert proven([*felt, *missed], DOWN, 50) == {"down"}


def test_a_toxiproxy_that_only_counts_proves_an_outage_by_a_request_that_was_under_way() -> None:
    assert proven([counted(1), stopped(1.0), started(1.1), counted(0)], DOWN, 50) == {"down"}
    assert proven([stopped(1.0), started(5.0), counted(1), counted(0)], DOWN, 50) == set()
    assert proven([counted(1), stopped(1.0), started(1.1), stopped(2.0), counted(0)], {"down_2": "down"}, 50) == set()


def test_what_was_written_proves_no_outage_at_the_start() -> None:
    counts = [counted(1), counted(0, 50, received=50, up=(9, 9))]
    assert proven([stopped(SETUP), started(1.0), *counts], DOWN, 50) == set()
    assert proven([stopped(SETUP), started(1.0), *counts], DOWN, 50, 0.5) == {"down"}


@pytest.mark.parametrize("type_", ["timeout", "reset_peer", "limit_data"])
def test_a_toxic_that_cuts_is_proven_by_bytes_that_stayed_behind(type_: str) -> None:
    toxics = {f"{type_}_downstream": type_}
    assert proven([counted(0, 49, received=50)], toxics, 0) == toxics.keys()
    assert proven([counted(0, 50, received=50)], toxics, 0) == set()


@pytest.mark.parametrize("type_", ["timeout", "reset_peer", "limit_data"])
def test_a_toxic_that_cuts_requests_is_proven_by_their_bytes(type_: str) -> None:
    toxics = {f"{type_}_upstream": type_}
    assert proven([counted(0, 0, received=50, up=(9, 8))], toxics, 50) == toxics.keys()
    assert proven([counted(0, 0, received=50, up=(9, 9))], toxics, 50) == set()


@pytest.mark.parametrize("type_", ["latency", "bandwidth", "slicer", "slow_close"])
def test_any_other_toxic_is_proven_by_bytes_that_came(type_: str) -> None:
    toxics = {f"{type_}_downstream": type_, f"{type_}_upstream": type_}
    assert proven([counted(0, 50, received=50, up=(9, 9))], toxics, 50) == toxics.keys()
    assert proven([counted(0, 0, received=0, up=(9, 9))], toxics, 0) == {f"{type_}_upstream"}
    assert proven([counted(0, 50, received=50)], toxics, 0) == {f"{type_}_downstream"}
    assert proven([counted(0)], toxics, 0) == set()


def test_what_the_server_wrote_into_a_connection_that_broke_counts_though_no_counter_has_it() -> None:
    assert proven([counted(0, 0, received=0)], {"reset_peer_downstream": "reset_peer"}, 50) == {"reset_peer_downstream"}


def test_without_counters_nothing_is_proven_by_what_was_written() -> None:
    assert proven([opened(), closed()], {"latency_downstream": "latency"}, 50) == set()


def test_a_fault_that_was_not_delivered_makes_the_case_unknown_and_is_named() -> None:
    toxics = {"latency_downstream": "latency", "slicer_downstream": "slicer"}
    struck = [opened(), strike("latency_downstream", 0.5), *came(WIRE), closed()]
    ruling = catalog.law("SP22").check(case(*struck, server=reply(), toxics=toxics))
    assert (ruling.verdict, ruling.harm) == (
        Verdict.UNKNOWN,
        "slicer_downstream did its work on no connection of this case",
    )


def test_a_fault_that_was_delivered_needs_no_answer() -> None:
    toxics = {"half_open_upstream": "half_open"}
    assert catalog.law("SP22").check(case(opened(), strike("half_open_upstream", 0.5), toxics=toxics)) == PASSED


# ---- what has left the client ----------------------------------------------------------------------------------------


def test_a_request_has_left_when_the_network_has_read_of_it() -> None:
    assert requests_left([opened(), closed(up=1)])
    assert requests_left([counted(0, up=(1, 0))])
    assert requests_left([opened(), closed(up=0)]), "what was under way may have been lost"
    assert not requests_left([stopped(SETUP)])
    assert not requests_left([counted(0)])


def never_sent(sent: bool | None, *network: NetworkRecord, server: Iterable[ServerRecord] = ()) -> Verdict:
    error = ErrorSeen(name="Lost", message="it broke", typed=True, sent=sent)
    client = (Finished(outcome=Outcome.FAILED, error=error),)
    return catalog.law("SP21").check(case(*network, server=server, client=client)).verdict


def test_a_client_may_say_that_it_sent_what_the_network_swallowed() -> None:
    assert never_sent(True, opened(), closed("toxic", up=300)) is Verdict.PASS
    assert never_sent(True, counted(0, up=(300, 0))) is Verdict.PASS


def test_a_client_may_say_that_it_did_not_send_what_never_arrived() -> None:
    assert never_sent(False, opened(), closed("toxic", up=300)) is Verdict.PASS


def test_a_client_that_sent_nothing_must_not_say_that_it_did() -> None:
    assert never_sent(True, opened(), closed("toxic", up=0)) is Verdict.PASS
    assert never_sent(True, stopped(SETUP)) is Verdict.FAIL


def test_a_client_whose_request_arrived_must_not_say_that_it_did_not_send_it() -> None:
    assert never_sent(False, opened(), *came(WIRE), closed(), server=reply()) is Verdict.FAIL
    assert never_sent(True, opened(), *came(WIRE), closed(), server=reply()) is Verdict.PASS


# ---- an attempt ------------------------------------------------------------------------------------------------------


def attempt(**more: Any) -> Attempt:
    (one,) = attempts_in(tuple(reply(**more)))
    return one


def test_records_of_several_requests_are_sorted_by_request() -> None:
    first, second = reply(1), reply(2)
    mixed = [*first[:3], Waited(t=0.2, attempt=1, seconds=0.1), *second, *first[3:]]
    assert attempts_in(tuple(mixed)) == attempts_in((*first, *second))


def test_an_attempt_is_over_when_it_ended() -> None:
    assert attempt(t=0.4).over_at == 0.4
    assert attempt(how=None).over_at is None


def test_an_attempt_of_which_a_write_was_not_kept_is_not_whole() -> None:
    assert attempt().whole
    assert not attempt(writes=(b"x" * (KEPT_BYTES + 1),)).whole


BODY = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: one\n\ndata: two\n\n"


def test_before_the_fault_is_before_the_last_one_that_struck_in_the_body() -> None:
    one = attempt(writes=(BODY,), struck=(10, len(BODY) - 15, len(BODY) - 11))
    assert one.before_fault.body == BODY[: len(BODY) - 11].partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("struck", [(), (10,), (BODY.index(b"data"),)], ids=["none", "in_head", "behind_head"])
def test_before_a_fault_that_did_not_strike_in_the_body_is_all(struck: tuple[int, ...]) -> None:
    one = attempt(writes=(BODY,), struck=struck)
    assert one.before_fault is one.response
