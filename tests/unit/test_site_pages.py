"""Pages that are made of the code say all that the code says, and nothing in them is read as markup."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import pytest

from fake_server import fault
from fake_server.bounds import Between, Usually
from fake_server.fault import Fault
from fake_server.position import Position
from harness import catalog, numbers
from harness.coverage import KINDS
from harness.site import build, chapters, known, rules, words
from harness.site.matrix import Cell, Matrix, Row
from harness.toxiproxy import toxic
from harness.toxiproxy.toxic import attributes_of

BOOK = build.book()
SCENARIOS = catalog.scenarios()
FAILURES = catalog.failures()
MEASURED = Matrix(
    date="2026-11-28",
    seed="1",
    tries=1,
    versions={},
    counts={"a": {"pass": 1}, "b": {"fail": 1}},
    absent={},
    cells={known.HALF_AN_ANSWER: Row(passed=("a",), fail={"b": Cell(law="SP02", harm="half")})},
)


def test_every_chapter_has_its_page_and_stands_in_the_contents_with_its_number() -> None:
    pages = dict(build.pages(BOOK))
    assert {f"catalogue/{family}.md" for family in BOOK.families} <= set(pages)
    numbered = catalog.numbers().chapters
    for family in BOOK.families:
        assert f"| {numbered.get(family, '')} | [{family}]({family}.md) |" in pages["catalogue/index.md"]


def test_every_scenario_stands_in_its_chapter_with_its_number_what_it_does_and_where_it_was_seen() -> None:
    for family in BOOK.families:
        page = chapters.chapter(BOOK, family)
        for scenario in BOOK.of(family):
            assert f"## {BOOK.numbers.of(scenario.id)} {scenario.name} {{ #{scenario.name} }}\n" in page
            assert words.escaped(scenario.title) in page
            assert words.escaped(catalog.harm(scenario)) in page
            assert all(words.source(one) in page for one in scenario.sources)


def test_a_scenario_and_a_chapter_without_a_number_have_none_and_stand_at_the_end() -> None:
    new = replace(SCENARIOS["completion.plain"], family="weather")
    book = chapters.Book(
        scenarios={**SCENARIOS, new.id: new},
        numbers=numbers.NONE,
        titles={**BOOK.titles, "weather": "What ``weather`` does."},
        harms={**BOOK.harms, new.id: "Rain."},
    )
    page = chapters.chapter(book, "weather")
    assert page.startswith("# weather\n\nWhat `weather` does.\n")
    assert "\n## plain { #plain }\n" in page
    assert replace(book, numbers=catalog.numbers()).families[-1] == "weather"


def test_a_scenario_names_its_pair_the_calls_before_it_and_what_became_of_it() -> None:
    page = chapters.chapter(replace(BOOK, matrix=MEASURED), "cutoff")
    assert "| **the other side** | [completion.no_message_stop](completion.md#no_message_stop) |" in page
    assert page.count("| **in the matrix** | 1 pass, 1 fail: b |") == 1
    assert "earlier calls meet" in chapters.chapter(BOOK, "reuse")
    assert "in the matrix" not in chapters.chapter(replace(BOOK, matrix=None), "cutoff")


def test_what_is_right_is_told_once_for_all_policies_that_agree() -> None:
    page = chapters.chapter(BOOK, "cutoff")
    assert "`recover`: complete; `raise`, `best-effort`: complete or failed or incomplete" in page


def test_every_known_failure_is_told_with_what_reproduces_it_or_why_nothing_does() -> None:
    page = known.failures(FAILURES, BOOK)
    assert all(f"## {title}\n" in page for title in KINDS.values())
    for name, one in FAILURES.items():
        entry = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert words.escaped(one.says) in entry
        assert words.escaped(one.because or one.lacks) in entry
        assert ("Not reproduced" in entry) is bool(one.because)


def test_the_numbers_of_the_front_page_are_counted() -> None:
    told = known.numbers(FAILURES, replace(BOOK, matrix=None), 31, 38, 14)
    assert f"| ways in which streamed answers were broken for somebody | {len(FAILURES)} |" in told
    assert f"| scenarios | {len(SCENARIOS)} |" in told
    assert "38 and 14" in told
    assert "built without a measured matrix" in told


def test_the_front_page_says_who_failed_nothing_and_how_many_lie_in_the_plainest_case() -> None:
    told = known.numbers(FAILURES, replace(BOOK, matrix=MEASURED), 1, 1, 1)
    assert "2 clients were run over the whole catalogue on 2026-11-28.\n1 of them (`a`) failed nothing." in told
    assert "1 of 2 did not keep what they promise" in told
    all_fail = Matrix(
        date="", seed="", tries=1, versions={}, counts={"b": {"fail": 1}}, absent={}, cells=MEASURED.cells
    )
    assert "None failed nothing." in known.numbers(FAILURES, replace(BOOK, matrix=all_fail), 1, 1, 1)


def test_every_law_is_told_in_the_words_of_its_check() -> None:
    page = rules.laws(catalog.laws())
    for law in catalog.laws():
        assert f"## {law.code}: {law.name.replace('_', ' ')} {{ #{law.code.lower()} }}\n" in page
        assert words.docstring(law.text) in page
    assert "``" not in page
    assert "may come: any" in page


def test_every_fault_is_told_with_its_layer_and_all_its_settings() -> None:
    page = rules.faults(fault.kinds())
    for name in fault.kinds():
        entry = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert "Layer: `" in entry
        assert ("| setting |" in entry) is not ("It has no settings." in entry)
    assert "| `size` | `int` | 1 to 1,048,576 | `1` |" in page


def test_every_toxic_is_told_with_its_attributes_and_whether_toxiproxy_has_it() -> None:
    page = rules.toxics(toxic.kinds())
    for name, kind in toxic.kinds().items():
        entry = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert ("Toxiproxy 2.12 has it." in entry) is (name in toxic.STANDARD)
        assert all(f"| `{attribute}` |" in entry for attribute in attributes_of(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(Fault):
    """Odd."""

    much: Annotated[float, Between(0, 0.5), Usually(0, 1)]
    style: Literal["a", "b"] = "a"


def test_a_setting_is_told_with_its_range_what_is_drawn_and_what_it_usually_is() -> None:
    page = rules.faults({"Odd": Odd})
    assert "| setting | kind | may be | the fuzzer draws | default |" in page
    assert "| `much` | `float` | 0 to 0.5 | 0 to 1 |  |" in page
    assert "| `style` | `Literal['a', 'b']` |  |  | `'a'` |" in page


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (int, "int"),
        (str | None, "str or None"),
        (tuple[Annotated[str, 1], ...], "tuple[str, ...]"),
        (dict[str, Any], "dict[str, Any]"),
        (Position, "Position"),
        ("Later", "Later"),
    ],
)
def test_a_kind_is_told_as_its_author_wrote_it(hint: Any, said: str) -> None:
    assert rules.kind_of(hint) == said


def test_nothing_that_is_told_can_end_a_cell_or_begin_markup() -> None:
    assert list(words.table(("a",), [("x|y\nz",)]))[-1] == "| x&#124;y z |"
    assert words.escaped("<b> *x* [y](z) `c` _d_") == ("&#60;b&#62; &#42;x&#42; &#91;y&#93;(z) &#96;c&#96; &#95;d&#95;")


def test_a_source_is_a_link_where_it_is_one() -> None:
    assert words.source("openai/openai-python#2065") == (
        "[openai/openai-python#2065](https://github.com/openai/openai-python/issues/2065)"
    )
    assert words.source("https://example.org/x") == "[example.org/x](https://example.org/x)"
    assert words.source("RFC 9112 §6.3") == "RFC 9112 §6.3"


def test_references_in_docstrings_become_code() -> None:
    assert words.docstring("See :class:`~harness.history.Case` and ``at``.") == "See `Case` and `at`."


def test_a_page_is_filled_in_and_a_part_that_does_not_exist_is_an_error() -> None:
    text = "a\n<!-- here: numbers -->\n[b](../CONTRIBUTING.md)"
    assert build.filled(text, "docs/x.md", "x.md", {"numbers": "12"}, "r") == "a\n12\n[b](contributing.md)"
    with pytest.raises(KeyError):
        build.filled("<!-- here: nothing -->", "docs/x.md", "x.md", {}, "r")
