"""Keys never get out, and nothing that is printed can move a cursor."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_calls import KEY

from client_under_test.errors import LimitExceeded, Overloaded, ProtocolError, StreamError
from client_under_test.redact import HIDDEN, SECRET_NAMES, Redactor, as_json, visible, without_quotes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {KEY}.", f"key {HIDDEN}."),
        ("authorization: Bearer abc.def-123", f"authorization: Bearer {HIDDEN}"),
        ("Illegal header value b'gateway\\n'", f"Illegal header value {HIDDEN}"),
        ('Illegal header value "it\'s"', f"Illegal header value {HIDDEN}"),
        ("x-api-key: anything, else", f"x-api-key: {HIDDEN}, else"),
        ("http://user:pass@host/v1", f"http://{HIDDEN}@host/v1"),
        ("a task-force and a risk-averse one", "a task-force and a risk-averse one"),
        ("http://host/v1@2", "http://host/v1@2"),
    ],
)
def test_what_looks_like_a_key_is_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@pytest.mark.parametrize("name", [*sorted(SECRET_NAMES), "X-Api-Key", "Authorization", "api_key", "apiKey", "API-KEY"])
def test_a_field_that_is_named_like_a_key_is_hidden_at_any_depth(name: str) -> None:
    shown = Redactor().value({"a": [{"b": ({name: "gateway", "c": 1},)}]})
    assert shown == {"a": [{"b": [{name: HIDDEN, "c": 1}]}]}


def test_a_key_is_hidden_in_names_and_values_of_any_json() -> None:
    assert Redactor().value({KEY: [KEY, 1, None, True]}) == {HIDDEN: [HIDDEN, 1, None, True]}


def test_secrets_that_were_named_are_hidden_wherever_they_stand() -> None:
    redactor = Redactor(["gateway-1", "gateway-1-long"])
    assert redactor.text("<gateway-1-long> <gateway-1>") == f"<{HIDDEN}> <{HIDDEN}>"


def test_a_secret_that_is_learned_later_is_hidden_from_then_on() -> None:
    redactor = Redactor()
    redactor.learn("gateway-1")
    assert redactor.text("gateway-1") == HIDDEN


@pytest.mark.parametrize("secret", [None, "", "key"])
def test_what_is_too_short_to_be_a_key_does_not_hide_half_of_every_text(secret: str | None) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    assert redactor.text("a key") == "a key"


def received(redactor: Redactor, *chunks: bytes) -> bytes:
    return b"".join(redactor.chunk(b"".join(chunks[:number]), chunk) for number, chunk in enumerate(chunks))


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_key_is_hidden_however_it_is_cut_into_chunks(one: int, two: int) -> None:
    said = b"the key is " + KEY.encode() + b" and then more text"
    first, second = sorted((one, two))
    shown = received(Redactor(), said[:first], said[first:second], said[second:])
    assert shown == shown.lower()  # its secret part is the only thing here in capitals
    assert shown.startswith(b"the key is ")
    assert shown.endswith(b" and then more text")


def test_bytes_hide_whatever_text_hides() -> None:
    said = b"Bearer abcdef http://user:pass@host <gateway-1>"
    hidden = f"Bearer {HIDDEN} http://{HIDDEN}@host <{HIDDEN}>"
    assert Redactor(["gateway-1", "\ud83d-lone"]).chunk(b"", said).decode() == hidden


def test_bytes_without_a_key_stay_as_they_are() -> None:
    assert received(Redactor(), b"a \xff", b"\x00 b") == b"a \xff\x00 b"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ProtocolError("event 'x' lacks field 'it\\'s': {\"text\":\"secret"), "event '…' lacks field '…'"),
        (ProtocolError('text_delta in block 0 with text "it\'s secret"'), "text_delta in block 0 with text '…'"),
        (LimitExceeded("an event is larger than 5 bytes"), "an event is larger than 5 bytes"),
        (Overloaded("the model 'x' is overloaded: wait"), "the model 'x' is overloaded: wait"),
    ],
)
def test_a_message_is_told_without_what_it_quotes_from_the_wire(error: StreamError, message: str) -> None:
    assert without_quotes(error) == message


@given(st.text())
def test_visible_text_is_one_line_of_printable_characters(text: str) -> None:
    assert visible(text).isprintable()


def test_visible_text_of_any_language_stays_readable() -> None:
    assert visible("naïve 你好 🙂") == "naïve 你好 🙂"
    assert as_json("naïve 你好 🙂") == '"naïve 你好 🙂"'
    assert visible("\x1b[2J\u202e\ud83d\r\n") == "\\x1b[2J\\u202e\\ud83d\\r\\n"


@pytest.mark.parametrize("value", [{"a": "\n\x1b"}, [object()], {1: float("nan")}, "\u2028", "\x7f\x9b"])
def test_json_is_one_printable_line_whatever_it_holds(value: Any) -> None:
    assert as_json(value).isprintable()
