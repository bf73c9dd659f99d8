"""What the simulated server and network do in the order in which the live ones do it."""

from __future__ import annotations

from dataclasses import replace

from fake_server.answer import Answer, Refuse
from fake_server.record import Ended
from fake_server.script import script
from harness.adapters.bundled import ADAPTER
from harness.history import Record
from harness.model import Cancelled, Expect, Scenario, Shown
from harness.network import AfterBytes, AfterEvents, AfterSeconds, AtAttempt, NetworkFailed, network, toxic
from harness.plan import PlannedCase
from harness.sim import runner
from harness.toxiproxy.events import Closed, ToxicAdded, ToxicRemoved

CASE = Scenario(name="case", family="far_end", title="A case.", script=script(Answer(sentences=2)), expect=Expect())


def run(scenario: Scenario) -> Record:
    return runner.run(PlannedCase(scenario=scenario, adapter=ADAPTER, seed="1", policy=ADAPTER.policy))


def test_a_fault_whose_end_is_over_when_it_begins_comes_and_goes() -> None:
    late = toxic("noop", begins=AtAttempt(2), ends=AfterSeconds(0.01))
    record = run(replace(CASE, script=script(Refuse(status=529), Answer(sentences=2)), network=network(late)))
    assert [type(one) for one in record.network if isinstance(one, ToxicAdded | ToxicRemoved | NetworkFailed)] == [
        ToxicAdded,
        ToxicRemoved,
    ]


def test_the_server_goes_on_when_a_change_of_the_network_has_done_its_work() -> None:
    reset = toxic("reset_now", begins=AfterEvents(3), ends=AfterBytes(1))
    record = run(replace(CASE, network=network(reset)))
    first = next(one for one in record.server if isinstance(one, Ended))
    assert first.how == "peer_closed"
    assert sum(isinstance(one, ToxicRemoved) for one in record.network) == 0


def test_who_asks_for_the_connection_to_be_closed_closes_it() -> None:
    record = run(replace(CASE, network=network(toxic("noop"))))
    assert [one.how for one in record.network if isinstance(one, Closed)] == ["client"]


def test_who_cancels_at_the_last_text_sees_no_end() -> None:
    record = run(replace(CASE, script=script(Answer(sentences=1, only_json=True)), cancel_after=10))
    assert [type(one) for one in record.client] == [Shown, Cancelled]
