"""Keys are overwritten wherever they are, and everything else stays where it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.secrets import HIDDEN, SECRET_HEADERS, Secrets, secrets_of

KEYS = [
    "sk-ant-api03-AbC_d-9",
    "sk-proj-0123456789abcdef",
    "AIza" + "Sy0123456789-_abcdefghijklmnopqrstu",
    "ghp_" + "0123456789abcdefghijABCDEFGHIJ",
    "github_pat_0123456789abcdefghij_A",
    "xoxb-1234567890-abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
]
OPAQUE = "opaque-token-without-looks"


def wire(*pieces: str, field: str = "text") -> bytes:
    events = (json.dumps({"type": "content_block_delta", "delta": {field: piece}}) for piece in pieces)
    return b"".join(f"event: content_block_delta\ndata: {one}\n\n".encode() for one in events)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("around", ["{}", "a {} b", '"{}"', "key={}&x", "\\n{}", "\\u2028{}", "żółć{}ż"])
def test_a_key_is_known_by_its_looks_wherever_it_stands(key: str, around: str) -> None:
    text = around.format(key)
    hidden = Secrets().text(text)
    assert key not in hidden
    assert len(hidden.encode()) == len(text.encode())
    before, after = around.split("{}")
    assert hidden.startswith(before)
    assert hidden.endswith(after)


@pytest.mark.parametrize(
    "text", ["ask-for-something-very-long", "a risk-taking-attitude-of-mind", "sk-learn", "ghp_short", "Bearer of news"]
)
def test_words_are_no_keys(text: str) -> None:
    assert Secrets().text(text) == text


@pytest.mark.parametrize("field", ["text", "thinking", "partial_json", "arguments", "content"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_key_that_a_model_says_in_pieces_is_overwritten(field: str, size: int) -> None:
    said = f"Your key is {KEYS[0]} and no other."
    body = wire(*(said[place : place + size] for place in range(0, len(said), size)), field=field)
    hidden = Secrets().body(body)
    texts = [json.loads(line[6:])["delta"][field] for line in hidden.split(b"\n") if line.startswith(b"data: ")]
    assert len(hidden) == len(body)
    assert "".join(texts).startswith("Your key is redacted-red")
    assert "".join(texts).endswith(" and no other.")
    assert KEYS[0] not in "".join(texts)


@given(body=st.binary(max_size=200), keys=st.lists(st.sampled_from(KEYS), max_size=3))
def test_no_byte_moves(body: bytes, keys: list[str]) -> None:
    whole = body + b" ".join(key.encode() for key in keys)
    assert len(Secrets().body(whole)) == len(whole)


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_headers_with_keys_are_hidden_and_others_are_not(name: str) -> None:
    headers = ((name.title(), OPAQUE), ("x-other", "1"), ("x-odd", KEYS[0]))
    assert Secrets().headers(headers)[:2] == ((name.title(), HIDDEN), ("x-other", "1"))
    assert KEYS[0] not in repr(Secrets().headers(headers))


@pytest.mark.parametrize("headers", [(("X-Api-Key", OPAQUE),), (("authorization", f"Bearer {OPAQUE}"),)])
def test_what_a_request_had_for_a_key_is_one_everywhere(headers: tuple[tuple[str, str], ...]) -> None:
    secrets = secrets_of(headers)
    assert OPAQUE not in secrets.text(f"invalid key: {OPAQUE}!")
    assert Secrets().text(OPAQUE) == OPAQUE


@pytest.mark.parametrize("query", ["key=opaque%2Bkey", "beta=1&access_token=opaque%2Bkey#x"])
def test_what_a_request_had_for_a_key_in_its_query_is_one_as_it_was_sent_and_as_it_was_meant(query: str) -> None:
    secrets = secrets_of((), f"https://host/v1?{query}")
    assert secrets.text("invalid: opaque%2Bkey or opaque+key") == "invalid: redacted-red or redacted-r"


def test_what_is_hidden_already_is_no_key() -> None:
    secrets = secrets_of((("x-api-key", HIDDEN),), f"https://host/v1?key={HIDDEN}")
    assert secrets.text(f"it was {HIDDEN}") == f"it was {HIDDEN}"


def test_what_is_too_short_is_not_looked_for() -> None:
    assert secrets_of((("x-api-key", "any"),)).text("any answer") == "any answer"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("/v1/x?key=abc&beta=true", f"/v1/x?key={HIDDEN}&beta=true"),
        ("/v1/x?a=1&API_KEY=abc#x", f"/v1/x?a=1&API_KEY={HIDDEN}#x"),
        ("/v1/x?x-goog-api-key=abc", f"/v1/x?x-goog-api-key={HIDDEN}"),
        ("/x?X-Amz-Signature=abc&access_token=d", f"/x?X-Amz-Signature={HIDDEN}&access_token={HIDDEN}"),
        ("https://me:secret@host/x", f"https://{HIDDEN}@host/x"),
        ("/x?monkey=1&tokens=2", "/x?monkey=1&tokens=2"),
        (f"/bot{KEYS[1]}", f"/bot{KEYS[1]}"),
        (f"/bot/{KEYS[1]}", "/bot/redacted-redacted-redact"),
    ],
)
def test_an_address_has_no_keys(url: str, seen: str) -> None:
    assert Secrets().url(url) == seen
