"""What Prometheus is told of a call, and that the dashboard shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metrics_calls import CANCEL, OPEN, REQUEST, START, Passed, done, failed, notice, play, recovering, text
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from client_under_test import metrics as metrics_package
from client_under_test.answer import Outcome
from client_under_test.deadlines import Deadline
from client_under_test.errors import ConnectionLost, Overloaded, Stalled, StreamError
from client_under_test.events import Next
from client_under_test.metrics.prometheus import PrometheusMetrics
from client_under_test.usage import Tokens

LOST, BUSY = ConnectionLost("the connection broke"), Overloaded("overloaded", status=529)
MODEL = REQUEST["model"]
DASHBOARD = Path(metrics_package.__file__ or "").with_name("grafana.json")
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "metrics.md"


class Told:
    """The metrics of a registry of their own, after some calls."""

    def __init__(self, *calls: list[Passed], **settings: Any) -> None:
        self.registry = CollectorRegistry()
        self.metrics = PrometheusMetrics(self.registry, **settings)
        for call in calls:
            play(self.metrics, *call)

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"llm_stream_{name}", {"model": MODEL, **labels})


PLAIN: list[Passed] = [(10.0, START), (10.0, OPEN), (10.5, text()), (10.7, text()), (12.0, done())]


def test_a_call_counts_by_its_outcome() -> None:
    told = Told(PLAIN, PLAIN, [(0.0, START), (1.0, done(Outcome.REFUSED))])
    assert told("calls_total", outcome="complete", error="") == 2
    assert told("calls_total", outcome="refused", error="") == 1


def test_a_failed_call_counts_under_the_class_of_its_error() -> None:
    told = Told(recovering(LOST, end=failed(BUSY)))
    assert told("calls_total", outcome="failed", error="Overloaded") == 1


def test_a_call_is_in_flight_from_its_start_to_its_end() -> None:
    told = Told()
    play(told.metrics, (0.0, START), (0.0, OPEN))
    assert told("calls_in_flight") == 1
    play(told.metrics, *PLAIN)
    assert told("calls_in_flight") == 1


def test_a_call_that_its_caller_abandons_is_no_longer_in_flight() -> None:
    told = Told([(0.0, START), (0.0, OPEN), (1.0, CANCEL), (1.0, done(Outcome.CANCELLED))])
    assert told("calls_in_flight") == 0
    assert told("calls_total", outcome="cancelled", error="") == 1


def test_a_call_that_is_called_off_before_it_began_was_never_in_flight() -> None:
    told = Told([(0.0, CANCEL), (0.0, done(Outcome.CANCELLED))])
    assert told("calls_in_flight") is None


@pytest.mark.parametrize(
    ("name", "labels", "seconds"),
    [
        ("time_to_first_token_seconds", {}, 0.5),
        ("time_between_tokens_seconds", {}, 0.2),
        ("call_duration_seconds", {"outcome": "complete"}, 2.0),
    ],
)
def test_times_are_measured_once_in_seconds(name: str, labels: dict[str, str], seconds: float) -> None:
    told = Told(PLAIN)
    assert told(f"{name}_sum", **labels) == pytest.approx(seconds)
    assert told(f"{name}_count", **labels) == 1


def test_a_recovery_is_measured_by_how_it_ended() -> None:
    gave_up: list[Passed] = [(0.0, START), (1.0, notice(LOST)), (4.0, failed(BUSY))]
    called_off: list[Passed] = [(0.0, START), (1.0, notice(LOST)), (2.0, done(Outcome.CANCELLED))]
    told = Told(recovering(LOST, BUSY), gave_up, called_off)
    assert told("recovery_seconds_sum", result="recovered") == 2.0
    assert told("recovery_seconds_sum", result="failed") == 3.0
    assert told("recovery_seconds_sum", result="cancelled") == 1.0


def test_retries_count_by_cause_and_by_what_follows() -> None:
    told = Told(recovering(BUSY, BUSY), [(0.0, START), (0.0, notice(LOST, Next.CONTINUE)), (1.0, done())])
    assert told("retries_total", cause="Overloaded", next="retry") == 2
    assert told("retries_total", cause="ConnectionLost", next="continue") == 1


def test_a_pause_is_not_a_retry() -> None:
    told = Told([(0.0, START), (0.0, notice(None, Next.GO_ON)), (1.0, done())])
    assert told("pauses_total") == 1
    assert "llm_stream_retries_total{" not in generate_latest(told.registry).decode()


@pytest.mark.parametrize(("next_", "count"), [(Next.WITHOUT_STREAM, 1), (Next.ELSEWHERE, 1), (Next.RETRY, None)])
def test_a_change_to_another_way_of_asking_is_a_fallback(next_: Next, count: float | None) -> None:
    told = Told([(0.0, START), (0.0, notice(LOST, next_)), (1.0, done())])
    assert told("fallbacks_total", next=next_.name.lower()) == count


def test_every_request_is_an_attempt() -> None:
    assert Told(recovering(LOST, BUSY))("attempts_total") == 3


def test_tokens_count_as_far_as_they_are_known() -> None:
    known = done(billed=Tokens(input=100, output=20), wasted=Tokens(input=40))
    nothing: list[Passed] = [(0.0, START), (1.0, done())]
    told = Told([(0.0, START), (1.0, known)], [(0.0, START), (1.0, known)], nothing)
    assert told("billed_tokens_total", direction="input") == 200
    assert told("billed_tokens_total", direction="output") == 40
    assert told("wasted_tokens_total", direction="input") == 80
    assert told("wasted_tokens_total", direction="output") == 0


@pytest.mark.parametrize("deadline", Deadline)
def test_the_watchdog_is_counted_by_its_deadline(deadline: Deadline) -> None:
    told = Told(recovering(Stalled(f"{deadline.value} (limit 1.0 s)")))
    assert told("watchdog_aborts_total", deadline=deadline.name.lower()) == 1


def test_a_deadline_that_nobody_knows_is_counted_all_the_same() -> None:
    assert Told(recovering(Stalled("too slow")))("watchdog_aborts_total", deadline="other") == 1


@pytest.mark.parametrize(("end", "count"), [(Stalled("nothing at all came (limit 1 s)"), 1), (LOST, None)])
def test_an_abort_that_ends_the_call_counts_too(end: StreamError, count: float | None) -> None:
    told = Told([(0.0, START), (0.0, OPEN), (1.0, failed(end))])
    assert told("watchdog_aborts_total", deadline="idle") == count


def test_what_has_not_happened_yet_is_zero_from_the_first_call_on() -> None:
    told = Told([(0.0, START)])
    assert told("calls_total", outcome="complete", error="") == 0
    assert told("fallbacks_total", next="without_stream") == 0
    for direction in ("input", "output"):
        assert told("billed_tokens_total", direction=direction) == 0
        assert told("wasted_tokens_total", direction=direction) == 0


def test_models_beyond_the_limit_are_counted_together() -> None:
    told = Told(max_models=2)
    for model in ("a", "b", "c", "d", "a"):
        play(told.metrics, *PLAIN, request={"model": model})
    calls = told.metrics.calls.collect()[0].samples
    counts = {one.labels["model"]: one.value for one in calls if one.name.endswith("_total")}
    assert counts == {"a": 2, "b": 1, "other": 2}


def test_the_default_registry_and_another_prefix_are_used_when_nothing_else_is_said() -> None:
    metrics = PrometheusMetrics(prefix="mine")
    try:
        play(metrics, *PLAIN)
        labels = {"model": MODEL, "outcome": "complete", "error": ""}
        assert REGISTRY.get_sample_value("mine_calls_total", labels) == 1
    finally:
        for metric in vars(metrics).values():
            if hasattr(metric, "collect"):
                REGISTRY.unregister(metric)


def test_two_sets_of_metrics_of_one_name_are_refused_by_one_registry() -> None:
    with pytest.raises(ValueError, match="Duplicated"):
        PrometheusMetrics(Told().registry)


def test_the_names_and_units_are_what_openmetrics_takes() -> None:
    exposed = generate_latest(Told(PLAIN, recovering(LOST, end=failed(BUSY))).registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(exposed)}
    assert len(families) == len(registered())
    assert all(family.type != "histogram" or name.endswith("_seconds") for name, family in families.items())


def registered() -> set[str]:
    """The names under which Prometheus knows the metrics, without the suffixes of histograms."""
    families = Told().registry.collect()
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


def expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key in ("expr", "query") and isinstance(value, str))
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from expressions(inner)


def shown() -> set[str]:
    named = re.findall(r"\bllm_stream_\w+", " ".join(expressions(json.loads(DASHBOARD.read_text()))))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    assert shown() == registered()


def test_the_documentation_has_every_metric_and_no_other() -> None:
    documented = re.findall(r"^\| `(llm_stream_\w+)` \|", DOCUMENTATION.read_text("utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(registered())


def test_everything_on_the_dashboard_asks_the_source_that_its_reader_chose() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert [one["name"] for one in dashboard["templating"]["list"]] == ["datasource", "model"]
    assert set(re.findall(r'"datasource": \{[^}]*"uid": "([^"]*)"', json.dumps(dashboard))) == {"${datasource}"}
    assert all("datasource" in panel for panel in dashboard["panels"] if panel["type"] != "row")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_labels_that_the_dashboard_groups_by_exist() -> None:
    known = {name for metric in vars(Told().metrics).values() for name in getattr(metric, "_labelnames", ())}
    asked = " ".join(expressions(json.loads(DASHBOARD.read_text())))
    grouped = {name.strip() for group in re.findall(r"by \(([^)]*)\)", asked) for name in group.split(",")}
    filtered = set(re.findall(r"[{,]\s*(\w+)=?[=~!]", asked))
    assert (grouped | filtered) - {"le"} <= known
