"""Which cases a run has: selection, ids, policies."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_server.answer import Answer
from fake_server.script import script
from harness.errors import UsageError
from harness.model import Capability, Expect, Finished, Job, Observed, Outcome, Policy, Scenario
from harness.plan import Plan, matching, plan, selected

NAMES = ["cutoff.fin", "cutoff.reset", "stall.mid_text", "stall.notify", "order.forgotten"]
WORDS = st.sampled_from(["cut", "fin", "RESET", "stall", ".", "mid_text", "nowhere"])
EXPRESSIONS = st.recursive(
    WORDS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
        | inner.map(lambda one: f"not {one}")
        | inner.map(lambda one: f"({one})")
    ),
    max_leaves=8,
)


class Client:
    """A client that never runs."""

    def __init__(self, name: str, policy: Policy = Policy.RAISE) -> None:
        self.name = name
        self.version = "1"
        self.policy = policy
        self.capabilities = frozenset({Capability.USAGE})

    async def run(self, job: Job) -> AsyncGenerator[Observed, None]:
        yield Finished(outcome=Outcome.FAILED)


def scenario(name: str, *requires: Capability) -> Scenario:
    family, _, name = name.partition(".")
    return Scenario(
        name=name,
        family=family,
        title="Something goes wrong.",
        script=script(Answer()),
        expect=Expect(),
        requires=frozenset(requires),
    )


def planned(*clients: Client, select: str = "", policy: Policy | None = None) -> Plan:
    scenarios = {name: scenario(name) for name in NAMES}
    return plan(scenarios, clients, seed="7", select=select, policy=policy)


def chosen(expression: str) -> set[str]:
    """The selected names; the empty set where nothing matches."""
    try:
        return set(selected(expression, NAMES))
    except UsageError as error:
        if "selects none" not in str(error):
            raise
        return set()


@pytest.mark.parametrize("expression", ["", "  "])
def test_no_expression_selects_all(expression: str) -> None:
    assert selected(expression, NAMES) == NAMES


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("fin", ["cutoff.fin"]),
        ("CUTOFF", ["cutoff.fin", "cutoff.reset"]),
        ("fin or mid", ["cutoff.fin", "stall.mid_text"]),
        ("cutoff and not fin", ["cutoff.reset"]),
        ("not cutoff and not stall", ["order.forgotten"]),
        ("not (cutoff or stall)", ["order.forgotten"]),
        ("not not fin", ["cutoff.fin"]),
        ("(((fin)))", ["cutoff.fin"]),
        ("not(fin)and(cutoff)", ["cutoff.reset"]),
        ("notify", ["stall.notify"]),
        ("forgotten", ["order.forgotten"]),
    ],
)
def test_names_are_selected_by_their_parts(expression: str, matches: list[str]) -> None:
    assert selected(expression, NAMES) == matches


def test_and_binds_tighter_than_or() -> None:
    assert chosen("fin or stall and mid") == chosen("fin or (stall and mid)") != chosen("(fin or stall) and mid")


def test_not_binds_tighter_than_and() -> None:
    assert chosen("not fin and stall") == chosen("(not fin) and stall") != chosen("not (fin and stall)")


@given(expression=EXPRESSIONS)
def test_not_is_the_complement(expression: str) -> None:
    assert chosen(f"not ({expression})") == set(NAMES) - chosen(expression)


@given(a=EXPRESSIONS, b=EXPRESSIONS)
def test_and_intersects_and_or_unites(a: str, b: str) -> None:
    assert chosen(f"({a}) and ({b})") == chosen(a) & chosen(b)
    assert chosen(f"({a}) or ({b})") == chosen(a) | chosen(b)


@given(expression=EXPRESSIONS)
def test_selection_keeps_the_order_of_the_catalogue(expression: str) -> None:
    matches = chosen(expression)
    assert [name for name in NAMES if name in matches] == (selected(expression, NAMES) if matches else [])


@pytest.mark.parametrize(
    "expression",
    ["and", "not", "fin or", "or fin", "fin reset", "(fin", "fin)", "()", "not and fin", "fin and or reset", ")("],
)
def test_a_malformed_expression_is_a_usage_error_that_quotes_it(expression: str) -> None:
    with pytest.raises(UsageError, match="is malformed") as caught:
        selected(expression, NAMES)
    assert repr(expression) in str(caught.value)


def test_an_expression_that_selects_nothing_is_a_usage_error_that_says_where_to_look() -> None:
    with pytest.raises(UsageError, match="selects none of 5 scenarios; see `streamproof list`"):
        selected("fin and reset", NAMES)


@pytest.mark.parametrize(
    ("patterns", "matches"),
    [
        ([], NAMES),
        (["cutoff.*"], NAMES[:2]),
        (["*.fin", "stall.[mn]*"], ["cutoff.fin", "stall.mid_text", "stall.notify"]),
        (["stall and not mid", "cutoff.fin"], ["cutoff.fin", "stall.notify"]),
        (["CUT"], NAMES[:2]),
        (["order.forgotten", "order"], ["order.forgotten"]),
    ],
)
def test_patterns_are_names_globs_or_expressions_and_unite(patterns: list[str], matches: list[str]) -> None:
    assert matching(patterns, NAMES) == matches


def test_a_whole_name_is_that_one_and_no_part_of_others() -> None:
    assert matching(["cut.a"], ["cut.a", "cut.ab"]) == ["cut.a"]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("cutof.*", "'cutof.*'; did you mean cutoff.*"),
        ("cutoff and rest", "'rest'; did you mean"),
        ("stal.notify", "did you mean stall.notify"),
        ("cutoff and stall", "selects none of 5"),
    ],
)
def test_a_pattern_that_matches_nothing_is_a_usage_error_that_names_what_is_close(pattern: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        matching(["cutoff.*", pattern], NAMES)


def test_every_selected_scenario_meets_every_client() -> None:
    cases = planned(Client("a"), Client("b"), select="cutoff").cases
    assert [case.id for case in cases] == [
        "cutoff.fin@a:7",
        "cutoff.fin@b:7",
        "cutoff.reset@a:7",
        "cutoff.reset@b:7",
    ]


def test_clients_share_the_seed_of_texts() -> None:
    a, b = planned(Client("a"), Client("b"), select="fin").cases
    assert a.text_seed == b.text_seed == "7/cutoff.fin"
    assert a.info().texts == b.info().texts


def test_every_client_is_judged_by_its_own_policy() -> None:
    a, b = planned(Client("a", Policy.RECOVER), Client("b", Policy.BEST_EFFORT), select="fin").cases
    assert (a.info().policy, b.info().policy) == (Policy.RECOVER, Policy.BEST_EFFORT)


def test_a_policy_of_the_run_overrules_those_of_the_clients() -> None:
    cases = planned(Client("a", Policy.RECOVER), Client("b"), policy=Policy.BEST_EFFORT).cases
    assert {case.info().policy for case in cases} == {Policy.BEST_EFFORT}


def test_a_client_lacks_what_a_scenario_requires_and_it_does_not_declare() -> None:
    needs = scenario("content.tool", Capability.TOOLS, Capability.USAGE)
    (case,) = plan({needs.id: needs}, [Client("a")], seed="7").cases
    assert case.lacking == {Capability.TOOLS}
