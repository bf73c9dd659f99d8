"""Real calls, told to real receivers: a Prometheus server, a server of Sentry's protocol, a tracer."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import sentry_sdk
from live.metric_servers import HAS_KENT, PROMETHEUS, kent, prometheus
from live.serving import serve
from metrics_calls import KEY, REQUEST
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from client_under_test import Policy, StreamClient, StreamError
from client_under_test import metrics as metrics_package
from client_under_test.events import Text
from client_under_test.metrics.logs import SignalLog
from client_under_test.metrics.otel import OtelSpans
from client_under_test.metrics.prometheus import PrometheusMetrics
from client_under_test.metrics.sentry import SentryIncidents
from client_under_test.observe import Watch
from client_under_test.policy import Limits, RetryPolicy
from fake_server.answer import Answer as Says
from fake_server.answer import Refuse
from fake_server.app import FakeServer
from fake_server.faults.end_early import EndEarly
from fake_server.faults.pause import Pause
from fake_server.record import Requested
from fake_server.script import Step
from scenarios.shapes import MID_TEXT

QUICK = Policy(limits=Limits(idle=0.3, first_byte=5.0), retry=RetryPolicy(base=0.01, max_attempts=3))
CUT = Says(faults=(EndEarly(at=MID_TEXT),))
SILENT = Says(faults=(Pause(at=MID_TEXT, seconds=30),))
DASHBOARD = Path(metrics_package.__file__ or "").with_name("grafana.json")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as running:
        yield running


async def call(server: FakeServer, watch: Watch, *steps: Step) -> str:
    """One call that the server answers so; returns the text that was shown, however it ended."""
    url, _ = serve(server, *steps)
    async with StreamClient(api_key=KEY, base_url=url, policy=QUICK, watch=(watch,), chance=Random(1)) as client:
        try:
            return (await client.complete(REQUEST)).text
        except StreamError as error:
            return error.partial


def ask(api: httpx.Client, query: str) -> list[Any]:
    """The answer to a PromQL query now."""
    reply = api.get("/api/v1/query", params={"query": query}).json()
    assert reply["status"] == "success", f"{query}: {reply}"
    result: list[Any] = reply["data"]["result"]
    return result


@pytest.mark.slow
@pytest.mark.skipif(PROMETHEUS is None, reason="NOT SCRAPED by a real Prometheus: run `make setup-prometheus`")
async def test_a_prometheus_server_tells_the_completion_ratio_and_knows_every_query_of_the_dashboard(
    server: FakeServer, tmp_path: Path
) -> None:
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    await call(server, metrics, Says())
    await call(server, metrics, Refuse(status=529), CUT, Says())
    await call(server, metrics, SILENT, Says())
    await call(server, metrics, Refuse(status=400))
    with prometheus(registry, tmp_path) as api:
        whole, calls = 'sum(llm_stream_calls_total{outcome="complete"})', "sum(llm_stream_calls_total)"
        (ratio,) = ask(api, f"{whole} / {calls}")
        assert float(ratio["value"][1]) == 0.75
        causes = {one["metric"]["cause"] for one in ask(api, "llm_stream_retries_total")}
        assert causes == {"Overloaded", "AnswerTruncated", "Stalled"}
        (abort,) = ask(api, "llm_stream_watchdog_aborts_total")
        assert abort["metric"]["deadline"] == "idle"
        for query in dashboard_queries():
            ask(api, query)


def dashboard_queries() -> list[str]:
    """What the dashboard asks, with its variables as Grafana fills them in."""
    values = {"$model": ".*", "$__rate_interval": "1m", "$__range": "6h"}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [re.sub(r"\$\w+", lambda name: values[name[0]], query) for query in queries]


@pytest.mark.skipif(not HAS_KENT, reason="no package 'kent': pip install kent")
@pytest.mark.parametrize(
    ("end", "level", "causes"),
    [
        (Says(), "warning", ["Overloaded", "AnswerTruncated"]),
        (Refuse(status=400), "error", ["Overloaded", "AnswerTruncated", "RequestRefused"]),
    ],
)
async def test_a_sentry_server_receives_one_event_for_a_call_with_two_failed_attempts_without_text_and_key(
    server: FakeServer, end: Step, level: str, causes: list[str]
) -> None:
    with kent() as receiver:
        sender = sentry_sdk.Client(dsn=receiver.dsn, default_integrations=False, auto_enabling_integrations=False)
        watch = SentryIncidents(client=sender)
        await call(server, watch, Says())
        shown = await call(server, watch, Refuse(status=529), CUT, end)
        await asyncio.to_thread(sender.close, timeout=10.0)
        (received,) = await asyncio.to_thread(receiver.events)
    event = received["payload"]["body"]
    assert [one["type"] for one in event["exception"]["values"]] == causes
    assert (event["level"], event["tags"]["llm_stream.attempts"]) == (level, "3")
    assert len(shown) > 20
    assert not [text for text in (shown[:10], shown[10:20], KEY) if text in json.dumps(received)]


async def test_a_real_call_is_one_span_with_its_server_and_attempts(server: FakeServer) -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    await call(server, OtelSpans(provider), Refuse(status=529), Says())
    (span,) = memory.get_finished_spans()
    assert [event.name for event in span.events] == [
        "llm_stream.attempt",
        "exception",
        "llm_stream.attempt",
        "llm_stream.first_token",
    ]
    told = dict(span.attributes or {})
    assert (told["server.address"], told["gen_ai.response.finish_reasons"]) == ("127.0.0.1", ("end_turn",))


async def test_a_real_call_is_logged_with_its_bytes_and_without_its_key(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "client_under_test.signals"):
        await call(server, SignalLog(), CUT, Says())
    lines = [record.getMessage() for record in caplog.records if record.name == "client_under_test.signals"]
    assert [line for line in lines if "message_start" in line]
    assert [line for line in lines if "AnswerTruncated" in line]
    assert not [line for line in lines if KEY in line or not line.isprintable()]


@pytest.mark.parametrize("begun", [True, False])
async def test_a_stream_that_its_reader_leaves_is_no_longer_in_flight(server: FakeServer, begun: bool) -> None:
    registry = CollectorRegistry()
    url, _ = serve(server, SILENT)
    watch = (PrometheusMetrics(registry),)
    client = StreamClient(api_key=KEY, base_url=url, policy=QUICK, watch=watch)
    async with client, client.stream(REQUEST) as events:
        if begun:
            await anext(event async for event in events if isinstance(event, Text))
    labels = {"model": REQUEST["model"]}
    assert registry.get_sample_value("llm_stream_calls_in_flight", labels) == (0 if begun else None)
    cancelled = {**labels, "outcome": "cancelled", "error": ""}
    assert registry.get_sample_value("llm_stream_calls_total", cancelled) == (1 if begun else None)


async def test_a_call_whose_task_is_cancelled_counts_as_cancelled(server: FakeServer) -> None:
    registry = CollectorRegistry()
    url, records = serve(server, SILENT)
    async with StreamClient(api_key=KEY, base_url=url, policy=QUICK, watch=(PrometheusMetrics(registry),)) as client:
        asking = asyncio.create_task(client.complete(REQUEST))
        await records.until(lambda record: isinstance(record, Requested))
        asking.cancel()
        await asyncio.wait({asking})
    labels = {"model": REQUEST["model"]}
    assert registry.get_sample_value("llm_stream_calls_in_flight", labels) == 0
    cancelled = {**labels, "outcome": "cancelled", "error": ""}
    assert registry.get_sample_value("llm_stream_calls_total", cancelled) == 1
