"""The pure parts of the control room: the hand, the marks, the stage, what a bystander sees, and the score."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import pytest

from fake_server.answer import Answer
from fake_server.record import Ended, Replied, Requested, Sent, Struck, Waited
from harness import catalog, engine
from harness.campaign import Campaign, Tally
from harness.fuzz import Explored, Failure, Shard
from harness.history import Case, Record
from harness.law import judge
from harness.model import (
    AdapterFailed,
    Cancelled,
    Cleared,
    ErrorSeen,
    Finished,
    Noticed,
    Outcome,
    Policy,
    Shown,
    TimedOut,
)
from harness.network import NOTHING, NetworkFailed
from harness.plan import PlannedCase
from harness.sim import runner
from harness.toxiproxy import events
from harness.toxiproxy.toxic import attributes_of, kinds
from harness.ui import bystander
from harness.ui.hand import STRIKES, UNTOUCHED, Knobs, Put, Take, changes, name_of
from harness.ui.marks import LANES, of_client, of_hand, of_network, of_server
from harness.ui.score import command, score
from harness.ui.stage import can_be_touched, is_shown, meddled_with, staged
from harness.verdict import Verdict

# ---- the hand


def test_a_slider_that_is_moved_is_one_toxic_with_its_settings_and_the_others_are_left_alone() -> None:
    before = Knobs(latency=100, bandwidth=4)
    (change,) = changes(before, Knobs(latency=300, jitter=50, bandwidth=4))
    assert change == Put(type="latency", attributes={"latency": 300, "jitter": 50}, said="latency 300 ± 50 ms")


def test_sliders_that_go_back_take_their_toxics_away() -> None:
    before = Knobs(latency=100, bandwidth=4, silence=True)
    assert list(changes(before, UNTOUCHED)) == [
        Take(type="latency", said="no latency"),
        Take(type="bandwidth", said="full bandwidth"),
        Take(type="stall", said="silence is over"),
    ]
    assert [one.said for one in changes(UNTOUCHED, before)] == ["latency 100 ms", "at most 4 KB/s", "silence"]


def test_sliders_that_stay_change_nothing() -> None:
    assert list(changes(Knobs(jitter=7), Knobs(jitter=7))) == list(changes(UNTOUCHED, Knobs())) == []


def test_the_hand_has_toxics_and_attributes_that_there_are() -> None:
    put = list(changes(UNTOUCHED, Knobs(latency=1, jitter=1, bandwidth=1, silence=True)))
    used = [*((one.type, one.attributes) for one in put if isinstance(one, Put)), *STRIKES.values()]
    assert len(used) == 5
    for type_, attributes in used:
        assert attributes.keys() <= attributes_of(kinds()[type_]).keys()


@pytest.mark.parametrize("given", [{"latency": -1}, {"latency": 5001}, {"jitter": 1.5}, {"silence": 1}, {"loss": 1}])
def test_a_slider_has_bounds_and_there_is_no_other(given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Knobs)


# ---- marks


def server(record: Any, *, is_wire: bool = False) -> list[tuple[str, str, float, str]]:
    return [(one["lane"], one["kind"], one["t"], one["label"]) for one in of_server(record, is_wire=is_wire)]


REQUEST = Requested(t=0.1, attempt=2, method="POST", path="/v1/messages", headers={}, body={}, streams=True)


def replied(status: int) -> Replied:
    return Replied(t=0.2, attempt=2, step=1, status=status, headers={}, faults=[])


@pytest.mark.parametrize(
    ("record", "mark"),
    [
        (REQUEST, ("server", "request", 0.1, "request 2")),
        (replied(200), ("server", "note", 0.2, "status 200")),
        (replied(529), ("server", "bad", 0.2, "status 529")),
        (Struck(t=1, attempt=1, fault="end_early", note="", total=7), ("server", "fault", 1, "end_early")),
        (Struck(t=1, attempt=1, fault="flip", note="byte 7", total=7), ("server", "fault", 1, "flip (byte 7)")),
        (Waited(t=1.5, attempt=1, seconds=0.5), ("server", "wait", 1, "was silent for 0.5 s")),
        (Ended(t=1, attempt=1, how="end", total=7), ("server", "note", 1, "reply 1 over: clean end, 7 bytes")),
        (Sent(t=1, attempt=1, data=b"x", size=1, total=1, event="ping"), ("server", "event", 1, "ping")),
    ],
)
def test_what_the_server_does_is_on_its_lane(record: Any, mark: tuple[str, str, float, str]) -> None:
    assert server(record) == [mark]


def test_a_breath_between_two_writes_is_no_silence() -> None:
    assert server(Waited(t=1, attempt=1, seconds=0.06)) == []


def test_a_silence_lasts_from_its_beginning_to_its_end() -> None:
    (mark,) = of_server(Waited(t=1.5, attempt=1, seconds=0.5), is_wire=False)
    assert (mark["t"], mark["end"]) == (1, 1.5)


def test_what_is_written_is_what_is_delivered_only_where_nothing_lies_between() -> None:
    head = Sent(t=1, attempt=1, data=b"HTTP", size=4, total=4)
    assert server(head) == []
    ((mark),) = of_server(head, is_wire=True)
    assert (mark["lane"], mark["kind"], mark["size"]) == ("wire", "bytes", 4)


def network(record: Any) -> list[tuple[str, str, str]]:
    return [(one["lane"], one["kind"], one["label"]) for one in of_network(record)]


AT: dict[str, Any] = {"at": 1.0, "proxy": ""}
CLOSED: dict[str, Any] = {
    **AT,
    "connection": 1,
    **dict.fromkeys(("upstream_received", "upstream_sent", "downstream_received", "downstream_sent"), 0),
}


def struck(toxic: str, note: str = "") -> events.Struck:
    return events.Struck(**AT, connection=1, toxic=toxic, stream="downstream", passed=9, note=note)


@pytest.mark.parametrize(
    ("record", "kind", "label"),
    [
        (events.Carried(**AT, connection=1, stream="downstream", data=b"abc"), "bytes", ""),
        (struck("cut_by_hand"), "fault", "cut by hand"),
        (struck("latency_by_hand", "300 ms"), "note", "latency by hand (300 ms)"),
        (struck("latency_downstream", "300 ms"), "fault", "latency downstream (300 ms)"),
        (events.Stopped(**AT), "fault", "the network is down"),
        (NetworkFailed(**AT, why="no"), "bad", "failed: no"),
        (events.Unreachable(**AT, connection=1, why="refused"), "bad", "connection 1 finds no server: refused"),
        (events.Closed(**CLOSED, how="reset"), "bad", "connection 1 reset"),
        (events.Closed(**CLOSED, how="client"), "note", "connection 1 closed"),
        (events.ToxicUpdated(**AT, toxic="slicer"), "note", "toxic slicer has other settings"),
        (events.Opened(**AT, connection=1, client="", local=""), "note", "connection 1 opens"),
    ],
)
def test_what_the_network_does_is_on_the_wire(record: Any, kind: str, label: str) -> None:
    assert network(record) == [("wire", kind, label)]


@pytest.mark.parametrize(
    "record",
    [
        events.Carried(**AT, connection=1, stream="upstream", data=b"abc"),
        events.ToxicAdded(**AT, toxic=name_of("latency"), type="latency", stream="downstream"),
        events.ToxicUpdated(**AT, toxic=name_of("latency")),
        events.ToxicRemoved(**AT, toxic=name_of("stall")),
        events.Left(**AT, connection=1, side="client"),
        events.Started(**AT, listen=""),
    ],
)
def test_what_is_told_otherwise_or_changes_nothing_is_no_mark(record: Any) -> None:
    assert network(record) == []


def test_what_a_person_does_is_told_with_its_settings() -> None:
    mark = of_hand("latency 300 ms", 1.5)
    assert (mark["lane"], mark["label"], mark["detail"]) == ("wire", "latency 300 ms", "by hand: latency 300 ms")


@pytest.mark.parametrize(
    ("record", "kind", "label"),
    [
        (Shown(t=1, text="A b"), "text", "A b"),
        (Cleared(t=1), "note", "told its user that the answer starts over"),
        (Noticed(t=1, what="asks again"), "note", "asks again"),
        (Finished(t=1, outcome=Outcome.COMPLETE), "good", "ended: complete"),
        (Finished(t=1, outcome=Outcome.INCOMPLETE), "bad", "ended: incomplete"),
        (TimedOut(t=1), "bad", "had not ended in time and was stopped"),
        (AdapterFailed(t=1, why="it raised"), "bad", "adapter failed: it raised"),
        (Cancelled(t=1), "note", "stopped"),
    ],
)
def test_what_the_user_sees_is_on_the_last_lane(record: Any, kind: str, label: str) -> None:
    assert [(one["lane"], one["kind"], one["label"]) for one in of_client(record)] == [("client", kind, label)]


def test_text_is_told_as_it_came_and_labelled_so_that_it_can_be_seen() -> None:
    (mark,) = of_client(Shown(t=1, text="a\u202eb\n"))
    assert (mark["text"], mark["label"]) == ("a\u202eb\n", "a\\u202eb\\n")
    assert list(of_client(Shown(t=1, text=""))) == []
    assert [one["clears"] for one in of_client(Cleared(t=1))] == [True]


def test_an_error_is_told_in_the_detail_of_the_end() -> None:
    error = ErrorSeen(name="E", message="gone", typed=True)
    (mark,) = of_client(Finished(t=1, outcome=Outcome.FAILED, error=error))
    assert mark["detail"] == "ended: failed; E: gone"


def test_every_mark_is_on_a_lane_that_the_page_draws() -> None:
    record = simulated("cutoff.reset_mid_text", "bundled")
    marks = [one for each in record.server for one in of_server(each, is_wire=True)]
    marks += [one for each in record.client for one in of_client(each)]
    assert {one["lane"] for one in marks} == set(LANES)


# ---- the stage


def planned(scenario: str, client: str = "naive") -> PlannedCase:
    adapter = catalog.adapter(client)
    return PlannedCase(scenario=catalog.scenarios()[scenario], adapter=adapter, seed="1", policy=adapter.policy)


def pace_of(case: PlannedCase) -> float:
    step = case.scenario.script.steps[0]
    assert isinstance(step, Answer)
    return step.pace


def test_a_case_is_staged_at_a_pace_that_can_be_watched_with_the_same_texts_and_a_network_to_change() -> None:
    case = staged(planned("completion.plain"), 0.001)
    assert pace_of(case) == 0.001
    assert (case.id, case.info().texts) == (planned("completion.plain").id, planned("completion.plain").info().texts)
    assert case.scenario.network is NOTHING
    assert case.scenario.limits.settle >= 30


def test_every_scenario_that_is_shown_can_be_staged_with_the_same_texts() -> None:
    clients = [catalog.adapter(name) for name in ("bundled", "bundled_chat", "bundled_responses")]
    shown = [one for one in catalog.scenarios().values() if is_shown(one)]
    for scenario in shown:
        adapter = next(one for one in clients if one.dialect in scenario.spoken_in)
        case = PlannedCase(scenario=scenario, adapter=adapter, seed="1", policy=adapter.policy)
        assert staged(case, 0.05).info().texts == case.info().texts
    assert len(shown) > 300


def test_a_long_answer_is_said_faster() -> None:
    assert 0 < pace_of(staged(planned("completion.plain"), 1.0)) < 0.5


def test_a_network_that_is_broken_stays_so_and_an_address_without_a_server_has_none() -> None:
    broken = planned("broken_network.silent_mid_text")
    assert staged(broken, 0.01).scenario.network is broken.scenario.network
    refused = next(one for one in catalog.scenarios().values() if not can_be_touched(one))
    assert staged(planned(refused.id), 0.01).scenario.network is None


def test_several_calls_and_receivers_are_not_shown() -> None:
    hidden = {one.id.partition(".")[0] for one in catalog.scenarios().values() if not is_shown(one)}
    assert hidden == {"reuse", "sinks", "sinks_in_pieces"}


def test_a_client_whose_network_was_changed_may_give_up_and_must_not_lie() -> None:
    info = meddled_with(planned("stall.mid_text", "bundled").info())
    assert (info.policy, info.expect.may_fail, info.expect.stalls) == (Policy.RAISE, True, False)
    assert (info.faults, info.toxics) == ((), {})
    assert meddled_with(planned("stall.mid_text").info()).policy is Policy.BEST_EFFORT
    lied = simulated("cutoff.clean_end_mid_text", "naive")
    judged = engine.finished(msgspec.structs.replace(lied, info=meddled_with(lied.info)), catalog.laws())
    assert judged.verdict is Verdict.FAIL


# ---- what a bystander sees


@cache
def simulated(scenario: str, client: str) -> Record:
    return runner.run(planned(scenario, client))


WATCHED = [
    "completion.plain",
    "cutoff.clean_end_mid_text",
    "http_status.status_401",
    "rate_limit.retry_after_seconds",
    "stall.mid_text",
    "order.overloaded_mid_text",
    "resume.cut_twice",
]


@pytest.mark.parametrize("scenario", WATCHED)
@pytest.mark.parametrize("client", ["naive", "bundled"])
def test_the_laws_of_a_bystander_say_the_same_of_a_client_that_nobody_has_seen(scenario: str, client: str) -> None:
    record = simulated(scenario, client)
    laws = [one for one in catalog.laws() if one.code in bystander.LAWS]
    assert len(laws) == len(bystander.LAWS)
    unseen = msgspec.structs.replace(record, client=())
    assert judge(Case(unseen), laws) == judge(Case(record), laws)


def test_a_client_that_is_right_is_told_which_laws_it_keeps() -> None:
    found = bystander.seen(msgspec.structs.replace(simulated("completion.plain", "naive"), client=()), catalog.laws())
    assert (found.verdict, found.law, found.requests) == (Verdict.PASS, "", 1)
    assert found.sentence.startswith("After 1 request nothing is wrong that a server can see (SP10, ")


def test_a_client_that_asks_too_often_is_seen_by_its_requests_alone() -> None:
    record = simulated("http_status.status_401", "naive")
    assert sum(isinstance(one, Requested) for one in record.server) == 1
    again = [msgspec.structs.replace(one, attempt=one.attempt + 1) for one in record.server]
    twice = msgspec.structs.replace(record, server=(*record.server, *again), client=())
    found = bystander.seen(twice, catalog.laws())
    assert (found.verdict, found.law) == (Verdict.FAIL, "SP11")
    assert found.sentence == "The same request was made 2 times although the answer cannot change."


def test_of_a_client_that_left_before_the_fault_nothing_is_proven() -> None:
    record = simulated("cutoff.clean_end_mid_text", "naive")
    spared = tuple(one for one in record.server if not isinstance(one, Struck))
    found = bystander.seen(msgspec.structs.replace(record, server=spared, client=()), catalog.laws())
    assert (found.verdict, found.law) == (Verdict.UNKNOWN, "SP22")
    assert found.sentence.startswith("This cannot be proven: ")


def test_before_the_first_request_there_is_nothing_to_say() -> None:
    record = msgspec.structs.replace(simulated("completion.plain", "naive"), server=(), client=())
    assert bystander.seen(record, catalog.laws()).sentence == "No request has come."


# ---- the score


def tally(*codes: str) -> Tally:
    shard = Shard(client="naive", seed="1", number=0)
    scenario = replace(catalog.scenarios()["completion.plain"])
    failures = {code: Failure(code=code, harm=f"harm of {code}", scenario=scenario, shard=shard) for code in codes}
    found = Tally()
    coverage = Counter({("flip", "content"): 3, ("cut", "nothing"): 1})
    found.add(Explored(shard, 10, failures, Counter({code: 2 + place for place, code in enumerate(codes)}), coverage))
    return found


def test_the_score_tells_how_much_how_fast_and_what_was_found_the_most_frequent_first() -> None:
    told = score(Campaign(client="naive", seed="1", examples=100), tally("SP02/complete", "SP01/no \x1bend"), 4.0)
    assert (told["cases"], told["goal"], told["speed"], told["distinct"], told["pairs"]) == (10, 100, 2.5, 2, 2)
    assert [one["code"] for one in told["failures"]] == ["SP01/no \\x1bend", "SP02/complete"]
    assert told["states"] == ["nothing", "started", "content", "ended"]
    assert told["coverage"] == [["cut", [1, 0, 0, 0]], ["flip", [0, 0, 3, 0]]]


def test_before_anything_was_done_there_is_no_speed() -> None:
    assert score(Campaign(client="naive", seed="1"), Tally(), 0.0)["speed"] == 0.0


def test_the_command_finds_the_same_again() -> None:
    campaign = Campaign(client="my.app:client", seed="a b", examples=500)
    assert command(campaign) == "streamproof fuzz --client my.app:client --seed 'a b' --examples 500"
    assert command(replace(campaign, examples=None)).endswith("--seed 'a b'")
