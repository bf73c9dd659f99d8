"""The pure parts of a load: its mix, what is counted of a call, thresholds, numbers, messages, and what is told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from html import unescape
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from reporting import record

from fake_server.dialect import Dialect
from fake_server.effects import Send, Wait
from fake_server.record import Requested
from fake_server.script import Request
from harness import catalog, engine
from harness.asking import asked
from harness.errors import UsageError
from harness.history import Case, Record
from harness.load import summary
from harness.load.chart import HEIGHT, WIDTH, bars, over_time
from harness.load.counted import Counted, counted
from harness.load.durations import clock, seconds_of
from harness.load.histogram import Histogram
from harness.load.messages import Failure, Over, Progress, Stopping, Told, decoded, encoded
from harness.load.mix import USUAL, Mix, Speed, parse, slowed
from harness.load.page import page
from harness.load.result import Result, checked, told, value
from harness.load.tally import Broken, Sample, Series, Tally, summed
from harness.load.thresholds import all_of, kept
from harness.load.thresholds import parse as threshold
from harness.model import Cancelled, ClientRecord, Endpoint, Expect, Finished, Outcome, Scenario, Shown
from harness.plan import PlannedCase
from harness.sim import runner
from harness.toxiproxy.events import Stopped
from harness.verdict import Verdict

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
SCENARIOS = catalog.scenarios()
TEXT = "The river admires the tailor."

# ---- the mix


def mix(text: str) -> Mix:
    return parse(text, "mix.toml", SCENARIOS, catalog.numbers())


def test_an_expression_shares_its_weight_out_evenly_and_a_scenario_has_the_sum_of_what_names_it() -> None:
    said = {"completion.plain": 8, "cutoff": 12, "10.4": 0, "rate_limit or completion": 2}
    weights_ = [f'"{name}" = {weight}' for name, weight in said.items()]
    found = mix("\n".join(["pace = 0.25", "patience = 2", "[weights]", *weights_]))
    weights = dict(zip((one.id for one in found.scenarios), found.weights, strict=True))
    shared = [name for name in SCENARIOS if "cutoff" in name]
    others = [name for name in SCENARIOS if "rate_limit" in name or "completion" in name]
    assert weights.pop("completion.plain") == pytest.approx(8 + 2 / len(others))
    others.remove("completion.plain")
    expected = dict.fromkeys(shared, 12 / len(shared))
    for name in others:
        expected[name] = expected.get(name, 0.0) + 2 / (len(others) + 1)
    assert weights == pytest.approx(expected)
    assert found.speed == Speed(pace=0.25, patience=2)


def test_a_file_without_weights_meets_the_whole_catalogue() -> None:
    found = mix("pace = 0")
    assert found.scenarios == tuple(SCENARIOS.values())
    assert len(set(found.weights)) == 1
    assert found.speed == Speed(pace=0)


def test_the_usual_mix_has_every_scenario_and_mostly_whole_answers() -> None:
    found = mix(USUAL)
    weights = dict(zip((one.id for one in found.scenarios), found.weights, strict=True))
    assert weights.keys() == SCENARIOS.keys()
    assert weights["completion.plain"] == pytest.approx(70 + 30 / len(SCENARIOS))


def test_a_scenario_is_drawn_as_often_as_it_weighs_and_the_same_seed_draws_the_same() -> None:
    found = mix('[weights]\n"completion.plain" = 3\n"cutoff.clean_end_mid_text" = 1')
    chance, again = Random("1"), Random("1")
    drawn = Counter(found.draw(chance).id for _ in range(4000))
    assert drawn.keys() == {"completion.plain", "cutoff.clean_end_mid_text"}
    assert 2.6 < drawn["completion.plain"] / drawn["cutoff.clean_end_mid_text"] < 3.4
    assert Counter(found.draw(again).id for _ in range(4000)) == drawn


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pace = [", "mix.toml is no TOML"),
        ("pance = 1", "did you mean pace"),
        ("pace = -1", "pace is -1; it must be a number from 0 on, at most 60"),
        ("pace = true", "pace is True"),
        ("patience = 1000", "at most 100"),
        ("weights = 3", r"\[weights\] names scenarios"),
        ("[weights]", r"\[weights\] names scenarios"),
        ('[weights]\n"cutoff" = "much"', "the weight of 'cutoff' is 'much'; it must be a number from 0 on$"),
        ('[weights]\n"cutoff" = 0', "no weight is more than 0"),
        ('[weights]\n"nothing_such" = 1', "mix.toml: -k 'nothing_such' selects none"),
    ],
)
def test_what_a_mix_cannot_mean_is_said(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        mix(text)


def test_what_cannot_be_played_is_left_out_and_a_mix_of_nothing_is_refused() -> None:
    whole = mix("")
    assert {one.family for one in whole.only(lambda one: one.family == "cutoff").scenarios} == {"cutoff"}
    with pytest.raises(UsageError, match="nothing of the mix can be played"):
        whole.only(lambda one: False)


def test_a_call_is_given_the_time_that_its_answers_take_at_the_pace_of_the_load() -> None:
    plain = SCENARIOS["completion.plain"]
    slow = slowed(plain, Speed(pace=0.5, patience=3), "1", Dialect.ANTHROPIC)
    assert slow.limits.idle == 3 * plain.limits.idle
    assert slow.limits.close == plain.limits.close
    assert slow.limits.settle > 3 * plain.limits.settle + 2 * 40 * 0.5
    assert replayed(slow) == replayed(plain)
    assert slowed(plain, Speed(pace=0, patience=1), "1", Dialect.ANTHROPIC) == plain


def replayed(scenario: Scenario) -> tuple[tuple[str, ...], bytes, int]:
    """Its texts and the bytes of its first answer; how many waits are in that must not matter."""
    body = {**asked(scenario.request, Dialect.ANTHROPIC), "stream": True}
    reply = scenario.script.reply(Request(attempt=1, seed="1", body=body))
    return scenario.texts("1"), b"".join(one.data for one in reply.body if isinstance(one, Send)), reply.size()


def test_an_answer_begins_and_ends_at_once_and_its_pieces_come_apart() -> None:
    slow = slowed(SCENARIOS["completion.plain"], Speed(pace=0.5), "1", Dialect.ANTHROPIC)
    body = {**asked(slow.request, Dialect.ANTHROPIC), "stream": True}
    effects = list(slow.script.reply(Request(attempt=1, seed="1", body=body)).body)
    waits = [place for place, one in enumerate(effects) if isinstance(one, Wait)]
    pieces = [
        place for place, one in enumerate(effects) if isinstance(one, Send) and one.event == "content_block_delta"
    ]
    assert waits == [place - 1 for place in pieces[1:]]
    assert {one for one in effects if isinstance(one, Wait)} == {Wait(0.5)}


def test_an_answer_that_takes_its_time_anyway_is_as_it_was() -> None:
    own = next(one for one in SCENARIOS.values() if getattr(one.script.steps[0], "pace", 0.0))
    body = {**asked(own.request, Dialect.ANTHROPIC), "stream": True}
    request = Request(attempt=1, seed="1", body=body)
    again = slowed(own, Speed(pace=0.5), "1", Dialect.ANTHROPIC)
    assert tuple(again.script.reply(request).body) == tuple(own.script.reply(request).body)


def test_an_answer_with_very_many_events_comes_faster_than_the_others() -> None:
    long = SCENARIOS["completion.long_answer"]
    slow = slowed(long, Speed(pace=0.5, patience=1), "1", Dialect.ANTHROPIC)
    assert slow.limits.settle == pytest.approx(long.limits.settle + 2 * 100 * 0.5, rel=0.01)


@pytest.mark.parametrize("name", [one for one in SCENARIOS if Dialect.ANTHROPIC in SCENARIOS[one].spoken_in][::9])
def test_who_passes_a_scenario_at_its_own_speed_passes_it_at_that_of_a_load(name: str) -> None:
    adapter = catalog.adapter("bundled")
    slow = slowed(SCENARIOS[name], Speed(), "42", Dialect.ANTHROPIC)
    case = PlannedCase(scenario=slow, adapter=adapter, seed="42", policy=adapter.policy)
    if not (why := runner.not_possible(case)):
        found = engine.finished(runner.run(case), catalog.laws())
        assert found.verdict is PASS, found.finding
    else:
        assert SCENARIOS[name].receiver or SCENARIOS[name].before, why


def test_a_second_server_is_slowed_as_well() -> None:
    scenario = next(one for one in SCENARIOS.values() if one.elsewhere is not None)
    alone = slowed(replace(scenario, elsewhere=None), Speed(), "1", Dialect.ANTHROPIC)
    assert slowed(scenario, Speed(), "1", Dialect.ANTHROPIC).limits.settle > alone.limits.settle


# ---- what is counted of a call


def call(*client: ClientRecord, asked: tuple[float, ...] = (0.1,), **info: Any) -> Case:
    """A call that is asked at these times and whose user sees this; nothing is known of the replies."""
    like = record(TEXT, "bundled")
    requested = next(one for one in like.server if isinstance(one, Requested))
    server = tuple(msgspec.structs.replace(requested, t=t, attempt=nth) for nth, t in enumerate(asked, 1))
    about = msgspec.structs.replace(like.info, texts=(TEXT,), **info)
    return Case(Record(info=about, server=server, client=client, lag=0.02))


def shown(*times: float) -> tuple[Shown, ...]:
    return tuple(
        Shown(t=t, text=TEXT[nth * 5 :] if t == times[-1] else TEXT[nth * 5 : nth * 5 + 5])
        for nth, t in enumerate(times)
    )


def test_times_are_those_of_what_the_user_saw() -> None:
    found = counted(call(*shown(0.5, 0.75, 1.75), Finished(t=2.0, outcome=Outcome.COMPLETE)))
    assert (found.first, found.gaps, found.took, found.late) == (0.5, (0.25, 1.0), 2.0, 0.02)
    assert (found.requests, found.recovery) == (1, None)


def test_the_recovery_of_a_call_is_the_longest_stand_of_its_text_around_a_later_request() -> None:
    end = Finished(t=9.0, outcome=Outcome.COMPLETE)
    assert counted(call(*shown(0.5, 4.0, 5.0), end, asked=(0.1, 1.0, 3.0, 4.5))).recovery == 3.5
    assert counted(call(*shown(2.0, 2.5), end, asked=(0.1, 1.0))).recovery == 2.0
    assert counted(call(*shown(0.5), end, asked=(0.1, 1.0))).recovery is None


def test_of_a_client_that_shows_nothing_before_its_end_no_times_of_text_are_known() -> None:
    found = counted(call(Finished(t=2.0, outcome=Outcome.COMPLETE, text=TEXT)))
    assert (found.first, found.gaps, found.recovery) == (None, (), None)
    assert found.is_whole


def test_a_call_that_never_ended_has_no_end_and_no_whole_answer() -> None:
    found = counted(call(*shown(0.5)))
    assert found.took is None
    assert found.can_be_whole
    assert not found.is_whole


@pytest.mark.parametrize("outcome", [Outcome.INCOMPLETE, Outcome.FAILED])
def test_an_answer_is_whole_only_when_the_user_was_told_so_and_has_all_of_it(outcome: Outcome) -> None:
    assert not counted(call(*shown(0.5, 0.6), Finished(t=1.0, outcome=outcome))).is_whole
    assert not counted(call(Shown(t=0.5, text=TEXT[:9]), Finished(t=1.0, outcome=Outcome.COMPLETE))).is_whole
    whole = call(*shown(0.5, 0.6), Finished(t=1.0, outcome=Outcome.COMPLETE))
    assert counted(whole).is_whole
    unknown = call(Shown(t=0.5, text="whatever"), Finished(t=1.0, outcome=Outcome.COMPLETE))
    nobody_knows = msgspec.structs.replace(unknown.info, texts=())
    assert counted(Case(Record(info=nobody_knows, client=unknown.client))).is_whole


def test_no_whole_answer_is_asked_of_a_call_that_was_cancelled_or_has_none() -> None:
    assert not counted(call(Cancelled(t=1.0))).can_be_whole
    assert not counted(call(expect=Expect(outcome=Outcome.FAILED))).can_be_whole


def test_how_often_a_port_was_asked_at_which_nobody_listens_is_unknown() -> None:
    assert counted(call(asked=(), endpoint=Endpoint.REFUSED)).requests is None


def test_text_that_came_and_is_not_in_the_answer_was_wasted() -> None:
    case = SCENARIOS["cutoff.clean_end_mid_text"]
    adapter = catalog.adapter("bundled")
    planned = PlannedCase(scenario=case, adapter=adapter, seed="1", policy=adapter.policy)
    played = runner.run(planned)
    found = counted(Case(played))
    assert found.requests == 2
    assert found.streamed == len(played.info.texts[0]) + (found.wasted or 0)
    twice = msgspec.structs.replace(played, client=(Finished(outcome=Outcome.INCOMPLETE, text=""),))
    assert counted(Case(twice)).wasted == found.streamed


def test_what_came_over_a_connection_that_nobody_knows_is_unknown() -> None:
    like = call(*shown(0.5), Finished(t=1.0, outcome=Outcome.COMPLETE))
    strange = Record(info=like.info, server=like.server, client=like.client, network=(Stopped(at=9.0, proxy="p"),))
    found = counted(Case(strange))
    assert (found.streamed, found.wasted, found.requests) == (None, None, 1)


# ---- what is kept of all calls

COUNTED = Counted(
    first=0.5, gaps=(0.1, 0.2), recovery=1.0, took=2.0, late=0.01, requests=3, streamed=100, wasted=25,
    can_be_whole=True, is_whole=True,
)  # fmt: skip
NOTHING = Counted(
    first=None, gaps=(), recovery=None, took=None, late=0.0, requests=None, streamed=None, wasted=None,
    can_be_whole=True, is_whole=False,
)  # fmt: skip


def tally(*calls: tuple[Verdict, Counted]) -> Tally:
    found = Tally(begun=len(calls))
    for verdict, one in calls:
        found.take("cutoff.fin", verdict, one)
    return found


def test_a_tally_adds_up_what_is_known_and_counts_nothing_else() -> None:
    found = tally((PASS, COUNTED), (FAIL, NOTHING), (PASS, COUNTED))
    assert found.verdicts == {PASS: 2, FAIL: 1}
    assert found.scenarios == {"cutoff.fin": {PASS: 2, FAIL: 1}}
    assert (found.first.count, found.gaps.count, found.recovery.count, found.took.count) == (2, 4, 2, 2)
    assert (found.asked, found.requests, found.retried) == (2, 6, 4)
    assert (found.streamed, found.wasted, found.can_be_whole, found.whole) == (200, 50, 3, 2)
    assert (found.judged, found.open) == (3, 0)


def test_calls_that_go_on_are_those_that_neither_ended_nor_were_lost() -> None:
    found = tally((PASS, COUNTED))
    found.begun, found.cut = 9, 2
    found.loses("case: ValueError: x")
    assert found.open == 9 - 1 - 2 - 1


def test_of_each_law_three_failed_calls_are_kept_and_each_case_once() -> None:
    found = Tally()
    kept_ = [found.breaks(Broken(law="SP02", case=f"a{nth}@c:1", harm="h")) for nth in (1, 1, 2, 3, 4)]
    assert kept_ == [True, False, True, True, False]
    assert found.breaks(Broken(law="SP03", case="b@c:1", harm="h"))
    assert found.laws == {"SP02": 5, "SP03": 1}
    assert [one.case for one in found.broken] == ["a1@c:1", "a2@c:1", "a3@c:1", "b@c:1"]


def test_what_is_said_of_lost_calls_is_kept_three_times_and_each_once() -> None:
    found = Tally()
    for why in ("a", "a", "b", "c", "d"):
        found.loses(why)
    assert (found.lost, found.faults) == (5, ["a", "b", "c"])


def test_two_tallies_together_are_that_of_all_their_calls() -> None:
    one, other = tally((PASS, COUNTED), (FAIL, NOTHING)), tally((FAIL, COUNTED))
    one.breaks(Broken(law="SP02", case="a@c:1", harm="h"))
    for case in ("a@c:1", "b@c:1", "d@c:1", "e@c:1"):
        other.breaks(Broken(law="SP02", case=case, harm="h"))
    other.loses("why")
    one.merge(other)
    both = tally((PASS, COUNTED), (FAIL, NOTHING), (FAIL, COUNTED))
    both.laws, both.lost, both.faults = {"SP02": 5}, 1, ["why"]
    both.broken = [Broken(law="SP02", case=case, harm="h") for case in ("a@c:1", "b@c:1", "d@c:1")]
    assert one == both


# ---- over time


def sample(t: float, memory: float | None = 100.0, sockets: int | None = 5) -> Sample:
    return Sample(t=t, open=3, judged=7, memory=memory, sockets=sockets)


def test_a_series_of_any_length_keeps_few_samples_evenly_and_the_largest_of_all() -> None:
    series = Series()
    for second in range(5_000):
        series.add(sample(second, memory=900.0 if second == 1001 else 100.0, sockets=80 if second == 1001 else 5))
    times = [one.t for one in series.samples]
    assert len(times) <= 600
    assert len({after - before for before, after in pairwise(times)}) == 1
    assert (series.most_memory, series.most_sockets) == (900.0, 80)


def test_the_growth_of_memory_is_that_of_the_last_half() -> None:
    series = Series()
    for second in range(120):
        series.add(sample(second, memory=100.0 + min(second, 60) + max(0, second - 60) * 0.05))
    assert series.growth == pytest.approx(3.0)


@pytest.mark.parametrize(
    "samples", [[sample(one) for one in range(18)], [sample(one, None, None) for one in range(99)], [sample(4.0)] * 30]
)
def test_the_growth_of_few_samples_or_of_none_is_unknown(samples: list[Sample]) -> None:
    series = Series()
    for one in samples:
        series.add(one)
    assert series.growth is None


def test_the_same_moment_of_several_processes_is_their_sum_and_unknown_where_one_is() -> None:
    assert summed([sample(1.0), sample(1.5)]) == Sample(t=1.5, open=6, judged=14, memory=200.0, sockets=10)
    both = summed([sample(1.0), sample(1.5, None, None)])
    assert (both.memory, both.sockets) == (None, None)


# ---- numbers and thresholds


def result(found: Tally | None = None, **more: Any) -> Result:
    about = {
        "client": "bundled",
        "asked_for": "bundled",
        "version": "1",
        "seed": "42",
        "server": "",
        "streams": 20,
        "processes": 1,
    }
    return Result(**{**about, "speed": Speed(), "scenarios": 36, "seconds": 10.0, "tally": found or Tally(), **more})


def test_every_number_has_a_name() -> None:
    series = Series()
    for second in range(30):
        series.add(sample(second))
    found = result(
        tally((PASS, COUNTED), (FAIL, NOTHING), (UNKNOWN, COUNTED), (PASS, COUNTED)), series=series, leaked=0
    )
    assert value(found, "completion") == 0.75
    assert (value(found, "failed"), value(found, "unknown"), value(found, "lost")) == (0.25, 0.25, 0)
    assert (value(found, "calls"), value(found, "rate")) == (4, 0.4)
    assert (value(found, "retries"), value(found, "wasted")) == (2.0, 0.25)
    assert (value(found, "memory"), value(found, "sockets"), value(found, "leaked")) == (100.0, 5, 0)
    assert value(found, "growth") == 0.0
    assert value(found, "ttft", "p95") == value(found, "ttft", "max") == 0.5
    assert value(found, "gap", "mean") == pytest.approx(0.15)
    assert value(found, "gap", "min") == 0.1
    assert value(found, "late", "p50") == pytest.approx(0.01, rel=0.01)
    assert (value(found, "call", "p99.9"), value(found, "recovery", "p50")) == (2.0, 1.0)


@pytest.mark.parametrize(
    "name", ["completion", "failed", "rate", "retries", "wasted", "memory", "growth", "sockets", "leaked"]
)
def test_a_number_of_nothing_is_unknown_and_never_0(name: str) -> None:
    assert value(result(seconds=0.0), name) is None
    assert value(result(), "ttft", "p95") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("completion", "expected something like"),
        ("completion=>1", "expected something like"),
        ("complete>=1", "did you mean completion"),
        ("ttft<1s", "say ttft.p95"),
        ("ttft.p100<1s", "say ttft.p95"),
        ("completion.p95>1", "completion is one number"),
        ("ttft.p95<5%", "ttft is in s"),
        ("lost<5ms", "lost is a plain number"),
    ],
)
def test_what_is_no_threshold_is_said(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        threshold(text)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("completion >= 99%", 0.99),
        ("ttft.p95<500ms", 0.5),
        ("gap.p99.9<=2s", 2.0),
        ("memory<300MiB", 300.0),
        ("rate>1.5", 1.5),
    ],
)
def test_a_threshold_has_the_unit_of_its_measure(text: str, limit: float) -> None:
    found = threshold(text)
    assert found.limit == pytest.approx(limit)
    assert checked(found.metric, found.stat)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("completion>=60%", PASS), ("completion>=70%", FAIL), ("failed<0.34", PASS), ("failed<=0.1", FAIL),
        ("ttft.p95==0.5", PASS), ("ttft.max>0.5", FAIL), ("leaked==0", UNKNOWN), ("unknown==0", PASS),
    ],
)  # fmt: skip
def test_a_threshold_is_kept_or_crossed_or_cannot_be_told(text: str, verdict: Verdict) -> None:
    found = result(tally((PASS, COUNTED), (FAIL, NOTHING), (PASS, COUNTED)))
    (one,) = kept([threshold(text)], found)
    assert one.verdict is verdict


def test_what_holds_for_every_load_holds_unless_the_user_says_otherwise_of_the_same_measure() -> None:
    assert [one.text for one in all_of([])] == ["failed==0", "unknown==0", "lost==0"]
    assert [one.text for one in all_of(["failed<1%", "ttft.p95<1"])] == [
        "unknown==0",
        "lost==0",
        "failed<1%",
        "ttft.p95<1",
    ]
    found = result(tally((PASS, COUNTED), (UNKNOWN, COUNTED)))
    assert [one.verdict for one in kept(all_of([]), found)] == [PASS, UNKNOWN, PASS]


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (None, "s", "unknown"), (1.0, "%", "100%"), (0.0, "%", "0%"), (0.98765, "%", "98.77%"),
        (0.0125, "s", "12.5 ms"),
        (2.5, "s", "2.5 s"), (1234.5, "MiB", "1,234.5 MiB"), (1234, "", "1,234"), (0.25, "", "0.25"),
    ],
)  # fmt: skip
def test_a_number_is_told_with_its_unit(number: float | None, unit: str, text: str) -> None:
    assert told(number, unit) == text


# ---- times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("1m30s", 90.0), ("8h", 28_800.0), ("500ms", 0.5), ("1.5m", 90.0)],
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert seconds_of(text, "--for") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "ten", "10x", "m", "1m and", "-5s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--for .*expected a time such as 90s"):
        seconds_of(text, "--for")


@pytest.mark.parametrize(("seconds", "text"), [(5.9, "0:05"), (65, "1:05"), (3605, "1:00:05")])
def test_a_clock_shows_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


# ---- messages


@pytest.mark.parametrize(
    "message",
    [
        Progress(tally=tally((PASS, COUNTED), (FAIL, NOTHING)), sample=sample(1.0), held=0.5),
        Failure(event='{"event": "x"}'),
        Stopping(),
        Over(leaked=None),
    ],
)
def test_what_a_process_tells_is_read_as_it_was_told(message: Told) -> None:
    line = encoded(message)
    assert line.count(b"\n") == 1
    assert decoded(line) == message


# ---- what is told


def finished() -> Result:
    found = tally((PASS, COUNTED), (FAIL, COUNTED), (UNKNOWN, NOTHING))
    found.begun, found.cut = 5, 1
    found.breaks(Broken(law="SP02", case="cutoff.fin@bundled:42", harm="the user saw \x1b[2J half"))
    found.breaks(Broken(law="SP03", case="order.b@bundled:42", harm="the user saw it twice"))
    found.loses("cutoff.fin@bundled:42: ValueError: x")
    series = Series()
    for second in range(30):
        series.add(sample(second))
    return result(found, series=series, leaked=0, left_out=3, held=2.0, processes=2)


def test_the_summary_says_what_was_done_what_came_of_it_and_how_to_see_a_failure_again() -> None:
    found = finished()
    lines = list(summary.lines(found, kept(all_of([]), found)))
    text = "\n".join(lines)
    assert "20 streams in 2 processes for 10 s, seed 42" in text
    assert "3: 1 passed, 1 failed, 1 unknown, 1 lost, 1 cut" in text
    assert "3 scenarios of the mix cannot be played here" in text
    assert "for 2 s no call was begun" in text
    assert "ttft        p50 500 ms   p95 500 ms" in text
    assert "25.00% of the text that was streamed, some 12 tokens" in text
    assert "100.0 MiB (+0.0 MiB a minute), 5 sockets, 0 leaked" in text
    assert "streamproof replay cutoff.fin@bundled:42\n" in text
    assert r"the user saw \x1b[2J half" in text
    assert "without a verdict: cutoff.fin@bundled:42: ValueError: x" in text
    assert lines[-1] == "not kept: failed==0, lost==0"
    assert max(map(len, lines)) <= 80


def test_a_call_of_a_client_that_does_not_ship_is_replayed_by_what_it_was_called() -> None:
    found = finished()
    found.asked_for = "my:ADAPTER"
    assert "streamproof replay cutoff.fin@bundled:42 --client my:ADAPTER\n" in "\n".join(summary.lines(found, []))


def test_a_load_of_which_nothing_is_known_says_so_line_by_line() -> None:
    found = result(server="http://example.com")
    text = "\n".join(summary.lines(found, kept(all_of([]), found)))
    assert "against http://example.com" in text
    assert "ttft        unknown: this client showed no text while it came" in text
    assert "call        unknown: no call came to its end" in text
    assert "wasted      unknown: no text was streamed" in text
    assert "unknown (growth unknown), unknown sockets, unknown leaked" in text
    assert text.endswith("cannot be told: failed==0, unknown==0")


def test_a_load_that_kept_all_says_so_and_one_that_was_interrupted_says_that_first() -> None:
    found = result(tally((PASS, COUNTED)), is_interrupted=True)
    assert summary.sentence(found, kept(all_of([]), found)) == "interrupted: all thresholds were kept"
    assert "0 noted" not in summary.calls(found)
    assert "1 noted" in summary.calls(result(tally((Verdict.SKIP, COUNTED))))


def test_while_it_goes_on_two_lines_say_how_it_stands() -> None:
    above, below = summary.standing(finished(), 60.0)
    assert above.startswith("0:10 of 1:00, 3 of 20 streams, calls 3: 1 passed")
    assert below == "ttft p95 500 ms, gap p95 200 ms, memory 100.0 MiB"
    assert summary.standing(result(), 60.0)[1] == "ttft p95 unknown, gap p95 unknown, memory unknown"


def test_as_json_all_numbers_are_there_and_what_is_unknown_is_null() -> None:
    found = finished()
    tree = json.loads(json.dumps(summary.tree(found, kept(all_of(["ttft.p95<1"]), found))))
    assert tree["thresholds"][-1] == {"threshold": "ttft.p95<1", "verdict": "pass", "value": 0.5}
    assert tree["verdicts"] == {"pass": 1, "fail": 1, "unknown": 1, "skip": 0}
    assert tree["numbers"]["ttft"]["count"] == 2
    assert sum(count for _, _, count in tree["numbers"]["gap"]["buckets"]) == 4
    assert tree["numbers"]["completion"] == pytest.approx(2 / 3)
    assert tree["mix"] == {"cutoff.fin": {"pass": 1, "fail": 1, "unknown": 1}}
    assert len(tree["over_time"]) == 30
    empty = summary.tree(result(), [])
    assert (empty["numbers"]["ttft"], empty["numbers"]["memory"]) == (None, None)


# ---- drawings and the page


def test_a_drawing_has_a_bar_for_what_there_was_and_marks_the_quantiles() -> None:
    histogram = Histogram()
    histogram.add_all([0.001] * 98 + [0.01, 1.0])
    drawn = bars("gap", "between", histogram)
    assert drawn is not None
    assert [one.title for one in drawn.bars if one.height == HEIGHT] == [drawn.bars[0].title]
    assert drawn.bars[0].title.endswith(": 98")
    assert [one.name.split()[0] for one in drawn.marks] == ["p50", "p95", "p99"]
    assert all(0 <= one.x <= WIDTH for one in drawn.marks)
    assert drawn.count == 100
    assert bars("gap", "between", Histogram()) is None


def test_a_mark_at_the_end_has_its_name_on_its_left() -> None:
    histogram = Histogram()
    histogram.add_all([0.001, *[1.0] * 99])
    drawn = bars("gap", "between", histogram)
    assert drawn is not None
    assert [one.is_right for one in drawn.marks] == [True, True, True]
    alone = Histogram()
    alone.add(0.0)
    assert bars("gap", "between", alone) is not None


def test_a_line_over_time_needs_two_moments_of_which_it_is_known() -> None:
    known = [sample(0.0), sample(10.0, memory=50.0)]
    assert [one.name for one in over_time(known)] == ["calls at once", "memory", "sockets"]
    assert [one.name for one in over_time([sample(0.0, None, None), sample(10.0, None, None)])] == ["calls at once"]
    assert over_time([sample(0.0)]) == []
    flat = over_time([Sample(t=0.0, open=0, judged=0), Sample(t=0.0, open=0, judged=0)])
    assert flat[0].points == "0.0,120.0 0.0,120.0"


def test_the_page_loads_nothing_and_what_came_over_a_wire_is_text_in_it() -> None:
    found = finished()
    found.tally.broken[0] = Broken(law="SP02", case="cutoff.fin@bundled:42", harm="<script>alert(1)</script>")
    text = page(found, kept(all_of([]), found))
    assert "default-src 'none'; style-src 'sha256-" in unescape(text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<figure>") == 5 + 3
    assert "No call came to its end." in page(result(), [])
