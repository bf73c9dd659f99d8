"""Whom a client asks that was told nothing, or not everything."""

from __future__ import annotations

import pytest

from client_under_test import SyncStreamClient
from client_under_test.client import first_target
from client_under_test.dialects import ANTHROPIC, OPENAI_CHAT, OPENAI_RESPONSES
from client_under_test.dialects.dialect import Dialect
from client_under_test.signals import Open
from client_under_test.targets import Target


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_environment_says_what_was_not_given(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANTHROPIC_API_KEY", "theirs")
    assert first_target(None, None) == Target(api_key="theirs", base_url=ANTHROPIC.api)
    environment.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    assert first_target(None, None) == Target(api_key="theirs", base_url="http://127.0.0.1:1")


def test_what_is_given_goes_before_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANTHROPIC_API_KEY", "theirs")
    environment.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    assert first_target("mine", "http://127.0.0.1:2") == Target(api_key="mine", base_url="http://127.0.0.1:2")
    assert first_target("", None).api_key == ""


def test_a_client_without_a_key_says_how_to_give_one() -> None:
    with pytest.raises(ValueError, match=r"no API key: give api_key=..., or set ANTHROPIC_API_KEY"):
        SyncStreamClient()


def test_each_dialect_has_an_environment_of_its_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANTHROPIC_API_KEY", "theirs")
    environment.setenv("OPENAI_API_KEY", "others")
    assert first_target(None, None, OPENAI_CHAT) == Target(api_key="others", base_url="https://api.openai.com")
    environment.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert first_target(None, None, OPENAI_RESPONSES) == Target(api_key="others", base_url="http://127.0.0.1:1/v1")
    environment.delenv("OPENAI_API_KEY")
    with pytest.raises(ValueError, match="or set OPENAI_API_KEY"):
        SyncStreamClient(dialect=OPENAI_CHAT)


@pytest.mark.parametrize(
    ("dialect", "path", "header", "value"),
    [
        (ANTHROPIC, "/v1/messages", "x-api-key", "k"),
        (OPENAI_CHAT, "/v1/chat/completions", "authorization", "Bearer k"),
        (OPENAI_RESPONSES, "/v1/responses", "authorization", "Bearer k"),
    ],
)
def test_a_request_goes_where_its_dialect_says(dialect: Dialect, path: str, header: str, value: str) -> None:
    client = SyncStreamClient(api_key="k", base_url="http://x/", dialect=dialect)
    sent = client.sent(Open({}, first_target("k", "http://x/", dialect), dialect))
    assert (sent["url"], sent["headers"][header]) == ("http://x" + path, value)
