"""A case whose call is made by somebody else, in another thread: it is his own, and it ends whatever he does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import httpx
import pytest

from fake_server.record import Requested
from harness import catalog, hosting
from harness.hosting import Host, HostedCase
from harness.job import API_KEY
from harness.marked import marked
from harness.model import Finished, Limits, Outcome, Shown, TimedOut
from harness.trial import Trial, environment
from harness.verdict import Verdict
from harness.waking import NotStopped, waking

SOON = Limits(settle=0.2, close=0.05)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as running:
        yield running


def opened(host: Host, name: str = "completion.plain", limits: Limits | None = None) -> HostedCase:
    scenario = catalog.scenarios()[name]
    return host.open(marked().planned(replace(scenario, limits=limits or scenario.limits), "test_chat", "1"))


def trial(host: Host, name: str = "completion.plain", limits: Limits | None = None) -> Trial:
    scenario = catalog.scenarios()[name]
    planned = marked(policy="raise").planned(replace(scenario, limits=limits or scenario.limits), "test_chat", "1")
    return Trial(host, planned, (), ["again: pytest"])


def asked(hosted: HostedCase, path: str = "/v1/messages") -> str:
    """What comes of one request, without an event loop."""
    assert hosted.job is not None
    headers = {"x-api-key": API_KEY, "anthropic-version": "2023-06-01"}
    body = {**hosted.job.request, "stream": True}
    return httpx.post(hosted.job.base_url + path, json=body, headers=headers, timeout=10).text


def test_a_client_without_an_event_loop_gets_its_answer_and_the_history_has_both_sides(host: Host) -> None:
    hosted = opened(host)
    hosted.begin(lambda: None)
    assert "message_stop" in asked(hosted)
    hosted.note(Shown(text="The"))
    hosted.note(Finished(outcome=Outcome.COMPLETE))
    record = hosted.close()
    assert [type(one) for one in record.client] == [Shown, Finished]
    assert sum(isinstance(one, Requested) for one in record.server) == 1


def test_the_same_case_opened_again_begins_at_its_first_attempt_and_hears_nothing_of_the_other(host: Host) -> None:
    first, second = opened(host, "http_status.status_529"), opened(host, "http_status.status_529")
    assert ["overloaded" in asked(one) for one in (first, first, second)] == [True, False, True]
    assert [sum(isinstance(one, Requested) for one in hosted.close().server) for hosted in (first, second)] == [2, 1]


def test_the_network_breaks_for_a_client_in_another_thread(host: Host) -> None:
    hosted = opened(host, "broken_network.cut_mid_text")
    with pytest.raises(httpx.HTTPError):
        asked(hosted)
    assert any(one.event == "message_start" for one in hosted.server if hasattr(one, "event"))
    assert hosted.close().network


def test_a_call_that_does_not_end_loses_its_connection_and_is_written_down_as_such(host: Host) -> None:
    hosted = opened(host, "stall.mid_text", SOON)
    hosted.begin(lambda: None)
    with pytest.raises(httpx.HTTPError):
        asked(hosted)
    hosted.note(Finished(outcome=Outcome.COMPLETE))
    assert [type(one) for one in hosted.close().client] == [TimedOut]


def test_a_call_that_goes_on_without_its_connection_is_told_to_stop(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "STOP_SECONDS", 0.01)
    late = threading.Event()
    hosted = opened(host, limits=SOON)
    hosted.begin(late.set)
    assert late.wait(10)
    hosted.close()


def test_a_call_that_has_ended_is_over_however_long_its_test_goes_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "STOP_SECONDS", 0.0)
    late = threading.Event()
    hosted = opened(host, limits=SOON)
    hosted.note(Finished(outcome=Outcome.COMPLETE))
    hosted.begin(late.set)
    wait([hosted._record])
    assert [type(one) for one in hosted.close().client] == [Finished]
    assert not late.is_set()


def test_time_that_passes_before_the_call_begins_is_not_the_clients(host: Host) -> None:
    hosted = opened(host, limits=Limits(settle=0.0))
    asked(hosted)
    hosted.note(Finished(outcome=Outcome.COMPLETE))
    assert isinstance(hosted.ending, Finished)
    hosted.close()


def test_a_host_that_gets_no_port_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(*_: object) -> None:
        raise OSError("no port")

    monkeypatch.setattr("fake_server.app.FakeServer.start", taken)
    with pytest.raises(OSError, match="no port"), Host():
        pass


def test_a_main_thread_that_sleeps_is_woken() -> None:
    def sleeps(pool: ThreadPoolExecutor) -> None:
        with waking() as wake:
            pool.submit(wake)
            threading.Event().wait(30)

    with ThreadPoolExecutor() as pool, pytest.raises(NotStopped):
        sleeps(pool)


def test_another_threads_wait_is_left_alone() -> None:
    def inside() -> str:
        with waking() as wake:
            wake()
            return "went on"

    with ThreadPoolExecutor() as pool:
        assert pool.submit(inside).result() == "went on"


def test_an_alarm_that_somebody_else_has_set_goes_to_his_handler() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: heard.append(number))
    try:
        with waking() as wake:
            signal.raise_signal(signal.SIGALRM)
        wake()
        assert heard == [signal.SIGALRM]
        signal.raise_signal(signal.SIGALRM)
        assert heard == [signal.SIGALRM] * 2
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("before", [None, "a real one"])
def test_the_environment_leads_to_the_case_and_is_put_back(
    host: Host, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_BASE_URL", "OPENAI_API_KEY")
    for name in (*theirs, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        if before is not None:
            monkeypatch.setenv(name, before)
    earlier = dict(os.environ)
    hosted = opened(host)
    assert hosted.job is not None
    with environment(hosted.job):
        assert os.environ["ANTHROPIC_BASE_URL"] == hosted.job.base_url
        assert os.environ["OPENAI_BASE_URL"] == f"{hosted.job.base_url}/v1"
        assert os.environ["ANTHROPIC_API_KEY"] == os.environ["OPENAI_API_KEY"] == API_KEY
        assert "ANTHROPIC_AUTH_TOKEN" not in os.environ
        assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == ",".join(filter(None, [before, "127.0.0.1"]))
    hosted.close()
    assert dict(os.environ) == earlier


def test_a_whole_answer_passes(host: Host) -> None:
    one = trial(host)
    asked(one.hosted)
    one.witness.complete(one.witness.scenario.texts("1/completion.plain")[0])
    assert one.conclude().verdict is Verdict.PASS


def test_half_an_answer_called_whole_fails_in_words(host: Host) -> None:
    one = trial(host)
    asked(one.hosted)
    one.witness.complete("The")
    concluded = one.conclude()
    assert (concluded.verdict, "again: pytest" in concluded.text) == (Verdict.FAIL, True)


def test_a_fault_that_could_not_strike_is_unknown(host: Host) -> None:
    one = trial(host, "cutoff.clean_end_mid_text")
    body = {**one.witness.request, "stream": False}
    httpx.post(
        f"{one.witness.base_url}/v1/messages",
        json=body,
        headers={"x-api-key": "k", "anthropic-version": "2023-06-01"},
    )
    one.witness.complete(one.witness.scenario.texts("1/cutoff.clean_end_mid_text")[0])
    concluded = one.conclude()
    assert (concluded.verdict, "SP22" in concluded.text) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("ask", "said", "told"),
    [
        (True, False, "never said what its user saw"),
        (False, True, "no request came"),
        ("/v1/v1/messages", True, "Not found: /v1/v1/messages"),
    ],
)
def test_a_test_that_cannot_be_judged_fails_in_words_and_its_client_is_not_accused(
    host: Host, ask: bool | str, said: bool, told: str
) -> None:
    one = trial(host)
    if ask:
        asked(one.hosted, ask if isinstance(ask, str) else "/v1/messages")
    if said:
        one.witness.complete("")
    concluded = one.conclude()
    assert concluded.verdict is Verdict.FAIL
    assert told in concluded.text.partition("\n\n")[0]
    assert "SP0" not in concluded.text


def test_a_port_where_nobody_listens_needs_no_request(host: Host) -> None:
    one = trial(host, "http_status.never_reached")
    one.witness.failed(ConnectionRefusedError())
    assert one.conclude().verdict is Verdict.PASS


def test_a_user_who_waits_for_ever_is_what_is_told_of_a_call_that_was_cut(host: Host) -> None:
    one = trial(host, "stall.mid_text", SOON)
    one.hosted.begin(lambda: None)
    with pytest.raises(httpx.HTTPError):
        asked(one.hosted)
    assert one.is_late
    assert one.conclude().text.startswith("the user was still waiting after 0.2 s")
