"""What the harness counts of its own work while it goes on."""

from __future__ import annotations

from collections import Counter

from fabricated import FAIL, PASS, SKIP, UNKNOWN, ended, run_of
from prometheus_client import CollectorRegistry

from fake_server.record import Ended, Replied, Requested, Sent, Struck
from harness import catalog
from harness.confirm import Confirmed
from harness.events import CaseStarted
from harness.fuzz import Explored, Failure, Shard
from harness.metrics.exchanges import Exchanges
from harness.metrics.runs import RunMetrics
from harness.metrics.searches import SearchMetrics
from harness.standing import Known, Standing


def test_a_run_is_counted_case_by_case() -> None:
    registry = CollectorRegistry()
    metrics = RunMetrics(registry)
    known = ended(FAIL, "SP02", scenario="cutoff.known", known=Known(law="SP02"))
    passed, failed = ended(PASS, scenario="cutoff.a"), ended(FAIL, "SP03", scenario="order.b")
    cases = [passed, failed, known, ended(SKIP, scenario="order.c")]
    first, *events, last = run_of(cases)
    metrics.take(first)

    def finished(family: str, stands: Standing) -> float | None:
        labels = {"client": "naive", "family": family, "standing": stands}
        return registry.get_sample_value("streamproof_run_finished_cases_total", labels)

    assert registry.get_sample_value("streamproof_run_planned_cases") == 4
    assert registry.get_sample_value("streamproof_run_in_progress") == 1
    assert {finished(family, stands) for family in ("cutoff", "order") for stands in Standing} == {0}
    metrics.take(CaseStarted(case=cases[0].case))
    assert registry.get_sample_value("streamproof_run_cases_in_flight") == 1
    for event in events:
        metrics.take(event)
    assert registry.get_sample_value("streamproof_run_cases_in_flight") == 0
    over = [("cutoff", Standing.PASS), ("cutoff", Standing.KNOWN), ("order", Standing.FAIL)]
    assert [finished(*one) for one in over] == [1, 1, 1]
    for law in ("SP02", "SP03"):
        labels = {"client": "naive", "law": law}
        assert registry.get_sample_value("streamproof_run_broken_laws_total", labels) == 1
    metrics.take(last)
    assert registry.get_sample_value("streamproof_run_in_progress") == 0


def test_what_is_unknown_is_no_broken_law() -> None:
    registry = CollectorRegistry()
    metrics = RunMetrics(registry)
    for event in run_of([ended(UNKNOWN, "SP22")]):
        metrics.take(event)
    labels = {"client": "naive", "law": "SP22"}
    assert registry.get_sample_value("streamproof_run_broken_laws_total", labels) is None


def explored(number: int, code: str, pair: tuple[str, str]) -> Explored:
    shard = Shard(client="naive", seed="1", number=number)
    failure = Failure(code=code, harm="h", scenario=next(iter(catalog.scenarios().values())), shard=shard)
    return Explored(shard, 250, {code: failure}, Counter({code: 3}), Counter({pair: 2}))


def test_a_campaign_is_counted_part_by_part_and_a_failure_once() -> None:
    registry = CollectorRegistry()
    metrics = SearchMetrics(registry, "naive", 1000)
    client = {"client": "naive"}
    assert registry.get_sample_value("streamproof_fuzz_cases_total", client) == 0
    parts = [
        explored(0, "SP02/complete", ("cut", "text")),
        explored(1, "SP02/complete", ("cut", "text")),
        explored(2, "SP03/failed", ("cut", "ping")),
    ]
    for one in parts:
        metrics.take(one)
    (failure,) = parts[0].failures.values()
    metrics.take(Confirmed(failure=failure, scenario=failure.scenario, doubt=""))
    found = {
        name: registry.get_sample_value(f"streamproof_fuzz_{name}", client)
        for name in ("cases_total", "shards_total", "distinct_failures", "covered_pairs")
    }
    assert found == {"cases_total": 750, "shards_total": 3, "distinct_failures": 2, "covered_pairs": 2}
    assert registry.get_sample_value("streamproof_fuzz_failing_cases_total", {**client, "law": "SP02"}) == 6
    proofs = {
        result: registry.get_sample_value("streamproof_fuzz_proofs_total", {**client, "result": result})
        for result in ("confirmed", "doubtful")
    }
    assert proofs == {"confirmed": 1, "doubtful": 0}
    assert registry.get_sample_value("streamproof_fuzz_planned_cases") == 1000


def test_what_a_server_does_is_counted_by_scenario() -> None:
    registry = CollectorRegistry()
    metrics = Exchanges(registry, "serve")
    for record in (
        Requested(t=0, attempt=1, method="POST", path="/", headers={}, body={}, streams=True),
        Replied(t=0, attempt=1, step=1, status=200, headers={}, faults=["end_early"]),
        Sent(t=0, attempt=1, data=b"abc", size=3, total=3),
    ):
        metrics.take(record, "a.b")
    assert registry.get_sample_value("streamproof_serve_replies_in_flight") == 1
    metrics.take(Struck(t=0, attempt=1, fault="end_early", note="", total=3), "a.b")
    metrics.take(Ended(t=0, attempt=1, how="end", total=3), "a.b")
    assert registry.get_sample_value("streamproof_serve_requests_total", {"scenario": "a.b"}) == 1
    assert registry.get_sample_value("streamproof_serve_replies_total", {"scenario": "a.b", "status": "200"}) == 1
    assert registry.get_sample_value("streamproof_serve_faults_total", {"scenario": "a.b", "fault": "end_early"}) == 1
    assert registry.get_sample_value("streamproof_serve_ends_total", {"how": "end"}) == 1
    assert registry.get_sample_value("streamproof_serve_sent_bytes_total") == 3
    assert registry.get_sample_value("streamproof_serve_replies_in_flight") == 0


def test_a_request_that_is_left_before_its_reply_makes_no_number_of_replies_wrong() -> None:
    registry = CollectorRegistry()
    metrics = Exchanges(registry, "proxy")
    metrics.take(Replied(t=0, attempt=1, step=1, status=200, headers={}, faults=[]), token="a")
    metrics.take(Ended(t=0, attempt=2, how="left", total=0), token="a")
    metrics.take(Ended(t=0, attempt=1, how="left", total=0), token="b")
    assert registry.get_sample_value("streamproof_proxy_replies_in_flight") == 1
