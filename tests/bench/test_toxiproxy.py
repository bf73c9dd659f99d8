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
from live.toxiproxies import SERVER, Toxiproxy, running
from pytest_benchmark.fixture import BenchmarkFixture

OURS, UVLOOP, EMBEDDED, REAL, DIRECT = "ours", "ours on uvloop", "embedded", "real", "direct"
HELD_TO_IT = (OURS, UVLOOP)
LATENCY_MS, LAST_MS = 100, 125
FILES = 4096
MAIN = "from harness.cli import main; main()"
WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None; "

Measure = Callable[[str], Any]
Results = dict[str, list[Any]]


@dataclass
class Ports:
    """Where one server's proxies listen."""

    source: int
    echo: int
    crowd: int


class Ends:
    """The processes before and behind the proxies."""

    def __init__(self, near: subprocess.Popen[str], far: subprocess.Popen[str]) -> None:
        self._near = near
        source, echo = json.loads(line_of(far.stdout))
        self.behind = Ports(source, echo, json.loads(line_of(near.stdout)))

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
def script(name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name(name))]
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
            yield Toxiproxy(OURS, found[0])
        finally:
            process.terminate()
            reader.join()


@pytest.fixture(scope="module")
def ends() -> Iterator[Ends]:
    with script("near_end.py") as near, script("far_end.py") as far:
        yield Ends(near, far)


@pytest.fixture(scope="module")
def ports(ends: Ends) -> Iterator[dict[str, Ports]]:
    """Of everybody who is measured."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], FILES), before[1]))
    with ExitStack() as stack:
        servers = {OURS: alone(uvloop=False), EMBEDDED: running("embedded")}
        if importlib.util.find_spec("uvloop") is not None:
            servers[UVLOOP] = alone(uvloop=True)
        if SERVER.exists():
            servers[REAL] = running("real")
        yield {name: proxies(stack.enter_context(server), ends) for name, server in servers.items()}
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def proxies(server: Toxiproxy, ends: Ends) -> Ports:
    made = [server.proxy(getattr(ends.behind, name), name) for name in ("source", "echo", "crowd")]
    server.toxic("latency", "crowd", latency=LATENCY_MS, stream="upstream")
    return Ports(*made)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], benchmark: BenchmarkFixture) -> Callable[[str], None]:
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
    return results


def ratios(results: Results) -> dict[str, float]:
    """Of everybody to the real one: the median of all rounds."""
    if REAL not in results:
        return {}
    return {
        name: median(mine / real for mine, real in zip(values, results[REAL], strict=True))
        for name, values in results.items()
    }


def table(title: str, results: Results, unit: str) -> str:
    ratio = ratios(results)
    lines = [f"\n{title}: median of {len(results[OURS])} rounds"]
    for name, values in results.items():
        beside = f"{ratio[name]:8.2f} x real" if ratio else ""
        lines.append(f"  {name:15}{median(values):10,.1f} {unit}{beside}")
    return "\n".join(lines)


def need_the_real_one(benchmark: BenchmarkFixture) -> None:
    if benchmark.enabled and not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")


@pytest.mark.parametrize("connections", [1, 8])
def test_a_download_is_nearly_as_fast_as_through_the_real_one(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Callable[[str], None], connections: int
) -> None:
    size = 320_000_000 if benchmark.enabled else 4_000_000
    everybody = {**ports, DIRECT: ends.behind}

    def megabytes_per_second(name: str) -> float:
        seconds: float = ends.ask("download", everybody[name].source, connections, size)
        return size / 1e6 / seconds

    results = race(benchmark, list(everybody), megabytes_per_second, rounds=9)
    benchmark.extra_info["MB/s"] = results
    say(table(f"download of {size / 1e6:g} MB, connections: {connections}", results, "MB/s"))
    need_the_real_one(benchmark)
    assert not benchmark.enabled or all(ratio >= 0.9 for name, ratio in ratios(results).items() if name in HELD_TO_IT)


def test_an_echo_comes_back_nearly_as_soon_as_through_the_real_one(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Callable[[str], None]
) -> None:
    count = 2000 if benchmark.enabled else 50
    everybody = {**ports, DIRECT: ends.behind}

    def microseconds(name: str) -> float:
        return 1e6 * median(ends.ask("echo", everybody[name].echo, 200, count))

    results = race(benchmark, list(everybody), microseconds, rounds=9)
    benchmark.extra_info["p50 us"] = results
    say(table("round trip of 200 bytes, p50", results, "us"))
    need_the_real_one(benchmark)
    assert not benchmark.enabled or all(ratio <= 1.5 for name, ratio in ratios(results).items() if name in HELD_TO_IT)


def test_a_thousand_connections_are_all_delayed_in_time(
    benchmark: BenchmarkFixture, ends: Ends, ports: dict[str, Ports], say: Callable[[str], None]
) -> None:
    count, bursts = (1000, 5) if benchmark.enabled else (50, 1)

    def crowd(name: str) -> Any:
        return ends.ask("crowd", ports[name].crowd, count, bursts)

    crowds = race(benchmark, list(ports), crowd, rounds=5)
    seen = {what: {name: pick(rounds) for name, rounds in crowds.items()} for what, pick in CROWD.items()}
    benchmark.extra_info["ms"] = seen
    say(crowd_table(count, seen))
    assert {name: sum(one["lost"] for one in rounds) for name, rounds in crowds.items()} == dict.fromkeys(ports, 0)
    assert min(min(values) for values in seen["first"].values()) >= LATENCY_MS
    if benchmark.enabled:
        last = {name: median(values) for name, values in seen["last"].items()}
        busy = 1.25 * last.get(REAL, 0)  # the machine is: it shows in the real one as well
        assert max(last[name] for name in HELD_TO_IT if name in last) <= max(LAST_MS, busy)


def of_all_bursts(pick: Callable[[list[float]], float]) -> Callable[[list[Any]], list[float]]:
    return lambda rounds: [1000 * pick(sorted(burst)) for one in rounds for burst in one["bursts"]]


CROWD: dict[str, Callable[[list[Any]], list[float]]] = {
    "opening": lambda rounds: [1000 * one["opening"] for one in rounds],
    "first": of_all_bursts(lambda delays: delays[0]),
    "p50": of_all_bursts(median),
    "p99": of_all_bursts(lambda delays: delays[len(delays) * 99 // 100]),
    "last": of_all_bursts(lambda delays: delays[-1]),
}
"""Milliseconds from the first connection until a message has come through each; then delays, burst by burst."""


def crowd_table(count: int, seen: dict[str, Results]) -> str:
    bursts = len(seen["last"][OURS])
    lines = [f"\n{count} connections with a latency of {LATENCY_MS} ms: median of {bursts} bursts, in ms"]
    lines.append(f"  {'':15}" + "".join(f"{what:>10}" for what in seen) + "   last of all")
    for name in seen["last"]:
        medians = "".join(f"{median(results[name]):10.1f}" for results in seen.values())
        lines.append(f"  {name:15}{medians}{max(seen['last'][name]):14.1f}")
    return "\n".join(lines)
