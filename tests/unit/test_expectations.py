"""The file of known failures: what it says, what is wrong with it, and what it says after a run."""

from __future__ import annotations

import msgspec
import pytest
from fabricated import FAIL, HARM, PASS, SKIP, UNKNOWN, ended, run_of, several

from harness.errors import UsageError
from harness.events import CaseFinished
from harness.expectations import PREAMBLE, Expectations, Update, parse, updated
from harness.standing import Known
from harness.verdict import Verdict

FILE = """\
# Ours.

# Told them in March.
[naive."cutoff.fin"]
law = "SP02"
harm = "the user saw 12% of the answer"
reason = "they read over a clean end"

[naive."cutoff.reset"]
law = "SP03"

[other."stall.long"]
law = "SP01"
reason = "TODO"
flaky = true
"""
FIN, RESET, LONG = ("naive", "cutoff.fin"), ("naive", "cutoff.reset"), ("other", "stall.long")
SCENARIOS = ["cutoff.fin", "cutoff.reset", "stall.long"]


def test_a_file_says_law_harm_reason_and_whether_it_is_flaky() -> None:
    assert parse(FILE, "f").entries == {
        FIN: Known(law="SP02", harm="the user saw 12% of the answer", reason="they read over a clean end"),
        RESET: Known(law="SP03"),
        LONG: Known(law="SP01", reason="TODO", flaky=True),
    }


def test_entries_without_a_reason_are_counted() -> None:
    assert parse(FILE, "f").unexplained == 2


@pytest.mark.parametrize("text", ["", " \n", "# nothing yet\n"])
def test_an_empty_file_has_no_entries(text: str) -> None:
    assert parse(text, "f").entries == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[naive."a.b"\n', r"known\.toml is no TOML: .*line 1"),
        ('law = "SP02"\n', r"known\.toml: 'law' is no client; an entry begins with \[client\."),
        ('[naive]\n"a.b" = "SP02"\n', r'known\.toml, \[naive\."a\.b"\]: Expected `object`'),
        ('[naive."a.b"]\nreason = "no law"\n', r'known\.toml, \[naive\."a\.b"\]: .*missing required field `law`'),
        ('[naive."a.b"]\nlaw = 2\n', r"Expected `str`, got `int` - at `\$\.law`"),
        ('[naive."a.b"]\nlaw = "SP02"\nresaon = "x"\n', r"unknown field `resaon`; an entry has law, harm, reason"),
        ('[naive]\n"a.b" = { law = "SP02" }\n', r'begins with one line of its own, \[naive\."a\.b"\]'),
        ('[a."b.c"]\nlaw = "S"\nreason = """\n[a."b.c"]\n"""\n', r'begins with one line of its own, \[a\."b\.c"\]'),
        ('[a."b.c"]\nlaw = "S"\nreason = """\n[x."y.z"]\n"""\n', r'begins with one line of its own, \[x\."y\.z"\]'),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse(text, "known.toml")


def test_an_entry_of_a_scenario_that_does_not_exist_is_an_error_with_the_close_matches() -> None:
    with pytest.raises(
        UsageError, match=r'f, \[naive\."cutoff\.fin"\]: no scenario named .*did you mean cutoff\.fim or'
    ):
        parse(FILE, "f").check_scenarios(["cutoff.fim", "cutoff.reset", "stall.long"], "recorded", "f")


def test_a_scenario_that_came_from_a_file_need_not_be_here() -> None:
    parse(FILE.replace("cutoff.fin", "recorded.abc"), "f").check_scenarios(SCENARIOS, "recorded", "f")


def test_a_client_that_is_not_in_the_run_is_noted_with_the_close_matches() -> None:
    (note,) = parse(FILE, "f").absences(["naiv", "other"])
    assert note == "no client in this run named 'naive'; did you mean naiv? (2 left alone)"
    assert list(parse(FILE, "f").absences(["other", "naive"])) == []


def test_every_case_is_told_what_was_known_of_it() -> None:
    file = parse(FILE, "f")
    events = run_of([ended(FAIL), ended(PASS, scenario="cutoff.plain"), ended(FAIL, client="other")])
    told = [file.expecting(event) for event in events]
    assert [one.known for one in told if isinstance(one, CaseFinished)] == [file.entries[FIN], None, None]
    assert [one for one in told if not isinstance(one, CaseFinished)] == [events[0], events[-1]]


def text_after(*cases: CaseFinished, text: str = FILE) -> str:
    return updated(parse(text, "f"), cases).file.blocks.text


def test_a_first_file_says_what_failed_and_asks_for_reasons() -> None:
    text = text_after(ended(FAIL), ended(PASS, scenario="cutoff.reset"), text="")
    entry = f'[naive."cutoff.fin"]\nlaw = "SP02"\nharm = "{HARM}"\nreason = "TODO"\n'
    assert text == f"{PREAMBLE}\n{entry}"
    assert parse(text, "f").entries == {FIN: Known(law="SP02", harm=HARM, reason="TODO")}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(ended(FAIL, "SP02", "SP08", harm="another sentence"), id="failed_as_before"),
        pytest.param(several((FAIL, "SP02"), (FAIL, "SP03")), id="failed_as_before_at_first"),
        pytest.param(ended(UNKNOWN), id="unknown"),
        pytest.param(ended(SKIP), id="skipped"),
        pytest.param(ended(PASS, scenario="stall.long", client="other"), id="flaky_that_passed"),
        pytest.param(ended(PASS, scenario="cutoff.fin", client="other"), id="of_another_client"),
        pytest.param(ended(FAIL, scenario="cutoff.wall", harm=""), id="failed_and_no_law_says_why"),
    ],
)
def test_what_need_not_change_is_not_touched(case: CaseFinished) -> None:
    assert text_after(case) == FILE
    assert updated(parse(FILE, "f"), [case]) == Update(file=parse(FILE, "f"))


def test_an_entry_that_passes_now_is_dropped_with_its_comments() -> None:
    assert text_after(ended(PASS)) == FILE.replace(FILE[FILE.index("# Told") : FILE.index('[naive."cutoff.r')], "")


def test_an_entry_that_fails_by_another_law_says_so_and_keeps_its_reason_and_its_place() -> None:
    text = text_after(ended(FAIL, "SP04", harm="twice"))
    assert text == FILE.replace("SP02", "SP04").replace("the user saw 12% of the answer", "twice")


def test_an_entry_by_another_law_that_is_flaky_stays_flaky() -> None:
    text = text_after(ended(FAIL, "SP04", scenario="stall.long", client="other"))
    assert parse(text, "f").entries[LONG] == Known(law="SP04", harm=HARM, reason="TODO", flaky=True)


@pytest.mark.parametrize("scenario", ["cutoff.fin", "cutoff.new"])
def test_a_failure_that_passed_in_another_try_is_written_down_as_flaky(scenario: str) -> None:
    text = text_after(several((FAIL, "SP02"), PASS, scenario=scenario))
    assert parse(text, "f").entries["naive", scenario].flaky


def test_a_new_entry_stands_among_those_of_its_client() -> None:
    text = text_after(ended(FAIL, scenario="cutoff.middle"))
    assert list(parse(text, "f").entries) == [FIN, ("naive", "cutoff.middle"), RESET, LONG]
    assert text.replace(text[text.index('[naive."cutoff.m') : text.index('[naive."cutoff.r')], "") == FILE


def test_an_update_tells_what_it_did() -> None:
    new, gone, other = ended(FAIL, scenario="a.b"), ended(PASS), ended(FAIL, "SP09", scenario="cutoff.reset")
    assert updated(parse(FILE, "f"), [new, gone]).told == (
        "1 added, 1 dropped that pass now; 3 in all, 3 of them without a reason"
    )
    assert updated(parse(FILE, "f"), [other]).told == (
        "0 added, 0 dropped that pass now, 1 by another law (does the reason still hold?); "
        "3 in all, 2 of them without a reason"
    )


@pytest.mark.parametrize("name", ["<b>[/x]|`", 'q"', "a.b", "\ud83d", "#1"])
@pytest.mark.parametrize("harm", ["\x1b[2J", "half \udc80", '"""', "a\nb", "\u202e"])
def test_what_is_written_of_a_hostile_client_is_known_of_it_the_next_time(name: str, harm: str) -> None:
    case = ended(FAIL, client=name, harm=harm)
    written = updated(Expectations(), [case]).file
    again = parse(written.blocks.text, "f")
    assert again.entries == written.entries
    (told,) = [one for one in map(again.expecting, [case]) if isinstance(one, CaseFinished)]
    assert told == msgspec.structs.replace(case, known=next(iter(again.entries.values())))
    assert list(again.absences([name])) == []


@pytest.mark.parametrize("verdict", Verdict)
def test_a_run_that_was_written_down_is_expected_the_next_time(verdict: Verdict) -> None:
    case = ended(verdict)
    told = updated(parse("", "f"), [case]).file.expecting(case)
    assert isinstance(told, CaseFinished)
    assert told.standing == ("known" if verdict is FAIL else verdict.value)
