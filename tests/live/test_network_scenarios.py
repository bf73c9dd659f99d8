"""The scenarios of a broken network: over our own Toxiproxy, and over the real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache

import pytest
from live.running import run
from live.toxiproxies import SERVER, running

from harness import catalog
from harness.events import CaseFinished
from harness.model import Scenario
from harness.toxiproxy.driver import Proxy
from harness.toxiproxy.events import Closed, Struck
from harness.verdict import Verdict

NETWORK = {name: one for name, one in catalog.scenarios().items() if one.network is not None}
STANDARD = {name for name, one in NETWORK.items() if one.network is not None and not one.network.extensions}
CHAPTERS = " or ".join(sorted({one.family for one in NETWORK.values()}))


@cache
def over(kind: str) -> dict[str, CaseFinished]:
    if kind == "embedded":
        return run("bundled", "naive", select=CHAPTERS)
    with running("real", "-proxy-metrics") as real:
        return run("bundled", "naive", select=CHAPTERS, toxiproxy=real.url)


@pytest.fixture(scope="module", params=["embedded", "real"])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "real" and not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")
    return request.param


@pytest.fixture(scope="module")
def results(kind: str) -> dict[str, CaseFinished]:
    return over(kind)


def possible(kind: str) -> set[str]:
    return set(NETWORK) if kind == "embedded" else STANDARD


def network_of(scenario: Scenario) -> set[str]:
    assert scenario.network is not None
    return {name for name, fault in scenario.network.named() if fault.is_due}


def test_there_are_scenarios_enough_of_every_kind() -> None:
    assert len(NETWORK) >= 25
    assert len(STANDARD) >= 25
    types = {fault.type for one in NETWORK.values() if one.network for fault in one.network.faults}
    assert types >= set("latency bandwidth slicer reset_peer limit_data timeout half_open down stall corrupt".split())


def test_the_bundled_client_passes_every_scenario_that_this_toxiproxy_can_do(
    results: dict[str, CaseFinished], kind: str
) -> None:
    mine = {name: results[f"{name}@bundled"] for name in possible(kind)}
    wrong = {name: one.finding and one.finding.harm for name, one in mine.items() if one.verdict is not Verdict.PASS}
    assert {name: harm for name, harm in wrong.items() if not (harm and harm.startswith(IN_DOUBT))} == {}
    assert sum(one.verdict is Verdict.PASS for one in mine.values()) > len(mine) * 2 / 3


IN_DOUBT = ("the counters of this Toxiproxy do not tell", "this machine was up to")
"""A real one does not count a connection that its client left before all was written; and a machine may be busy."""


def test_a_scenario_that_needs_an_extension_is_skipped_with_the_reason(
    results: dict[str, CaseFinished], kind: str
) -> None:
    skipped = {one.scenario: one.why for one in results.values() if one.record is None}
    assert set(skipped) == set(NETWORK) - possible(kind)
    assert all("it needs toxics of our own" in why for why in skipped.values())


def test_every_history_proves_that_the_faults_were_delivered(results: dict[str, CaseFinished], kind: str) -> None:
    for one in results.values():
        if one.record is None or one.client != "bundled" or one.scenario not in NETWORK:
            continue
        (delivery,) = (ruling for ruling in one.rulings if ruling.law == "SP22")
        assert delivery.verdict is Verdict.PASS, (one.case, delivery.harm)
        if kind == "embedded":
            struck = {event.toxic for event in one.record.network if isinstance(event, Struck)}
            due = network_of(NETWORK[one.scenario])
            assert {name for name in due if not name.startswith("down")} <= struck
            assert offline(one) or any(
                isinstance(event, Closed) and event.upstream_received for event in one.record.network
            )


def offline(result: CaseFinished) -> bool:
    return result.scenario == "unreachable_network.offline"


def test_the_two_toxiproxies_never_contradict_each_other() -> None:
    if not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")
    ours, real = over("embedded"), over("real")
    contradictions = {
        name for name, one in real.items() if {one.verdict, ours[name].verdict} == {Verdict.PASS, Verdict.FAIL}
    }
    # How shaped data fall into reads is a matter of time, and the naive loop tears a character where a read ends.
    assert {name for name in contradictions if not (name.startswith("slow_") and name.endswith("@naive"))} == set()


def test_what_the_server_waits_for_the_network_counts_as_lateness(monkeypatch: pytest.MonkeyPatch) -> None:
    remove = Proxy.remove

    def slowly(proxy: Proxy, name: str) -> None:
        threading.Event().wait(0.35)
        remove(proxy, name)

    monkeypatch.setattr(Proxy, "remove", slowly)
    result = run("bundled", select="broken_network.cut_mid_text")["broken_network.cut_mid_text@bundled"]
    assert result.record is not None
    assert result.record.lag >= 0.35
