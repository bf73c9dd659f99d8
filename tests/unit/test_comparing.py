"""What changed between two runs."""

from __future__ import annotations

import msgspec
import pytest
from fabricated import FAIL, PASS, SKIP, UNKNOWN, ended, several, table_of

from harness.comparing import Kind, Side, change, compared, told
from harness.errors import UsageError
from harness.events import CaseFinished
from harness.model import Policy
from harness.plan import Tier
from harness.reporter import Table
from harness.verdict import Verdict


def side(*cases: CaseFinished, name: str = "a.jsonl", client: str = "", seed: str = "1") -> Side:
    return Side(name=name, run=table_of(cases, seed), client=client)


def lines(before: Side, after: Side) -> list[str]:
    return list(told(before, after, compared(before, after)))


@pytest.mark.parametrize(
    ("before", "after", "kind", "is_worse"),
    [
        (ended(PASS), ended(FAIL), Kind.BROKEN, True),
        (ended(UNKNOWN), ended(FAIL), Kind.BROKEN, True),
        (ended(SKIP), ended(FAIL), Kind.BROKEN, True),
        (ended(FAIL), ended(PASS), Kind.REPAIRED, False),
        (ended(FAIL, "SP02"), ended(FAIL, "SP03"), Kind.LAW, True),
        (ended(FAIL, "SP02"), ended(FAIL, "SP02", "SP03"), Kind.LAW, True),
        (ended(FAIL, "SP02", "SP03"), ended(FAIL, "SP03"), Kind.LAW, False),
        (ended(FAIL), ended(FAIL, harm="nothing"), Kind.HARM, False),
        (ended(PASS), ended(UNKNOWN), Kind.DOUBTFUL, False),
        (ended(FAIL), ended(UNKNOWN), Kind.DOUBTFUL, False),
        (ended(UNKNOWN), ended(PASS), Kind.OTHER, False),
        (ended(SKIP), ended(PASS), Kind.OTHER, False),
        (ended(PASS), ended(SKIP), Kind.OTHER, False),
    ],
)
def test_every_kind_of_change_is_told_apart(
    before: CaseFinished, after: CaseFinished, kind: Kind, is_worse: bool
) -> None:
    found = change(before, after, is_exact=True)
    assert found is not None
    assert (found.kind, found.is_worse) == (kind, is_worse)


@pytest.mark.parametrize("verdict", Verdict)
def test_what_ended_alike_did_not_change(verdict: Verdict) -> None:
    assert change(ended(verdict), ended(verdict), is_exact=True) is None


def test_numbers_are_compared_only_under_one_seed_and_ports_never() -> None:
    before, after = ended(FAIL, harm="41% from 127.0.0.1:80"), ended(FAIL, harm="12% from 127.0.0.1:81")
    assert change(before, after, is_exact=False) is None
    assert change(before, after, is_exact=True) is not None
    assert change(before, ended(FAIL, harm="41% from 127.0.0.1:81"), is_exact=True) is None


def test_two_runs_are_compared_client_by_client() -> None:
    before = side(ended(PASS), ended(FAIL, client="other"), ended(PASS, client="gone"))
    after = side(ended(FAIL, client="other"), ended(FAIL), name="b.jsonl")
    assert [(pair.before, pair.after, pair.worse) for pair in compared(before, after)] == [
        ("naive", "naive", 1),
        ("other", "other", 0),
    ]
    assert "only in a.jsonl: gone" in lines(before, after)


def test_two_clients_of_one_run_are_compared() -> None:
    both = (ended(FAIL), ended(PASS, client="good"))
    before, after = side(*both, client="naive"), side(*both, client="good")
    assert lines(before, after)[3:] == [
        "naive → good: 1 of 1 scenarios changed, 0 for the worse",
        "newly passing (1)",
        "  ✓ cutoff.fin  was SP02: the user saw 41% of the answer",
    ]


def test_the_only_clients_of_two_runs_are_compared_whatever_they_are_called() -> None:
    (pair,) = compared(side(ended(PASS, client="v1")), side(ended(FAIL, client="v2")))
    assert (pair.before, pair.after, pair.worse) == ("v1", "v2", 1)


def test_runs_without_a_common_client_are_wrong_usage() -> None:
    before, after = side(ended(PASS), ended(PASS, client="x")), side(ended(PASS, client="y"), name="b.jsonl")
    with pytest.raises(UsageError, match=r"a\.jsonl has naive, x, b\.jsonl has y; name one of each, FILE#CLIENT"):
        compared(before, after)


def test_a_client_that_is_not_in_the_run_is_wrong_usage_with_the_close_matches() -> None:
    with pytest.raises(UsageError, match=r"no client in a\.jsonl named 'naiv'; did you mean naive\?"):
        compared(side(ended(PASS), client="naiv"), side(ended(PASS)))


def test_what_only_one_run_has_is_told_and_is_no_worse() -> None:
    before = side(ended(PASS), *(ended(PASS, scenario=f"old.s{number:02}") for number in range(14)))
    after = side(ended(PASS), ended(FAIL, scenario="new.one"))
    (pair,) = compared(before, after)
    assert (pair.worse, pair.both) == (0, 1)
    names = ", ".join(f"old.s{number:02}" for number in range(12))
    assert lines(before, after)[-2:] == [f"only before (14): {names} and 2 more", "only after (1): new.one"]


def test_every_change_is_told_in_its_group() -> None:
    before = side(
        ended(PASS, scenario="a.broken"),
        ended(FAIL, "SP02", scenario="a.law"),
        ended(PASS, scenario="a.doubt"),
        ended(FAIL, scenario="a.harm"),
        ended(SKIP, scenario="a.skip"),
        ended(PASS, scenario="a.same"),
    )
    after = side(
        ended(FAIL, "SP01", scenario="a.broken", harm="it hangs"),
        ended(FAIL, "SP05", "SP03", scenario="a.law"),
        ended(UNKNOWN, "SP22", scenario="a.doubt", harm="no fault struck"),
        ended(FAIL, scenario="a.harm", harm="the user saw nothing"),
        ended(PASS, scenario="a.skip"),
        ended(PASS, scenario="a.same"),
    )
    assert lines(before, after)[3:] == [
        "naive: 5 of 6 scenarios changed, 2 for the worse, 1 newly unknown",
        "newly failing (1)",
        "  ✗ a.broken  SP01: it hangs (was pass)",
        "failing by other laws (1)",
        "  ✗ a.law  SP02 → SP03, SP05; SP05: the user saw 41% of the answer",
        "newly unknown (1)",
        "  ? a.doubt  SP22: no fault struck (was pass)",
        "other harm (1)",
        "  ✗ a.harm  SP02: the user saw nothing",
        "      was SP02: the user saw 41% of the answer",
        "otherwise changed (1)",
        "  ✓ a.skip  skip → pass",
    ]


def test_a_flaky_case_is_called_so_on_either_side() -> None:
    flaky = several((FAIL, "SP02"), PASS)
    assert lines(side(flaky), side(ended(PASS)))[-1].endswith("[flaky: fail SP02, pass]")
    assert lines(side(ended(PASS)), side(flaky))[-1].endswith("[flaky: fail SP02, pass] (was pass)")
    assert lines(side(ended(SKIP)), side(several(UNKNOWN, PASS)))[-1].endswith("skip → pass")


def test_runs_are_named_with_their_seeds_and_versions_and_how_they_differ() -> None:
    before, after = side(ended(PASS)), side(ended(PASS), name="b.jsonl", seed="2")
    other = Table()
    other.take(msgspec.structs.replace(after.run.run, policy=Policy.RECOVER, tier=Tier.SIM))
    other.take(msgspec.structs.replace(after.run.end, interrupted=True))
    for case in after.run.cases():
        other.take(case)
    assert lines(before, Side(name="b.jsonl", run=other))[:5] == [
        "before: a.jsonl: seed 1, 1 scenarios; naive 1.0",
        "after:  b.jsonl: seed 2, 1 scenarios, interrupted; naive 1.0",
        "two seeds: numbers in what users saw are not compared",
        "two policies: of each client, recover",
        "two tiers: live, sim",
    ]


def test_a_hostile_name_or_harm_stays_in_its_line() -> None:
    payload = "\x1b[2J\n\u202e"
    before = side(ended(PASS, client=payload), ended(PASS, client=f"x{payload}"), name=payload, seed=payload)
    after = side(ended(FAIL, client=payload, harm=payload * 100), name=payload, seed=payload)
    assert not [line for line in lines(before, after) if not line.isprintable()]
