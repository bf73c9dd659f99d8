"""Our own server on sockets: what it tells of its connections, the toxics that only it has, and how much it bears."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import resource
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from live.peers import HOUR_MS, PATIENCE, Between, Pair, between, deaf_server, not_before
from live.toxiproxies import Toxiproxy

from harness.toxiproxy import address, embedded, proxy
from harness.toxiproxy.embedded import EmbeddedToxiproxy
from harness.toxiproxy.events import Carried, Event, Observer, ToxicAdded
from harness.toxiproxy.pipe import CHUNK_BYTES
from harness.toxiproxy.toxic import STREAMS, Stream

both_streams = pytest.mark.parametrize("stream", STREAMS)


@contextmanager
def serving(seed: str = "1", observer: Observer | None = None) -> Iterator[Between]:
    with EmbeddedToxiproxy(seed=seed, observer=observer) as server, between(Toxiproxy("embedded", server.url)) as made:
        yield made


LOOPS = {loop.__module__.partition(".")[0]: loop for loop in (asyncio.new_event_loop, embedded.new_event_loop())}


@pytest.fixture(params=LOOPS)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    monkeypatch.setattr(embedded, "new_event_loop", lambda: LOOPS[request.param])
    with serving() as made:
        yield made


def events(place: Between, query: str = "") -> list[dict[str, Any]]:
    """What the log says now."""
    return [json.loads(line) for line in place.toxiproxy.ask("GET", f"/events{query}").body.splitlines()]


@contextmanager
def followed(place: Between, query: str = "") -> Iterator[Iterator[dict[str, Any]]]:
    """The log as it grows."""
    connection = http.client.HTTPConnection(place.toxiproxy.url.removeprefix("http://"), timeout=PATIENCE)
    connection.request("GET", f"/events?follow{query}")
    reply = connection.getresponse()
    try:
        yield (json.loads(line) for line in iter(reply.readline, b""))
    finally:
        reply.close()
        connection.close()


def awaited(place: Between, kind: str) -> dict[str, Any]:
    """The first event of a kind, already there or yet to come."""
    with followed(place) as log:
        return next(event for event in log if event["event"] == kind)


def name_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()
    return f"{host}:{port}"


# ---- events ----------------------------------------------------------------------------------------------------------


def test_events_tell_the_life_of_a_proxy_in_order_and_are_numbered(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", name="x", bytes=2)
    place.update("x", bytes=3)
    pair = place.connect()
    pair.server.send(b"abcdef")
    pair.client.rest()
    awaited(place, "closed")
    place.remove("x")
    place.enable(False)
    told = events(place)
    assert [one["event"] for one in told if one["event"] != "left"] == [
        "started", "toxic_added", "toxic_updated", "opened", "struck", "closed", "toxic_removed", "stopped",
    ]  # fmt: skip
    assert [one["number"] for one in told] == list(range(1, len(told) + 1))
    assert {one["proxy"] for one in told} == {"p"}
    assert sorted(one["at"] for one in told) == [one["at"] for one in told]


def test_started_names_the_address_and_toxic_added_the_toxic(place: Between) -> None:
    place.toxiproxy.toxic("latency", name="x", stream="upstream")
    started, added = events(place)
    assert started["listen"] == f"127.0.0.1:{place.port}"
    assert (added["toxic"], added["type"], added["stream"]) == ("x", "latency", "upstream")


def test_a_server_is_looked_for_at_every_address_of_its_name(place: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        there = address.Address(socket.AF_INET, "127.0.0.1", server.getsockname()[1])

        look_up, nowhere = address.all_of, address.Address(socket.AF_INET, "127.0.0.1", 1)

        async def two(text: str) -> list[address.Address]:
            return [nowhere, there] if text == "two.test:80" else await look_up(text)

        monkeypatch.setattr(address, "all_of", two)
        made = place.toxiproxy.ask(
            "POST", "/proxies", {"name": "two", "listen": "127.0.0.1:0", "upstream": "two.test:80"}
        )
        listening = int(made.json["listen"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", listening), PATIENCE) as client:
            came, _ = server.accept()
            with came:
                client.sendall(b"hello")
                assert came.recv(5) == b"hello"


def test_opened_names_both_ends_and_counts_from_1(place: Between) -> None:
    pairs = [place.live() for _ in range(3)]
    told = [one for one in events(place) if one["event"] == "opened"]
    assert [one["connection"] for one in told] == [1, 2, 3]
    assert [one["client"] for one in told] == [name_of(pair.client.sock) for pair in pairs]
    assert [one["local"] for one in told] == ["{}:{}".format(*pair.server.sock.getpeername()) for pair in pairs]


@pytest.mark.parametrize("stream", STREAMS)
def test_left_names_the_side_that_went_though_the_other_does_not_know_yet(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("slow_close", stream=stream, delay=HOUR_MS)
    sender, receiver = place.live().along(stream)
    sender.close()
    assert awaited(place, "left")["side"] == ("client" if stream == "upstream" else "server")
    assert not select.select([receiver.sock], [], [], 0)[0]


def test_struck_names_the_toxic_and_what_it_had_let_through_and_comes_once_for_each_connection(place: Between) -> None:
    place.toxiproxy.toxic("latency", name="x", latency=1, after_bytes=4)
    for _ in range(2):
        pair = place.connect()
        for _ in range(3):
            pair.server.send(b"abc")
            pair.client.read(3)
    told = [one for one in events(place) if one["event"] == "struck"]
    assert [(one["connection"], one["toxic"], one["stream"], one["passed"], one["note"]) for one in told] == [
        (1, "x", "downstream", 4, "1 ms"),
        (2, "x", "downstream", 4, "1 ms"),
    ]


def close_client(place: Between, pair: Pair) -> None:
    pair.client.close()


def close_server(place: Between, pair: Pair) -> None:
    pair.server.close()


def reset_client(place: Between, pair: Pair) -> None:
    pair.client.reset()


def remove_timeout(place: Between, pair: Pair) -> None:
    place.toxiproxy.toxic("timeout", name="x")
    place.remove("x")


def disable(place: Between, pair: Pair) -> None:
    place.enable(False)


def delete(place: Between, pair: Pair) -> None:
    place.toxiproxy.ask("DELETE", "/proxies/p")


def adding(type_: str, **attributes: Any) -> Callable[[Between, Pair], None]:
    def add(place: Between, pair: Pair) -> None:
        place.toxiproxy.toxic(type_, **attributes)

    add.__name__ = f"add_{type_}"
    return add


@pytest.mark.parametrize(
    ("act", "how"),
    [
        (close_client, "client"),
        (reset_client, "client"),
        (close_server, "server"),
        (adding("limit_time", time=1), "toxic"),
        (adding("timeout", timeout=1, stream="upstream"), "toxic"),
        (remove_timeout, "toxic"),
        (adding("reset_now"), "reset"),
        (disable, "stopped"),
        (delete, "stopped"),
    ],
)
def test_closed_says_how_and_how_many_bytes_went_which_way(
    place: Between, act: Callable[[Between, Pair], None], how: str
) -> None:
    pair = place.connect()
    pair.client.send(b"abc")
    pair.server.read(3)
    pair.server.send(b"answer")
    pair.client.read(6)
    act(place, pair)
    closed = awaited(place, "closed")
    assert (closed["connection"], closed["how"]) == (1, how)
    assert (closed["upstream_received"], closed["upstream_sent"]) == (3, 3)
    assert (closed["downstream_received"], closed["downstream_sent"]) == (6, 6)


def test_closed_counts_bytes_that_a_toxic_kept_as_received_only(place: Between) -> None:
    place.toxiproxy.toxic("limit_data", bytes=4)
    pair = place.connect()
    pair.server.send(b"abcdef")
    pair.client.rest()
    closed = awaited(place, "closed")
    assert (closed["downstream_received"], closed["downstream_sent"]) == (6, 4)


def test_events_can_be_read_from_a_number_on_and_of_one_proxy(place: Between) -> None:
    place.toxiproxy.proxy(1, name="q")
    place.toxiproxy.toxic("noop")
    told = events(place)
    assert [(one["event"], one["proxy"]) for one in told] == [("started", "p"), ("started", "q"), ("toxic_added", "p")]
    assert events(place, "?after=1") == told[1:]
    assert events(place, "?proxy=p") == [told[0], told[2]]
    assert events(place, "?after=1&proxy=p") == told[2:]
    assert events(place, "?after=3") == events(place, "?proxy=nobody") == []


def test_events_can_be_followed_as_they_come(place: Between) -> None:
    with followed(place, "&proxy=p&after=1") as log:
        place.toxiproxy.proxy(1, name="q")
        for name in ("x", "y"):
            place.toxiproxy.toxic("noop", name=name)
            assert next(log)["toxic"] == name


def test_an_observer_sees_every_byte_that_was_written_and_the_log_shows_none() -> None:
    told: list[Event] = []
    with serving(observer=told.append) as place:
        place.toxiproxy.toxic("limit_data", bytes=1000)
        pair = place.connect()
        pair.client.send(b"question")
        pair.server.read(8)
        pair.server.send(bytes(range(256)) * 10)
        got, _ = pair.client.rest()
        awaited(place, "closed")
        assert not [one for one in events(place) if one["event"] == "carried"]
    carried = [one for one in told if isinstance(one, Carried)]
    assert b"".join(one.data for one in carried if one.stream == "upstream") == b"question"
    assert b"".join(one.data for one in carried if one.stream == "downstream") == got == (bytes(range(256)) * 4)[:1000]


def test_a_toxic_is_given_no_more_than_32_kib_at_once() -> None:
    told: list[Event] = []
    with serving(observer=told.append) as place:
        place.toxiproxy.toxic("noop")
        pair = place.connect()
        sending = threading.Thread(target=pair.server.send, args=(bytes(1_000_000),))
        sending.start()
        pair.client.read(1_000_000)
        sending.join()
    assert max(len(one.data) for one in told if isinstance(one, Carried)) <= CHUNK_BYTES


# ---- a server that is not there --------------------------------------------------------------------------------------


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    with deaf_server() as listener:
        yield listener


def test_a_server_that_refuses_is_told_as_unreachable_and_the_client_is_closed(place: Between) -> None:
    place.listener.close()
    assert place.dial().rest() == (b"", "fin")
    told = awaited(place, "unreachable")
    assert told["connection"] == 1
    assert told["why"] == "connection refused"


def test_a_server_without_an_address_is_told_as_unreachable(place: Between) -> None:
    place.change(upstream="nowhere.invalid:1")
    assert place.dial().rest() == (b"", "fin")
    assert "nowhere.invalid" in awaited(place, "unreachable")["why"]


def test_a_server_that_does_not_answer_blocks_neither_others_nor_changes(place: Between, deaf: socket.socket) -> None:
    port = place.toxiproxy.proxy(deaf.getsockname()[1], name="q")
    waiting = Between(place.toxiproxy, deaf, port, place.sockets)
    clients = [waiting.dial() for _ in range(3)]
    place.live()
    assert place.toxiproxy.toxic("noop", proxy="q").status == 200
    assert place.toxiproxy.ask("POST", "/proxies/q", {"upstream": f"127.0.0.1:{place.port}"}).status == 200
    assert [client.rest() for client in clients] == [(b"", "fin")] * 3
    Between(place.toxiproxy, place.listener, port, place.sockets).live()


@pytest.mark.parametrize("change", [disable, delete])
def test_a_client_whose_server_does_not_answer_is_closed_with_its_proxy(
    place: Between, deaf: socket.socket, change: Callable[[Between, Pair], None]
) -> None:
    place.change(upstream=name_of(deaf))
    client = place.dial()
    change(place, Pair(client, client))
    assert client.rest() == (b"", "fin")


def test_a_server_that_does_not_answer_in_time_is_told_as_unreachable(
    place: Between, deaf: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "CONNECT_SECONDS", 0.05)
    place.change(upstream=name_of(deaf))
    with not_before(0.05):
        assert place.dial().rest() == (b"", "fin")
    assert awaited(place, "unreachable")["why"] == "timed out"


def test_a_client_that_has_gone_before_it_was_accepted_does_no_harm() -> None:
    busy, free = threading.Event(), threading.Event()

    def hold(event: Event) -> None:
        if isinstance(event, ToxicAdded):
            busy.set()
            free.wait(PATIENCE)

    with serving(observer=hold) as place:
        adding = threading.Thread(target=lambda: place.toxiproxy.toxic("noop"))
        adding.start()
        busy.wait(PATIENCE)
        client = place.dial()
        name = name_of(client.sock)
        client.reset()
        free.set()
        adding.join()
        assert awaited(place, "closed")["how"] == "client"
        assert awaited(place, "opened")["client"] == name
        place.listener.accept()[0].close()
        place.live()


def test_a_process_without_file_descriptors_accepts_again_when_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([OSError(errno.EMFILE, "too many open files")] * 2)

    class Exhausted(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            failure = next(failures, None)
            if failure is not None:
                raise failure
            return super().accept()

    async def listen(text: str) -> socket.socket:
        sock = await listening(text)
        made = Exhausted(fileno=sock.detach())
        made.setblocking(False)
        return made

    listening = address.listen
    monkeypatch.setattr(address, "listen", listen)
    monkeypatch.setattr(proxy, "_PAUSE_SECONDS", 0.02)
    with serving() as place:
        place.live()
        assert next(failures, None) is None


# ---- toxics that only ours has ---------------------------------------------------------------------------------------


@both_streams
def test_reset_now_resets_a_live_connection_on_which_nothing_happens(place: Between, stream: Stream) -> None:
    pair = place.live()
    place.toxiproxy.toxic("reset_now", stream=stream)
    assert (pair.client.rest(), pair.server.rest()) == ((b"", "rst"), (b"", "rst"))


def test_reset_now_resets_a_new_connection_before_anything_happens(place: Between) -> None:
    place.toxiproxy.toxic("reset_now")
    with suppress(ConnectionResetError):  # it may come before the client's connect() is back
        assert place.dial().rest() == (b"", "rst")
    assert awaited(place, "closed")["how"] == "reset"


def test_reset_now_lets_its_bytes_be_read_before_it_resets(place: Between) -> None:
    place.toxiproxy.toxic("reset_now", after_bytes=3, delay=100)
    pair = place.connect()
    with not_before(0.1):
        pair.server.send(b"abcdef")
        assert pair.client.rest() == (b"abc", "rst")


@both_streams
def test_limit_time_closes_both_sides_though_data_flow(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("limit_time", stream=stream, time=100)
    with not_before(0.1):
        sender, receiver = place.connect().along(stream)
        sender.send(b"abc")
        assert receiver.rest() == (b"abc", "fin")
        assert sender.rest() == (b"", "fin")


@both_streams
def test_stall_holds_the_rest_and_the_end_until_it_is_removed(place: Between, stream: Stream) -> None:
    place.toxiproxy.toxic("stall", stream=stream, name="x", after_bytes=3)
    sender, receiver = place.connect().along(stream)
    sender.send(b"abcdef")
    sender.half_close()
    assert receiver.read(3) == b"abc"
    awaited(place, "struck")
    assert not select.select([receiver.sock], [], [], 0)[0]
    place.remove("x")
    assert receiver.rest() == (b"def", "fin")


def test_slow_open_delays_the_first_bytes_only(place: Between) -> None:
    place.toxiproxy.toxic("slow_open", delay=100)
    with not_before(0.1):
        pair = place.connect()
        pair.server.send(b"abc")
        pair.client.read(3)


def test_corrupt_changes_one_byte_at_its_place(place: Between) -> None:
    place.toxiproxy.toxic("corrupt", after_bytes=5, probability=1, count=1)
    pair = place.connect()
    pair.server.send(bytes(10))
    data = pair.client.read(10)
    assert [place for place, byte in enumerate(data) if byte] == [5]
    assert awaited(place, "struck")["note"] == "byte 5"


@both_streams
@pytest.mark.parametrize("rude", [False, True])
def test_half_open_hides_the_senders_end_until_the_receiver_closes(place: Between, stream: Stream, rude: bool) -> None:
    place.toxiproxy.toxic("half_open", stream=stream)
    sender, receiver = place.connect().along(stream)
    receiver.send(b"!")
    sender.read(1)
    sender.send(b"lost")
    if rude:
        sender.reset()
    else:
        sender.close()
    left = awaited(place, "left")
    assert not select.select([receiver.sock], [], [], 0)[0]
    receiver.close()
    assert awaited(place, "closed")["number"] > left["number"]


@both_streams
def test_half_open_looks_alive_though_the_receiver_writes_to_a_sender_that_has_gone(
    place: Between, stream: Stream
) -> None:
    place.toxiproxy.toxic("half_open", stream=stream)
    sender, receiver = place.connect().along(stream)
    sender.close()
    awaited(place, "left")
    for _ in range(50):
        receiver.send(b"a")
        assert not select.select([receiver.sock], [], [], 0.001)[0]
    receiver.close()
    closed = awaited(place, "closed")
    other = "upstream" if stream == "downstream" else "downstream"
    assert closed[f"{other}_received"] == 50 > closed[f"{other}_sent"]
    assert closed["how"] == ("server" if stream == "downstream" else "client")


def test_half_open_ends_when_the_receiver_has_closed_though_its_close_is_delayed(place: Between) -> None:
    place.toxiproxy.toxic("half_open", stream="upstream")
    place.toxiproxy.toxic("slow_close", stream="downstream", delay=HOUR_MS)
    pair = place.connect()
    pair.server.send(b"!")
    pair.client.read(1)
    pair.client.close()
    awaited(place, "left")
    pair.server.half_close()
    assert pair.server.rest() == (b"", "fin")


def test_half_open_in_both_directions_ends_when_both_sides_have_closed(place: Between) -> None:
    for stream in STREAMS:
        place.toxiproxy.toxic("half_open", stream=stream)
    pair = place.connect()
    pair.client.close()
    awaited(place, "left")
    assert not select.select([pair.server.sock], [], [], 0)[0]
    pair.server.close()
    assert awaited(place, "closed")["how"] in ("client", "server")


def test_the_removal_of_half_open_closes(place: Between) -> None:
    pair = place.live()
    place.toxiproxy.toxic("half_open", name="x")
    pair.server.send(b"lost")
    place.remove("x")
    assert (pair.client.rest(), pair.server.rest()) == ((b"", "fin"), (b"", "fin"))


def test_a_toxic_acts_on_the_connections_that_its_counts_name_open_ones_first(place: Between) -> None:
    pairs = [place.live() for _ in range(2)]
    place.toxiproxy.toxic("limit_data", skip_connections=1, only_connections=2)
    pairs += [place.connect() for _ in range(2)]
    for pair in pairs:
        pair.server.send(b"abc")
        pair.server.half_close()
    assert [pair.client.rest()[0] for pair in pairs] == [b"abc", b"", b"", b"abc"]


def test_a_toxic_that_comes_when_its_direction_is_over_does_not_strike(place: Between) -> None:
    place.toxiproxy.toxic("latency", name="slow", latency=HOUR_MS)
    pair = place.connect()
    pair.server.send(b"answer")
    awaited(place, "struck")
    pair.client.half_close()
    assert pair.server.rest() == (b"", "fin")
    place.toxiproxy.toxic("slow_open", name="late", stream="upstream")
    place.remove("slow")
    assert pair.client.rest() == (b"answer", "fin")
    assert [one["toxic"] for one in events(place) if one["event"] == "struck"] == ["slow"]


# ---- much at once ----------------------------------------------------------------------------------------------------


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 5000:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 5000), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
def test_a_thousand_connections_with_latency_lose_nothing(place: Between) -> None:
    place.toxiproxy.toxic("latency", latency=100)
    pairs = [place.connect() for _ in range(1000)]
    with not_before(0.1):
        for number, pair in enumerate(pairs):
            pair.server.send(number.to_bytes(2, "big"))
            pair.server.close()
        assert [pair.client.rest() for pair in pairs] == [(number.to_bytes(2, "big"), "fin") for number in range(1000)]


@pytest.mark.usefixtures("many_files")
def test_a_thousand_clients_that_come_at_once_are_all_served(place: Between) -> None:
    clients = [place.dial() for _ in range(1000)]
    servers = [place.listener.accept()[0] for _ in clients]
    for number, (client, server) in enumerate(zip(clients, servers, strict=True)):
        place.sockets.enter_context(server)
        client.send(number.to_bytes(2, "big"))
        client.half_close()
    seen = sorted(int.from_bytes(server.recv(2, socket.MSG_WAITALL), "big") for server in servers)
    assert seen == list(range(1000))


def fates(seed: str) -> list[bytes]:
    """What a toxic of half toxicity lets through on each of 40 connections."""
    with serving(seed) as place:
        place.toxiproxy.toxic("limit_data", toxicity=0.5)
        pairs = [place.connect() for _ in range(40)]
        for pair in pairs:
            pair.server.send(b"a")
            pair.server.half_close()
        return [pair.client.rest()[0] for pair in pairs]


def test_the_same_seed_throws_the_same_dice_and_another_others() -> None:
    assert fates("1") == fates("1") != fates("2")
    assert set(fates("1")) == {b"", b"a"}
