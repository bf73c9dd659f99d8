"""Whatever comes and goes in a file of tables, it stays TOML, and says what it should."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from harness.plain import plain
from harness.toml_blocks import Blocks, read

NAMES = st.sampled_from(["naive", "anthropic", "a.b", 'q"', "#", "[x]", "", "é"]) | st.text(max_size=4).map(plain)
KEYS = st.tuples(NAMES, NAMES).filter(lambda key: key != ("", ""))
VALUES = st.fixed_dictionaries({"law": st.text(max_size=6)}, optional={"flaky": st.booleans()})
STEPS = st.lists(st.tuples(KEYS, VALUES | st.none()), max_size=12)
HEADS = st.sampled_from(["", "# words\n", "# words\n\n", "\n\n# a\n# b\n\n", "# no line end"])


@given(HEADS, STEPS)
def test_a_file_says_what_was_put_into_it_and_not_taken_out(
    head: str, steps: list[tuple[tuple[str, str], dict]]
) -> None:  # type: ignore[type-arg]
    blocks, entries = read(head), {}
    for key, values in steps:
        if values is not None:
            blocks = blocks.with_table(key, values)
            entries[key] = {name: plain(one) if isinstance(one, str) else one for name, one in values.items()}
        elif key in entries:
            blocks = blocks.without(key)
            del entries[key]
        assert said(blocks) == entries
        assert read(blocks.text).text == blocks.text
        assert read(blocks.text).keys == sorted(entries)
        assert blocks.text.startswith(head.rstrip("\n"))


def said(blocks: Blocks) -> dict[tuple[str, str], object]:
    tree = tomllib.loads(blocks.text)
    return {(first, second): values for first, inner in tree.items() for second, values in inner.items()}
