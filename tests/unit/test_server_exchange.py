"""The server without its sockets: what it makes of a request, and which script answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fake_server.answer import Answer, Refuse
from fake_server.exchange import TOO_LARGE, Asked, Conversation, read_body
from fake_server.script import script
from fake_server.validate import MAX_REQUEST_BYTES

GOOD = {"model": "claude-sonnet-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
HEADERS = {"X-Api-Key": "secret", "anthropic-version": "2023-06-01", "content-type": "application/json"}


def asked(inside: str = "v1/messages", body: Any = GOOD, **more: Any) -> Asked:
    fields = {"method": "POST", "path": f"/case/t/{inside}", "headers": HEADERS, "peer": "p:1", **more}
    return Asked(inside=inside, body=body, **fields)


def answered(talk: Conversation, request: Asked) -> tuple[int, int]:
    """Status, and which step of the script it was."""
    replied, head, _ = talk.answer(request, t=0.0, attempt=1, wall=0.0)
    assert replied.status == head.status
    return replied.status, replied.step


@pytest.fixture
def talk() -> Conversation:
    return Conversation(script=script(Refuse(status=529), Answer()), seed="s", elsewhere=script(Refuse(status=503)))


def test_each_valid_request_takes_the_next_step(talk: Conversation) -> None:
    assert [answered(talk, asked()) for _ in range(3)] == [(529, 1), (200, 2), (200, 3)]


def test_a_request_that_the_api_would_refuse_takes_no_step(talk: Conversation) -> None:
    assert answered(talk, asked(body={})) == (400, 0)
    assert answered(talk, asked("v1/models")) == (404, 0)
    assert answered(talk, asked(method="GET")) == (405, 0)
    assert answered(talk, asked()) == (529, 1)


def test_where_nothing_is_asked_for_no_body_is_missed(talk: Conversation) -> None:
    nothing: dict[str, Any] = {"body": None, "unreadable": read_body(b"")[1]}
    assert answered(talk, asked("v1/models", method="GET", **nothing)) == (404, 0)
    assert answered(talk, asked(method="OPTIONS", **nothing)) == (405, 0)
    assert answered(talk, asked(**nothing)) == (400, 0)


def test_the_other_server_has_a_script_of_its_own(talk: Conversation) -> None:
    assert answered(talk, asked("elsewhere/v1/messages")) == (503, 1)
    assert answered(talk, asked()) == (529, 1)


def test_without_another_server_its_path_leads_to_the_only_one() -> None:
    assert answered(Conversation(script=script(Answer()), seed="s"), asked("elsewhere/v1/messages")) == (200, 1)


def test_a_conversation_that_begins_another_call_knows_nothing_of_the_one_before(talk: Conversation) -> None:
    for inside in ("v1/messages", "elsewhere/v1/messages"):
        answered(talk, asked(inside))
    talk.requests = 2
    other = script(Answer(), Refuse(status=401))
    talk.begin(other, "t", None)
    assert talk == Conversation(script=other, seed="t")
    assert [answered(talk, asked(inside)) for inside in ("v1/messages", "elsewhere/v1/messages")] == [
        (200, 1),
        (401, 2),
    ]


def test_the_record_of_a_request_has_all_but_its_secrets(talk: Conversation) -> None:
    record = talk.requested(asked(), t=1.5, attempt=2)
    assert (record.t, record.attempt, record.streams, record.peer, record.body) == (1.5, 2, True, "p:1", GOOD)
    assert "secret" not in json.dumps(record.headers)
    assert not talk.requested(asked(body=None), t=0.0, attempt=1).streams


def test_the_record_of_a_reply_says_what_it_was_to_say(talk: Conversation) -> None:
    assert talk.answer(asked(), t=0.0, attempt=1, wall=0.0)[0].says is None
    assert talk.answer(asked(), t=0.0, attempt=2, wall=0.0)[0].says == Answer().texts("s")[0]


def test_a_body_that_is_no_json_is_refused_with_the_reason() -> None:
    body, problem = read_body(b"{")
    assert body is None
    assert problem is not None
    assert (problem.status, "not valid JSON" in problem.message) == (400, True)
    assert asked(body=None, unreadable=problem).problem is problem


def test_a_body_over_the_limit_is_refused_unread() -> None:
    assert read_body(b" " * (MAX_REQUEST_BYTES + 1)) == (None, TOO_LARGE)
    assert read_body(b"{}") == ({}, None)
