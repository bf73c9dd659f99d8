"""What no client of the API can do to our server: keep others from being answered, fill memory, act for a web page."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live.asking import PATIENCE, body, populate, port_of, proxies, request
from live.toxiproxies import Toxiproxy

from harness.toxiproxy import api, embedded
from harness.toxiproxy.embedded import EmbeddedToxiproxy
from harness.toxiproxy.server import Server

MIB = 1 << 20
HEAD = b"POST /proxies HTTP/1.1\r\nHost: localhost\r\n"
LOOPS = {"installed": embedded.new_event_loop, "asyncio": lambda: asyncio.new_event_loop}
EVERY_LOOP = ["installed", pytest.param("asyncio", marks=pytest.mark.slow)]
CONNECTIONS = 2000
GROWTH = 150 * MIB
"""What one attack may cost at most."""


@pytest.fixture(scope="module", params=EVERY_LOOP)
def attacked(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "new_event_loop", LOOPS[request.param])
        with EmbeddedToxiproxy() as server:
            yield Toxiproxy("embedded", server.url)


@pytest.fixture
def hasty(attacked: Toxiproxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toxiproxy]:
    """Another one, which waits for nobody very long."""
    monkeypatch.setattr(api, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(api, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(api, "LINGER_SECONDS", 0.2)
    with EmbeddedToxiproxy() as server:
        yield Toxiproxy("embedded", server.url)


@pytest.fixture(autouse=True)
def grown(attacked: Toxiproxy) -> Iterator[Callable[[], int]]:
    """By how many bytes this process has grown since the test began; after it the server answers and is as before."""
    before = memory()
    yield lambda: memory() - before
    assert_answers(attacked)
    attacked.clear()
    assert memory() - before < GROWTH


def memory() -> int:
    """Bytes of this process in memory; the server is in it."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(statm.read_text().split()[1]) * resource.getpagesize()


def assert_answers(toxiproxy: Toxiproxy) -> None:
    assert request(toxiproxy, "GET", "/version").body == b'{"version": "2.12.0"}\n'


@contextlib.contextmanager
def attacker(toxiproxy: Toxiproxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port_of(toxiproxy.url)), timeout=PATIENCE) as sock:
        yield sock


def sent(sock: socket.socket, piece: bytes, most: int, between: Callable[[], object]) -> int:
    """How many bytes of an endless repetition of ``piece`` are taken before the other side closes or stops reading."""
    total, turns = 0, 0
    sock.settimeout(0.5)
    with contextlib.suppress(OSError):
        while total < most:
            total += sock.send(piece)
            turns += 1
            if turns % 16 == 0:
                between()
    return total


def rest(sock: socket.socket) -> bytes:
    """What still comes until the other side closes, which it must."""
    sock.settimeout(PATIENCE)
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            data += piece
    return data


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# ---- bodies and heads without an end ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("framing", "piece"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b" " * 0x8000 + b"\r\n"),
        (b"Content-Length: 9999999999\r\n\r\n", b" " * 0x8000),
    ],
    ids=["chunked", "counted"],
)
def test_an_endless_body_is_refused_and_its_sender_cut_off(hasty: Toxiproxy, framing: bytes, piece: bytes) -> None:
    with attacker(hasty) as sock:
        sock.sendall(HEAD + framing)
        for _ in range(5 * MIB // 0x8000):
            sock.sendall(piece)
        assert status(sock.recv(65536)) == 413
        assert sent(sock, piece, 2000 * MIB, lambda: assert_answers(hasty)) < 2000 * MIB
    assert proxies(hasty) == {}


def test_an_endless_body_that_nobody_wants_is_cut_off(hasty: Toxiproxy) -> None:
    with attacker(hasty) as sock:
        sock.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n")
        assert sent(sock, b" " * 0x8000, 2000 * MIB, lambda: assert_answers(hasty)) < 2000 * MIB


def test_a_body_that_stops_in_the_middle_is_given_up(hasty: Toxiproxy) -> None:
    with attacker(hasty) as sock:
        sock.sendall(HEAD + b'Content-Length: 99\r\n\r\n{"name":"p","upstream":"u"}')
        assert_answers(hasty)
        answer = rest(sock)
        assert (status(answer), b"bad request body: not here after 0.5 s" in answer) == (400, True)
    assert proxies(hasty) == {}


@pytest.mark.parametrize(
    ("start", "piece"),
    [(b"GET /version", b"x" * 1000), (HEAD, b"X: y\r\n" * 100), (HEAD + b"X: ", b"y" * 1000), (b"\r\n", b"\r\n" * 500)],
    ids=["line", "headers", "header", "empty lines"],
)
def test_a_head_without_an_end_is_refused_or_cut_off(hasty: Toxiproxy, start: bytes, piece: bytes) -> None:
    with attacker(hasty) as sock:
        sock.sendall(start)
        assert sent(sock, piece, 64 * MIB, lambda: assert_answers(hasty)) < 64 * MIB


@pytest.mark.parametrize("start", [b"", b"G", HEAD, b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD])
def test_who_does_not_finish_a_head_is_cut_off(hasty: Toxiproxy, start: bytes) -> None:
    with attacker(hasty) as sock:
        sock.sendall(start)
        assert_answers(hasty)
        assert (b"200 OK" in rest(sock)) == (b"version" in start)


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/proxies", b"[" * MIB),
        ("/proxies", b'"' + rb"\ud800" * (MIB // 6 - 1) + b'"'),
        ("/proxies", b"1" * MIB),
        ("/proxies", b"{" + b'"Logger":{"a":1},' * (MIB // 17 - 1) + b'"a":1}'),
        ("/populate", b"[" + b"{}," * (MIB // 3 - 2) + b"{}]"),
        ("/populate", b"[" + b"null," * (MIB // 5 - 2) + b"null]"),
    ],
    ids=lambda one: repr(one[:12]),
)
def test_a_body_made_to_be_hard_to_read_is_refused_in_time(attacked: Toxiproxy, path: str, raw: bytes) -> None:
    assert request(attacked, "POST", path, raw).status == 400


# ---- many connections, and answers that are not read -----------------------------------------------------------------


@pytest.fixture
def many() -> Iterator[int]:
    """How many connections can be held, up to 2,000: each takes two descriptors of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
    yield min(CONNECTIONS, (max(soft, min(wanted, hard)) - 1000) // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_two_thousand_idle_connections_keep_nobody_waiting(
    attacked: Toxiproxy, many: int, grown: Callable[[], int]
) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(attacker(attacked)) for _ in range(many)]
        for sock in idle[: many // 2]:
            sock.sendall(HEAD)
        for _ in range(20):
            assert_answers(attacked)
        assert grown() < GROWTH
        idle[-1].sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status(idle[-1].recv(65536)) == 200


def test_idle_connections_are_closed_after_a_while(hasty: Toxiproxy) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(attacker(hasty)) for _ in range(100)]
        assert_answers(hasty)
        assert {rest(sock) for sock in idle} == {b""}


@pytest.mark.parametrize("path", ["/proxies", "/version", "/events"])
def test_who_sends_requests_and_reads_no_answer_is_not_read_any_more(
    attacked: Toxiproxy, path: str, grown: Callable[[], int]
) -> None:
    populate(attacked, *(body(f"p{number}", enabled=False) for number in range(200)))
    with attacker(attacked) as sock:
        piece = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 1000
        assert sent(sock, piece, 100 * MIB, lambda: assert_answers(attacked)) < 100 * MIB
        assert grown() < GROWTH


def test_who_follows_the_events_and_reads_none_keeps_nobody_waiting(attacked: Toxiproxy) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(attacker(attacked)).sendall(b"GET /events?follow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        populate(attacked, *(body(f"p{number}") for number in range(50)))
        for _ in range(20):
            assert request(attacked, "POST", "/populate", [body(f"p{number}") for number in range(50)]).status == 201


async def until(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0)


def test_who_followed_the_events_and_went_away_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "FOLLOWED_SECONDS", 0.05)

    async def followed_and_left() -> None:
        server = Server()
        served = api.Api(server)
        await served.start()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(b"GET /events?follow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                await until(lambda: bool(server.log.waiters))
                writer.transport.abort()
                await until(lambda: not server.log.waiters)
        finally:
            await served.stop()

    with asyncio.Runner(loop_factory=embedded.new_event_loop()) as runner:
        runner.run(followed_and_left())


@contextlib.contextmanager
def few_descriptors() -> Iterator[None]:
    """At most ten more for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as lowest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno() + 10, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_the_api_says_so_and_goes_on(attacked: Toxiproxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(attacked.url), timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/version")
        connection.getresponse().read()
        with few_descriptors():
            connection.request("POST", "/populate", json.dumps([body(f"p{number}") for number in range(50)]))
            shown = json.loads(connection.getresponse().read())
    assert (shown["status"], shown["error"]) == (500, "listen tcp 127.0.0.1:0: socket: too many open files")
    assert len(shown["proxies"]) == len(proxies(attacked)) > 0


# ---- web pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8474"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "evil.example#@127.0.0.1"},
        {"Host": "10.0.0.1"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:8474"},
        {"Origin": "null"},
        {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/proxies"), ("POST", "/populate"), ("DELETE", "/proxies/p"), ("POST", "/reset")]
)
def test_a_web_page_changes_nothing(attacked: Toxiproxy, method: str, path: str, headers: dict[str, str]) -> None:
    populate(attacked, body(enabled=False))
    before = proxies(attacked)
    given = [body("q")] if path == "/populate" else body("q")
    assert request(attacked, method, path, given, **headers).status == 403
    assert proxies(attacked) == before
