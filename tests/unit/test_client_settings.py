"""Whom a client asks that was told nothing, or not everything."""

from __future__ import annotations

import pytest

from client_under_test import SyncStreamClient
from client_under_test.client import first_target
from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.targets import Target


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
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
