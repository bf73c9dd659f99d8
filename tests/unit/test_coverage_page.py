"""What is known to go wrong, what reproduces it, and what it does to whom."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fake_server.answer import Answer
from fake_server.script import script
from harness import catalog, coverage, failures
from harness.errors import UsageError
from harness.failures import Failure
from harness.model import Expect, Scenario
from harness.numbers import NONE, Numbers

DRY = Failure(says="No rain falls.", harm="The harvest is lost.", sources=("a/b#1",))
RAIN = Scenario(
    name="light", family="rain", title="It rains.", script=script(Answer()), expect=Expect(), covers=("conn-dry",)
)


def test_every_entry_is_reproduced_or_says_why_it_is_not() -> None:
    assert coverage.unexplained(catalog.scenarios().values(), catalog.failures()) == {}


@pytest.mark.parametrize(
    ("scenarios", "failure", "wrong"),
    [
        ((), DRY, "no scenario reproduces it, and it says no `because`"),
        (
            (RAIN,),
            Failure(says="", harm="", sources=(), because="so"),
            "a scenario reproduces it, and it says `because`",
        ),
        (
            (),
            Failure(says="", harm="", sources=(), because="so", lacks="this"),
            "it `lacks` something of what no scenario reproduces",
        ),
        ((RAIN,), Failure(says="", harm="", sources=(), lacks="this"), None),
        ((RAIN,), DRY, None),
    ],
)
def test_an_entry_that_says_the_wrong_thing_is_found(
    scenarios: tuple[Scenario, ...], failure: Failure, wrong: str | None
) -> None:
    assert coverage.unexplained(scenarios, {"conn-dry": failure}).get("conn-dry") == wrong


def test_every_entry_says_what_happens_and_what_harm_it_does_in_sentences_and_to_whom_it_happened() -> None:
    known = catalog.failures()
    assert len(known) >= 190
    sentences = [text for one in known.values() for text in (one.says, one.harm)]
    assert [text for text in sentences if not re.fullmatch(r"[A-Za-z0-9_][^|\n]*\.", text)] == []
    source = re.compile(r"[\w.-]+/[\w.-]+#\d+|https://\S+")
    assert [name for name, one in known.items() if not one.sources or not all(map(source.fullmatch, one.sources))] == []


def test_every_reason_can_stand_behind_a_colon() -> None:
    said = [text for one in catalog.failures().values() for text in (one.because, one.lacks) if text]
    assert [text for text in said if not re.fullmatch(r"[a-z0-9][^|\n]*[^.]", text)] == []


def test_every_kind_of_entry_has_a_place_on_the_page() -> None:
    page = coverage.page(catalog.scenarios().values(), catalog.failures(), catalog.numbers())
    rows = re.findall(r"(?m)^\| ([a-z]+-[a-z0-9-]+) \| ", page)
    assert sorted(rows) == sorted(catalog.failures())


def test_the_page_names_what_reproduces_an_entry_and_what_is_missing() -> None:
    given = Numbers().and_of(("rain.light", "rain.gone"))
    known = {"conn-dry": Failure(says="No rain falls.", harm="", sources=(), lacks="the heat"), "conn-wet": DRY}
    known["conn-wet"] = Failure(says="It pours.", harm="", sources=(), because="it never does")
    page = coverage.page((RAIN,), known, given)
    assert "2 entries: 1 are reproduced (1 of them in part).\n1 are not, each with its reason." in page
    assert "| conn-dry | No rain falls. | 1.1 `rain.light`; it lacks the heat |" in page
    assert "| conn-wet | It pours. | none: it never does |" in page
    assert page.endswith("## Numbers of scenarios that are gone\n\n- 1.2 `rain.gone`\n")


def test_where_nothing_is_gone_the_page_says_nothing_of_it() -> None:
    assert "are gone" not in coverage.page((RAIN,), {"conn-dry": DRY}, NONE)


# ---- the file


def read(tmp_path: Path, text: str) -> dict[str, Failure]:
    path = tmp_path / "failures.toml"
    path.write_text(text, "utf-8")
    return failures.read(path)


def test_an_entry_is_read_as_it_is_written(tmp_path: Path) -> None:
    text = '[conn-dry]\nsays = "No rain falls."\nharm = "The harvest is lost."\nsources = ["a/b#1"]\n'
    assert read(tmp_path, text) == {"conn-dry": DRY}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[conn-dry", "at end of document|line 1"),
        ('[conn-dry]\nsays = "x"\nsources = []\n', "missing required field `harm`"),
        ('[conn-dry]\nsays = "x"\nharm = "y"\nsources = []\nhram = "z"\n', "unknown field `hram`"),
    ],
)
def test_a_malformed_file_is_named_with_the_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=rf"failures\.toml: .*({told})"):
        read(tmp_path, text)


# ---- harm


def test_every_scenario_says_what_its_victim_has_of_it() -> None:
    said = {name: catalog.harm(one) for name, one in catalog.scenarios().items()}
    assert [name for name, harm in said.items() if not re.fullmatch(r"[A-Z].*\.", harm)] == []


def test_a_scenarios_own_sentence_comes_before_that_of_its_entry_and_that_before_its_chapters() -> None:
    cut = catalog.scenarios()["cutoff.clean_end_mid_text"]
    assert catalog.harm(replace(cut, harm="It hurts.")) == "It hurts."
    assert catalog.harm(cut) == catalog.failures()["conn-clean-eof-mid-text"].harm
    assert catalog.harm(replace(cut, covers=())) == catalog.chapter("cutoff").harm


def test_every_chapter_has_a_title_and_a_sentence_of_harm() -> None:
    chapters = {one.family: catalog.chapter(one.family) for one in catalog.scenarios().values()}
    assert [name for name, one in chapters.items() if not (one.title.endswith(".") and one.harm.endswith("."))] == []
