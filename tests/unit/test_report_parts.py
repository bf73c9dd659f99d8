"""The parts that the HTML report is made of: shared texts, bursts, kept bytes, damage, commands, one script."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting import record

from fake_server.dialect import Dialect
from harness.history import Case, Record
from harness.model import Cleared, ClientRecord, Endpoint, ErrorSeen, Finished, Outcome, Shown
from harness.network import NetworkRecord
from harness.receiver import Kind, ReceiverInfo
from harness.toxiproxy.events import Stopped
from reports.html.bundle import bundled
from reports.html.bursts import grouped
from reports.html.commands import commands
from reports.html.damage import Part, Run, compared, seen
from reports.html.pool import Pool, in_order, units
from reports.html.spans import kept

LONG = "The gentle river admires velvet tailor."


def unpacked(pool: Pool) -> list[str]:
    """As the page reads it."""
    packed = pool.packed()
    whole = [one if isinstance(one, str) else packed[one[0]] for one in packed]
    encoded = [one.encode("utf-16-le", "surrogatepass") for one in whole if isinstance(one, str)]
    cut = [data if isinstance(one, str) else data[: 2 * one[1]] for one, data in zip(packed, encoded, strict=True)]
    return [data.decode("utf-16-le", "surrogatepass") for data in cut]


# ---- texts -----------------------------------------------------------------------------------------------------------


def test_a_text_is_kept_once_and_its_beginnings_are_named() -> None:
    pool = Pool()
    assert [pool.add(one) for one in (LONG, "short", LONG, LONG[:20])] == [1, 2, 1, 3]
    assert pool.packed() == ["", LONG, "short", (1, 20)]


@given(st.lists(st.text(st.sampled_from("ab🌍"), max_size=40)))
def test_every_text_comes_back(texts: list[str]) -> None:
    pool = Pool()
    places = [pool.add(one) for one in texts]
    kept_ = unpacked(pool)
    assert [kept_[place] for place in places] == texts


def test_texts_are_numbered_anew_in_the_order_of_a_tree_and_other_numbers_stay() -> None:
    pool = Pool()
    late, unused, early = pool.add("late"), pool.add("unused"), pool.add("early")
    ordered, tree = in_order(pool, {"a": [early, 3, None], "b": (late, early), "c": 0})
    assert (ordered.texts(), tree) == (["", "early", "late"], {"a": [1, 3, None], "b": [2, 1], "c": 0})
    assert unused == 2


def test_bytes_that_are_no_utf_8_are_lone_surrogates() -> None:
    pool = Pool()
    pool.add_bytes(b"caf\xc3\xa9 \xff")
    assert pool.packed() == ["", "café \udcff"]


def test_a_page_counts_a_character_beyond_the_first_plane_twice() -> None:
    assert [units(one) for one in ("a", "é", "🌍", "\ud83d")] == [1, 1, 2, 1]


# ---- bursts ----------------------------------------------------------------------------------------------------------


def test_moments_that_nobody_can_tell_apart_are_one_burst() -> None:
    assert grouped([0.0, 0.001, 0.002, 0.5, 0.501], 9) == [(0, 3), (3, 5)]
    assert grouped([], 9) == []


@given(st.lists(st.floats(0, 100), min_size=1).map(sorted), st.integers(1, 10))
def test_there_are_never_more_bursts_than_wanted_and_every_moment_is_in_one(times: list[float], most: int) -> None:
    groups = grouped(times, most)
    assert 1 <= len(groups) <= most
    assert [place for first, behind in groups for place in range(first, behind)] == list(range(len(times)))


# ---- kept bytes ------------------------------------------------------------------------------------------------------


def test_beginning_end_and_what_is_around_a_fault_are_kept() -> None:
    assert kept(100_000, [50_000], is_bad=True) == [(0, 6000), (48_800, 51_200), (98_500, 100_000)]
    assert kept(100_000, [50_000], is_bad=False) == [(0, 3000)]


def test_what_is_short_is_kept_whole_and_cut_behind_its_head() -> None:
    assert kept(5000, [4000], is_bad=True) == [(0, 5000)]
    assert kept(5000, [4000], is_bad=True, cut=300) == [(0, 300), (300, 5000)]
    assert kept(0, [], is_bad=True) == []


@given(st.integers(0, 40_000), st.lists(st.integers(0, 40_000)), st.booleans(), st.integers(0, 900))
def test_kept_stretches_are_in_order_and_inside(size: int, faults: list[int], is_bad: bool, cut: int) -> None:
    spans = kept(size, faults, is_bad=is_bad, cut=cut)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= start < stop <= size for start, stop in spans)
    assert all(stop == cut for (_, stop), (start, _) in pairwise(spans) if stop == start)


# ---- damage ----------------------------------------------------------------------------------------------------------

WORDS = [
    "The amber anchor admires brisk barge above Bergen.",
    "The dusky doctor carries eager ember beside bridges.",
    "The gentle garden hears hollow heron near midnight.",
]
TRUTH = " ".join(WORDS)


def runs(shown: str) -> list[tuple[Part, str]]:
    return [(one.part, one.text) for one in compared(shown, TRUTH)]


def test_a_whole_text_is_the_same_all_over() -> None:
    assert runs(TRUTH) == [(Part.SAME, TRUTH)]


def test_what_is_missing_is_told_in_the_middle_and_at_the_end() -> None:
    assert runs(f"{WORDS[0]} {WORDS[2]}") == [
        (Part.SAME, f"{WORDS[0]} The "),
        (Part.MISSING, f"{WORDS[1][4:]} The "),
        (Part.SAME, WORDS[2][4:]),
    ]
    assert runs(TRUTH[:60]) == [(Part.SAME, TRUTH[:60]), (Part.MISSING, TRUTH[60:])]


def test_what_was_shown_before_is_doubled() -> None:
    again = runs(f"{TRUTH}{WORDS[1]}")
    assert again == [(Part.SAME, TRUTH), (Part.DOUBLED, WORDS[1])]


def test_what_comes_behind_its_place_is_moved_and_not_missing() -> None:
    first, second = TRUTH[:80], TRUTH[80:]
    parts = [one.part for one in compared(second + first, TRUTH)]
    assert parts == [Part.SAME, Part.MOVED]


def test_what_the_model_never_said_is_foreign() -> None:
    assert (Part.FOREIGN, "ZZZZ") in runs(f"{WORDS[0]} ZZZZ{TRUTH[51:]}")


def test_nothing_shown_is_all_missing() -> None:
    assert [*compared("", "abc")] == [Run(part=Part.MISSING, text="abc")]


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), max_size=4))
def test_the_runs_that_are_not_missing_are_the_text_that_was_shown(cuts: list[tuple[int, int]]) -> None:
    shown = "".join(TRUTH[start:stop] for start, stop in cuts)
    found = list(compared(shown, TRUTH))
    assert "".join(one.text for one in found if one.part is not Part.MISSING) == shown
    known = [one for one in found if one.part is not Part.FOREIGN]
    assert all(TRUTH[one.start : one.start + len(one.text)] == one.text for one in known)


def case(*lane: ClientRecord, texts: tuple[str, ...] = (TRUTH,)) -> Case:
    made = record("x", "naive")
    return Case(Record(info=type(made.info)(**{**_fields(made), "texts": texts}), client=lane))


def _fields(made: Record) -> dict[str, object]:
    return {name: getattr(made.info, name) for name in made.info.__struct_fields__}


COMPLETE = Finished(outcome=Outcome.COMPLETE)
BROKEN = Finished(outcome=Outcome.FAILED, error=ErrorSeen(name="E", message="m", typed=True))


def test_a_whole_answer_has_no_damage() -> None:
    assert seen(case(Shown(text=TRUTH), COMPLETE)) is None


def test_no_text_that_nobody_calls_an_answer_has_no_damage() -> None:
    assert seen(case(BROKEN)) is None


def test_no_text_that_is_called_the_answer_is_damage() -> None:
    found = seen(case(COMPLETE))
    assert found is not None
    assert (found.expected, found.shown, found.told) == (TRUTH, "", "is 0% of the answer")


def test_the_text_on_display_is_compared_with_the_nearest_one() -> None:
    found = seen(case(Shown(text=TRUTH[:60]), COMPLETE, texts=("Something else.", TRUTH)))
    assert found is not None
    assert (found.expected, found.shown) == (TRUTH, TRUTH[:60])


def test_what_was_wrong_on_the_way_is_compared_where_the_end_is_right() -> None:
    found = seen(case(Shown(text="Nonsense"), Cleared(), Shown(text=TRUTH), COMPLETE))
    assert found is not None
    assert found.shown == "Nonsense"


def test_what_is_wrong_in_the_end_comes_before_what_was_wrong_on_the_way() -> None:
    found = seen(case(Shown(text="Nonsense"), Shown(text=" and more"), COMPLETE))
    assert found is not None
    assert found.shown == "Nonsense and more"


def test_of_long_texts_what_is_around_the_damage_is_compared_and_the_rest_counted() -> None:
    truth = "".join(f"{number:06} " for number in range(2000))
    found = seen(case(Shown(text=truth[:7000]), COMPLETE, texts=(truth,)))
    assert found is not None
    assert (found.before, found.behind, len(found.shown)) == (4000, (4000, 0), 3000)
    assert truth[found.before :].startswith(found.expected)


# ---- commands --------------------------------------------------------------------------------------------------------


def told(
    *, before: tuple[Record, ...] = (), network: tuple[NetworkRecord, ...] = (), **about: object
) -> list[tuple[str, str]]:
    made = record("x", "naive")
    info = type(made.info)(**{**_fields(made), **about})
    return list(commands(Record(info=info, before=before, network=network)))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_curl_asks_the_server_for_the_scenario_in_the_words_of_its_api(dialect: Dialect) -> None:
    serve, curl, tests, show = (command for _, command in told(dialect=dialect))
    assert serve == "streamproof serve family.name --seed 1 --port 8100"
    assert curl.startswith(f"curl -N http://127.0.0.1:8100/case/family.name{dialect.path} ")
    assert "-k family.name" in tests
    assert show.startswith("streamproof show family.name --seed 1")
    assert show.endswith(f"--dialect {dialect}") == (dialect is not Dialect.ANTHROPIC)


def test_a_case_that_cannot_be_served_has_no_command_that_serves_it() -> None:
    assert len(told(receiver=ReceiverInfo(kind=Kind.WEBHOOK))) == 1
    assert len(told(before=(record("x", "naive"),))) == 1


@pytest.mark.parametrize("endpoint", [Endpoint.REFUSED, Endpoint.SILENT])
def test_a_server_that_the_client_was_not_led_to_is_not_served(endpoint: Endpoint) -> None:
    assert [command.split()[0] for _, command in told(endpoint=endpoint)] == ["pytest", "streamproof"]


@pytest.mark.parametrize("between", [{"toxics": {"stall": "stall"}}, {"network": (Stopped(at=1, proxy="p"),)}])
def test_what_a_network_broke_is_asked_for_where_the_server_says(between: dict[str, Any]) -> None:
    (what, serve), *others = told(**between)
    assert (serve, "base URL that it prints" in what) == ("streamproof serve family.name --seed 1", True)
    assert not any("curl" in command for _, command in others)


# ---- one script ------------------------------------------------------------------------------------------------------


def test_a_module_comes_behind_those_that_it_imports_and_each_once() -> None:
    files = {
        "a.js": 'import { b } from "./b.js";\nimport { c } from "./c.js";\nconst a = b + c;\n',
        "b.js": 'import { c } from "./c.js";\nexport const b = c;\n',
        "c.js": "export async function c() {}\n",
    }
    assert bundled("a.js", files.__getitem__).split() == "async function c() {} const b = c; const a = b + c;".split()


@pytest.mark.parametrize(
    "files",
    [
        {"a.js": 'import { b } from "./b.js";\nconst one = 1;\n', "b.js": "export const one = 2;\n"},
        {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'},
    ],
    ids=["one name twice", "a circle"],
)
def test_modules_that_cannot_share_a_scope_are_refused(files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"both have one|imports"):
        bundled("a.js", files.__getitem__)
