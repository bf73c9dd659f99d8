"""What a link does with its toxics whatever they are: rows of them, changes under way, chance, counts; and the log."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest
from linked import Wire, installed

from harness.toxiproxy.events import KEPT_EVENTS, Carried, Event, EventLog, Stopped
from harness.toxiproxy.link import Dice, Link
from harness.toxiproxy.metrics import KEPT_SERIES, Series, Traffic
from harness.toxiproxy.pipe import FOREVER, RECEIVE, Emit, Flow, Pipe
from harness.toxiproxy.toxic import STANDARD, Activation, Installed, Toxic, attributes_of, is_standard, kinds

MORE = {"limit_time", "stall", "corrupt", "slow_open", "half_open", "reset_now"}
ALWAYS_ON = ("noop", "latency", "bandwidth", "slow_close", "slicer", "limit_data", "stall", "corrupt", "slow_open")


def wire(*toxics: tuple[str, dict[str, Any]]) -> Wire:
    """A wire with these toxics in a row."""
    made = Wire()
    for number, (kind, more) in enumerate(toxics):
        made.add(kind, **{"name": f"{kind}{number}", **more})
    return made


# ---- rows ------------------------------------------------------------------------------------------------------------


def test_a_link_without_toxics_passes_everything_at_once() -> None:
    one = Wire()
    one.send(b"ab", b"c")
    one.close()
    assert (one.out, one.ended, one.link.cut, one.link.wakes) == ([(0, b"ab"), (0, b"c")], 0, False, FOREVER)
    assert (one.link.received, one.link.taken) == (3, 3)


def test_a_link_is_clear_while_no_toxic_is_in_it() -> None:
    one = Wire()
    assert one.link.is_clear
    one.add("noop")
    assert not one.link.is_clear
    one.remove("noop")
    assert one.link.is_clear


def test_a_link_is_not_clear_while_something_waits_that_a_toxic_left_behind() -> None:
    one = Wire()
    one.add("latency", latency=1000)
    one.link.feed(b"a", 0.0)
    one.link.remove("latency", 0.0)
    assert not one.link.is_clear
    assert one.link.take(0.0) == b"a"
    assert one.link.is_clear


def test_what_passes_by_a_link_is_counted_and_not_seen() -> None:
    one = Wire()
    one.link.pass_by(3)
    assert (one.link.received, one.link.taken, one.link.take(0.0)) == (3, 3, None)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage collector: only what nothing refers to goes."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("kind", ALWAYS_ON)
def test_a_link_that_is_over_leaves_nothing_for_the_garbage_collector(kind: str) -> None:
    def report(*_: object) -> None:
        """Is held by every stage."""

    link, held = Link(report), weakref.ref(report)
    for name in ("first", "second"):
        link.add(installed(kind, name=name), Dice(seed="s", ordinal=1), 0.0)
    link.feed(b"some bytes", 0.0)
    del report
    assert held() is not None
    link.free()
    del link
    assert held() is None


def test_two_latencies_add_exactly() -> None:
    one = wire(("latency", {"latency": 200}), ("latency", {"latency": 200}))
    one.send(b"a")
    one.until(0.05)
    one.send(b"b")
    one.wait(1)
    assert one.out == [(0.4, b"a"), (0.45, b"b")]


def test_two_latencies_add_exactly_however_late_the_machine_comes() -> None:
    one = wire(("latency", {"latency": 200}), ("latency", {"latency": 200}))
    one.send(b"a")
    one.now = 0.39
    one.wait(1)
    assert one.out == [(0.4, b"a")]


@pytest.mark.parametrize(
    ("kind", "settings", "own"),
    [
        ("bandwidth", {"rate": 1}, [0.1, 0.2, 0.25]),
        ("slicer", {"average_size": 100, "delay": 10_000}, [0, 0.01, 0.02, 0.03]),
        ("stall", {"duration": 500}, [0.5]),
        ("slow_open", {"delay": 500}, [0.5]),
    ],
)
def test_latency_counts_from_the_moment_at_which_the_toxic_before_it_let_go(
    kind: str, settings: dict[str, Any], own: list[float]
) -> None:
    alone, one = wire((kind, settings)), wire((kind, settings), ("latency", {"latency": 300}))
    for each in (alone, one):
        each.send(bytes(250))
        each.wait(1)
    assert [when for when, _ in alone.out] == own
    assert [when for when, _ in one.out] == [round(when + 0.3, 6) for when in own]


def test_a_chunk_behind_one_that_waited_carries_the_time_at_which_it_really_went_on() -> None:
    one = wire(("slicer", {"average_size": 1, "delay": 100_000}), ("latency", {"latency": 300}))
    one.send(b"ab", b"c")
    one.wait(1)
    assert one.out == [(0.3, b"a"), (0.4, b"b"), (0.5, b"c")]


def test_slow_close_delays_the_close_of_a_toxic_before_it_and_not_of_one_behind_it() -> None:
    delayed = wire(("limit_data", {"bytes": 2}), ("slow_close", {"delay": 500}))
    at_once = wire(("slow_close", {"delay": 500}), ("limit_data", {"bytes": 2}))
    for one in (delayed, at_once):
        one.send(b"abc", b"d")
        one.wait(1)
    assert (delayed.out, delayed.ended) == ([(0, b"ab")], 0.5)
    assert (at_once.out, at_once.ended) == ([(0, b"ab")], 0)
    assert delayed.link.cut
    assert at_once.link.cut


def test_toxics_act_in_the_order_in_which_they_came() -> None:
    one = wire(("slicer", {"average_size": 1}), ("limit_data", {"bytes": 3}))
    other = wire(("limit_data", {"bytes": 3}), ("slicer", {"average_size": 3}))
    for each in (one, other):
        each.send(b"abcdef")
    assert (one.out, other.out) == ([(0, b"a"), (0, b"b"), (0, b"c")], [(0, b"abc")])


def test_what_a_toxic_let_through_still_comes_after_it_has_closed() -> None:
    one = wire(("limit_data", {"bytes": 2}), ("latency", {"latency": 300}))
    one.send(b"abc")
    one.wait(1)
    assert (one.out, one.ended) == ([(0.3, b"ab")], 0.3)


# ---- a reader that does not read -------------------------------------------------------------------------------------


def test_a_reader_that_does_not_read_stops_the_source_and_loses_nothing() -> None:
    one = wire(("noop", {}), ("slicer", {"average_size": 1}))
    one.reads = False
    one.send(*[b"ab"] * 20)
    assert one.link.received < 20
    assert not one.link.wants_input
    one.read()
    assert one.data == b"ab" * 20


def test_toxics_come_change_and_go_while_nobody_reads() -> None:
    one = Wire(reads=False)
    one.send(b"a", b"b", b"c")
    one.add("slicer", average_size=1)
    one.add("noop")
    one.add("latency", latency=100)
    one.send(b"defg")
    one.update("slicer", average_size=2)
    one.update("noop")
    one.remove("noop")
    one.remove("slicer")
    one.remove("latency")
    assert one.out == []
    one.read()
    assert one.data == b"abcdefg"


def test_an_update_takes_hold_when_what_is_being_passed_on_has_gone() -> None:
    one = wire(("slicer", {"average_size": 1}))
    one.reads = False
    one.send(b"abcdef")
    one.update("slicer0", average_size=3)
    one.read()
    assert one.out == [(0, b"a"), (0, b"b"), (0, b"cd"), (0, b"ef")]


def test_a_limit_that_is_raised_while_the_last_bytes_are_being_passed_on_comes_too_late() -> None:
    one = wire(("noop", {}), ("limit_data", {"bytes": 2}))
    one.reads = False
    one.send(b"a", b"bcd")
    one.update("limit_data1", bytes=100)
    one.read()
    assert (one.data, one.ended) == (b"ab", 0)


# ---- changes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["latency", "bandwidth", "stall", "slow_open", "slicer"])
def test_a_neighbour_that_comes_or_goes_releases_nothing_that_waits(kind: str) -> None:
    settings = {"latency": 500, "rate": 1, "duration": 500, "average_size": 250, "delay": 500_000}
    if kind == "slow_open":
        settings["delay"] = 500
    own = {name: settings[name] for name in attributes_of(kinds()[kind]) if name in settings}
    quiet, disturbed = wire(("noop", {}), (kind, own)), wire(("noop", {}), (kind, own))
    for one in (quiet, disturbed):
        one.send(bytes(500))
        one.close()
    disturbed.until(0.05)
    disturbed.add("latency", name="new", latency=0)
    disturbed.remove("noop0")
    disturbed.until(0.07)
    disturbed.remove("new")
    for one in (quiet, disturbed):
        one.wait(10)
    assert (disturbed.out, disturbed.ended) == (quiet.out, quiet.ended)


def test_a_neighbour_that_comes_or_goes_does_not_restart_slow_close() -> None:
    one = wire(("slow_close", {"delay": 500}))
    one.close()
    one.until(0.3)
    one.add("noop")
    one.until(0.4)
    one.remove("noop")
    one.wait(1)
    assert one.ended == 0.5


def test_a_neighbour_that_comes_or_goes_throws_no_die_again() -> None:
    wires = [Wire() for _ in range(50)]
    for number, one in enumerate(wires):
        one.add("limit_data", toxicity=0.5, bytes=0, seed=str(number))
        for _ in range(10):
            one.add("noop")
            one.remove("noop")
        one.send(b"a")
    acted = [one.ended is not None for one in wires]
    again = [Wire() for _ in range(50)]
    for number, one in enumerate(again):
        one.add("limit_data", toxicity=0.5, bytes=0, seed=str(number))
        one.send(b"a")
    assert acted == [one.ended is not None for one in again]


def test_a_removed_toxic_hands_on_what_waits_before_it_in_order() -> None:
    one = wire(("stall", {}), ("latency", {"latency": 100}), ("noop", {}))
    one.send(b"a", b"b")
    one.until(1)
    one.remove("stall0")
    one.wait(1)
    assert one.out == [(1, b"a"), (1, b"b")]


def test_a_toxic_in_the_middle_can_go_while_the_others_hold_data() -> None:
    one = wire(("bandwidth", {"rate": 1}), ("stall", {}), ("latency", {"latency": 200}))
    one.send(bytes(100), bytes(100), bytes(100))
    one.close()
    one.until(0.25)
    one.remove("stall1")
    one.wait(1)
    assert one.out == [(0.3, bytes(100)), (0.4, bytes(100)), (0.5, bytes(100))]
    assert one.ended == 0.5


def test_what_is_unknown_can_be_updated_and_removed_without_harm() -> None:
    one = wire(("latency", {"latency": 100}))
    one.send(b"a")
    one.link.update(installed("noop"), one.now)
    one.link.remove("noop", one.now)
    one.wait(1)
    assert one.out == [(0.1, b"a")]


@pytest.mark.parametrize("kind", ["timeout", "half_open"])
@pytest.mark.parametrize("before", [0, 1])
def test_where_bytes_were_dropped_none_follow_the_removal(kind: str, before: int) -> None:
    one = wire(*[("noop", {})] * before, (kind, {"after_bytes": 2}), ("latency", {"latency": 500}))
    one.send(b"abc")
    one.until(0.1)
    one.remove(f"{kind}{before}")
    one.send(b"d", b"e", b"f")
    one.wait(1)
    assert (one.data, one.ended, one.link.cut) == (b"ab", 0.5, True)


@pytest.mark.parametrize("change", [{"toxicity": 0}, {"after_bytes": 100}, {"skip_connections": 1}], ids=str)
@pytest.mark.parametrize("kind", ["timeout", "half_open", "reset_peer"])
def test_where_bytes_were_dropped_none_follow_an_update(kind: str, change: dict[str, Any]) -> None:
    one = wire((kind, {"timeout": 5000}))
    one.send(b"a")
    one.update(f"{kind}0", **change)
    one.send(b"b")
    one.wait(1)
    assert one.out == []
    assert (one.ended is None) == ("after_bytes" in change)


def test_what_waits_for_a_toxic_that_has_closed_is_lost_when_it_goes() -> None:
    one = wire(("slicer", {"average_size": 1}), ("limit_data", {"bytes": 2}))
    one.send(b"abcdef")
    one.remove("limit_data1")
    one.remove("slicer0")
    one.wait(1)
    assert (one.data, one.ended) == (b"ab", 0)


def test_a_link_that_was_cut_stays_so_when_the_toxic_goes() -> None:
    one = wire(("limit_data", {"bytes": 2}))
    one.reads = False
    one.send(b"abc")
    one.remove("limit_data0")
    one.read()
    assert (one.data, one.ended, one.link.cut) == (b"ab", 0, True)


def test_a_link_that_was_reset_stays_so_when_the_toxic_goes() -> None:
    one = wire(("reset_now", {}))
    one.remove("reset_now0")
    assert one.link.reset


@pytest.mark.parametrize("kind", ALWAYS_ON)
def test_a_toxic_that_goes_behind_all_data_cuts_nothing(kind: str) -> None:
    one = wire((kind, {"bytes": 10}))
    one.reads = False
    one.send(b"ab")
    one.close()
    one.remove(f"{kind}0")
    one.read()
    assert (one.data, one.ended is not None, one.link.cut) == (b"ab", True, False)


def test_a_toxic_that_comes_after_the_receiver_closed_knows_it() -> None:
    one = wire(("latency", {"latency": 500}))
    one.send(b"a")
    one.close_far_side()
    one.close()
    one.add("half_open")
    one.wait(1)
    assert (one.out, one.ended) == ([], 0.5)


@pytest.mark.parametrize("kind", ["half_open", "slow_close", "slow_open", "reset_now"])
def test_a_toxic_that_comes_when_all_is_over_changes_nothing(kind: str) -> None:
    one = Wire()
    one.close()
    one.add(kind, delay=500)
    assert (one.link.ended, one.link.reset, one.struck) == (True, False, [])


def test_a_toxic_that_comes_when_all_is_over_delays_the_end_of_what_was_not_taken() -> None:
    one = Wire(reads=False)
    one.send(b"a")
    one.close()
    one.add("slow_close", delay=500)
    one.read()
    one.wait(1)
    assert (one.out, one.ended) == ([(0, b"a")], 0.5)


# ---- when a toxic acts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings", "out", "ended"),
    [
        ("timeout", {}, [(0, b"abc"), (0, b"d")], None),
        ("stall", {"duration": 500}, [(0, b"abc"), (0, b"d"), (0.5, b"ef")], None),
        ("latency", {"latency": 500}, [(0, b"abc"), (0, b"d"), (0.5, b"ef")], None),
        ("limit_data", {"bytes": 1}, [(0, b"abc"), (0, b"d"), (0, b"e")], 0),
        ("limit_data", {"bytes": 0}, [(0, b"abc"), (0, b"d")], 0),
        ("slicer", {"average_size": 1}, [(0, b"abc"), (0, b"d"), (0, b"e"), (0, b"f")], None),
        ("half_open", {}, [(0, b"abc"), (0, b"d")], None),
        ("reset_peer", {}, [(0, b"abc"), (0, b"d")], 0),
        ("reset_now", {}, [(0, b"abc"), (0, b"d")], 0),
    ],
)
def test_after_bytes_a_toxic_begins_with_the_byte_after_these(
    kind: str, settings: dict[str, Any], out: list[tuple[float, bytes]], ended: float | None
) -> None:
    one = wire((kind, {"after_bytes": 4, **settings}))
    one.send(b"abc", b"def")
    one.wait(1)
    assert (one.out, one.ended) == (out, ended)
    assert one.link.reset == kind.startswith("reset")
    assert one.struck[0][2] in (4, 5)


def test_after_bytes_corrupt_flips_the_byte_behind_them() -> None:
    one = wire(("corrupt", {"after_bytes": 5, "probability": 1, "count": 1}))
    one.send(bytes(4), bytes(4))
    assert [place for place, byte in enumerate(one.data) if byte] == [5]
    assert one.struck == [(0, "corrupt0", 5, "byte 5")]


def test_an_end_before_after_bytes_passes() -> None:
    one = wire(("stall", {"after_bytes": 4}))
    one.send(b"abc")
    one.close()
    assert (one.data, one.ended, one.struck) == (b"abc", 0, [])


def test_the_time_of_a_toxic_that_begins_after_bytes_counts_from_there() -> None:
    one = wire(("timeout", {"after_bytes": 1, "timeout": 500}))
    one.until(2)
    one.send(b"a")
    one.wait(1)
    assert (one.data, one.ended) == (b"a", 2.5)


def test_a_toxic_that_has_begun_does_not_wait_for_its_bytes_again_after_an_update() -> None:
    one = wire(("limit_data", {"after_bytes": 4, "bytes": 4}))
    one.send(bytes(6))
    one.update("limit_data0", bytes=5)
    one.send(bytes(9))
    assert len(one.data) == 9


@pytest.mark.parametrize(
    ("activation", "acts"),
    [
        (Activation(), [1, 2, 3, 4, 5]),
        (Activation(skip_connections=2), [3, 4, 5]),
        (Activation(only_connections=2), [1, 2]),
        (Activation(skip_connections=1, only_connections=2), [2, 3]),
        (Activation(skip_connections=-3, only_connections=1), [1]),
        (Activation(skip_connections=-3, only_connections=-1), [1, 2, 3, 4, 5]),
        (Activation(skip_connections=2**63 - 1, only_connections=2**63 - 1), []),
    ],
    ids=str,
)
def test_a_toxic_acts_on_the_connections_that_its_counts_name(activation: Activation, acts: list[int]) -> None:
    assert [ordinal for ordinal in range(1, 6) if activation.acts_on(ordinal)] == acts


def test_a_connection_that_the_counts_spare_is_left_alone_by_removal_too() -> None:
    one = Wire()
    one.add("timeout", ordinal=2, only_connections=1)
    one.send(b"a")
    one.remove("timeout")
    one.send(b"b")
    assert (one.data, one.ended, one.struck) == (b"ab", None, [])


# ---- chance ----------------------------------------------------------------------------------------------------------


def acted(seed: str, toxicity: float = 0.5, name: str = "x") -> bool:
    one = Wire()
    one.add("limit_data", name=name, toxicity=toxicity, seed=seed)
    one.send(b"a")
    return one.ended is not None


def test_a_die_falls_the_same_for_the_same_seed_and_differs_between_seeds_and_names() -> None:
    seeds = [str(number) for number in range(100)]
    falls = [acted(seed) for seed in seeds]
    assert falls == [acted(seed) for seed in seeds]
    assert falls != [acted(seed, name="y") for seed in seeds]
    assert 30 < sum(falls) < 70


@pytest.mark.parametrize(("toxicity", "share"), [(0, 0), (-1, 0), (1, 100), (5, 100)])
def test_no_toxicity_never_acts_and_full_toxicity_always(toxicity: float, share: int) -> None:
    assert sum(acted(str(number), toxicity) for number in range(100)) == share


def test_more_toxicity_acts_on_all_that_less_would() -> None:
    little, more = ({n for n in range(100) if acted(str(n), toxicity)} for toxicity in (0.2, 0.6))
    assert little < more


def test_an_update_throws_the_die_again_and_the_same_seed_the_same_way() -> None:
    def falls(seed: str) -> list[bool]:
        one = wire()
        one.add("latency", name="x", toxicity=0.5, latency=1000, seed=seed)
        found = []
        for _ in range(30):
            one.update("x")
            one.send(b"a")
            found.append(one.link.wakes < FOREVER)
            one.wait(2)
        return found

    assert falls("1") == falls("1") != falls("2")
    assert 5 < sum(falls("1")) < 25


def test_chance_is_the_same_for_the_same_seed() -> None:
    def sizes(seed: str) -> list[int]:
        one = Wire()
        one.add("slicer", average_size=10, size_variation=5, seed=seed)
        one.send(bytes(1000))
        return one.sizes

    assert sizes("1") == sizes("1") != sizes("2")


# ---- a toxic of one's own --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shout(Toxic):
    """Says everything twice, nothing before each, and something before all."""

    def pipe(self, flow: Flow) -> Pipe:
        yield Emit(b">")
        while (chunk := (yield RECEIVE)) is not None:
            yield Emit(b"")
            yield Emit(chunk.data * 2)


def test_a_toxic_of_ones_own_may_pass_on_nothing_or_more_than_came() -> None:
    one = Wire()
    own = Installed(name="x", type="shout", stream="downstream", toxic=Shout())
    one.link.add(own, Dice(seed="s", ordinal=1), one.now)
    one.send(b"ab", b"c")
    one.close()
    assert (one.out, one.ended) == ([(0, b">"), (0, b"abab"), (0, b"cc")], 0)


# ---- what a toxic is -------------------------------------------------------------------------------------------------


def test_there_are_the_standard_toxics_and_six_more() -> None:
    assert kinds().keys() >= STANDARD | MORE


def test_a_toxic_is_a_value() -> None:
    toxic: Any = kinds()["latency"]()
    with pytest.raises(FrozenInstanceError):
        toxic.latency = 5
    assert toxic == kinds()["latency"]()


@pytest.mark.parametrize("kind", sorted(STANDARD | MORE))
def test_attributes_that_are_not_given_are_0_and_toxicity_is_1(kind: str) -> None:
    plain = Installed(name="x", type=kind, stream="upstream", toxic=kinds()[kind]())
    assert set(plain.to_json()["attributes"].values()) <= {0}
    assert (plain.toxicity, plain.changed({}, None)) == (1, plain)


def test_a_toxic_is_shown_with_its_attributes_in_the_order_of_the_api() -> None:
    shown = installed("slicer", average_size=3).to_json()
    assert list(shown) == ["attributes", "name", "type", "stream", "toxicity"]
    assert list(shown["attributes"].items()) == [("average_size", 3), ("size_variation", 0), ("delay", 0)]
    assert (shown["stream"], shown["toxicity"]) == ("downstream", 1)


def test_a_toxic_shows_when_it_acts_only_if_that_is_set_and_its_stream_as_it_was_written() -> None:
    shown = installed("noop", after_bytes=5).to_json()
    assert shown["attributes"] == {"after_bytes": 5}
    written = Installed(name="x", type="noop", stream="upstream", toxic=kinds()["noop"](), written="UpStream")
    assert written.to_json()["stream"] == "UpStream"


def test_attributes_are_merged_in_any_case_and_unknown_or_empty_ones_are_ignored() -> None:
    one = installed("latency", latency=5, jitter=2)
    two = one.changed({"LATENCY": 7, "jitter": None, "colour": "red", "Skip_Connections": 1}, 0.5)
    assert two.to_json()["attributes"] == {"latency": 7, "jitter": 2, "skip_connections": 1}
    assert (one.toxicity, two.toxicity, two.changed({}, None)) == (1, 0.5, two)


@pytest.mark.parametrize("value", ["5", 1.5, True, [], {}, 2**63, -(2**63) - 1])
def test_a_whole_attribute_of_a_wrong_kind_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="attribute latency must be an integer"):
        installed("latency", latency=value)


@pytest.mark.parametrize(
    "value", ["5", True, [], {}, 10**400, float("inf"), float("nan")], ids=lambda one: str(one)[:9]
)
def test_a_fraction_of_a_wrong_kind_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="attribute probability must be a number"):
        installed("corrupt", probability=value)


def test_a_fraction_may_be_written_as_a_whole_number() -> None:
    attributes = installed("corrupt", probability=1).to_json()["attributes"]
    assert (attributes["probability"], type(attributes["probability"])) == (1, float)


@pytest.mark.parametrize(
    ("kind", "attributes", "standard"),
    [
        ("latency", {"latency": 1}, True),
        ("latency", {"latency": 1, "jitter": 1}, True),
        ("latency", {"latency": 1, "after_bytes": 5}, False),
        ("stall", {}, False),
        ("nonsense", {}, False),
    ],
)
def test_a_toxic_is_standard_when_toxiproxy_understands_all_of_it(
    kind: str, attributes: dict[str, Any], standard: bool
) -> None:
    assert is_standard(kind, attributes) is standard


# ---- events and counters ---------------------------------------------------------------------------------------------


def stopped(proxy: str = "p") -> Event:
    return Stopped(at=0, proxy=proxy)


def carried() -> Event:
    return Carried(at=0, proxy="p", connection=1, stream="upstream", data=b"x")


def test_events_are_numbered_and_found_by_number_and_proxy() -> None:
    log = EventLog()
    for proxy in "abab":
        log.add(stopped(proxy))
    assert [one.number for one in log.after(0)] == [1, 2, 3, 4]
    assert [one.number for one in log.after(1, "b")] == [2, 4]
    assert list(log.after(4)) == []


def test_the_last_events_are_kept() -> None:
    log = EventLog()
    for _ in range(KEPT_EVENTS + 5):
        log.add(stopped())
    assert [one.number for one in log.after(0)] == list(range(6, KEPT_EVENTS + 6))


def test_an_observer_is_told_of_everything_and_the_log_keeps_no_bytes() -> None:
    told: list[Event] = []
    log = EventLog(told.append, carries=True)
    for event in (stopped(), carried(), stopped()):
        log.add(event)
    assert [type(one) for one in told] == [Stopped, Carried, Stopped]
    assert [(type(one), one.number) for one in log.after(0)] == [(Stopped, 1), (Stopped, 2)]


@pytest.mark.parametrize("carries", [True, False])
def test_bytes_are_wanted_only_by_an_observer_who_asks_for_them(carries: bool) -> None:
    assert EventLog(print, carries=carries).carries is carries
    assert EventLog(carries=carries).carries is False


def test_who_waits_for_events_is_woken_by_those_that_are_kept() -> None:
    log, wakes = EventLog(), [0]

    def wake() -> None:
        wakes[0] += 1

    log.waiters.add(wake)
    for event in (stopped(), carried(), stopped()):
        log.add(event)
    assert wakes == [2]


def test_counters_add_up_for_each_series_and_are_shown_sorted_as_prometheus_text() -> None:
    traffic = Traffic()
    traffic.add(Series("upstream", "l:1", "p", "u:2"), 5, 4)
    traffic.add(Series("downstream", "l:1", "p", "u:2"), 7, 7)
    traffic.add(Series("upstream", "l:1", "p", "u:2"), 1, 1)
    labels = 'listener="l:1",proxy="p",upstream="u:2"'
    assert traffic.text().splitlines() == [
        "# HELP toxiproxy_proxy_received_bytes_total Total bytes received on a given proxy link in a given direction",
        "# TYPE toxiproxy_proxy_received_bytes_total counter",
        f'toxiproxy_proxy_received_bytes_total{{direction="downstream",{labels}}} 7',
        f'toxiproxy_proxy_received_bytes_total{{direction="upstream",{labels}}} 6',
        "# HELP toxiproxy_proxy_sent_bytes_total Total bytes sent on a given proxy link in a given direction",
        "# TYPE toxiproxy_proxy_sent_bytes_total counter",
        f'toxiproxy_proxy_sent_bytes_total{{direction="downstream",{labels}}} 7',
        f'toxiproxy_proxy_sent_bytes_total{{direction="upstream",{labels}}} 5',
    ]
    assert traffic.text().endswith("5\n")


def test_no_traffic_is_no_text() -> None:
    assert Traffic().text() == ""


def test_names_in_labels_are_escaped() -> None:
    traffic = Traffic()
    traffic.add(Series("upstream", "", 'a"b\\c\nd', ""), 0, 0)
    assert r'proxy="a\"b\\c\nd"' in traffic.text()


def test_the_series_that_was_quiet_for_longest_is_forgotten_first() -> None:
    traffic = Traffic()
    series = [Series("upstream", "", f"p{number}", "") for number in range(KEPT_SERIES + 1)]
    for one in series[:-1]:
        traffic.add(one, 1, 1)
    assert traffic.text().count("received_bytes_total{") == KEPT_SERIES
    traffic.add(series[0], 1, 1)
    traffic.add(series[-1], 1, 1)
    text = traffic.text()
    assert 'proxy="p0"' in text
    assert 'proxy="p1"' not in text
