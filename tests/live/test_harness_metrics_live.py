"""Metrics of streamproof itself, scraped while it runs."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import pytest
from live.metric_servers import PROMETHEUS, TOOLS, process
from live.terminals import STREAMPROOF, environment, piped
from live.toxiproxies import free_port
from prometheus_client.parser import text_string_to_metric_families

PROMTOOL = shutil.which("promtool", path=str(TOOLS)) or shutil.which("promtool")
ASK = {"model": "claude-sonnet-5-5", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
HEADERS = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
METRICS = re.compile(r"metrics:  (\S+)")


class Exposed:
    """A command that exposes its metrics."""

    def __init__(self, process: subprocess.Popen[str], told: IO[str]) -> None:
        self.process, self._told = process, told

    def line(self, sought: re.Pattern[str]) -> str:
        """The first group of the next line that matches."""
        return next(found[1] for line in self._told if (found := sought.search(line)))

    def until(self, url: str, sample: str, least: float = 1) -> str:
        """Scrape until ``sample`` is as large as that."""
        for _ in range(1200):
            text = scraped(url)
            if values(text).get(sample, 0) >= least:
                return text
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        raise AssertionError(f"{sample} never came to {least}: {text}")

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)


@contextmanager
def exposed(home: Path, *words: str) -> Iterator[Exposed]:
    with subprocess.Popen(
        [STREAMPROOF, *words, "--metrics-port", "0"],
        cwd=home,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield Exposed(process, process.stdout)
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=30)


def scraped(url: str) -> str:
    with httpx.Client(trust_env=False) as http:
        return http.get(url).raise_for_status().text


def values(text: str) -> dict[str, float]:
    """The samples of one scrape, with their labels in the order of their names."""
    return {
        f"{one.name}{{{','.join(f'{name}={one.labels[name]}' for name in sorted(one.labels))}}}": one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def lint(text: str) -> None:
    """Hold a scrape against the rules of Prometheus' own tool, where that is."""
    if PROMTOOL is not None:
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_run_is_counted_while_it_goes_on(tmp_path: Path) -> None:
    with exposed(tmp_path, "run", "--client", "naive", "-k", "completion.plain or stall.mid_text") as run:
        url = run.line(METRICS)
        run.until(url, "streamproof_run_finished_cases_total{client=naive,family=completion,standing=pass}")
        text = run.until(url, "streamproof_run_cases_in_flight{}")
        run.end()
    found = values(text)
    assert url.startswith("http://127.0.0.1:")
    assert found["streamproof_run_planned_cases{}"] == 2
    assert found["streamproof_run_cases_in_flight{}"] == 1
    assert found["streamproof_run_in_progress{}"] == 1
    assert found["streamproof_run_finished_cases_total{client=naive,family=stall,standing=fail}"] == 0
    assert any(name.startswith("streamproof_build_info{python=") for name in found)
    lint(text)


@pytest.mark.slow
def test_a_campaign_is_counted_while_it_goes_on(tmp_path: Path) -> None:
    words = ("fuzz", "--client", "bundled", "--minutes", "5", "--seed", "1", "--record", "mine")
    with exposed(tmp_path, *words) as fuzz:
        url = fuzz.line(METRICS)
        text = fuzz.until(url, "streamproof_fuzz_cases_total{client=bundled}", 250)
        fuzz.end()
    assert values(text)["streamproof_fuzz_distinct_failures{client=bundled}"] == 0
    assert values(text)["streamproof_fuzz_covered_pairs{client=bundled}"] > 0
    lint(text)


def test_a_server_and_the_proxy_before_it_count_requests_replies_and_faults(tmp_path: Path) -> None:
    base_url = re.compile(r"base URL: (\S+)")
    with exposed(tmp_path, "serve", "completion.plain") as server:
        metrics, base = server.line(METRICS), server.line(base_url)
        with exposed(tmp_path, "proxy", "--upstream", base, "--scenario", "cutoff.clean_end_mid_text") as proxy:
            between, url = proxy.line(METRICS), proxy.line(base_url)
            httpx.post(f"{url}/v1/messages", json=ASK, headers=HEADERS, trust_env=False)
            passed = proxy.until(between, "streamproof_proxy_ends_total{how=end}")
            served = server.until(metrics, "streamproof_serve_ends_total{how=end}")
            proxy.end()
        server.end()
    struck = "streamproof_proxy_faults_total{fault=end_early,scenario=}"
    assert values(passed)[struck] == values(passed)["streamproof_proxy_requests_total{scenario=}"] == 1
    assert values(served)["streamproof_serve_replies_total{scenario=completion.plain,status=200}"] == 1
    assert values(served)["streamproof_serve_sent_bytes_total{}"] > 100
    for text in (passed, served):
        lint(text)


def test_a_port_for_metrics_that_is_taken_is_the_users_to_change(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = piped(tmp_path, "run", "--client", "naive", "-k", "completion.plain", "--metrics-port", port)
    assert done.returncode == 2
    assert f"--metrics-port: cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


_CONFIG = """\
scrape_configs:
  - job_name: streamproof
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{{targets: ["{target}"]}}]
"""


@pytest.mark.slow
@pytest.mark.skipif(PROMETHEUS is None, reason="NOT SCRAPED by a real Prometheus: run `make setup-prometheus`")
def test_a_prometheus_server_scrapes_a_server(tmp_path: Path) -> None:
    with exposed(tmp_path, "serve", "completion.plain") as server:
        target = server.line(re.compile(r"metrics:  http://(\S+)/metrics"))
        base = server.line(re.compile(r"base URL: (\S+)"))
        httpx.post(f"{base}/v1/messages", json=ASK, headers=HEADERS, trust_env=False)
        config, listen = tmp_path / "prometheus.yml", f"127.0.0.1:{free_port()}"
        config.write_text(_CONFIG.format(target=target), "utf-8")
        data = tmp_path / "data"
        flags = (f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address={listen}")
        api = httpx.Client(base_url=f"http://{listen}", trust_env=False)
        with process(str(PROMETHEUS), *flags) as child, api:
            assert _asked(api, child) == "1"
        server.end()


def _asked(api: httpx.Client, child: subprocess.Popen[bytes]) -> str:
    """What Prometheus says of the requests, as soon as it says something."""
    query = {"query": 'streamproof_serve_requests_total{scenario="completion.plain"}'}
    for _ in range(600):
        with suppress(httpx.TransportError, ValueError):  # it is not there yet, or not ready
            if found := api.get("/api/v1/query", params=query).json()["data"]["result"]:
                return str(found[0]["value"][1])
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.05)
            raise AssertionError("prometheus ended")
    raise AssertionError("prometheus did not scrape")
