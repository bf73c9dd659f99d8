"""Each toxic in virtual time: which bytes come out, in which pieces, exactly when, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from linked import Wire

from harness.toxiproxy.pipe import FOREVER
from harness.toxiproxy.toxic import attributes_of, kinds

HOUR = 3600.0
EXTREMES = (-(2**63), -1, 0, 1, 2**63 - 1)


def wire(kind: str, **more: Any) -> Wire:
    """A wire with one toxic."""
    made = Wire()
    made.add(kind, **more)
    return made


# ---- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", kinds())
def test_a_toxic_says_nothing_of_its_own_accord(kind: str) -> None:
    one = Wire()
    one.add(kind)
    assert one.out == []


@pytest.mark.parametrize("value", EXTREMES)
@pytest.mark.parametrize("kind", kinds())
def test_no_value_of_the_attributes_makes_a_toxic_raise_or_spin(kind: str, value: int) -> None:
    one = wire(kind, **dict.fromkeys(attributes_of(kinds()[kind]), value))
    one.send(bytes(2000), b"x")
    one.close()
    one.wait(HOUR)
    one.update(kind, **dict.fromkeys(attributes_of(kinds()[kind]), 0))
    one.wait(HOUR)
    one.remove(kind)
    one.close_far_side()
    assert one.link.reset or one.ended is not None


@pytest.mark.parametrize("toxicity", [0, -1])
@pytest.mark.parametrize("kind", kinds())
def test_a_toxic_that_the_die_spared_does_nothing(kind: str, toxicity: float) -> None:
    one = wire(kind, toxicity=toxicity, **dict.fromkeys(attributes_of(kinds()[kind]), 1))
    one.send(b"ab", b"c")
    one.close()
    assert (one.out, one.ended, one.struck) == ([(0, b"ab"), (0, b"c")], 0, [])


@pytest.mark.parametrize(
    ("kind", "settings", "note"),
    [
        ("noop", {}, ""),
        ("latency", {"latency": 5}, "5 ms"),
        ("bandwidth", {"rate": 1}, ""),
        ("slow_close", {"delay": 5}, ""),
        ("timeout", {"timeout": 5}, ""),
        ("reset_peer", {"timeout": 5}, ""),
        ("slicer", {"average_size": 1}, ""),
        ("limit_data", {"bytes": 1}, ""),
        ("limit_time", {"time": 0}, ""),
        ("stall", {"duration": 5}, ""),
        ("corrupt", {"probability": 1}, "byte 0"),
        ("slow_open", {"delay": 5}, ""),
        ("half_open", {}, ""),
        ("reset_now", {"delay": 5}, ""),
    ],
)
def test_a_toxic_says_once_that_it_did_its_work(kind: str, settings: dict[str, int], note: str) -> None:
    one = wire(kind, **settings)
    one.send(b"abc", b"def")
    one.close()
    one.wait(1)
    assert [(name, said) for _, name, _, said in one.struck] == [(kind, note)]


def test_noop_passes_chunks_as_they_are() -> None:
    one = wire("noop")
    one.send(b"ab", b"c")
    one.close()
    assert (one.out, one.ended) == ([(0, b"ab"), (0, b"c")], 0)
    assert one.struck == [(0, "noop", 0, "")]


# ---- latency ---------------------------------------------------------------------------------------------------------


def test_latency_delays_each_chunk_and_the_delays_do_not_add_up() -> None:
    one = wire("latency", latency=300)
    for _ in range(4):
        one.send(b"a")
        one.wait(0.05)
    one.wait(1)
    assert one.out == [(0.3, b"a"), (0.35, b"a"), (0.4, b"a"), (0.45, b"a")]
    assert one.struck == [(0, "latency", 0, "300 ms")]


def test_latency_delays_the_end_only_behind_data() -> None:
    bare, behind = wire("latency", latency=300), wire("latency", latency=300)
    behind.send(b"a")
    for one in (bare, behind):
        one.close()
        one.wait(1)
    assert (bare.ended, behind.ended) == (0, 0.3)


def test_latency_with_jitter_is_drawn_from_its_range_and_keeps_the_order() -> None:
    one = wire("latency", latency=100, jitter=50)
    for number in range(200):
        one.send(bytes([number]))
        one.wait(1)
    delays = [when - number for number, (when, _) in enumerate(one.out)]
    assert one.data == bytes(range(200))
    assert 0.05 <= min(delays) < 0.055
    assert 0.145 < max(delays) < 0.15


def test_a_short_delay_behind_a_long_one_comes_right_after_it() -> None:
    one = wire("latency", latency=100, jitter=100)
    one.send(*(bytes([number]) for number in range(50)))
    one.wait(1)
    times = [when for when, _ in one.out]
    assert (one.data, times) == (bytes(range(50)), sorted(times))
    assert len(set(times)) < 50


def test_jitter_beyond_latency_never_makes_data_early() -> None:
    one = wire("latency", latency=5, jitter=60)
    for _ in range(50):
        one.send(b"a")
        one.wait(1)
    assert all(when >= number for number, (when, _) in enumerate(one.out))
    assert any(when == number for number, (when, _) in enumerate(one.out))


def test_latency_holds_1024_chunks_and_one_in_hand_and_then_the_source_waits() -> None:
    one = wire("latency", latency=1000)
    one.send(*[b"a"] * 2000)
    assert one.link.received == 1025
    one.wait(2)
    assert [when for when, _ in one.out] == [1.0] * 1025 + [2.0] * 975


def test_a_new_latency_applies_to_what_waits_counted_from_its_arrival() -> None:
    one = wire("latency", latency=500)
    one.send(b"a")
    one.until(0.2)
    one.send(b"b")
    one.update("latency", latency=300)
    one.wait(1)
    assert one.out == [(0.3, b"a"), (0.5, b"b")]


def test_a_shorter_latency_lets_go_at_once_what_is_due_and_a_removed_one_everything() -> None:
    shorter, removed = wire("latency", latency=500), wire("latency", latency=500)
    for one in (shorter, removed):
        one.send(b"a")
        one.until(0.2)
        one.send(b"b")
    shorter.update("latency", latency=100)
    removed.remove("latency")
    shorter.wait(1)
    assert shorter.out == [(0.2, b"a"), (0.3, b"b")]
    assert removed.out == [(0.2, b"a"), (0.2, b"b")]


# ---- bandwidth -------------------------------------------------------------------------------------------------------


def test_bandwidth_lets_data_come_after_the_time_they_take_in_pieces_of_100_ms() -> None:
    one = wire("bandwidth", rate=1)
    one.send(bytes(350))
    one.wait(1)
    assert [(when, len(piece)) for when, piece in one.out] == [(0.1, 100), (0.2, 100), (0.3, 100), (0.35, 50)]


def test_bandwidth_counts_chunks_behind_each_other_and_gives_no_credit_for_idle_time() -> None:
    one = wire("bandwidth", rate=1)
    one.send(bytes(50), bytes(50))
    one.until(5)
    one.send(bytes(50))
    one.wait(1)
    assert [when for when, _ in one.out] == [0.05, 0.1, 5.05]


def test_bandwidth_is_exact_however_late_the_machine_comes() -> None:
    one = wire("bandwidth", rate=1)
    one.send(bytes(200))
    one.now = 0.15
    one.wait(1)
    assert [(when, len(piece)) for when, piece in one.out] == [(0.15, 100), (0.2, 100)]


def test_the_end_waits_behind_the_data_that_bandwidth_holds() -> None:
    one = wire("bandwidth", rate=1)
    one.send(bytes(50))
    one.close()
    one.wait(1)
    assert one.ended == 0.05


@pytest.mark.parametrize("rate", [0, -1])
def test_bandwidth_without_a_rate_lets_nothing_pass_nor_the_end_until_it_is_removed(rate: int) -> None:
    one = wire("bandwidth", rate=rate)
    one.send(b"ab")
    one.close()
    one.wait(HOUR)
    assert (one.out, one.ended, one.link.wakes) == ([], None, FOREVER)
    one.remove("bandwidth")
    assert (one.out, one.ended) == ([(HOUR, b"ab")], HOUR)


def test_a_new_rate_applies_to_the_rest_of_the_chunk_that_waits() -> None:
    one = wire("bandwidth", rate=1)
    one.send(bytes(300))
    one.until(0.15)
    one.update("bandwidth", rate=2)
    one.wait(1)
    assert [(when, len(piece)) for when, piece in one.out] == [(0.1, 100), (0.2, 200)]


def test_an_update_does_not_lend_bandwidth_time_that_earlier_data_took() -> None:
    one = wire("bandwidth", rate=1)
    one.send(bytes(100), bytes(100))
    one.until(0.15)
    one.update("bandwidth", rate=1)
    one.wait(1)
    assert [when for when, _ in one.out] == [0.1, 0.2]


def test_removed_bandwidth_lets_the_rest_of_the_chunk_go_at_once() -> None:
    one = wire("bandwidth", rate=1)
    one.send(bytes(300), b"x")
    one.until(0.15)
    one.remove("bandwidth")
    assert [(when, len(piece)) for when, piece in one.out] == [(0.1, 100), (0.15, 200), (0.15, 1)]


def test_bandwidth_and_slicer_count_from_their_own_coming_for_what_was_there_before() -> None:
    wide, sliced = Wire(reads=False), Wire(reads=False)
    for one in (wide, sliced):
        one.send(bytes(50))
        one.until(1)
    wide.add("bandwidth", rate=1)
    sliced.add("slicer", average_size=25, delay=10_000)
    for one in (wide, sliced):
        one.read()
        one.wait(1)
    assert [when for when, _ in wide.out] == [1.05]
    assert [when for when, _ in sliced.out] == [1, 1.01]


# ---- slicer ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "average", "sizes"), [(1000, 64, [62, 63] * 8), (24, 1, [1] * 24), (5, 5, [5]), (6, 5, [3, 3])]
)
def test_slicer_halves_until_pieces_are_small_enough(size: int, average: int, sizes: list[int]) -> None:
    one = wire("slicer", average_size=average)
    data = bytes(number % 251 for number in range(size))
    one.send(data)
    assert (one.sizes, one.data) == (sizes, data)


def test_pieces_of_slicer_vary_within_bounds() -> None:
    one = wire("slicer", average_size=1024, size_variation=512)
    one.send(*[bytes(32768)] * 4)
    assert sum(one.sizes) == 4 * 32768
    assert (1024 + 512 + 1) // 2 - 512 <= min(one.sizes) < 512
    assert 1100 < max(one.sizes) <= 1024 + 512


@pytest.mark.parametrize("average", [0, -5])
def test_slicer_without_a_size_passes_chunks_whole(average: int) -> None:
    one = wire("slicer", average_size=average)
    one.send(b"abc", b"de")
    assert one.sizes == [3, 2]


@pytest.mark.parametrize("variation", [10, 2**63 - 1])
def test_a_variation_beyond_the_average_still_cuts_nothing_but_pieces(variation: int) -> None:
    one = wire("slicer", average_size=1, size_variation=variation)
    one.send(bytes(100))
    assert sum(one.sizes) == 100
    assert min(one.sizes) > 0


def test_the_delay_of_slicer_is_in_microseconds_and_follows_each_piece_the_last_one_too() -> None:
    one = wire("slicer", average_size=1, delay=10_000)
    one.send(b"abc", b"d")
    one.wait(1)
    assert one.out == [(0, b"a"), (0.01, b"b"), (0.02, b"c"), (0.03, b"d")]


def test_the_end_comes_after_the_delay_behind_the_last_piece() -> None:
    one = wire("slicer", average_size=1, delay=10_000)
    one.send(b"ab")
    one.close()
    one.wait(1)
    assert one.ended == 0.02


def test_updated_slicer_cuts_what_is_left_and_removed_slicer_sends_it_whole() -> None:
    updated, removed = wire("slicer", average_size=1, delay=10_000), wire("slicer", average_size=1, delay=10_000)
    for one in (updated, removed):
        one.send(b"abcdef")
        one.until(0.015)
    updated.update("slicer", average_size=2)
    removed.remove("slicer")
    updated.wait(1)
    assert updated.out == [(0, b"a"), (0.01, b"b"), (0.015, b"cd"), (0.02, b"ef")]
    assert removed.out == [(0, b"a"), (0.01, b"b"), (0.015, b"cdef")]


# ---- slow_close ------------------------------------------------------------------------------------------------------


def test_slow_close_passes_data_at_once_and_delays_the_end() -> None:
    one = wire("slow_close", delay=200)
    one.send(b"a")
    one.close()
    one.wait(1)
    assert (one.out, one.ended) == ([(0, b"a")], 0.2)
    assert one.struck == [(0, "slow_close", 1, "")]


def test_updated_slow_close_begins_again_and_removed_slow_close_ends_at_once() -> None:
    updated, removed = wire("slow_close", delay=200), wire("slow_close", delay=200)
    for one in (updated, removed):
        one.close()
        one.until(0.1)
    updated.update("slow_close", delay=300)
    removed.remove("slow_close")
    updated.wait(1)
    assert (updated.ended, removed.ended) == (0.4, 0.1)


# ---- timeout ---------------------------------------------------------------------------------------------------------


def test_timeout_drops_all_data_and_closes_after_a_silence() -> None:
    one = wire("timeout", timeout=300)
    for _ in range(5):
        one.send(b"a")
        one.wait(0.1)
    one.wait(1)
    assert (one.out, one.ended) == ([], 0.7)
    assert one.link.cut
    assert one.struck == [(0, "timeout", 0, "")]


def test_timeout_closes_a_connection_that_never_sends() -> None:
    one = wire("timeout", timeout=300)
    one.wait(1)
    assert one.ended == 0.3


@pytest.mark.parametrize("timeout", [0, -1])
def test_timeout_without_a_time_drops_for_ever(timeout: int) -> None:
    one = wire("timeout", timeout=timeout)
    one.send(b"a", b"b", b"c")
    one.wait(HOUR)
    assert (one.out, one.ended, one.link.wakes) == ([], None, FOREVER)


def test_an_end_passes_timeout_at_once() -> None:
    one = wire("timeout", timeout=300)
    one.send(b"a")
    one.close()
    assert (one.out, one.ended, one.link.cut) == ([], 0, False)


def test_updated_timeout_counts_from_the_update() -> None:
    one = wire("timeout", timeout=300)
    one.until(0.2)
    one.update("timeout", timeout=200)
    one.wait(1)
    assert one.ended == 0.4


@pytest.mark.parametrize("kind", ["timeout", "half_open"])
@pytest.mark.parametrize("toxicity", [0, 1])
def test_the_removal_of_what_drops_data_closes_even_where_it_did_nothing(kind: str, toxicity: float) -> None:
    one = wire(kind, toxicity=toxicity)
    one.until(0.2)
    one.remove(kind)
    assert (one.ended, one.link.cut) == (0.2, True)


# ---- reset_peer, reset_now -------------------------------------------------------------------------------------------


def test_reset_peer_swallows_the_first_chunk_and_resets_after_its_timeout() -> None:
    one = wire("reset_peer", timeout=100)
    one.until(5)
    assert not one.link.reset
    one.send(b"a", b"b")
    one.until(5.09)
    assert (one.link.reset, one.link.wakes) == (False, 5.1)
    one.until(5.1)
    assert (one.link.reset, one.out) == (True, [])
    assert one.struck == [(5.1, "reset_peer", 0, "")]


def test_reset_peer_resets_on_a_bare_end() -> None:
    one = wire("reset_peer")
    one.close()
    assert one.link.reset


def test_removed_reset_peer_closes_a_connection_whose_data_it_swallowed_and_no_other() -> None:
    swallowed, untouched = wire("reset_peer", timeout=100), wire("reset_peer", timeout=100)
    swallowed.send(b"a", b"b")
    for one in (swallowed, untouched):
        one.remove("reset_peer")
        one.send(b"c")
    assert (swallowed.out, swallowed.ended, swallowed.link.cut) == ([], 0, True)
    assert (untouched.out, untouched.ended) == ([(0, b"c")], None)
    assert not swallowed.link.reset


def test_updated_reset_peer_waits_for_its_new_timeout_and_for_no_other_chunk() -> None:
    one = wire("reset_peer", timeout=5000)
    one.send(b"a")
    one.until(0.2)
    one.update("reset_peer", timeout=300)
    one.until(0.49)
    assert not one.link.reset
    one.until(0.5)
    assert one.link.reset


def test_reset_now_needs_no_data_and_lets_none_pass_before() -> None:
    one = wire("reset_now", delay=100)
    one.send(b"a")
    one.until(0.09)
    assert (one.link.reset, one.out) == (False, [])
    one.until(0.1)
    assert (one.link.reset, one.out) == (True, [])
    assert wire("reset_now").link.reset


def test_updated_reset_now_begins_again() -> None:
    one = wire("reset_now", delay=500)
    one.until(0.25)
    one.update("reset_now", delay=250)
    one.until(0.49)
    assert not one.link.reset
    one.until(0.5)
    assert one.link.reset


# ---- limit_data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [[b"abcd"], [b"ab", b"cd"], [b"ab", b"cdef", b"g"], [b"abcdefgh"]], ids=repr)
def test_limit_data_passes_exactly_so_many_bytes_and_closes_at_once(chunks: list[bytes]) -> None:
    one = wire("limit_data", bytes=4)
    one.send(*chunks)
    assert (one.data, one.ended, one.link.cut) == (b"abcd", 0, True)
    assert one.struck == [(0, "limit_data", 4, "")]


def test_limit_data_leaves_alone_what_ends_before() -> None:
    one = wire("limit_data", bytes=4)
    one.send(b"abc")
    assert one.ended is None
    one.close()
    assert (one.data, one.ended, one.link.cut, one.struck) == (b"abc", 0, False, [])


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_data_of_nothing_closes_when_the_first_byte_comes(limit: int) -> None:
    one = wire("limit_data", bytes=limit)
    one.until(1)
    assert one.ended is None
    one.send(b"a")
    assert (one.out, one.ended) == ([], 1)


def test_the_count_of_limit_data_survives_updates() -> None:
    raised, lowered = wire("limit_data", bytes=100), wire("limit_data", bytes=100)
    for one in (raised, lowered):
        one.send(bytes(60))
    raised.update("limit_data", bytes=200)
    lowered.update("limit_data", bytes=50)
    assert lowered.ended is None
    for one in (raised, lowered):
        one.send(bytes(500))
    assert (len(raised.data), len(lowered.data)) == (200, 60)
    assert lowered.ended == 0


def test_removed_and_added_again_limit_data_counts_from_nothing() -> None:
    one = wire("limit_data", bytes=100)
    one.send(bytes(60))
    one.remove("limit_data")
    one.add("limit_data", bytes=100)
    one.send(bytes(500))
    assert len(one.data) == 160


def test_limit_data_counts_only_what_passed_while_it_acted() -> None:
    one = wire("limit_data", bytes=100, toxicity=0)
    one.send(bytes(500))
    one.update("limit_data", toxicity=1)
    one.send(bytes(60), bytes(60))
    assert len(one.data) == 600


# ---- extensions ------------------------------------------------------------------------------------------------------


def test_limit_time_passes_data_until_its_time_has_come() -> None:
    one = wire("limit_time", time=300)
    for _ in range(5):
        one.send(b"a")
        one.wait(0.1)
    assert (one.data, one.ended, one.link.cut) == (b"aaa", 0.3, True)
    assert one.struck == [(0.3, "limit_time", 3, "")]


def test_limit_time_closes_a_silent_connection_and_leaves_alone_what_ends_before() -> None:
    silent, short = wire("limit_time", time=300), wire("limit_time", time=300)
    short.until(0.2)
    short.close()
    silent.wait(1)
    assert (silent.ended, silent.link.cut) == (0.3, True)
    assert (short.ended, short.link.cut, short.struck) == (0.2, False, [])


def test_updated_limit_time_still_counts_from_the_opening() -> None:
    one = wire("limit_time", time=300)
    one.until(0.2)
    one.update("limit_time", time=500)
    one.until(0.4)
    assert one.ended is None
    one.update("limit_time", time=100)
    assert one.ended == 0.4


def test_data_that_came_too_late_for_limit_time_do_not_pass() -> None:
    one = wire("limit_time", time=300)
    one.now = 0.3
    one.send(b"a")
    assert (one.out, one.ended) == ([], 0.3)


def test_stall_holds_everything_once_and_loses_nothing() -> None:
    one = wire("stall", duration=500)
    one.until(1)
    one.send(b"a", b"b")
    one.until(1.2)
    one.send(b"c")
    one.close()
    one.until(2)
    assert (one.out, one.ended) == ([(1.5, b"a"), (1.5, b"b"), (1.5, b"c")], 1.5)
    assert one.struck == [(1, "stall", 0, "")]


def test_stall_does_not_hold_a_second_time() -> None:
    one = wire("stall", duration=500)
    one.send(b"a")
    one.until(1)
    one.send(b"b")
    assert one.out == [(0.5, b"a"), (1, b"b")]


def test_stall_holds_a_bare_end() -> None:
    one = wire("stall", duration=500)
    one.close()
    one.wait(1)
    assert one.ended == 0.5


@pytest.mark.parametrize("duration", [0, -1])
def test_stall_without_a_duration_holds_until_it_is_removed(duration: int) -> None:
    one = wire("stall", duration=duration)
    one.send(b"a", b"b", b"c")
    one.close()
    one.until(HOUR)
    assert (one.out, one.ended, one.link.wakes) == ([], None, FOREVER)
    one.remove("stall")
    assert (one.data, one.ended) == (b"abc", HOUR)


def test_corrupt_flips_one_bit_of_as_many_bytes_as_its_count_and_keeps_the_length() -> None:
    one = wire("corrupt", probability=1, count=3)
    one.send(bytes(2), bytes(8))
    assert one.sizes == [2, 8]
    assert [byte.bit_count() for byte in one.data] == [1, 1, 1] + [0] * 7
    assert one.struck == [(0, "corrupt", 0, "byte 0")]


def test_corrupt_flips_about_as_many_bytes_as_its_probability_says_whatever_the_chunks() -> None:
    one = wire("corrupt", probability=0.1)
    one.send(*[bytes(7)] * 1000)
    flipped = [place for place, byte in enumerate(one.data) if byte]
    assert 560 < len(flipped) < 840
    assert all(one.data[place].bit_count() == 1 for place in flipped)
    assert {place % 7 for place in flipped} == set(range(7))
    assert {one.data[place] for place in flipped} == {1 << bit for bit in range(8)}


@pytest.mark.parametrize("probability", [0, -1, 5e-324])
def test_corrupt_without_a_probability_changes_nothing(probability: float) -> None:
    one = wire("corrupt", probability=probability)
    one.send(bytes(32768))
    assert one.data == bytes(32768)
    assert one.struck == []


def test_the_count_of_corrupt_survives_updates() -> None:
    one = wire("corrupt", probability=1, count=3)
    one.send(bytes(2))
    one.update("corrupt", count=4)
    one.send(bytes(9))
    assert [bool(byte) for byte in one.data] == [True] * 4 + [False] * 7


def test_slow_open_holds_what_comes_in_the_first_time_of_a_connection_and_nothing_later() -> None:
    one = wire("slow_open", delay=500)
    one.until(0.1)
    one.send(b"a", b"b")
    one.until(0.6)
    one.send(b"c")
    one.close()
    assert (one.out, one.ended) == ([(0.5, b"a"), (0.5, b"b"), (0.6, b"c")], 0.6)
    assert one.struck == [(0, "slow_open", 0, "")]


def test_updated_slow_open_still_counts_from_the_opening_and_removed_slow_open_lets_go() -> None:
    updated, removed = wire("slow_open", delay=500), wire("slow_open", delay=500)
    for one in (updated, removed):
        one.send(b"a")
        one.until(0.1)
    updated.update("slow_open", delay=300)
    removed.remove("slow_open")
    updated.wait(1)
    assert (updated.out, removed.out) == ([(0.3, b"a")], [(0.1, b"a")])


def test_half_open_drops_everything_and_the_end_until_the_receiver_closes() -> None:
    one = wire("half_open")
    one.send(b"a", b"b")
    one.close()
    one.wait(HOUR)
    assert (one.out, one.ended, one.link.wakes) == ([], None, FOREVER)
    one.close_far_side()
    assert one.ended == HOUR
    assert one.struck == [(0, "half_open", 0, "")]


def test_half_open_keeps_dropping_when_it_is_updated_or_the_receiver_closes_first() -> None:
    one = wire("half_open")
    one.send(b"a")
    one.update("half_open")
    one.close_far_side()
    one.send(b"b")
    assert (one.out, one.ended) == ([], None)
    one.close()
    assert (one.out, one.ended) == ([], 0)
