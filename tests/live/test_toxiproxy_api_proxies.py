"""Proxies in the HTTP API, one by one and as a list, on our server and on the real one."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from live.asking import (
    NOT_FOUND,
    UPSTREAM,
    add,
    assert_error,
    body,
    create,
    listens,
    populate,
    port_of,
    proxies,
    request,
    toxics,
)
from live.toxiproxies import Reply, Toxiproxy, running

HALF = f'"upstream":"{UPSTREAM}","enabled":true,"Logger":{{}},"toxics":[]}}'.encode()


def test_a_new_proxy_is_shown_as_it_is_in_a_fixed_order_without_spaces(toxiproxy: Toxiproxy) -> None:
    reply = request(toxiproxy, "POST", "/proxies", body())
    listen = reply.json["listen"].encode()
    assert (reply.status, reply.body) == (201, b'{"name":"p","listen":"%s",%s' % (listen, HALF))
    assert reply.headers["content-type"] == "application/json"
    assert request(toxiproxy, "GET", "/proxies/p").body == reply.body
    assert request(toxiproxy, "GET", "/proxies").body == b'{"p":%s}' % reply.body


def test_no_proxies_are_an_empty_object(toxiproxy: Toxiproxy) -> None:
    assert request(toxiproxy, "GET", "/proxies").body == b"{}"


def test_proxies_are_listed_in_the_order_of_the_bytes_of_their_names(toxiproxy: Toxiproxy) -> None:
    names = ["b", "a", "é", "Z", "\U0001f600", "\uffee", "10", "9"]
    for name in names:
        create(toxiproxy, name, enabled=False)
    assert list(proxies(toxiproxy)) == sorted(names, key=str.encode)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "LOCALHOST:0", "127.0.0.1:", "127.0.0.1:+0"])
def test_an_enabled_proxy_shows_the_address_that_it_has_got(toxiproxy: Toxiproxy, listen: str) -> None:
    shown = create(toxiproxy, listen=listen)["listen"]
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", shown)
    assert listens(shown)


def test_a_disabled_proxy_shows_the_address_that_was_given(toxiproxy: Toxiproxy) -> None:
    assert create(toxiproxy, listen="localhost:nosuchport", enabled=False)["listen"] == "localhost:nosuchport"


def test_an_upstream_may_be_anything(toxiproxy: Toxiproxy) -> None:
    assert create(toxiproxy, upstream="no such thing")["upstream"] == "no such thing"


@pytest.mark.parametrize(("given", "missing"), [({}, "name"), ({"name": "p"}, "upstream"), ({"upstream": "u"}, "name")])
@pytest.mark.parametrize("empty", [{}, {"name": "", "upstream": ""}, {"name": None, "upstream": None}])
def test_a_proxy_needs_a_name_and_then_an_upstream(
    toxiproxy: Toxiproxy, given: dict[str, str], empty: dict[str, Any], missing: str
) -> None:
    reply = request(toxiproxy, "POST", "/proxies", {**empty, **given})
    assert_error(reply, 400, f"missing required field: {missing}")
    assert proxies(toxiproxy) == {}


def test_a_name_is_taken_once_whatever_else_is_wrong(toxiproxy: Toxiproxy) -> None:
    before = create(toxiproxy)
    reply = request(toxiproxy, "POST", "/proxies", body(listen="bad", upstream="other"))
    assert_error(reply, 409, "proxy already exists")
    assert proxies(toxiproxy) == {"p": before}


def test_a_port_that_is_taken_is_named_and_no_proxy_is_made(toxiproxy: Toxiproxy, busy: str) -> None:
    reply = request(toxiproxy, "POST", "/proxies", body(listen=busy))
    assert_error(reply, 500, f"listen tcp {busy}: bind: address already in use")
    assert proxies(toxiproxy) == {}


BAD_ADDRESSES = {
    "bad": "address bad: missing port in address",
    "[::1]": "address [::1]: missing port in address",
    "[::1]x:0": "address [::1]x:0: missing port in address",
    "[::1": "address [::1: missing ']' in address",
    "::1:0": "address ::1:0: too many colons in address",
    "[::1]:2:0": "address [::1]:2:0: too many colons in address",
    "x:[0": "address x:[0: unexpected '[' in address",
    "a]:0": "address a]:0: unexpected ']' in address",
    "127.0.0.1:99999": "address 99999: invalid port",
    "127.0.0.1:-1": "address -1: invalid port",
    "127.0.0.1:99999999999999999999": "address 99999999999999999999: invalid port",
    "127.0.0.1:nosuchport": "lookup tcp/nosuchport: unknown port",
}


@pytest.mark.parametrize(("listen", "text"), BAD_ADDRESSES.items())
def test_a_bad_address_makes_no_proxy_and_the_error_is_that_of_go(toxiproxy: Toxiproxy, listen: str, text: str) -> None:
    assert_error(request(toxiproxy, "POST", "/proxies", body(listen=listen)), 500, f"listen tcp: {text}")
    assert proxies(toxiproxy) == {}


@pytest.mark.parametrize(("listen", "text"), BAD_ADDRESSES.items())
def test_an_update_to_a_bad_address_touches_nothing(toxiproxy: Toxiproxy, listen: str, text: str) -> None:
    before = create(toxiproxy)
    reply = request(toxiproxy, "POST", "/proxies/p", {"listen": listen, "upstream": "other", "enabled": False})
    assert_error(reply, 500, text)
    assert proxies(toxiproxy) == {"p": before}
    assert listens(before["listen"])


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("change", [{}, None, {"upstream": None}, {"name": "q", "toxics": [1], "other": 2}])
def test_an_update_keeps_what_it_does_not_name(toxiproxy: Toxiproxy, method: str, change: Any) -> None:
    before = create(toxiproxy)
    raw = json.dumps(change).encode()
    reply = request(toxiproxy, method, "/proxies/p", raw)
    assert (reply.status, reply.json, proxies(toxiproxy)) == (200, before, {"p": before})


def test_a_new_upstream_keeps_the_port_and_the_toxics(toxiproxy: Toxiproxy) -> None:
    before = create(toxiproxy)
    latency = add(toxiproxy)
    after = request(toxiproxy, "PATCH", "/proxies/p", {"upstream": "other"}).json
    assert after == {**before, "upstream": "other", "toxics": [latency]}
    assert listens(before["listen"])


def test_a_new_address_leaves_the_old_one_free(toxiproxy: Toxiproxy) -> None:
    before = create(toxiproxy)
    after = request(toxiproxy, "POST", "/proxies/p", {"listen": "127.0.0.1:0"}).json
    assert listens(after["listen"])
    assert not listens(before["listen"])


def test_an_update_to_a_taken_port_leaves_the_proxy_disabled_with_the_new_address(
    toxiproxy: Toxiproxy, busy: str
) -> None:
    before = create(toxiproxy)
    reply = request(toxiproxy, "POST", "/proxies/p", {"listen": busy})
    assert_error(reply, 500, f"listen tcp {busy}: bind: address already in use")
    assert proxies(toxiproxy) == {"p": {**before, "listen": busy, "enabled": False}}
    assert not listens(before["listen"])


@pytest.mark.parametrize("times", [1, 2])
def test_a_proxy_is_disabled_and_enabled_on_the_same_port_however_often_one_says_so(
    toxiproxy: Toxiproxy, times: int
) -> None:
    before = create(toxiproxy)
    for enabled in (False, True):
        for _ in range(times):
            reply = request(toxiproxy, "POST", "/proxies/p", {"enabled": enabled})
            assert (reply.status, reply.json) == (200, {**before, "enabled": enabled})
        assert listens(before["listen"]) is enabled


def test_a_disabled_proxy_stays_disabled_when_it_moves(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy, enabled=False)
    after = request(toxiproxy, "POST", "/proxies/p", {"listen": "localhost:1"}).json
    assert (after["listen"], after["enabled"]) == ("localhost:1", False)


def test_a_deleted_proxy_is_gone(toxiproxy: Toxiproxy) -> None:
    listen = create(toxiproxy)["listen"]
    reply = request(toxiproxy, "DELETE", "/proxies/p")
    assert (reply.status, reply.body) == (204, b"")
    assert not listens(listen)
    assert_error(request(toxiproxy, "DELETE", "/proxies/p"), 404, "proxy not found")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"type":"nosuch"}'])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/proxies/nobody"),
        ("PATCH", "/proxies/nobody"),
        ("POST", "/proxies/nobody/toxics"),
        ("POST", "/proxies/nobody/toxics/t"),
        ("DELETE", "/proxies/nobody/toxics/t"),
    ],
)
def test_whether_a_proxy_exists_is_asked_before_the_body_is(
    toxiproxy: Toxiproxy, method: str, path: str, raw: bytes
) -> None:
    assert_error(request(toxiproxy, method, path, raw), 404, "proxy not found")


@pytest.mark.parametrize(
    "name", ["a b", "é", "\U0001f600", "100%", "%2F", "a?b", "a#b", "<>&", "+", "\n", "\x00", "..."]
)
def test_any_name_is_reached_by_its_escaped_form(toxiproxy: Toxiproxy, name: str) -> None:
    before = create(toxiproxy, name)
    path = f"/proxies/{quote(name, safe='')}"
    assert request(toxiproxy, "GET", path).json == before
    assert request(toxiproxy, "POST", f"{path}/toxics", {"type": "noop", "name": name}).status == 200
    assert request(toxiproxy, "DELETE", f"{path}/toxics/{quote(name, safe='')}").status == 204
    assert request(toxiproxy, "DELETE", path).status == 204


def test_a_name_with_a_slash_is_made_and_never_reached(toxiproxy: Toxiproxy) -> None:
    with running(toxiproxy.kind) as fresh:
        create(fresh, "a/b", enabled=False)
        reply = request(fresh, "DELETE", "/proxies/a%2Fb")
        assert (reply.status, reply.body) == (404, NOT_FOUND)
        assert list(proxies(fresh)) == ["a/b"]


def test_what_html_could_misread_is_escaped_and_nothing_else(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy, upstream="<é>&'\u2028\u2029\U0001f600/\x7f")
    shown = rb'"upstream":"\u003c%s\u003e\u0026' % "é".encode()
    assert shown + rb"'\u2028\u2029" + "\U0001f600/\x7f".encode() in request(toxiproxy, "GET", "/proxies/p").body


# ---- populate and reset ----------------------------------------------------------------------------------------------


def names(reply: Reply) -> list[str]:
    return [one["name"] for one in reply.json["proxies"]]


def test_populate_makes_proxies_and_shows_them_in_the_order_of_the_request(toxiproxy: Toxiproxy) -> None:
    reply = populate(toxiproxy, body("b"), body("a", enabled=False), body("c", enabled=None))
    assert (reply.status, names(reply)) == (201, ["b", "a", "c"])
    assert [one["enabled"] for one in reply.json["proxies"]] == [True, False, True]
    assert reply.headers["content-type"] == "application/json"
    assert sorted(proxies(toxiproxy)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ([body("a"), body("")], "missing required field: name at proxy 2"),
        ([body("a"), None], "missing required field: name at proxy 2"),
        ([body("a", upstream="")], "missing required field: upstream at proxy 1"),
        ([body("a"), {}, 5], "bad request body: "),
        ([body("a"), body("b", enabled="true")], "bad request body: "),
    ],
)
def test_populate_makes_nothing_when_one_of_the_proxies_is_wrong(
    toxiproxy: Toxiproxy, wanted: list[Any], text: str
) -> None:
    reply = populate(toxiproxy, *wanted)
    assert (reply.status, reply.json["proxies"]) == (400, None)
    assert reply.json["error"].startswith(text)
    assert proxies(toxiproxy) == {}


@pytest.mark.parametrize("change", [{}, {"enabled": False}, {"host": "localhost"}])
def test_populate_leaves_a_proxy_with_the_same_addresses_alone(whole: Toxiproxy, change: dict[str, Any]) -> None:
    before = proxies(whole)["p"]
    host = change.pop("host", "127.0.0.1")
    reply = populate(whole, body(listen=f"{host}:{port_of(before['listen'])}", **change))
    assert (reply.status, reply.json["proxies"]) == (201, [before])
    assert proxies(whole) == {"p": before}


def test_populate_replaces_a_proxy_with_another_upstream_and_its_toxics_are_lost(whole: Toxiproxy) -> None:
    before = proxies(whole)["p"]
    reply = populate(whole, body(listen=before["listen"], upstream="other"))
    assert reply.json["proxies"] == [{**before, "upstream": "other", "toxics": []}]
    assert proxies(whole) == {"p": reply.json["proxies"][0]}


def test_populate_replaces_a_proxy_each_time_when_any_port_will_do(whole: Toxiproxy) -> None:
    before = proxies(whole)["p"]["listen"]
    reply = populate(whole, body(), body())
    assert (reply.status, names(reply)) == (201, ["p", "p"])
    (after,) = proxies(whole).values()
    assert (after["listen"], after["toxics"]) == (reply.json["proxies"][1]["listen"], [])
    assert [listens(one) for one in (before, after["listen"])] == [False, True]


def test_populate_replaces_a_disabled_proxy_whose_address_is_a_name(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy, listen="localhost:1", enabled=False)
    add(toxiproxy)
    assert populate(toxiproxy, body(listen="localhost:1", enabled=False)).json["proxies"][0]["toxics"] == []


def test_populate_stops_at_a_port_that_is_taken_and_what_was_done_stays(toxiproxy: Toxiproxy, busy: str) -> None:
    reply = populate(toxiproxy, body("a"), body("b", listen=busy), body("c"))
    assert (reply.status, names(reply)) == (500, ["a"])
    assert reply.json["error"] == f"listen tcp {busy}: bind: address already in use"
    assert proxies(toxiproxy) == {"a": reply.json["proxies"][0]}


def test_populate_says_null_when_nothing_was_done_before_the_error(toxiproxy: Toxiproxy, busy: str) -> None:
    assert populate(toxiproxy, body(listen=busy)).json["proxies"] is None


def test_a_proxy_that_populate_cannot_replace_stays_as_it_was_and_disabled(whole: Toxiproxy, busy: str) -> None:
    before = proxies(whole)["p"]
    assert populate(whole, body(listen=busy, upstream="other")).status == 500
    assert proxies(whole) == {"p": {**before, "enabled": False}}


def test_an_address_that_populate_cannot_read_leaves_the_old_proxy_alone(whole: Toxiproxy) -> None:
    before = proxies(whole)
    reply = populate(whole, body(listen="bad", upstream="other"))
    assert (reply.status, reply.json["error"]) == (500, "address bad: missing port in address")
    assert proxies(whole) == before


def test_reset_enables_every_proxy_and_removes_every_toxic(whole: Toxiproxy) -> None:
    create(whole, "q", enabled=False)
    create(whole, "r")
    request(whole, "POST", "/proxies/p", {"enabled": False})
    reply = request(whole, "POST", "/reset", b"ignored")
    assert (reply.status, reply.body) == (204, b"")
    assert [(one["enabled"], one["toxics"]) for one in proxies(whole).values()] == [(True, [])] * 3
    assert all(listens(one["listen"]) for one in proxies(whole).values())


def test_reset_fails_when_a_proxy_cannot_be_enabled_and_that_one_keeps_its_toxics(
    toxiproxy: Toxiproxy, busy: str
) -> None:
    create(toxiproxy, listen=busy, enabled=False)
    before = add(toxiproxy)
    assert_error(request(toxiproxy, "POST", "/reset"), 500, f"listen tcp {busy}: bind: address already in use")
    assert (proxies(toxiproxy)["p"]["enabled"], toxics(toxiproxy)) == (False, [before])
