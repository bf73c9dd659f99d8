"""How fast our Toxiproxy is beside the real one: the same bytes in the same run, everybody in turn in each round.

Servers, client (``near_end.py``) and what is behind (``far_end.py``) are processes of their own; ``embedded`` is in
this one. ``make bench`` shows the ratios and holds us to them. The quick suite runs everything once on a small scale,
to see that every byte arrives.
"""

from __future__ import annotations

import importlib.util
import json
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, Any

import pytest
from bench.conftest import Beside, Target
from bench.near_end import cpu_seconds
from live.toxiproxies import SERVER, Toxiproxy, running
from pytest_benchmark.fixture import BenchmarkFixture

OURS, UVLOOP, EMBEDDED, REAL, DIRECT = "ours", "ours on uvloop", "embedded", "real", "direct"
HELD_TO_IT = (OURS, UVLOOP)
BARE = {OURS: "bare", UVLOOP: "bare on uvloop"}
"""A relay that does nothing: the least that one costs on the event loop of each of ours."""
PROXIES = ("source", "echo", "greeting", "crowd", "paced", "slow")
LATENCY_MS, PACED_MS = 100, 20
FILES = 4096
MAIN = "from harness.cli import main; main()"
WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None; "

Figures = dict[str, float]
Measure = Callable[[str], Figures]
Results = dict[str, list[Figures]]
Say = Callable[[str], None]


@dataclass
class Ports:
    """Where one server's proxies listen, and its process."""

    source: int
    echo: int
    greeting: int
    crowd: int
    paced: int
    slow: int
    pid: int


class Ends:
    """The processes before and behind the proxies."""

    def __init__(self, near: subprocess.Popen[str], far: subprocess.Popen[str]) -> None:
        self._near = near
        source, echo, greeting = json.loads(line_of(far.stdout))
        crowd = json.loads(line_of(near.stdout))
        self.behind = Ports(source, echo, greeting, crowd, paced=crowd, slow=source, pid=far.pid)

    def ask(self, *command: str | int) -> Any:
        assert self._near.stdin is not None
        self._near.stdin.write(json.dumps(command) + "\n")
        self._near.stdin.flush()
        return json.loads(line_of(self._near.stdout))


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    line = stream.readline()
    assert line, "it has died"
    return line


@contextmanager
def script(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name(name)), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def alone(*, uvloop: bool) -> Iterator[Toxiproxy]:
    """``streamproof toxiproxy`` in a process of its own, on either event loop."""
    command = [sys.executable, "-c", MAIN if uvloop else WITHOUT_UVLOOP + MAIN, "toxiproxy", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        found = re.search(r"http://\S+?(?=[\s;])", line_of(process.stdout))
        assert found is not None
        reader = threading.Thread(target=process.stdout.read)  # type: ignore[union-attr]
        reader.start()
        try:
            yield Toxiproxy(OURS, found[0], process.pid)
        finally:
            process.terminate()
            reader.join()


@pytest.fixture(scope="module")
def ends() -> Iterator[Ends]:
    with script("near_end.py") as near, script("far_end.py") as far:
        yield Ends(near, far)


@pytest.fixture(scope="module")
def servers(beside: Beside) -> Iterator[dict[str, Toxiproxy]]:
    """Everybody who is measured."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], FILES), before[1]))
    with ExitStack() as stack:
        starting = {OURS: alone(uvloop=False), EMBEDDED: running("embedded")}
        if importlib.util.find_spec("uvloop") is not None:
            starting[UVLOOP] = alone(uvloop=True)
        if SERVER.exists():
            starting[REAL] = running("real")
        started = {name: stack.enter_context(server) for name, server in starting.items()}
        if REAL in started:
            beside("Toxiproxy", started[REAL].ask("GET", "/version").json["version"])
        yield started
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def ports(ends: Ends, servers: dict[str, Toxiproxy]) -> Iterator[dict[str, Ports]]:
    with ExitStack() as stack:
        relays = {BARE[name]: stack.enter_context(relay(name, ends)) for name in HELD_TO_IT if name in servers}
        yield {name: proxies(server, ends) for name, server in servers.items()} | relays


@contextmanager
def relay(name: str, ends: Ends) -> Iterator[Ports]:
    """The bare one on the event loop of ours of that name."""
    held_back = {"crowd": LATENCY_MS / 1000, "paced": PACED_MS / 1000}
    ways = [f"{getattr(ends.behind, way)}:{held_back.get(way, 0)}" for way in PROXIES]
    with script("bare_relay.py", *["uvloop"] * (name == UVLOOP), *ways) as process:
        yield Ports(*json.loads(line_of(process.stdout)), pid=process.pid)


def proxies(server: Toxiproxy, ends: Ends) -> Ports:
    made = [server.proxy(getattr(ends.behind, name), name) for name in PROXIES]
    server.toxic("latency", "crowd", latency=LATENCY_MS, stream="upstream")
    server.toxic("latency", "paced", latency=PACED_MS, stream="upstream")
    return Ports(*made, pid=server.pid)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], benchmark: BenchmarkFixture) -> Say:
    """Shows what was measured at once, if it is worth anything."""

    def write(text: str) -> None:
        if benchmark.enabled:
            with capsys.disabled():
                sys.stdout.write(text + "\n")

    return write


def race(benchmark: BenchmarkFixture, names: list[str], measure: Measure, rounds: int) -> Results:
    """What was measured of everybody, round by round; pytest-benchmark's own table shows ours."""
    results: Results = {name: [] for name in names}

    def run(name: str) -> None:
        results[name].append(measure(name))

    def run_the_others() -> None:
        for name in names:
            if name != OURS:
                run(name)

    benchmark.pedantic(run, args=(OURS,), setup=run_the_others, rounds=rounds)
    benchmark.extra_info["figures"] = results
    return results


def ratio(results: Results, name: str, what: str) -> float:
    """Of one to the real one: the median of all rounds."""
    return median(mine[what] / real[what] for mine, real in zip(results[name], results[REAL], strict=True))


def held(results: Results) -> Iterator[str]:
    """Those of ours that targets are set for, where the real one is there to be compared with."""
    return (name for name in (OURS, UVLOOP) if name in results and REAL in results)


def why(results: Results, name: str, what: str) -> str:
    """What the bare relay reaches of the same."""
    return f"a relay on the same event loop that does nothing reaches {ratio(results, BARE[name], what):.2f} ×"


def table(title: str, results: Results) -> str:
    whats = results[OURS][0]
    lines = [f"\n{title}: medians of {len(results[OURS])} rounds"]
    lines.append(f"  {'':15}" + "".join(f"{what:>14}{'x real':>8}" for what in whats))
    for name, rounds in results.items():
        line = f"  {name:15}"
        for what in whats:
            line += f"{median(one[what] for one in rounds):14,.2f}"
            line += f"{ratio(results, name, what):8.2f}" if REAL in results else " " * 8
        lines.append(line)
    return "\n".join(lines)


def need_the_real_one(benchmark: BenchmarkFixture) -> None:
    if benchmark.enabled and not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")


@pytest.mark.parametrize("connections", [1, 8])
def test_a_download_passes_through(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Say, target: Target, connections: int
) -> None:
    size = 320_000_000 if benchmark.enabled else 4_000_000
    everybody = {**ports, DIRECT: ends.behind}

    def download(name: str) -> Figures:
        used = cpu_seconds(everybody[name].pid)
        seconds = ends.ask("download", everybody[name].source, connections, size)
        return {"MB/s": size / 1e6 / seconds, "CPU s/GB": (cpu_seconds(everybody[name].pid) - used) * 1e9 / size}

    results = race(benchmark, list(everybody), download, rounds=9)
    say(table(f"download of {size / 1e6:g} MB, connections: {connections}", results))
    need_the_real_one(benchmark)
    for name in held(results):
        what, at_least = f"download, connections: {connections}, {name}", 2.0 if name == UVLOOP else 1.2
        target(
            "proxy",
            f"{what}: MB/s to Toxiproxy's",
            ratio(results, name, "MB/s"),
            at_least=at_least,
            why=why(results, name, "MB/s"),
        )
        target(
            "proxy",
            f"{what}: CPU per GB to Toxiproxy's",
            ratio(results, name, "CPU s/GB"),
            at_most=0.5,
            why=why(results, name, "CPU s/GB"),
        )


def test_an_echo_comes_back(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Say, target: Target
) -> None:
    count = 2000 if benchmark.enabled else 50
    everybody = {**ports, DIRECT: ends.behind}

    def echo(name: str) -> Figures:
        used = cpu_seconds(everybody[name].pid)
        p50 = median(ends.ask("echo", everybody[name].echo, 200, count))
        return {"p50 us": 1e6 * p50, "CPU us": 1e6 * (cpu_seconds(everybody[name].pid) - used) / count}

    results = race(benchmark, list(everybody), echo, rounds=9)
    say(table("round trip of 200 bytes", results))
    need_the_real_one(benchmark)
    added = {
        name: [{"us": one["p50 us"] - direct["p50 us"]} for one, direct in zip(rounds, results[DIRECT], strict=True)]
        for name, rounds in results.items()
    }
    for name in held(results):
        target(
            "proxy",
            f"round trip, {name}: added latency to Toxiproxy's",
            ratio(added, name, "us"),
            at_most=1.0,
            why=why(added, name, "us"),
        )


def test_connections_come_and_go(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Say, target: Target
) -> None:
    count = 2000 if benchmark.enabled else 50
    everybody = {**ports, DIRECT: ends.behind}

    def visits(name: str) -> Figures:
        used = cpu_seconds(everybody[name].pid)
        rate = count / ends.ask("visits", everybody[name].greeting, count)
        return {"connections/s": rate, "CPU us": 1e6 * (cpu_seconds(everybody[name].pid) - used) / count}

    results = race(benchmark, list(everybody), visits, rounds=9)
    say(table(f"{count} connections that are greeted and closed", results))
    need_the_real_one(benchmark)
    for name in held(results):
        what = f"connections, {name}: a second, to Toxiproxy's"
        observed = ratio(results, name, "connections/s")
        target("proxy", what, observed, at_least=1.2, why=why(results, name, "connections/s"))


def test_paced_streams_are_delayed_evenly(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Say, target: Target
) -> None:
    streams, events, rate = (1000, 60_000, 20_000) if benchmark.enabled else (20, 200, 2000)

    def paced(name: str) -> Figures:
        return paced_figures(ends.ask("paced", ports[name].paced, streams, events, rate, ports[name].pid))

    results = race(benchmark, list(ports), paced, rounds=5)
    say(table(f"{streams} streams with a latency of {PACED_MS} ms, {rate} events a second in all", results))
    need_the_real_one(benchmark)
    for name in held(results):
        what = f"latency, {streams} streams, {name}"
        for measured, told in (("CPU us/event", "CPU per event"), ("p99 ms late", "p99 late")):
            observed, limit = ratio(results, name, measured), why(results, name, measured)
            target("proxy", f"{what}: {told}, to Toxiproxy's", observed, at_most=1.0, why=limit)


def paced_figures(seen: Any) -> Figures:
    """How late the events were beyond the latency that was asked for; none may be early or lost."""
    late = sorted(1000 * delay - PACED_MS for delay in seen["delays"])
    assert seen["lost"] == 0
    assert late[0] >= 0
    cpu = 1e6 * seen["cpu"] / len(late)
    return {"CPU us/event": cpu, "p50 ms late": median(late), "p99 ms late": late[len(late) * 99 // 100]}


def test_a_lone_stream_is_delayed_exactly(
    benchmark: BenchmarkFixture,
    ends: Ends,
    servers: dict[str, Toxiproxy],
    ports: dict[str, Ports],
    say: Say,
    target: Target,
) -> None:
    events, rate = (500, 250) if benchmark.enabled else (20, 250)

    def paced(name: str) -> Figures:
        return paced_figures(ends.ask("paced", ports[name].paced, 1, events, rate, ports[name].pid))

    results = race(benchmark, list(servers), paced, rounds=5)
    say(table(f"one stream with a latency of {PACED_MS} ms, {rate} events a second", results))
    for name in HELD_TO_IT:
        if name in results:
            late = median(one["p50 ms late"] for one in results[name])
            target("proxy", f"latency, one stream, {name}: late at the median", late, at_most=1.0, unit="ms")


@pytest.mark.parametrize("rate", [250, 4000, 64_000])
def test_a_bandwidth_is_kept(
    benchmark: BenchmarkFixture,
    ends: Ends,
    servers: dict[str, Toxiproxy],
    ports: dict[str, Ports],
    say: Say,
    target: Target,
    rate: int,
) -> None:
    size = 1000 * rate if benchmark.enabled else 20 * rate

    def download(name: str) -> Figures:
        servers[name].toxic("bandwidth", "slow", rate=rate)
        try:
            return {"KB/s": size / 1000 / ends.ask("download", ports[name].slow, 1, size)}
        finally:
            servers[name].ask("DELETE", "/proxies/slow/toxics/bandwidth_downstream")

    results = race(benchmark, list(servers), download, rounds=3)
    say(table(f"download with a bandwidth of {rate} KB/s", results))
    for name in HELD_TO_IT:
        if name in results:
            off = median(100 * abs(one["KB/s"] / rate - 1) for one in results[name])
            target("proxy", f"bandwidth of {rate} KB/s, {name}: off by", off, at_most=2.0, unit="%")


def test_a_thousand_connections_are_all_delayed_in_time(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Say, target: Target
) -> None:
    count, bursts = (1000, 5) if benchmark.enabled else (50, 1)

    def crowd(name: str) -> Figures:
        seen = ends.ask("crowd", ports[name].crowd, count, bursts)
        delays = [sorted(1000 * delay for delay in burst) for burst in seen["bursts"]]
        assert seen["lost"] == 0
        assert min(burst[0] for burst in delays) >= LATENCY_MS
        last = median(burst[-1] for burst in delays)
        return {"ms to open": 1000 * seen["opening"], "p50 ms": median(map(median, delays)), "last ms": last}

    results = race(benchmark, list(ports), crowd, rounds=5)
    say(table(f"{count} connections with a latency of {LATENCY_MS} ms, sent on at once", results))
    need_the_real_one(benchmark)
    for name in held(results):
        what = f"latency of {LATENCY_MS} ms, {count} streams at once, {name}: the last, to Toxiproxy's"
        target("proxy", what, ratio(results, name, "last ms"), at_most=1.25, why=why(results, name, "last ms"))
