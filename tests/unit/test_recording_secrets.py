"""Keys are overwritten wherever they are, and everything else stays where it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.secrets import HIDDEN, Secrets, is_secret, secrets_of

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
NAMES = """
    api-key apikey authorization cookie proxy-authenticate proxy-authorization set-cookie www-authenticate x-api-key
    x-amz-security-token x-goog-api-key x-auth-token x-litellm-api-key x-portkey-api-key ocp-apim-subscription-key
    cf-access-client-secret openai-api-key authorization_token X-Api-Key ANTHROPIC_API_KEY apiKey APIKey accessToken
    client_secret private_key api_key_2 _authToken password
""".split()
NO_NAMES = """
    max_tokens input_tokens output_tokens maxOutputTokens anthropic-ratelimit-tokens-remaining stop_token_ids
    access-control-allow-credentials idempotency-key prompt_cache_key next_page_token nextPageToken stop_token
    signature author monkey keyboard tokenizer secretary x-request-id 1
""".split()
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


FIELDS = "text thinking partial_json arguments content delta reasoning_content reasoning refusal".split()


@pytest.mark.parametrize("field", FIELDS)
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


def test_a_key_that_is_said_under_two_names_at_once_is_overwritten_in_both() -> None:
    pieces = [KEYS[0][place : place + 2] for place in range(0, len(KEYS[0]), 2)]
    body = b"\n".join(json.dumps({"reasoning": one, "details": [{"text": one}]}).encode() for one in pieces)
    events = [json.loads(line) for line in Secrets().body(body).split(b"\n")]
    assert "".join(one["reasoning"] for one in events) == "redacted-redacted-re"
    assert "".join(one["details"][0]["text"] for one in events) == "redacted-redacted-re"


@given(body=st.binary(max_size=200), keys=st.lists(st.sampled_from(KEYS), max_size=3))
def test_no_byte_moves(body: bytes, keys: list[str]) -> None:
    whole = body + b" ".join(key.encode() for key in keys)
    assert len(Secrets().body(whole)) == len(whole)


@pytest.mark.parametrize("name", NAMES)
def test_headers_with_keys_are_hidden_and_others_are_not(name: str) -> None:
    headers = ((name, OPAQUE), ("x-other", "1"), ("x-odd", KEYS[0]))
    assert Secrets().headers(headers)[:2] == ((name, HIDDEN), ("x-other", "1"))
    assert KEYS[0] not in repr(Secrets().headers(headers))


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_only_sounds_like_the_name_of_a_key_is_kept(name: str) -> None:
    body = json.dumps({name: OPAQUE}).encode()
    assert not is_secret(name)
    assert Secrets().headers(((name, OPAQUE),)) == ((name, OPAQUE),)
    assert Secrets().body(body) == body


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [OPAQUE, 'quoted " and \\', "", "żółć"])
def test_a_member_of_json_with_the_name_of_a_key_is_overwritten_and_it_stays_json(name: str, value: str) -> None:
    asked = {"max_tokens": 5, "mcp_servers": [{"type": "url", name: value, "name": "a tool"}]}
    body = json.dumps(asked).encode()
    hidden = Secrets().body(body)
    assert len(hidden) == len(body)
    (server,) = json.loads(hidden)["mcp_servers"]
    assert server[name] == ("redacted-" * 9)[: len(json.dumps(value)) - 2]
    assert {**json.loads(hidden), "mcp_servers": [{**server, name: value}]} == asked


def test_a_member_that_is_cut_off_is_overwritten_as_far_as_it_came() -> None:
    assert Secrets().body(b'{"api_key" : "opaque') == b'{"api_key" : "redact'


@pytest.mark.parametrize("asked", [{"token": " Hello"}, {"key": "value"}, {"api_key": {"type": "string"}}])
def test_members_of_json_that_hold_other_things_are_kept(asked: dict[str, object]) -> None:
    body = json.dumps(asked).encode()
    assert Secrets().body(body) == body


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://u:pass@host/sse", "https://redact@host/sse"),
        (r"https:\/\/u:pass@host", r"https:\/\/redact@host"),
        ("https://:pass@host", "https://redac@host"),
        ("https://host:80/@me:you", "https://host:80/@me:you"),
        ("https://host?to=a:b@c", "https://host?to=a:b@c"),
        ("ssh://git@host", "ssh://git@host"),
    ],
)
def test_users_and_passwords_of_addresses_in_json_are_overwritten(url: str, seen: str) -> None:
    assert Secrets().body(f'{{"url":"{url}"}}'.encode()) == f'{{"url":"{seen}"}}'.encode()


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
        ("/x?sv=1&sig=abc&code=d", f"/x?sv=1&sig={HIDDEN}&code={HIDDEN}"),
        ("/x?x_my_api_key=abc", f"/x?x_my_api_key={HIDDEN}"),
        ("/x?page_token=abc&max_tokens=5&zip_code=1", "/x?page_token=abc&max_tokens=5&zip_code=1"),
        ("https://me:secret@host/x", f"https://{HIDDEN}@host/x"),
        ("/x?monkey=1&tokens=2", "/x?monkey=1&tokens=2"),
        (f"/bot{KEYS[1]}", f"/bot{KEYS[1]}"),
        (f"/bot/{KEYS[1]}", "/bot/redacted-redacted-redact"),
    ],
)
def test_an_address_has_no_keys(url: str, seen: str) -> None:
    assert Secrets().url(url) == seen
