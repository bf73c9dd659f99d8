"""A TOML file of which tables come and go, and nothing else moves."""

from __future__ import annotations

import tomllib

import pytest

from harness.toml_blocks import header, key_of, read

FILE = """\
# About the file.

# Why one fails.
[naive."cutoff.one"]
law = "SP02"  # as seen
# not yet
reason = "mine"

# ---- another chapter ----

# Why two fails,
# at length.
[naive."cutoff.two"]
law = 'SP03'
reason = '''
# no comment

of many lines'''
# the end
"""
ONE, TWO = ("naive", "cutoff.one"), ("naive", "cutoff.two")


@pytest.mark.parametrize("text", [FILE, "", "\n", "# only words", FILE.replace("\n", "\r\n"), FILE.rstrip("\n")])
def test_what_is_read_is_written_as_it_was(text: str) -> None:
    assert read(text).text == text


def test_the_tables_are_found_in_their_order() -> None:
    assert read(FILE).keys == [ONE, TWO]


def test_a_table_goes_with_the_comments_right_above_it_and_no_others() -> None:
    left = read(FILE).without(ONE).text
    assert left == FILE.replace(FILE[FILE.index("# Why one") : FILE.index("\n# ---- another")], "")
    assert read(FILE).without(TWO).text == FILE.replace(FILE[FILE.index("# Why two") : FILE.index("# the end")], "")


def test_comments_that_open_a_file_are_of_the_file() -> None:
    opened = '# About the file.\n[a."b.c"]\nlaw = "SP01"\n'
    assert read(opened).without(("a", "b.c")).text == "# About the file.\n"


def test_a_table_that_is_there_is_written_in_its_place_under_its_comments() -> None:
    changed = read(FILE).with_table(ONE, {"law": "SP09", "flaky": True}).text
    old = FILE[FILE.index('[naive."cutoff.one"]') : FILE.index("\n# ---- another")]
    assert changed == FILE.replace(old, '[naive."cutoff.one"]\nlaw = "SP09"\nflaky = true\n')


@pytest.mark.parametrize(
    ("key", "after"),
    [(("anthropic", "x.y"), "# About the file.\n\n"), (("naive", "cutoff.three"), "# ---- another chapter ----\n\n")],
)
def test_a_new_table_stands_in_order_with_empty_lines_around_it(key: tuple[str, str], after: str) -> None:
    text = read(FILE).with_table(key, {"law": "SP01"}).text
    block = f'{header(key)}\nlaw = "SP01"\n\n'
    assert text == FILE.replace(after, after + block, 1)


def test_a_table_that_comes_last_stands_at_the_end() -> None:
    text = read(FILE).with_table(("zeal", "x"), {"law": "SP01"}).text
    assert text == FILE + '\n[zeal.x]\nlaw = "SP01"\n'
    assert read("[a.b]").with_table(("c", "d"), {}).text == "[a.b]\n\n[c.d]\n"
    assert read("").with_table(("c", "d"), {}).text == "[c.d]\n"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('[naive."a.b"]\n', ("naive", "a.b")),
        (" [ 'naive' . \"a.b\" ] # why\r\n", ("naive", "a.b")),
        ("[naive]\n", None),
        ("[[naive.a]]\n", None),
        ("[naive.\n", None),
        ("[1, 2],\n", None),
        ('law = "[a.b]"\n', None),
    ],
)
def test_only_the_head_of_a_table_of_two_names_begins_one(line: str, key: tuple[str, str] | None) -> None:
    assert key_of(line) == key


@pytest.mark.parametrize("name", ["a.b", 'quo"te', "back\\slash", "é🌍", "<b>[/x]|`", "#1", " ", ""])
def test_any_name_is_quoted_so_that_it_reads_back(name: str) -> None:
    assert tomllib.loads(header((name, "x"))) == {name: {"x": {}}}


def test_what_toml_cannot_hold_is_made_visible() -> None:
    text = read("").with_table(("a", "b"), {"harm": "\ud83d \x7f \u202e \x00 \n"}).text
    assert tomllib.loads(text) == {"a": {"b": {"harm": "\\ud83d \\x7f \\u202e \\x00 \\n"}}}
