"""The pure parts of the chat: the menu, the pace, what is hidden, what is told, and what is true."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import pytest
from reporting import record

from fake_server.answer import Answer
from fake_server.record import Ended, Replied, Sent, Struck, Waited
from fake_server.script import script
from harness import catalog, engine
from harness.chat.menu import DEFAULT, MENU, choices
from harness.chat.pace import REAL, before_a_real_server, for_people
from harness.chat.told import Teller, ending
from harness.chat.veil import Veil, hiding
from harness.events import CaseFinished
from harness.history import Record
from harness.law import DELIVERY
from harness.model import (
    AdapterFailed,
    Cancelled,
    Cleared,
    ErrorSeen,
    Finished,
    Noticed,
    Outcome,
    Shown,
    TimedOut,
    ToolRan,
    ToolUse,
)
from harness.plan import PlannedCase
from harness.sim import runner
from harness.truth import truth
from harness.verdict import Verdict

KEY = "sk-ant-api03-this-is-nobodys-business"


# ---- the menu and the pace


@pytest.mark.parametrize("scenario", choices())
def test_every_fault_of_the_menu_is_a_scenario_of_the_catalogue_that_takes_any_question(scenario: str) -> None:
    found = catalog.scenarios()[scenario]
    assert "messages" not in found.request
    assert (found.before, found.receiver, found.alternatives) == ((), None, ())


def test_no_fault_is_on_the_menu_twice_and_the_first_is_the_default() -> None:
    listed = [choice for group in MENU.values() for choice in group]
    assert len({choice.scenario for choice in listed}) == len({choice.name for choice in listed}) == len(listed)
    assert listed[0].scenario == DEFAULT


def test_for_people_every_answer_has_a_pace_and_the_same_bytes() -> None:
    own = catalog.scenarios()["rate_limit.retry_after_seconds"]
    told = for_people(own, "Hello?", pace=0.25)
    assert [getattr(step, "pace", None) for step in told.script.steps] == [None, 0.25]
    assert (told.id, told.texts("s")) == (own.id, own.texts("s"))
    assert told.request["messages"] == [{"role": "user", "content": "Hello?"}]


def test_an_answer_with_a_pace_of_its_own_keeps_it_and_another_server_gets_one() -> None:
    own = replace(
        catalog.scenarios()["completion.plain"], script=script(Answer(pace=0.5)), elsewhere=script(Answer(pace=0.0))
    )
    told = for_people(own, "Hello?", pace=0.25)
    assert [step.pace for step in told.script.steps] == [0.5]  # type: ignore[attr-defined]
    assert told.elsewhere is not None
    assert [step.pace for step in told.elsewhere.steps] == [0.25]  # type: ignore[attr-defined]


def test_a_client_that_hangs_is_stopped_when_a_person_has_seen_it_hang() -> None:
    assert for_people(catalog.scenarios()["stall.mid_text"], "Hello?", pace=0.1).limits.settle >= 14


def test_before_a_real_server_a_client_may_give_up_and_needs_no_tools() -> None:
    told = before_a_real_server(catalog.scenarios()["content.tool_cut_by_end"], "Hello?", "some-model")
    assert told.expect.may_fail
    assert told.requires == frozenset()
    assert told.limits == REAL
    assert told.request == {"model": "some-model", "messages": [{"role": "user", "content": "Hello?"}]}


# ---- what is hidden


@pytest.mark.parametrize("cut", range(len(KEY) + 8))
def test_a_key_that_comes_in_two_pieces_is_never_shown(cut: int) -> None:
    text, veil = f"My {KEY}, yes", Veil(KEY)
    shown = veil.take(text[:cut]) + veil.take(text[cut:]) + veil.rest()
    assert KEY not in shown
    assert (shown[:3], shown[-5:], len(shown)) == ("My ", ", yes", len(text))


def test_a_key_that_comes_character_by_character_is_never_shown() -> None:
    veil = Veil(KEY)
    shown = "".join(veil.take(one) for one in f"{KEY}{KEY}.") + veil.rest()
    assert (len(shown), "nobody" in shown) == (2 * len(KEY) + 1, False)


def test_without_a_key_every_piece_is_shown_at_once_as_it_came() -> None:
    veil = Veil("")
    assert [veil.take("s"), veil.take("k-"), veil.rest()] == ["s", "k-", ""]
    assert hiding("")(KEY) == KEY


def test_what_only_began_like_a_key_is_shown_when_nothing_more_comes() -> None:
    veil = Veil("opaque-key-of-somebody")
    assert (veil.take("Go to op"), veil.rest(), veil.rest()) == ("Go to ", "op", "")


# ---- what is told


def told(*records: object, key: str = "") -> list[tuple[str, dict[str, object]]]:
    teller = Teller(key)
    return [event for one in records for event in teller.seen(one)]  # type: ignore[arg-type]


def test_the_page_is_told_what_the_user_sees_in_its_order() -> None:
    end = Finished(outcome=Outcome.COMPLETE, tools=(ToolUse("look", {"at": 1}),))
    events = told(
        Shown(text="A"), Shown(text=""), Cleared(), Noticed(what="asks again"), ToolRan(name="x", input={}), end
    )
    assert events == [
        ("shown", {"text": "A"}),
        ("cleared", {}),
        ("noticed", {"what": "asks again"}),
        ("noticed", {"what": "runs x({})"}),
        ("finished", {"outcome": "complete", "error": None, "tools": ["look({'at': 1})"]}),
    ]


def test_the_ends_that_no_client_says_are_told_as_well() -> None:
    failed = AdapterFailed(why="it raised")
    assert [name for name, _ in told(TimedOut())] == ["timed_out"]
    assert [name for name, _ in told(Cancelled())] == ["stopped"]
    assert told(failed) == [("finished", {"outcome": "failed", "error": {"name": "Adapter", "message": "it raised"}})]
    assert ending([Shown(text="A"), failed]) is failed
    assert ending([Cancelled()]) == Cancelled()
    assert (ending([]), ending([Finished(outcome=Outcome.COMPLETE)])) == (None, None)


@pytest.mark.parametrize("end", [Finished(outcome=Outcome.COMPLETE), Cancelled()])
def test_what_was_held_back_for_the_key_is_told_before_the_end(end: Finished | Cancelled) -> None:
    assert [name for name, _ in told(Shown(text="sk-"), end, key=KEY)][:-1] == ["shown"]


def test_a_message_of_several_lines_is_told_as_one() -> None:
    error = ErrorSeen(name="E", message="bad\n  luck\r\n", typed=True)
    ((_, data),) = told(Finished(outcome=Outcome.FAILED, error=error))
    assert data["error"] == {"name": "E", "message": "bad luck"}


def test_a_key_is_in_no_error_and_in_no_notice() -> None:
    error = ErrorSeen(name="ApiError", message=f"bad key {KEY}", typed=True)
    events = told(Noticed(what=f"says {KEY}"), Finished(outcome=Outcome.FAILED, error=error), key=KEY)
    assert KEY not in repr(events)
    assert "bad key " in repr(events)


def test_of_the_wire_only_what_is_more_than_a_write_is_told() -> None:
    teller = Teller()
    records = [
        Sent(t=0, attempt=1, data=b"x", size=1, total=1),
        Waited(t=0, attempt=1, seconds=1),
        Struck(t=0.5, attempt=1, fault="end_early", note="", total=7),
        Ended(t=0.6, attempt=1, how="end", total=7),
    ]
    events = [event for one in records for event in teller.wire(one)]
    assert [name for name, _ in events] == ["wire", "wire"]
    assert events[0][1] == {"line": {"t": 0.5, "side": "fault", "what": "end_early strikes after 7 bytes"}}


def test_the_lines_of_a_call_are_printable_whatever_came(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Teller(KEY).lines(record(f"\x1b[2J{KEY}", "naive"))
    assert lines
    assert "\x1b" not in repr([line["what"] for line in lines]).replace("\\x1b", "")
    assert KEY not in repr(lines)


def test_sentences_and_texts_are_told_without_the_key() -> None:
    teller = Teller(KEY)
    assert KEY not in teller.said(f"It said {KEY}.")
    assert KEY not in teller.text(f"It said {KEY}.")


# ---- what is true


@cache
def finished(scenario: str, client: str) -> CaseFinished:
    adapter = catalog.adapter(client)
    case = PlannedCase(scenario=catalog.scenarios()[scenario], adapter=adapter, seed="1", policy=adapter.policy)
    return engine.finished(runner.run(case), catalog.laws())


def test_of_half_an_answer_that_passed_for_whole_the_law_speaks_and_the_rest_is_shown() -> None:
    found = truth(finished("cutoff.clean_end_mid_text", "naive"))
    assert (found.verdict, found.law) == (Verdict.FAIL, "SP02")
    assert found.sentence == "The user saw 41% of the answer and was told that it was whole."
    (text,) = catalog.scenarios()["cutoff.clean_end_mid_text"].texts("1/cutoff.clean_end_mid_text")
    assert text.endswith(found.missing)
    assert found.share == pytest.approx(1 - len(found.missing.encode()) / len(text.encode()), abs=0.02)


@pytest.mark.parametrize(
    ("scenario", "client", "sentence"),
    [
        ("completion.plain", "bundled", "The user saw the whole answer, once."),
        ("cutoff.clean_end_mid_text", "bundled", "The user saw the whole answer, once, after 2 requests."),
        ("content.text_and_two_tools", "bundled", "The user saw the whole answer, once, and 2 whole tool calls."),
        ("content.tool_call", "bundled", "The user saw 1 whole tool call."),
        ("cutoff.reset_mid_text", "naive", "The user saw 39% of the answer, and was told that it failed."),
        ("http_status.status_401", "bundled", "The user saw no text, and was told that it failed."),
        ("cutoff.fin_nothing_sent", "naive", "The user saw nothing of the answer, and was told that it failed."),
        (
            "completion.max_tokens",
            "bundled",
            "The user saw the whole answer, once, and was told that it was truncated.",
        ),
    ],
)
def test_where_all_laws_are_kept_it_says_what_the_user_has(scenario: str, client: str, sentence: str) -> None:
    found = truth(finished(scenario, client))
    assert (found.verdict, found.sentence, found.law) == (Verdict.PASS, sentence, "")


def test_what_can_not_be_proven_is_called_that() -> None:
    judged = finished("completion.plain", "bundled")
    doubt = judged.rulings[0]
    doubtful = msgspec.structs.replace(doubt, verdict=Verdict.UNKNOWN, harm="who knows?")
    found = truth(msgspec.structs.replace(judged, rulings=(doubtful,)))
    assert (found.verdict, found.sentence) == (Verdict.UNKNOWN, "This cannot be proven: who knows?")


def test_a_fault_that_was_to_strike_behind_the_end_of_an_answer_proves_nothing() -> None:
    judged = finished("completion.plain", "bundled")
    assert judged.record is not None
    info = msgspec.structs.replace(judged.record.info, faults=("end_early",))
    left = [
        msgspec.structs.replace(one, how="peer_closed") if isinstance(one, Ended) else one
        for one in judged.record.server
    ]
    record = msgspec.structs.replace(judged.record, info=info, server=tuple(left))
    found = truth(engine.finished(record, catalog.laws()))
    assert found.verdict is Verdict.UNKNOWN
    assert found.sentence == "The answer was over before the fault could strike, so this proves nothing."


def test_a_client_that_lacks_what_is_asked_for_is_not_judged() -> None:
    found = truth(finished("content.tool_cut_by_end", "naive"), "tools")
    assert (found.verdict, found.law) == (Verdict.SKIP, "")
    assert found.sentence.startswith("This client knows no tools; the user saw ")


def test_a_client_that_lacks_it_and_never_ended_is_not_judged_either() -> None:
    judged = finished("stall.mid_text", "naive")
    assert truth(judged, "tools").sentence == "This client knows no tools; the call did not end by itself."


def stopped(*ends: Ended) -> CaseFinished:
    """A plain answer that its user stopped at 0.5 s, before the fault that was to come."""
    judged = finished("cutoff.clean_end_mid_text", "bundled")
    assert judged.record is not None
    kept = [one for one in judged.record.server if not isinstance(one, Ended)][:6]
    client = (Shown(t=0.1, text=judged.record.info.texts[0][:30]), Cancelled(t=0.5))
    halted: Record = msgspec.structs.replace(judged.record, server=(*kept, *ends), client=client)
    return engine.finished(halted, catalog.laws())


def test_of_a_call_that_was_stopped_it_says_when_the_server_saw_the_close() -> None:
    judged = stopped(Ended(t=0.512, attempt=1, how="peer_closed", total=9))
    assert DELIVERY in {one.law for one in judged.rulings if one.verdict is Verdict.UNKNOWN}
    found = truth(judged)
    assert found.verdict is Verdict.PASS
    assert found.sentence == "You stopped it, and 12 ms later the server saw the connection close."


def test_of_a_call_that_was_stopped_between_two_requests_no_connection_was_open() -> None:
    found = truth(stopped(Ended(t=0.2, attempt=1, how="end", total=9)))
    assert found.sentence == "You stopped it, and no connection was open."


def test_a_connection_that_stays_open_behind_a_stop_is_a_failure() -> None:
    found = truth(stopped(Ended(t=1.6, attempt=1, how="abandoned", total=9)))
    assert (found.verdict, found.law) == (Verdict.FAIL, "SP14")


def unknown_text(scenario: str, client: str) -> CaseFinished:
    """The same call where nobody knows beforehand what is said."""
    judged = finished(scenario, client)
    assert judged.record is not None
    info = msgspec.structs.replace(judged.record.info, texts=())
    server = [
        msgspec.structs.replace(one, says=None) if isinstance(one, Replied) else one for one in judged.record.server
    ]
    return engine.finished(msgspec.structs.replace(judged.record, info=info, server=tuple(server)), catalog.laws())


def test_of_an_answer_that_nobody_knows_it_says_how_long_it_was_and_who_ended_it() -> None:
    found = truth(unknown_text("completion.plain", "bundled"))
    said = "characters, and the server had said that this was the end."
    assert (found.verdict, found.share, found.missing) == (Verdict.PASS, None, "")
    assert found.sentence.endswith(said)
    assert truth(unknown_text("cutoff.reset_mid_text", "naive")).sentence.endswith(
        "characters, and was told that it failed."
    )


def test_a_lie_about_an_answer_that_nobody_knows_is_proven_all_the_same() -> None:
    found = truth(unknown_text("cutoff.clean_end_mid_text", "naive"))
    assert (found.verdict, found.law) == (Verdict.FAIL, "SP02")
