"""Text from the wire, made safe to print."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plain import plain, plain_bytes

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
ANYTHING = st.text(st.characters(exclude_categories=()))
VISIBLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")))


def unsafe(text: str) -> list[str]:
    return [char for char in text if unicodedata.category(char) in UNSAFE]


@given(text=ANYTHING, limit=st.integers(0, 20))
def test_nothing_unsafe_survives(text: str, limit: int) -> None:
    assert unsafe(plain(text, limit)) == []


@given(text=ANYTHING)
def test_everything_encodes_as_utf_8(text: str) -> None:
    assert plain(text).encode().decode() == plain(text)


@given(text=VISIBLE)
def test_visible_text_passes_unchanged(text: str) -> None:
    assert plain(text) == text


@given(text=ANYTHING)
def test_what_is_safe_is_not_escaped_twice(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@given(data=st.binary())
def test_any_bytes_can_be_printed(data: bytes) -> None:
    assert unsafe(plain_bytes(data)) == []


@given(text=VISIBLE, limit=st.integers(1, 20))
def test_a_limit_is_never_exceeded_by_visible_text(text: str, limit: int) -> None:
    assert len(plain(text, limit)) <= limit


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x00", "\\x00"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\u202efdp.exe", "\\u202efdp.exe"),
        ("\u200b", "\\u200b"),
        ("\ud83d", "\\ud83d"),
        ("\u2028", "\\u2028"),
        ("\uffff", "\\uffff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_would_hide_is_written_out(hidden: str, shown: str) -> None:
    assert plain(hidden) == shown


@pytest.mark.parametrize(
    ("text", "limit", "cut"), [("village", 0, "village"), ("village", 7, "village"), ("village", 4, "vil…")]
)
def test_long_text_ends_with_an_ellipsis(text: str, limit: int, cut: str) -> None:
    assert plain(text, limit) == cut


def test_bytes_that_are_no_utf_8_are_shown_as_bytes() -> None:
    assert plain_bytes("Zü".encode() + b"\xff\xc3") == "Zü\\xff\\xc3"
