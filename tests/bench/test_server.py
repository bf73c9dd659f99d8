"""How fast the scripted server is beside others that play a model: the same stream in the same run, round by round.

Servers and readers are processes of their own (``scripted.py``, ``readers.py``). ``make setup-mocks`` fetches the
others, and ``make bench`` shows the ratios and holds us to them. The quick suite runs everything once on a small scale,
to see that every stream comes whole.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, Any

import pytest
from bench.conftest import Beside, Target
from pytest_benchmark.fixture import BenchmarkFixture

from harness.asking import MODELS

OURS, APART, AIMOCK, LLMOCK = "shared", "apart", "aimock", "llmock"
BARE, BARE_APART = "bare", "bare, apart"
"""The least that any server on asyncio costs."""
HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / ".tools"
COMMANDS = {
    AIMOCK: TOOLS / "node/node_modules/@copilotkit/aimock/dist/cli.js",
    LLMOCK: TOOLS / "llmock/bin/llmock",
}
EVENTS = 200
"""Of one stream, about; how many they are is read off the first one of each."""
PIECES = 194
"""Of the text in them."""
PATIENCE = 20.0
HEADERS = {"x-api-key": "any", "anthropic-version": "2023-06-01", "content-type": "application/json"}
BODY = json.dumps(
    {
        "model": MODELS["anthropic"],
        "max_tokens": 4096,
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }
)

Results = dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Server:
    """One that is measured: its process, and where the same stream is to be had."""

    pid: int
    port: int
    path: str

    @property
    def asked(self) -> list[Any]:
        """What its readers ask for; ``#`` in the path is another number each time."""
        return [self.path, BODY, HEADERS]

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> float:
        """KiB that it has in memory."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return float(found[1])


class Readers:
    """The process that reads the streams."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, *command: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(line_of(self._process.stdout))

    def events(self, server: Server) -> int:
        """How many events one of its streams has."""
        answer: str = self.ask("one", server.port, server.asked)
        assert "message_stop" in answer, answer[:500]
        return answer.count("event: ")


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    line = stream.readline()
    assert line, "it has died"
    return line


@contextmanager
def process(*command: str | Path, **more: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more) as started:
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def ours(name: str) -> Iterator[Server]:
    with process(sys.executable, HERE / "scripted.py") as started:
        yield Server(pid=started.pid, port=int(line_of(started.stdout)), path=f"/case/{name}~#/v1/messages")


@contextmanager
def bare(how: str, pieces: int = PIECES) -> Iterator[Server]:
    with process(sys.executable, HERE / "bare_server.py") as started:
        yield Server(pid=started.pid, port=int(line_of(started.stdout)), path=f"/{how}/{pieces}/#")


@contextmanager
def aimock(folder: Path) -> Iterator[Server]:
    says = {"match": {"userMessage": "Hello"}, "response": {"content": "four words are said " * (EVENTS - 5)}}
    (folder / "says.json").write_text(json.dumps({"fixtures": [says]}))
    port = free_port()
    command = ("node", COMMANDS[AIMOCK], "-p", str(port), "-f", folder / "says.json", "--log-level", "silent")
    with process(*command) as started:
        until_it_listens(port)
        yield Server(pid=started.pid, port=port, path="/v1/messages")


@contextmanager
def llmock() -> Iterator[Server]:
    port = free_port()
    command = (COMMANDS[LLMOCK], "serve", "--port", str(port), "--log-level", "error")
    with process(*command, stderr=subprocess.DEVNULL) as started:
        until_it_listens(port)
        says = {"behaviors": [{"type": "reply", "text": " ".join(["wordiness"] * (EVENTS - 6)), "times": None}]}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_llmock/scenario", json.dumps(says).encode()):
            yield Server(pid=started.pid, port=port, path="/anthropic/v1/messages")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until_it_listens(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not threading.Event().wait(0.05) and time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
    raise TimeoutError("it does not listen")


@pytest.fixture(scope="module", autouse=True)
def _linux() -> None:
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("NOT MEASURED: only Linux tells what a process has used")


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with process(sys.executable, HERE / "readers.py") as started:
        yield Readers(started)


@pytest.fixture(scope="module")
def servers(beside: Beside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Everybody who is there."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(ours(name)) for name in (OURS, APART)}
        found |= {BARE: stack.enter_context(bare("bulk")), BARE_APART: stack.enter_context(bare("apart"))}
        if COMMANDS[AIMOCK].exists():
            found[AIMOCK] = stack.enter_context(aimock(tmp_path_factory.mktemp("aimock")))
            package = json.loads((COMMANDS[AIMOCK].parents[1] / "package.json").read_text())
            beside(AIMOCK, package["version"])
        if COMMANDS[LLMOCK].exists():
            found[LLMOCK] = stack.enter_context(llmock())
            (about,) = COMMANDS[LLMOCK].parents[1].glob("lib/*/site-packages/llmock-*.dist-info")
            beside(LLMOCK, about.stem.removeprefix("llmock-"))
        yield found


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], benchmark: BenchmarkFixture) -> Callable[[str], None]:
    """Shows what was measured at once, if it is worth anything."""

    def write(text: str) -> None:
        if benchmark.enabled:
            with capsys.disabled():
                sys.stdout.write(text + "\n")

    return write


def need(name: str, servers: dict[str, Server], benchmark: BenchmarkFixture) -> None:
    if benchmark.enabled and name not in servers:
        pytest.skip(f"NOT COMPARED with {name}: run `make setup-mocks`")


def race(benchmark: BenchmarkFixture, names: list[str], measure: Callable[[str], None], rounds: int) -> None:
    """Everybody in turn in each round; pytest-benchmark's own table shows ours."""

    def run_the_others() -> None:
        for name in names[1:]:
            measure(name)

    benchmark.pedantic(measure, args=(names[0],), setup=run_the_others, rounds=rounds)


@dataclass
class Speeds:
    """What a crowd of readers found, round by round."""

    per_second: Results
    cpu: Results
    """Microseconds for each event."""

    def table(self, title: str) -> str:
        rows = [
            f"  {name:15}{median(speeds):12,.0f} events/s{median(self.cpu[name]):10.2f} us of CPU for each"
            for name, speeds in self.per_second.items()
        ]
        return "\n".join([f"\n{title}: median of {len(self.per_second[OURS])} rounds", *rows])


def ratio(ones: list[float], others: list[float]) -> float:
    """The median of all rounds."""
    return median(one / other for one, other in zip(ones, others, strict=True))


def speeds(
    benchmark: BenchmarkFixture, readers: Readers, servers: dict[str, Server], streams: int, answers: int, rounds: int
) -> Speeds:
    """Let ``streams`` readers ask at once, and again, until they have read ``answers`` answers each."""
    events = {name: readers.events(server) for name, server in servers.items()}
    found = Speeds({name: [] for name in servers}, {name: [] for name in servers})

    def measure(name: str) -> None:
        server, before = servers[name], servers[name].cpu()
        read = readers.ask("burst", server.port, server.asked, streams, answers)
        assert read["whole"] == streams * (answers + 1), f"{name} lost streams"
        found.per_second[name].append(streams * answers * events[name] / read["seconds"])
        found.cpu[name].append(1e6 * (server.cpu() - before) / (streams * (answers + 1) * events[name]))

    race(benchmark, list(servers), measure, rounds)
    benchmark.extra_info["events/s"], benchmark.extra_info["us of CPU per event"] = found.per_second, found.cpu
    return found


@pytest.mark.parametrize(("streams", "answers", "factor"), [(100, 10, 2.0), (1000, 3, 3.0)])
def test_events_that_nothing_separates_share_a_write(
    benchmark: BenchmarkFixture,
    readers: Readers,
    servers: dict[str, Server],
    say: Callable[[str], None],
    target: Target,
    streams: int,
    answers: int,
    factor: float,
) -> None:
    if not benchmark.enabled:
        streams, answers = 5, 2
    racing = {name: server for name, server in servers.items() if name in (OURS, AIMOCK, BARE)}
    found = speeds(benchmark, readers, racing, streams, answers, rounds=5)
    say(found.table(f"{streams} streams at once, unpaced"))
    need(AIMOCK, servers, benchmark)
    if AIMOCK in servers:
        times = ratio(found.per_second[OURS], found.per_second[AIMOCK])
        least = ratio(found.per_second[BARE], found.per_second[AIMOCK])
        why = (
            f"{least:.2f} × is what a server reaches that only writes bytes; a fifth of what an answer takes here goes "
            "into a record of each event, and most of the rest into aiohttp's reading of its request"
        )
        target("server", f"events/s of {streams} streams, to aimock", times, at_least=factor, why=why)


def test_a_write_for_each_event_takes_little_cpu(
    benchmark: BenchmarkFixture,
    readers: Readers,
    servers: dict[str, Server],
    say: Callable[[str], None],
    target: Target,
) -> None:
    racing = {name: servers[name] for name in (APART, OURS, BARE_APART)}
    streams, answers = (100, 10) if benchmark.enabled else (5, 2)
    found = speeds(benchmark, readers, racing, streams, answers, rounds=5)
    say(found.table(f"{streams} streams at once, a write for each event"))
    why = f"a server that only writes bytes takes {median(found.cpu[BARE_APART]):.1f} µs"
    cpu = median(found.cpu[APART])
    target("server", "CPU of an event that is written by itself", cpu, at_most=5.0, unit="µs", why=why)


def test_an_event_takes_a_fraction_of_the_cpu_that_llmock_takes(
    benchmark: BenchmarkFixture,
    readers: Readers,
    servers: dict[str, Server],
    say: Callable[[str], None],
    target: Target,
) -> None:
    need(LLMOCK, servers, benchmark)
    racing = {name: server for name, server in servers.items() if name in (OURS, LLMOCK)}
    found = speeds(benchmark, readers, racing, 50 if benchmark.enabled else 3, 1, rounds=3)
    say(found.table("50 streams at once, unpaced"))
    if LLMOCK in servers:
        less = ratio(found.cpu[LLMOCK], found.cpu[OURS])
        target("server", "CPU of an event, of llmock to ours", less, at_least=30.0)


def test_a_stream_that_says_nothing_takes_little_memory(
    benchmark: BenchmarkFixture, readers: Readers, say: Callable[[str], None], target: Target
) -> None:
    streams = 4000 if benchmark.enabled else 20
    grown: list[float] = []

    def measure() -> None:
        with ours("idle") as server:
            readers.ask("hold", server.port, server.asked, 100)
            before = server.memory()
            assert readers.ask("hold", server.port, server.asked, streams) == streams + 100
            grown.append((server.memory() - before) / streams)
            readers.ask("release")

    benchmark.pedantic(measure, rounds=3)
    benchmark.extra_info["KiB"] = grown
    say(f"\n{streams} streams that say nothing: {median(grown):.1f} KiB each")
    target("server", "memory of an idle stream", median(grown), at_most=16.0, unit="KiB")


@pytest.mark.parametrize(
    ("name", "pieces", "pace", "streams", "watched", "limit_ms"),
    [("paced", PIECES, 0.05, 1000, 1000, 10.0), ("paced_slowly", 40, 0.25, 5000, 500, 100.0)],
)
def test_streams_that_keep_a_pace_are_in_time(
    benchmark: BenchmarkFixture,
    readers: Readers,
    say: Callable[[str], None],
    target: Target,
    name: str,
    pieces: int,
    pace: float,
    streams: int,
    watched: int,
    limit_ms: float,
) -> None:
    if not benchmark.enabled:
        name, pieces, pace, streams, watched = "paced_briefly", 4, 0.05, 10, 10
    late: Results = {"p50": [], "p99": [], "last": []}
    busy: list[float] = []
    bare_late: list[float] = []

    def measure(server: Server) -> list[float]:
        began, before = time.monotonic(), server.cpu()
        read = readers.ask("paced", server.port, server.asked, streams, watched, pace)
        busy.append((server.cpu() - before) / (time.monotonic() - began))
        assert read["whole"] == streams, f"{streams - read['whole']} streams were lost"
        assert len(read["late"]) > watched
        return [1000 * seconds for seconds in read["late"]]

    def measure_both() -> None:
        with ours(name) as server:
            seen = measure(server)
        for what, share in (("p50", 0.5), ("p99", 0.99), ("last", 1.0)):
            late[what].append(quantile(seen, share))
        with bare(str(pace), pieces) as server:
            bare_late.append(quantile(measure(server), 0.99))
            busy.pop()

    benchmark.pedantic(measure_both, rounds=3)
    benchmark.extra_info["ms"] = late
    told = ", ".join(f"{what} {median(values):.1f} ms" for what, values in late.items())
    rate = f"{1 / pace:g} events/s"
    say(f"\n{streams} streams of {rate}, late by: {told}; {median(busy):.0%} of a core")
    why = f"{median(busy):.0%} of a core; of a server that only writes bytes it is {median(bare_late):.1f} ms"
    p99 = median(late["p99"])
    target("server", f"p99 lateness of {streams} streams of {rate}", p99, at_most=limit_ms, unit="ms", why=why)


def quantile(ascending: list[float], share: float) -> float:
    return ascending[min(int(len(ascending) * share), len(ascending) - 1)]
