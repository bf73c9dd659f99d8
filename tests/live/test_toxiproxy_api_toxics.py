"""Toxics in the HTTP API, and what makes a good body, on our server and on the real one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from live.asking import DOWNSTREAM_LATENCY, add, assert_error, body, create, proxies, request, toxics
from live.toxiproxies import Toxiproxy

POSTS = ("/proxies", "/proxies/p", "/proxies/p/toxics", "/proxies/p/toxics/t")
BAD_BODIES = [
    b"",
    b" \n",
    b"{",
    b'{"name"',
    b"nul",
    b"nan",
    b"NaN",
    b'{"x":NaN}',
    b'{"x":-Infinity}',
    b"\xff",
    b"{'x':1}",
]
BAD_BODIES += [
    b'{"x":1,}',
    b'{"x":01}',
    b'{"x":1.}',
    b'{"x":+1}',
    b'{"x":"\\q"}',
    b'{"x":"\n"}',
    b"\xef\xbb\xbf{}",
    b"/**/{}",
]
BAD_BODIES += [b"[]", b"1", b'"x"', b"true", b"[" * 100_000, b"1" * 5000]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("raw", BAD_BODIES, ids=lambda raw: repr(raw[:12]))
def test_a_bad_body_is_refused_and_changes_nothing(whole: Toxiproxy, path: str, raw: bytes) -> None:
    before = proxies(whole)
    assert_error(request(whole, "POST", path, raw), 400, "bad request body: ")
    assert proxies(whole) == before


@pytest.mark.parametrize(
    "raw", [*BAD_BODIES[:-6], b"{}", b"1", b'"x"', b"[1]", b"[[]]"], ids=lambda raw: repr(raw[:12])
)
def test_a_bad_body_to_populate_is_refused_as_json(toxiproxy: Toxiproxy, raw: bytes) -> None:
    reply = request(toxiproxy, "POST", "/populate", raw)
    assert reply.status == 400
    assert reply.json["error"].startswith("bad request body: ")
    assert (reply.json["status"], reply.json["proxies"]) == (400, None)
    assert reply.headers["content-type"] == "application/json"
    assert reply.body.endswith(b"}")


@pytest.mark.parametrize(
    ("raw", "text"), [(b"", "EOF"), (b" \n", "EOF"), (b"{", "unexpected EOF"), (b'{"x":"', "unexpected EOF")]
)
def test_a_body_that_ends_too_early_is_named_by_its_end(toxiproxy: Toxiproxy, raw: bytes, text: str) -> None:
    assert_error(request(toxiproxy, "POST", "/proxies", raw), 400, f"bad request body: {text}")


PROXY_FIELDS = {
    "name": (5, {}, True),
    "listen": (0, []),
    "upstream": (1.5, False),
    "enabled": (1, "true"),
    "Logger": (5, "x", []),
}
PROXY_CASES = [(name, value) for name, values in PROXY_FIELDS.items() for value in values]
TOXIC_FIELDS = {
    "name": (5,),
    "type": (5, []),
    "stream": (False,),
    "toxicity": ("1", True, {}, 1e39),
    "attributes": (5, "x", []),
}
TOXIC_CASES = [(name, value) for name, values in TOXIC_FIELDS.items() for value in values]


@pytest.mark.parametrize(("field", "value"), PROXY_CASES)
@pytest.mark.parametrize("case", [str, str.upper])
def test_a_field_of_a_proxy_has_one_type_only(toxiproxy: Toxiproxy, field: str, value: Any, case: Any) -> None:
    before = create(toxiproxy)
    for path in ("/proxies", "/proxies/p"):
        assert_error(request(toxiproxy, "POST", path, {**body("q"), case(field): value}), 400, "bad request body: ")
    assert proxies(toxiproxy) == {"p": before}


@pytest.mark.parametrize(("field", "value"), TOXIC_CASES)
def test_a_field_of_a_new_toxic_has_one_type_only(whole: Toxiproxy, field: str, value: Any) -> None:
    reply = request(whole, "POST", "/proxies/p/toxics", {"type": "latency", field: value})
    assert_error(reply, 400, "bad request body: ")
    assert len(toxics(whole)) == 1


@pytest.mark.parametrize("field", ["enabled", "Logger", "other"])
def test_null_leaves_a_default(toxiproxy: Toxiproxy, field: str) -> None:
    assert create(toxiproxy, **{field: None})["enabled"] is True


@pytest.mark.parametrize(
    ("members", "enabled"),
    [
        ('"ENABLED":false', False),
        ('"Enabled":false', False),
        ('"enabled":true,"enabled":false', False),
        ('"enabled":false,"ENABLED":true', True),
        ('"enabled":false,"enabled":null', False),
        ('"enable":false,"other":{"enabled":false}', True),
        ('"Logger":{"enabled":false},"logger":null', True),
        ('"other":' + "1" * 5000, True),
        ('"other":1e999', True),
    ],
    ids=lambda one: str(one)[:32],
)
def test_members_match_in_any_case_and_the_last_one_counts(toxiproxy: Toxiproxy, members: str, enabled: bool) -> None:
    raw = f'{{"NAME":"p","Listen":"127.0.0.1:0","uPSTREAM":"u",{members}}}'.encode()
    reply = request(toxiproxy, "POST", "/proxies", raw)
    assert (reply.status, reply.json["enabled"]) == (201, enabled)


def test_a_doubled_member_of_a_wrong_type_is_refused_even_if_the_last_one_is_right(toxiproxy: Toxiproxy) -> None:
    raw = b'{"name":5,"name":"p","listen":"127.0.0.1:0","upstream":"u"}'
    assert_error(request(toxiproxy, "POST", "/proxies", raw), 400, "bad request body: ")


@pytest.mark.parametrize("rest", [b"{}", b"garbage", b"]", b" \n[", b"\x00"])
def test_what_follows_the_first_value_is_ignored(toxiproxy: Toxiproxy, rest: bytes) -> None:
    assert request(toxiproxy, "POST", "/proxies", json.dumps(body()).encode() + rest).status == 201


@pytest.mark.parametrize("raw", [b"\xff", rb"\ud800", rb"\udc00"])
def test_what_is_no_character_is_replaced(toxiproxy: Toxiproxy, raw: bytes) -> None:
    reply = request(toxiproxy, "POST", "/proxies", b'{"name":"a%sb","listen":"127.0.0.1:0","upstream":"u"}' % raw)
    assert (reply.status, reply.json["name"]) == (201, "a\ufffdb")


# ---- toxics ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("noop", {}),
        ("latency", {"latency": 0, "jitter": 0}),
        ("bandwidth", {"rate": 0}),
        ("slow_close", {"delay": 0}),
        ("timeout", {"timeout": 0}),
        ("reset_peer", {"timeout": 0}),
        ("slicer", {"average_size": 0, "size_variation": 0, "delay": 0}),
        ("limit_data", {"bytes": 0}),
    ],
)
def test_a_toxic_of_each_type_has_its_defaults_in_their_order(
    toxiproxy: Toxiproxy, kind: str, attributes: dict[str, int]
) -> None:
    create(toxiproxy)
    reply = request(toxiproxy, "POST", "/proxies/p/toxics", {"type": kind})
    shown = {
        "attributes": attributes,
        "name": f"{kind}_downstream",
        "type": kind,
        "stream": "downstream",
        "toxicity": 1,
    }
    assert (reply.status, reply.body) == (200, json.dumps(shown, separators=(",", ":")).encode())
    assert request(toxiproxy, "GET", f"/proxies/p/toxics/{kind}_downstream").body == reply.body
    assert request(toxiproxy, "GET", "/proxies/p/toxics").body == b"[%s]" % reply.body
    assert request(toxiproxy, "GET", "/proxies/p").json["toxics"] == [reply.json]


@pytest.mark.parametrize("stream", ["upstream", "UPSTREAM", "downStream"])
def test_a_stream_is_shown_as_it_was_written_and_so_is_the_name_made_of_it(toxiproxy: Toxiproxy, stream: str) -> None:
    create(toxiproxy)
    shown = request(toxiproxy, "POST", "/proxies/p/toxics", {"type": "noop", "name": "", "stream": stream}).json
    assert (shown["stream"], shown["name"]) == (stream, f"noop_{stream}")


def test_toxics_are_listed_upstream_first_and_then_as_they_came(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy)
    for name, stream in [("a", "downstream"), ("b", "UPSTREAM"), ("c", "downstream"), ("d", "upstream")]:
        add(toxiproxy, name, stream=stream)
    assert request(toxiproxy, "POST", "/proxies/p/toxics/a", {}).status == 200
    assert [one["name"] for one in toxics(toxiproxy)] == ["b", "d", "a", "c"]


def test_a_name_of_a_toxic_is_taken_in_both_streams_at_once(whole: Toxiproxy) -> None:
    reply = request(whole, "POST", "/proxies/p/toxics", {"name": "t", "type": "noop", "stream": "upstream"})
    assert_error(reply, 409, "toxic already exists")


@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        ({"stream": "sideways", "type": "nosuch", "name": "t"}, 400, "stream was invalid, can be either"),
        ({"stream": "", "type": "noop"}, 400, "stream was invalid, can be either upstream or downstream"),
        ({"type": "nosuch", "name": "t"}, 400, "invalid toxic type"),
        ({"type": "Latency"}, 400, "invalid toxic type"),
        ({}, 400, "invalid toxic type"),
        ({"type": "latency", "name": "t", "attributes": {"latency": "x"}}, 409, "toxic already exists"),
        ({"type": "latency", "attributes": {"latency": "x"}}, 400, "bad request body: "),
    ],
)
def test_of_several_faults_of_a_toxic_the_first_is_named(
    whole: Toxiproxy, given: dict[str, Any], status: int, text: str
) -> None:
    assert_error(request(whole, "POST", "/proxies/p/toxics", given), status, text)
    assert len(toxics(whole)) == 1


BAD_INTEGERS = (1.5, 1e3, "100", True, [], {}, 2**63, -(2**63) - 1)


@pytest.mark.parametrize("value", BAD_INTEGERS)
def test_an_attribute_is_a_whole_number(whole: Toxiproxy, value: Any) -> None:
    given = {"type": "latency", "attributes": {"LATENCY": value}}
    assert_error(request(whole, "POST", "/proxies/p/toxics", given), 400, "bad request body: ")
    assert_error(request(whole, "POST", "/proxies/p/toxics/t", given), 400, "bad request body: ")
    assert toxics(whole) == [{**DOWNSTREAM_LATENCY, "name": "t"}]


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63)])
def test_an_attribute_may_be_any_of_64_bits(toxiproxy: Toxiproxy, value: int) -> None:
    create(toxiproxy)
    assert add(toxiproxy, attributes={"latency": value})["attributes"] == {"latency": value, "jitter": 0}


def test_attributes_match_in_any_case_and_unknown_ones_are_dropped(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy)
    shown = add(toxiproxy, attributes={"LATENCY": 5, "jitter": None, "rate": "x", "delay": 3})
    assert shown["attributes"] == {"latency": 5, "jitter": 0}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (1, 1),
        (1.0, 1),
        (0, 0),
        (0.2, 0.2),
        (5, 5),
        (-3, -3),
        (None, 1),
        (0.123456789, 0.12345679),
        (16777217, 16777216),
        (1e-50, 0),
        (1e-7, 1e-7),
        (3.4e38, 3.4e38),
    ],
)
def test_a_toxicity_is_any_number_of_32_bits(toxiproxy: Toxiproxy, given: float | None, shown: float) -> None:
    create(toxiproxy)
    assert add(toxiproxy, toxicity=given)["toxicity"] == shown
    assert toxics(toxiproxy)[0]["toxicity"] == shown


def test_a_giant_toxicity_is_shown_with_an_exponent(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy)
    add(toxiproxy, toxicity=3.4e38)
    assert b'"toxicity":3.4e+38}' in request(toxiproxy, "GET", "/proxies").body


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_update_of_a_toxic_is_merged_into_it(toxiproxy: Toxiproxy, method: str) -> None:
    create(toxiproxy)
    before = add(toxiproxy, attributes={"latency": 5, "jitter": 3}, toxicity=0.5)
    for change, attributes, toxicity in [
        ({"attributes": {"jitter": 1}}, {"latency": 5, "jitter": 1}, 0.5),
        ({"toxicity": 0.25, "attributes": None}, {"latency": 5, "jitter": 1}, 0.25),
        ({"toxicity": None, "attributes": {"LATENCY": 0}}, {"latency": 0, "jitter": 1}, 0.25),
        (None, {"latency": 0, "jitter": 1}, 0.25),
    ]:
        reply = request(toxiproxy, method, "/proxies/p/toxics/t", json.dumps(change).encode())
        assert (reply.status, reply.json) == (200, {**before, "attributes": attributes, "toxicity": toxicity})
    assert toxics(toxiproxy) == [reply.json]


@pytest.mark.parametrize("value", ["other", "", 5, [], None])
@pytest.mark.parametrize("field", ["name", "type", "stream"])
def test_an_update_cannot_change_what_a_toxic_is(whole: Toxiproxy, field: str, value: Any) -> None:
    reply = request(whole, "POST", "/proxies/p/toxics/t", {field: value})
    assert (reply.status, reply.json) == (200, {**DOWNSTREAM_LATENCY, "name": "t"})


def test_a_removed_toxic_is_gone(whole: Toxiproxy) -> None:
    reply = request(whole, "DELETE", "/proxies/p/toxics/t")
    assert (reply.status, reply.body, toxics(whole)) == (204, b"", [])


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_toxic_that_does_not_exist_is_not_found_whatever_the_body_says(whole: Toxiproxy, method: str) -> None:
    assert_error(request(whole, method, "/proxies/p/toxics/nobody", b"{"), 404, "toxic not found")
