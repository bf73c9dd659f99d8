"""The head of a client's program, in any language."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.model import Capability, Policy
from harness.program import Program, head_of

LINES = [
    "/// script",
    'dependencies = ["one>=2", "two"]',
    "",
    "[tool.streamproof]",
    'name = "mine"',
    'policy = "raise"',
    'capabilities = ["tools"]',
    "many = true",
    "///",
]


def head(sign: str, lines: list[str] = LINES) -> str:
    return "".join(f"{sign} {line}".rstrip() + "\n" for line in lines)


@pytest.mark.parametrize("sign", ["#", "//"])
def test_a_head_says_the_same_in_every_language(sign: str) -> None:
    assert head_of(f"first line\n{head(sign)}last line\n", "mine") == Program(
        name="mine",
        policy=Policy.RAISE,
        capabilities=frozenset({Capability.TOOLS}),
        many=True,
        dependencies=("one>=2", "two"),
    )


@pytest.mark.parametrize("text", ["", "print(1)\n", "# /// script\n# a = 1\n", "# /// other\n# ///\n"])
def test_a_program_without_a_head_promises_nothing(text: str) -> None:
    assert head_of(text, "mine.py") == Program()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (head("#", ["/// script", "= 1", "///"]), "the head `/// script` of mine.py is no TOML"),
        (head("#") * 2, "mine.py has 2 heads"),
        (
            head("#", ["/// script", "[tool.streamproof]", 'policy = "best"', "///"]),
            "Invalid enum value 'best'",
        ),
        (head("#", ["/// script", "[tool.streamproof]", 'dialect = "x"', "///"]), "dialects: anthropic, openai_chat"),
        (head("#", ["/// script", "[tool.streamproof]", "may = 1", "///"]), "contains unknown field `may`"),
        (head("#", ["/// script", 'dependencies = "one"', "///"]), "Expected `array`, got `str`"),
        (head("#", ["/// script", "tool.streamproof = 1", "///"]), "tool.streamproof] of mine.py must be a table"),
        (
            head("#", ["/// script", "[tool.streamproof]", 'capabilities = ["tools", "reuse"]', "///"]),
            "[tool.streamproof] of mine.py: the capability reuse needs many = true",
        ),
        (head("#", ["/// script", "tool = 1", "///"]), "tool.streamproof] of mine.py must be a table"),
    ],
)
def test_what_is_wrong_with_a_head_is_said_with_its_place(text: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        head_of(text, "mine.py")
    assert told in str(raised.value)


def test_a_program_that_makes_all_calls_in_one_process_may_keep_its_client_between_them() -> None:
    lines = ["/// script", "[tool.streamproof]", 'capabilities = ["reuse"]', "many = true", "///"]
    assert head_of(head("//", lines), "mine.mjs").capabilities == {Capability.REUSE}
