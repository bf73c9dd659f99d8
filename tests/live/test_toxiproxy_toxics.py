"""Every standard toxic on sockets, on our server and on the real one: the same bytes, the same ends; and what differs.

No upper bound of a time is asserted: what is held back for an hour and comes all the same was not held back.
"""

from __future__ import annotations

import select
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live.differences import OF_DATA
from live.peers import HOUR_MS, PATIENCE, Between, Peer, between, deaf_server, not_before
from live.toxiproxies import SERVER, Toxiproxy, running

from harness.toxiproxy.toxic import STREAMS, Stream

SHOWN: set[str] = set()
Test = TypeVar("Test", bound=Callable[..., None])

both_streams = pytest.mark.parametrize("stream", STREAMS)
needs_real = pytest.mark.skipif(not SERVER.exists(), reason="NOT COMPARED with a real Toxiproxy")


def shows(key: str) -> Callable[[Test], Test]:
    """The test shows this difference, in both directions."""
    assert key in OF_DATA
    SHOWN.add(key)
    return lambda test: test


@pytest.fixture
def place(toxiproxy: Toxiproxy) -> Iterator[Between]:
    with between(toxiproxy) as made:
        yield made


@pytest.fixture
def ours() -> Iterator[Between]:
    with running("embedded") as server, between(server) as made:
        yield made


@contextmanager
def in_background(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Do it in a thread; the end of the block waits for it, and raises what it raised."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    yield thread
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not failures, failures


# ---- no toxic --------------------------------------------------------------------------------------------------------


@both_streams
def test_without_toxics_everything_passes_in_order(place: Between, stream: Stream) -> None:
    sender, receiver = place.connect().along(stream)
    data = bytes(number % 251 for number in range(3_000_000))
    with in_background(lambda: (sender.send(data), sender.close())):
        assert receiver.rest() == (data, "fin")


def test_what_the_server_sent_before_its_close_arrives_before_the_end(place: Between) -> None:
    pair = place.live()
    pair.server.send(b"answer")
    pair.server.close()
    assert pair.client.rest() == (b"answer", "fin")


@both_streams
def test_the_end_of_one_direction_closes_both_and_an_answer_is_lost(place: Between, stream: Stream) -> None:
    sender, receiver = place.live().along(stream)
    sender.half_close()
    assert receiver.rest() == (b"", "fin")
    assert sender.rest() == (b"", "fin")


@both_streams
def test_a_reset_by_one_side_is_a_plain_end_for_the_other(place: Between, stream: Stream) -> None:
    sender, receiver = place.live().along(stream)
    sender.reset()
    assert receiver.rest() == (b"", "fin")


@both_streams
@pytest.mark.parametrize("size", [3, 1_000_000])
def test_a_reset_right_behind_data_is_noticed(place: Between, stream: Stream, size: int) -> None:
    for _ in range(10):
        sender, receiver = place.live().along(stream)
        with in_background(partial(send_and_reset, sender, bytes(size))):
            assert receiver.rest()[1] == "fin"


def send_and_reset(sender: Peer, data: bytes) -> None:
    sender.send(data)
    sender.reset()


@both_streams
def test_a_receiver_that_resets_instead_of_reading_ends_the_connection(place: Between, stream: Stream) -> None:
    sender, receiver = place.live().along(stream)
    sender.stuff()
    receiver.reset()
    assert sender.rest()[0] == b""


def test_nobody_behind_the_proxy_closes_the_client_without_a_byte(place: Between) -> None:
    place.listener.close()
    assert place.dial().rest() == (b"", "fin")


# ---- the whole proxy -------------------------------------------------------------------------------------------------


def test_a_disabled_proxy_closes_both_sides_and_refuses_new_clients_until_it_is_enabled(place: Between) -> None:
    pair = place.live()
    place.enable(False)
    assert (pair.client.rest(), pair.server.rest()) == ((b"", "fin"), (b"", "fin"))
    with pytest.raises(ConnectionRefusedError):
        place.dial()
    place.enable(True)
    place.live()


def test_a_deleted_proxy_closes_both_sides_and_refuses_new_clients(place: Between) -> None:
    pair = place.live()
    assert place.toxiproxy.ask("DELETE", "/proxies/p").status == 204
    assert (pair.client.rest(), pair.server.rest()) == ((b"", "fin"), (b"", "fin"))
    with pytest.raises(ConnectionRefusedError):
        place.dial()


def test_what_waits_in_a_toxic_is_lost_when_the_proxy_is_disabled_and_no_toxic_delays_that(place: Between) -> None:
    place.toxiproxy.toxic("latency", latency=HOUR_MS)
    place.toxiproxy.toxic("slow_close", delay=HOUR_MS)
    pair = place.connect()
    pair.server.send(b"lost")
    pair.client.send(b"!")
    pair.server.read(1)
    place.enable(False)
    assert pair.client.rest() == (b"", "fin")


def test_disabling_during_an_upload_that_nobody_reads_resets_the_client(place: Between) -> None:
    pair = place.live()
    assert pair.client.stuff() > 0
    place.enable(False)
    assert pair.client.rest() == (b"", "rst")


def test_toxics_survive_a_disabled_proxy(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", bytes=3)
    place.enable(False)
    place.enable(True)
    pair = place.connect()
    pair.server.send(b"abcdef")
    assert pair.client.rest() == (b"abc", "fin")


def test_a_reset_removes_the_toxics_and_enables_the_proxy(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", bytes=0)
    place.enable(False)
    assert place.toxiproxy.ask("POST", "/reset").status == 204
    place.live()


# ---- latency ---------------------------------------------------------------------------------------------------------


@both_streams
def test_latency_delays_data_of_its_stream(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("latency", stream=stream, latency=100)
    sender, receiver = place.connect().along(stream)
    with not_before(0.1):
        sender.send(b"a")
        receiver.read(1)


@both_streams
def test_latency_leaves_the_other_stream_and_a_bare_end_alone(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("latency", stream=stream, latency=HOUR_MS)
    sender, receiver = place.connect().along(stream)
    receiver.send(b"a")
    assert sender.read(1) == b"a"
    sender.close()
    assert receiver.rest() == (b"", "fin")


@both_streams
def test_the_end_waits_behind_data_that_latency_holds(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("latency", stream=stream, latency=100)
    sender, receiver = place.connect().along(stream)
    with not_before(0.1):
        sender.send(b"a")
        sender.close()
        assert receiver.rest() == (b"a", "fin")


def test_latency_with_jitter_keeps_the_order(place: Between) -> None:
    place.toxiproxy.toxic("latency", latency=20, jitter=20)
    pair = place.connect()
    for number in range(50):
        pair.server.send(bytes([number]))
    assert pair.client.read(50) == bytes(range(50))


# ---- bandwidth -------------------------------------------------------------------------------------------------------


@both_streams
def test_bandwidth_takes_its_time_and_loses_nothing_before_the_end(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("bandwidth", stream=stream, rate=1)
    sender, receiver = place.connect().along(stream)
    with not_before(0.15):
        sender.send(b"a" * 150)
        sender.close()
        assert receiver.rest() == (b"a" * 150, "fin")


@both_streams
def test_bandwidth_of_nothing_holds_everything_until_it_is_removed(place: Between, stream: Stream) -> None:
    sender, receiver = place.live().along(stream)
    place.toxiproxy.toxic("bandwidth", stream=stream, name="x", rate=0)
    sender.send(b"abc")
    sender.half_close()
    came: list[tuple[bytes, str, float]] = []
    with in_background(lambda: came.append((*receiver.rest(), time.monotonic()))):
        removed = time.monotonic()
        place.remove("x")
    assert came[0][:2] == (b"abc", "fin")
    assert came[0][2] >= removed


# ---- slow_close ------------------------------------------------------------------------------------------------------


@both_streams
def test_slow_close_passes_data_and_delays_the_end(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("slow_close", stream=stream, delay=150)
    sender, receiver = place.connect().along(stream)
    with not_before(0.15):
        sender.send(b"a")
        assert receiver.read(1) == b"a"
        sender.close()
        assert receiver.rest() == (b"", "fin")


@both_streams
def test_slow_close_does_not_delay_the_end_of_the_other_stream(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("slow_close", stream=stream, delay=HOUR_MS)
    sender, receiver = place.live().along(stream)
    receiver.close()
    assert sender.rest() == (b"", "fin")


def test_removed_slow_close_ends_at_once(place: Between) -> None:
    place.toxiproxy.toxic("slow_close", name="x", delay=HOUR_MS)
    pair = place.live()
    pair.server.close()
    place.remove("x")
    assert pair.client.rest() == (b"", "fin")


# ---- timeout ---------------------------------------------------------------------------------------------------------


@both_streams
def test_timeout_drops_data_and_closes_both_sides_after_a_silence(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("timeout", stream=stream, timeout=100)
    sender, receiver = place.connect().along(stream)
    with not_before(0.1):
        sender.send(b"lost")
        assert receiver.rest() == (b"", "fin")
        assert sender.rest() == (b"", "fin")


@both_streams
def test_timeout_passes_the_other_stream_and_an_end(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("timeout", stream=stream, timeout=HOUR_MS)
    sender, receiver = place.connect().along(stream)
    sender.send(b"lost")
    receiver.send(b"a")
    assert sender.read(1) == b"a"
    sender.close()
    assert receiver.rest() == (b"", "fin")


@both_streams
@pytest.mark.parametrize("toxicity", [0, 1])
def test_the_removal_of_timeout_closes_the_connections_of_its_stream_whatever_the_die_said(
    place: Between, stream: Stream, toxicity: float
) -> None:
    pair = place.live()
    place.toxiproxy.toxic("timeout", stream=stream, name="x", toxicity=toxicity)
    place.remove("x")
    assert (pair.client.rest(), pair.server.rest()) == ((b"", "fin"), (b"", "fin"))


# ---- reset_peer ------------------------------------------------------------------------------------------------------


@both_streams
@pytest.mark.parametrize("timeout", [0, 100])
def test_reset_peer_resets_both_sides_of_a_connection_opened_beside_it(
    place: Between, stream: Stream, timeout: int
) -> None:
    place.toxiproxy.toxic("reset_peer", stream=stream, timeout=timeout)
    sender, receiver = place.connect().along(stream)
    with not_before(timeout / 1000):
        sender.send(b"lost")
        assert receiver.rest() == (b"", "rst")
        assert sender.rest() == (b"", "rst")


@both_streams
def test_reset_peer_does_nothing_while_no_data_come_in_its_stream(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("reset_peer", stream=stream)
    sender, receiver = place.connect().along(stream)
    for _ in range(5):
        receiver.send(b"a")
        assert sender.read(1) == b"a"


def test_the_other_direction_flows_while_reset_peer_waits(place: Between) -> None:
    place.toxiproxy.toxic("reset_peer", stream="upstream", timeout=HOUR_MS)
    pair = place.connect()
    pair.client.send(b"lost")
    pair.server.send(b"a")
    assert pair.client.read(1) == b"a"


# ---- limit_data ------------------------------------------------------------------------------------------------------


@both_streams
@pytest.mark.parametrize("extra", [b"", b"more"])
def test_limit_data_passes_exactly_so_many_bytes_and_closes_both_sides(
    place: Between, stream: Stream, extra: bytes
) -> None:
    place.toxiproxy.toxic("limit_data", stream=stream, bytes=100)
    sender, receiver = place.connect().along(stream)
    sender.send(b"a" * 100 + extra)
    assert receiver.rest() == (b"a" * 100, "fin")
    assert sender.rest() == (b"", "fin")


@both_streams
def test_limit_data_of_nothing_closes_on_the_first_byte(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("limit_data", stream=stream)
    sender, receiver = place.connect().along(stream)
    receiver.send(b"a")
    assert sender.read(1) == b"a"
    sender.send(b"lost")
    assert receiver.rest() == (b"", "fin")


def test_limit_data_resets_a_sender_that_still_sends(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", stream="upstream", bytes=10)
    pair = place.connect()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        pair.client.send(bytes(1 << 26))
    assert pair.server.rest() == (bytes(10), "fin")


@pytest.mark.parametrize(("limit", "passes"), [(200, 200), (50, 60)])
def test_the_count_of_limit_data_survives_an_update(place: Between, limit: int, passes: int) -> None:
    place.toxiproxy.toxic("limit_data", name="x", bytes=100)
    pair = place.connect()
    pair.server.send(b"a" * 60)
    first = pair.client.read(60)
    place.update("x", bytes=limit)
    pair.server.send(b"b" * 500)
    data, end = pair.client.rest()
    assert (len(first + data), end) == (passes, "fin")


def test_limit_data_that_comes_again_counts_from_nothing(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", name="x", bytes=100)
    pair = place.connect()
    pair.server.send(b"a" * 60)
    pair.client.read(60)
    place.remove("x")
    place.toxiproxy.toxic("limit_data", name="x", bytes=100)
    pair.server.send(b"b" * 500)
    assert pair.client.rest() == (b"b" * 100, "fin")


def test_limit_data_counts_nothing_while_its_toxicity_is_0(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", name="x", bytes=100, toxicity=0)
    pair = place.connect()
    pair.server.send(b"a" * 500)
    pair.client.read(500)
    place.update("x", toxicity=1)
    pair.server.send(b"b" * 500)
    assert pair.client.rest() == (b"b" * 100, "fin")


# ---- slicer, noop ----------------------------------------------------------------------------------------------------


@both_streams
def test_slicer_keeps_the_bytes_and_waits_after_each_piece(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("slicer", stream=stream, average_size=10, delay=10_000)
    sender, receiver = place.connect().along(stream)
    data = bytes(range(160))
    with not_before(0.15):
        sender.send(data)
        assert receiver.read(160) == data


@both_streams
def test_many_small_pieces_at_once_all_go_out(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("slicer", stream=stream, average_size=1)
    sender, receiver = place.connect().along(stream)
    data = bytes(number % 251 for number in range(1000))
    sender.send(data)
    assert receiver.read(1000) == data


def test_slicer_loses_nothing_of_much(place: Between) -> None:
    place.toxiproxy.toxic("slicer", average_size=1024, size_variation=512, delay=10)
    pair = place.connect()
    data = bytes(number % 251 for number in range(480_000))
    with in_background(lambda: (pair.server.send(data), pair.server.close())):
        assert pair.client.rest() == (data, "fin")


@both_streams
def test_noop_changes_nothing(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("noop", stream=stream)
    sender, receiver = place.live().along(stream)
    sender.send(b"abc")
    sender.close()
    assert receiver.rest() == (b"abc", "fin")


# ---- changes, chance, rows -------------------------------------------------------------------------------------------


@both_streams
def test_a_toxic_that_comes_acts_on_a_live_connection_in_its_stream(place: Between, stream: Stream) -> None:
    sender, receiver = place.live().along(stream)
    place.toxiproxy.toxic("limit_data", stream=stream, bytes=2)
    receiver.send(b"abc")
    assert sender.read(3) == b"abc"
    sender.send(b"abc")
    assert receiver.rest() == (b"ab", "fin")


@both_streams
def test_a_toxic_that_goes_lets_go_what_it_holds_in_order(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("latency", stream=stream, name="x", latency=HOUR_MS)
    sender, receiver = place.connect().along(stream)
    receiver.send(b"!")
    sender.read(1)
    data = bytes(range(256)) * 1000
    sender.send(data)
    place.remove("x")
    assert receiver.read(len(data)) == data
    sender.send(b"more")
    assert receiver.read(4) == b"more"


@pytest.mark.parametrize(("toxicity", "rest"), [(0, b"abc"), (1, b"")])
def test_no_toxicity_never_acts_and_full_toxicity_always(place: Between, toxicity: float, rest: bytes) -> None:
    place.toxiproxy.toxic("limit_data", toxicity=toxicity)
    for _ in range(20):
        pair = place.connect()
        pair.server.send(b"abc")
        pair.server.half_close()
        assert pair.client.rest() == (rest, "fin")


def test_two_latencies_add(place: Between) -> None:
    for name in "ab":
        place.toxiproxy.toxic("latency", name=name, latency=100)
    pair = place.connect()
    with not_before(0.2):
        pair.server.send(b"a")
        pair.client.read(1)


def test_slow_close_delays_the_close_of_a_toxic_before_it(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", bytes=2)
    place.toxiproxy.toxic("slow_close", delay=150)
    pair = place.connect()
    with not_before(0.15):
        pair.server.send(b"abc")
        assert pair.client.rest() == (b"ab", "fin")


def test_slow_close_does_not_delay_the_close_of_a_toxic_behind_it(place: Between) -> None:
    place.toxiproxy.toxic("slow_close", delay=HOUR_MS)
    place.toxiproxy.toxic("limit_data", bytes=2)
    pair = place.connect()
    pair.server.send(b"abc")
    assert pair.client.rest() == (b"ab", "fin")


def test_toxics_act_in_the_order_in_which_they_came(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", name="a", bytes=3)
    place.toxiproxy.toxic("limit_data", name="b", bytes=5)
    place.toxiproxy.toxic("latency", name="c", latency=50)
    pair = place.connect()
    with not_before(0.05):
        pair.server.send(b"abcdef")
        assert pair.client.rest() == (b"abc", "fin")


# ---- what differs ----------------------------------------------------------------------------------------------------


def disturbed_until_it_reads(peer: Peer, disturb: Callable[[], object]) -> None:
    """Disturb again and again, until there is something to read."""
    give_up = time.monotonic() + PATIENCE
    while not select.select([peer.sock], [], [], 0.001)[0]:
        disturb()
        assert time.monotonic() < give_up


@shows("neighbours")
def test_a_neighbour_lets_go_what_waits_in_the_real_one_only(place: Between) -> None:
    real = place.toxiproxy.is_real
    place.toxiproxy.toxic("latency", latency=HOUR_MS if real else 200)
    pair = place.connect()
    with not_before(0 if real else 0.2):
        pair.server.send(b"a")
        disturbed_until_it_reads(pair.client, place.add_and_remove)
        assert pair.client.read(1) == b"a"


@shows("neighbours")
def test_a_neighbour_throws_the_die_again_in_the_real_one_only(place: Between) -> None:
    place.toxiproxy.toxic("timeout", toxicity=0.5)
    pairs = [place.connect() for _ in range(40)]
    for pair in pairs:
        pair.server.send(b"1")
    place.add_and_remove()
    for pair in pairs:
        pair.server.send(b"2")
        pair.server.close()
    passed = {pair.client.rest()[0] for pair in pairs}
    if place.toxiproxy.is_real:
        assert passed & {b"1", b"2"}
    else:
        assert passed == {b"", b"12"}


@shows("neighbours")
def test_a_neighbour_restarts_slow_close_in_the_real_one_only(place: Between) -> None:
    real = place.toxiproxy.is_real
    delay = 1.0 if real else 0.2
    place.toxiproxy.toxic("slow_close", delay=int(delay * 1000))
    pair = place.live()
    with not_before(delay + (0.3 if real else 0)):
        pair.server.close()
        began = time.monotonic()
        if real:
            while time.monotonic() < began + 0.3:
                place.add_and_remove()
        else:
            disturbed_until_it_reads(pair.client, place.add_and_remove)
        assert pair.client.rest() == (b"", "fin")


@shows("update")
def test_an_update_lets_go_what_waits_in_the_real_one_only(place: Between) -> None:
    real = place.toxiproxy.is_real
    latency = HOUR_MS if real else 200
    place.toxiproxy.toxic("latency", name="x", latency=latency)
    pair = place.connect()
    with not_before(0 if real else 0.2):
        pair.server.send(b"a")
        disturbed_until_it_reads(pair.client, lambda: place.update("x", latency=latency))
        assert pair.client.read(1) == b"a"


@shows("update")
def test_an_update_applies_to_what_waits_in_ours(ours: Between) -> None:
    ours.toxiproxy.toxic("latency", name="x", latency=HOUR_MS)
    pair = ours.connect()
    with not_before(0.2):
        pair.server.send(b"a")
        ours.update("x", latency=200)
        assert pair.client.read(1) == b"a"


@shows("reset_live")
@both_streams
def test_reset_peer_resets_connections_that_were_open_before_it_in_ours_only(place: Between, stream: Stream) -> None:
    sender, receiver = place.live().along(stream)
    place.toxiproxy.toxic("reset_peer", stream=stream)
    sender.send(b"lost")
    end = "fin" if place.toxiproxy.is_real else "rst"
    assert (receiver.rest(), sender.rest()) == ((b"", end), (b"", end))


@shows("reset_spared")
@pytest.mark.parametrize("spared", ["by its die", "by its removal"])
def test_a_normal_close_beside_reset_peer_is_a_reset_in_the_real_one_only(place: Between, spared: str) -> None:
    die = spared == "by its die"
    place.toxiproxy.toxic("reset_peer", name="x", stream="upstream", toxicity=0 if die else 1)
    pair = place.connect()
    pair.server.send(b"a")
    assert pair.client.read(1) == b"a"
    if not die:
        place.remove("x")
    pair.server.close()
    assert pair.client.rest() == (b"", "rst" if place.toxiproxy.is_real else "fin")


@shows("reset_removed")
@both_streams
def test_the_removal_of_reset_peer_during_its_wait_closes_at_once_in_ours_only(place: Between, stream: Stream) -> None:
    real = place.toxiproxy.is_real
    place.toxiproxy.toxic("reset_peer", stream=stream, name="x", timeout=300 if real else HOUR_MS)
    sender, receiver = place.connect().along(stream)
    with not_before(0.3 if real else 0):
        sender.send(b"lost")
        receiver.send(b"!")
        sender.read(1)
        place.remove("x")
    end = "rst" if real else "fin"
    assert (receiver.rest(), sender.rest()) == ((b"", end), (b"", end))


@shows("reset_removed")
def test_an_update_of_reset_peer_during_its_wait_applies_at_once_in_ours_only(place: Between) -> None:
    real = place.toxiproxy.is_real
    place.toxiproxy.toxic("reset_peer", stream="upstream", name="x", timeout=300 if real else HOUR_MS)
    pair = place.connect()
    with not_before(0.3 if real else 0):
        pair.client.send(b"lost")
        pair.server.send(b"!")
        pair.client.read(1)
        place.update("x", timeout=0)
    assert (pair.client.rest(), pair.server.rest()) == ((b"", "rst"), (b"", "rst"))


CRASHES: list[tuple[str, dict[str, int]]] = [
    ("slicer", {}),
    ("slicer", {"average_size": 1, "size_variation": 50}),
    ("bandwidth", {"rate": -1}),
    ("latency", {"latency": 1, "jitter": 2**62}),
]


@shows("slicer")
@shows("rate")
@shows("jitter")
@pytest.mark.parametrize(("type_", "attributes"), [*CRASHES, ("slicer", {"average_size": -1})], ids=str)
def test_ours_lives_with_what_crashes_the_real_one(ours: Between, type_: str, attributes: dict[str, int]) -> None:
    ours.toxiproxy.toxic(type_, name="x", **attributes)
    pair = ours.connect()
    pair.server.send(bytes(1000))
    ours.remove("x")
    assert pair.client.read(1000) == bytes(1000)


@needs_real
@pytest.mark.parametrize(
    ("type_", "attributes"),
    [pytest.param(*CRASHES[0], marks=pytest.mark.slow, id="slicer, and a stack of 1 GB"), *CRASHES[1:]],
    ids=str,
)
def test_the_real_one_crashes(type_: str, attributes: dict[str, int]) -> None:
    with running("real") as server, between(server) as place:
        server.toxic(type_, **attributes)
        place.connect().server.send(bytes(1000))
        with pytest.raises(OSError):
            ask_until_it_is_gone(server)


def ask_until_it_is_gone(server: Toxiproxy) -> None:
    """Raises OSError when it is."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        server.ask("GET", "/version")


@shows("blocked")
def test_a_client_that_does_not_read_blocks_the_api_of_the_real_one_only(place: Between) -> None:
    place.toxiproxy.toxic("noop", name="x")
    pair = place.connect()
    size = pair.server.stuff()
    with in_background(lambda: place.remove("x")) as removal:
        removal.join(0.3 if place.toxiproxy.is_real else PATIENCE)
        assert removal.is_alive() == place.toxiproxy.is_real
        pair.server.close()
        assert pair.client.rest() == (bytes(size), "fin")


@shows("dial")
def test_a_server_that_does_not_answer_delays_changes_of_the_real_one_only(place: Between) -> None:
    with deaf_server() as listener:
        listener.settimeout(0.1)
        place.change(upstream="{}:{}".format(*listener.getsockname()))
        client = place.dial()
        with in_background(lambda: place.enable(False)) as change:
            change.join(0.3 if place.toxiproxy.is_real else PATIENCE)
            assert change.is_alive() == place.toxiproxy.is_real
            while change.is_alive():
                with suppress(TimeoutError):
                    listener.accept()[0].close()
        assert client.rest() == (b"", "fin")


@shows("rows")
def test_the_delays_of_toxics_in_a_row_add_up_in_ours_only(place: Between) -> None:
    place.toxiproxy.toxic("slicer", average_size=1, delay=400_000)
    place.toxiproxy.toxic("latency", latency=400)
    pair, marker = place.connect(), place.beside(latency=600)
    with not_before(0.4 if place.toxiproxy.is_real else 0.8):
        marker.server.send(b"m")
        pair.server.send(b"ab")
        assert pair.client.read(1) == b"a"
        first, _, _ = select.select([pair.client.sock, marker.client.sock], [], [], PATIENCE)
        assert pair.client.read(1) == b"b"
    assert pair.client.sock in first or not place.toxiproxy.is_real


@shows("gap")
def test_the_stream_goes_on_behind_a_gap_in_the_real_one_only(place: Between) -> None:
    place.toxiproxy.toxic("timeout", name="x")
    pair = place.connect()
    pair.server.send(b"lost")
    pair.client.send(b"!")
    pair.server.read(1)
    place.update("x", toxicity=0)
    pair.server.send(b"more")
    if place.toxiproxy.is_real:
        assert pair.client.read(4) == b"more"
    else:
        assert pair.client.rest() == (b"", "fin")


def fates(kind: str) -> list[bytes]:
    """What a toxic of half toxicity lets through on each of 40 connections, on a new server with a seed."""
    with running(kind, "-seed", "42") as server, between(server) as place:
        server.toxic("limit_data", toxicity=0.5)
        pairs = [place.connect() for _ in range(40)]
        for pair in pairs:
            pair.server.send(b"a")
            pair.server.half_close()
        return [pair.client.rest()[0] for pair in pairs]


@shows("seed")
@pytest.mark.parametrize("kind", ["embedded", pytest.param("real", marks=needs_real)])
def test_the_same_seed_throws_the_same_dice_in_ours_only(kind: str) -> None:
    assert (fates(kind) == fates(kind)) == (kind == "embedded")


def test_each_difference_is_shown() -> None:
    assert set(OF_DATA) == SHOWN


# ---- nothing is lost -------------------------------------------------------------------------------------------------


class TestNoDataDropped:
    """Toxics come and go without end, and every byte arrives once and in its place."""

    @both_streams
    def test_65535_chunks_of_two_bytes_arrive_whole_and_in_order(self, place: Between, stream: Stream) -> None:
        chunks = [number.to_bytes(2, "big") for number in range(65_535)]
        sender, receiver = place.live().along(stream)
        done = threading.Event()

        def disturb() -> None:
            while not done.is_set():
                place.toxiproxy.toxic("latency", stream=stream, name="x", latency=1000)
                place.remove("x")

        def send() -> None:
            for chunk in chunks:
                sender.send(chunk)

        with in_background(disturb), in_background(send):
            data = receiver.read(2 * len(chunks))
            done.set()
        assert data == b"".join(chunks)

    @both_streams
    def test_floods_leave_the_fast_path_and_return_to_it_whole_and_in_order(
        self, place: Between, stream: Stream
    ) -> None:
        pairs = [place.live().along(stream) for _ in range(2)]
        got = [b"", b""]
        done = threading.Event()

        def disturb() -> None:
            for _ in range(10):
                place.toxiproxy.toxic("latency", stream=stream, name="x", latency=1)
                place.remove("x")
            done.set()

        def send(which: int) -> None:
            first = FLOODS[which]
            while not done.is_set():
                pairs[which][0].send(numbered(first))
                first += NUMBERS
            pairs[which][0].half_close()

        def read(which: int) -> None:
            got[which] = all_of(pairs[which][1])

        with ExitStack() as stack:
            for work in (send, read):
                for which in range(2):
                    stack.enter_context(in_background(partial(work, which)))
            stack.enter_context(in_background(disturb))
        for first, data in zip(FLOODS, got, strict=True):
            assert data
            assert data == b"".join(numbered(first + more) for more in range(0, len(data) // 8, NUMBERS))

    @both_streams
    def test_what_waits_on_one_connection_is_not_touched_by_another(self, place: Between, stream: Stream) -> None:
        pairs = [place.live().along(stream) for _ in FLOODS]
        sent = [stuffed(sender, first) for (sender, _), first in zip(pairs, FLOODS, strict=True)]
        for (sender, receiver), data in zip(pairs, sent, strict=True):
            sender.half_close()
            assert all_of(receiver) == data

    @both_streams
    def test_data_survive_every_toxic_that_loses_none(self, ours: Between, stream: Stream) -> None:
        data = bytes(number % 251 for number in range(400_000))
        sender, receiver = ours.live().along(stream)
        done = threading.Event()

        def disturb() -> None:
            for number in count():
                for type_, attributes in HARMLESS.items():
                    ours.toxiproxy.toxic(type_, stream=stream, name=f"{type_}{number}", **attributes)
                for type_ in HARMLESS:
                    ours.remove(f"{type_}{number}")
                if done.is_set():
                    return

        with in_background(disturb), in_background(lambda: sender.send(data)):
            got = receiver.read(len(data))
            done.set()
        assert got == data


FLOODS = (0, 1 << 40)
NUMBERS = 10_000


def numbered(first: int) -> bytes:
    """Bytes that tell where in a flood they belong."""
    return array("Q", range(first, first + NUMBERS)).tobytes()


def all_of(receiver: Peer) -> bytes:
    """Much, to its end."""
    return b"".join(iter(partial(receiver.sock.recv, 1 << 20), b""))


def stuffed(sender: Peer, first: int) -> bytes:
    """What was sent until nobody took any more."""
    sent = []
    sender.sock.setblocking(False)
    while select.select([], [sender.sock], [], 0.2)[1]:
        data = numbered(first)
        count = sender.sock.send(data)
        sent.append(data[:count])
        first += NUMBERS
    sender.sock.settimeout(PATIENCE)
    return b"".join(sent)


HARMLESS: dict[str, dict[str, int]] = {
    "noop": {},
    "latency": {"latency": 3, "jitter": 3},
    "bandwidth": {"rate": 5000},
    "slicer": {"average_size": 500, "size_variation": 300, "delay": 20},
    "slow_close": {"delay": 5},
    "slow_open": {"delay": 5},
    "stall": {"duration": 5},
}
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "update", "remove"]),
        st.sampled_from(list(HARMLESS)),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.integers(0, 9),
    ),
    max_size=20,
)


def perform(place: Between, stream: Stream, calls: list[tuple[str, str, float, int]]) -> None:
    """Make these calls, as far as there is something to update or to remove; then remove all that is left."""
    present: list[str] = []
    for number, (call, type_, toxicity, which) in enumerate(calls):
        if call == "add":
            present.append(f"{type_}.{number}")
            place.toxiproxy.toxic(type_, stream=stream, name=present[-1], toxicity=toxicity, **HARMLESS[type_])
        elif present and call == "update":
            place.update(present[which % len(present)], toxicity=toxicity, latency=which, delay=which)
        elif present:
            place.remove(present.pop(which % len(present)))
    for name in present:
        place.remove(name)


@both_streams
def test_any_schedule_of_changes_leaves_the_bytes_as_they_are(stream: Stream) -> None:
    with running("embedded") as server:

        @given(calls=CALLS, sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=20))
        @settings(max_examples=15)
        def holds(calls: list[tuple[str, str, float, int]], sizes: list[int]) -> None:
            server.clear()
            data = bytes(number % 251 for number in range(sum(sizes)))
            with between(server) as place:
                sender, receiver = place.live().along(stream)

                def send() -> None:
                    left = data
                    for size in sizes:
                        sender.send(left[:size])
                        left = left[size:]
                    sender.half_close()

                with in_background(lambda: perform(place, stream, calls)), in_background(send):
                    assert receiver.rest() == (data, "fin")

        holds()
