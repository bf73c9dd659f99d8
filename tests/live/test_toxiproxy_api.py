"""The HTTP API, on our server and on the real one: every test passes on both, and says so where they differ.

What it says of proxies and toxics is in the two files next to this one.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live.any_request import (
    ANY_BODY,
    ATTRIBUTES,
    JSON,
    LISTENS,
    NO_LISTENS,
    ONE_ATTRIBUTE,
    Request,
    mostly,
    proxy,
    requests,
    toxic,
)
from live.asking import (
    DOWNSTREAM_LATENCY,
    NOT_FOUND,
    add,
    assert_error,
    body,
    create,
    populate,
    port_of,
    proxies,
    request,
    toxics,
)
from live.differences import OF_THE_API
from live.peers import PATIENCE
from live.toxiproxies import SERVER, Reply, Toxiproxy, running

from harness.toxiproxy.api import MAX_BODY_BYTES


def on(toxiproxy: Toxiproxy, difference: str, *, real: Any, ours: Any) -> Any:
    """What this server does where the two differ on purpose."""
    assert difference in OF_THE_API
    return real if toxiproxy.is_real else ours


def test_who_asks_whether_to_send_a_body_is_told_to(toxiproxy: Toxiproxy) -> None:
    asked = json.dumps({"name": "asked", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}).encode()
    fields = b"host: 127.0.0.1\r\nexpect: 100-continue\r\ncontent-length: %d" % len(asked)
    host, _, port = toxiproxy.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(b"POST /proxies HTTP/1.1\r\n%s\r\n\r\n" % fields)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(asked)
        assert client.recv(100).startswith(b"HTTP/1.1 201 Created\r\n")


# ---- paths and methods -----------------------------------------------------------------------------------------------


def test_the_version_is_2_12_0_with_a_space_and_a_newline(toxiproxy: Toxiproxy) -> None:
    reply = request(toxiproxy, "GET", "/version")
    assert (reply.status, reply.body) == (200, b'{"version": "2.12.0"}\n')
    assert reply.headers["content-type"] == "application/json;charset=utf-8"


@pytest.mark.parametrize("path", ["/version", "/proxies", "/proxies/nobody", "/proxies/nobody/toxics/t"])
def test_every_routed_answer_has_an_id_of_its_own(toxiproxy: Toxiproxy, path: str) -> None:
    ids = {request(toxiproxy, "GET", path).headers["x-toxiproxy-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-v]{20}", one) for one in ids)


@pytest.mark.parametrize(
    "path",
    ["/", "/nope", "/version/", "/Version", "/proxies/", "/proxies/p/", "/proxies/p/toxics/", "/proxies/p/toxics/t/x"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_not_found_and_says_so_plainly(toxiproxy: Toxiproxy, method: str, path: str) -> None:
    create(toxiproxy)
    reply = request(toxiproxy, method, path)
    assert (reply.status, reply.body) == (404, NOT_FOUND)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert "x-toxiproxy-request-id" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/version"),
        ("POST", "/version"),
        ("PUT", "/proxies"),
        ("PATCH", "/proxies"),
        ("DELETE", "/proxies"),
        ("PUT", "/proxies/p"),
        ("OPTIONS", "/proxies/p"),
        ("PATCH", "/proxies/p/toxics"),
        ("HEAD", "/proxies/p/toxics/t"),
        ("GET", "/populate"),
        ("GET", "/reset"),
    ],
)
def test_another_method_of_a_known_path_is_refused_without_a_word(toxiproxy: Toxiproxy, method: str, path: str) -> None:
    reply = request(toxiproxy, method, path)
    assert (reply.status, reply.body) == (405, b"")
    assert not {"allow", "content-type", "x-toxiproxy-request-id"} & reply.headers.keys()


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("//proxies", "/proxies"),
        ("/proxies//p", "/proxies/p"),
        ("/proxies/../version", "/version"),
        ("/./version", "/version"),
        ("/proxies/%2e%2e/version", "/version"),
        ("/../..", "/"),
        ("//version?x=1&y=2", "/version?x=1&y=2"),
        ("//nobody/", "/nobody/"),
        ("//a%20b%3F$&+,:;=@", "/a%20b%3F$&+,:;=@"),
    ],
)
def test_a_path_that_is_not_clean_is_redirected_to_the_clean_one(toxiproxy: Toxiproxy, path: str, clean: str) -> None:
    reply = request(toxiproxy, "POST", path)
    assert (reply.status, reply.body, reply.headers["location"]) == (301, b"", clean)


@pytest.mark.parametrize("path", ["/proxies/%", "/proxies/100%", "/proxies/%zz", "/version%2"])
def test_a_percent_sign_that_is_not_escaped_makes_a_bad_request(toxiproxy: Toxiproxy, path: str) -> None:
    reply = request(toxiproxy, "GET", path)
    assert (reply.status, reply.body) == (400, b"400 Bad Request")


def test_a_query_is_no_part_of_the_path(toxiproxy: Toxiproxy) -> None:
    assert request(toxiproxy, "GET", "/version?a=/proxies&%zz").status == 200


@pytest.mark.parametrize(
    ("agent", "path", "status"),
    [
        ("Mozilla/5.0 (X11)", "/version", 403),
        ("Mozilla/5.0 (X11)", "/proxies/nobody", 403),
        ("Mozilla/5.0 (X11)", "/nope", 404),
        ("mozilla/5.0", "/version", 200),
        ("Not Mozilla/5.0", "/version", 200),
    ],
)
def test_a_browser_is_refused_on_known_paths(toxiproxy: Toxiproxy, agent: str, path: str, status: int) -> None:
    reply = request(toxiproxy, "GET", path, User_Agent=agent)
    assert reply.status == status
    assert (reply.body == b"User agent not allowed\n") == (status == 403)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_the_type_of_a_request_does_not_matter(toxiproxy: Toxiproxy, kind: str) -> None:
    reply = request(toxiproxy, "POST", "/proxies", body("é"), Content_Type=kind)
    assert (reply.status, reply.json["name"]) == (201, "é")


def test_a_request_without_a_host_is_answered(toxiproxy: Toxiproxy) -> None:
    with socket.create_connection(("127.0.0.1", port_of(toxiproxy.url)), timeout=5) as sock:
        sock.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        assert sock.makefile("rb").readline().split()[1] == b"200"


# ---- metrics ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
def test_any_method_shows_the_metrics(toxiproxy: Toxiproxy, method: str) -> None:
    reply = request(toxiproxy, method, "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4; charset=utf-8")


def test_the_bytes_of_a_connection_are_counted_under_its_proxys_labels(toxiproxy: Toxiproxy) -> None:
    name = f'"\\\n<é{toxiproxy.kind}'
    with socket.create_server(("127.0.0.1", 0)) as server:
        upstream = f"127.0.0.1:{server.getsockname()[1]}"
        listen = create(toxiproxy, name, upstream=upstream)["listen"]
        with socket.create_connection(("127.0.0.1", port_of(listen)), timeout=5) as client, server.accept()[0] as peer:
            client.sendall(b"12345")
            peer.sendall(b"123" * (peer.recv(9) == b"12345"))
            assert client.recv(9) == b"123"
    shown = rf'listener="{listen}",proxy="\"\\\n<é{toxiproxy.kind}",upstream="{upstream}"'
    for what, direction, count in [("received", "upstream", 5), ("sent", "downstream", 3)]:
        line = f'toxiproxy_proxy_{what}_bytes_total{{direction="{direction}",{shown}}} {count}\n'
        pages = (request(toxiproxy, "GET", "/metrics").body.decode() for _ in range(2000))
        assert any(line in page for page in pages)


# ---- differences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", [None, "", ":0", ":"])
def test_a_proxy_without_a_host_differs(toxiproxy: Toxiproxy, listen: str | None) -> None:
    hosts = on(toxiproxy, "loopback", real=["[::]", "0.0.0.0"], ours=["127.0.0.1"])
    assert create(toxiproxy, listen=listen)["listen"].rpartition(":")[0] in hosts


def test_the_page_of_metrics_differs(toxiproxy: Toxiproxy) -> None:
    more = on(toxiproxy, "metrics", real=True, ours=False)
    assert (b"promhttp_metric_handler_errors_total" in request(toxiproxy, "GET", "/metrics").body) is more


def test_whether_there_are_metrics_without_being_asked_for_differs(toxiproxy: Toxiproxy) -> None:
    with running(toxiproxy.kind) as plain:
        assert request(plain, "GET", "/metrics").status == on(toxiproxy, "metrics", real=404, ours=200)


def test_toxics_in_populate_differ(toxiproxy: Toxiproxy) -> None:
    given = [{"type": "latency"}, {"type": "noop", "name": "n"}]
    shown = [DOWNSTREAM_LATENCY, {**DOWNSTREAM_LATENCY, "attributes": {}, "name": "n", "type": "noop"}]
    reply = populate(toxiproxy, body(toxics=given))
    assert (reply.status, toxics(toxiproxy)) == (201, on(toxiproxy, "populate_toxics", real=[], ours=shown))


def test_toxics_of_a_proxy_that_populate_finds_differ(whole: Toxiproxy) -> None:
    before = proxies(whole)["p"]
    populate(whole, body(listen=before["listen"], toxics=[]))
    assert toxics(whole) == on(whole, "populate_toxics", real=before["toxics"], ours=[])


@pytest.mark.parametrize(
    ("given", "status"),
    [(5, 400), ([{"type": "nosuch"}], 400), ([None], 400), ([{"type": "noop"}, {"type": "noop"}], 409)],
)
def test_bad_toxics_in_populate_differ(toxiproxy: Toxiproxy, given: Any, status: int) -> None:
    reply = populate(toxiproxy, body(toxics=given))
    assert reply.status == on(toxiproxy, "populate_toxics", real=201, ours=status)
    assert list(proxies(toxiproxy)) == on(toxiproxy, "populate_toxics", real=["p"], ours=[])


@pytest.mark.parametrize("raw", [b"[]", b"null"])
def test_populating_with_nothing_differs(toxiproxy: Toxiproxy, raw: bytes) -> None:
    reply = request(toxiproxy, "POST", "/populate", raw)
    assert (reply.status, reply.json) == (201, {"proxies": on(toxiproxy, "populate_nothing", real=None, ours=[])})


@pytest.mark.parametrize(
    ("change", "attribute", "changed"),
    [
        ({"attributes": {"latency": 7, "jitter": "x"}}, "latency", 7),
        ({"attributes": {"latency": "x", "jitter": 7}}, "jitter", 7),
        ({"attributes": {"latency": 7}, "toxicity": "x"}, "latency", 7),
    ],
)
def test_what_a_refused_update_changes_differs(
    whole: Toxiproxy, change: dict[str, Any], attribute: str, changed: int
) -> None:
    assert_error(request(whole, "POST", "/proxies/p/toxics/t", change), 400, "bad request body: ")
    assert toxics(whole)[0]["attributes"][attribute] == on(whole, "atomic_update", real=changed, ours=0)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8474"},
        {"Host": "[::1"},
    ],
)
def test_a_request_of_a_web_page_differs(toxiproxy: Toxiproxy, headers: dict[str, str]) -> None:
    reply = request(toxiproxy, "POST", "/proxies", body(), **headers)
    assert reply.status == on(toxiproxy, "web_pages", real=201, ours=403)
    assert list(proxies(toxiproxy)) == on(toxiproxy, "web_pages", real=["p"], ours=[])


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:99999", "[::1]:80", "127.8.8.8"])
def test_a_host_that_is_this_machine_is_answered(toxiproxy: Toxiproxy, host: str) -> None:
    assert request(toxiproxy, "GET", "/version", Host=host).status == 200


def test_a_body_of_more_than_4_mib_differs(toxiproxy: Toxiproxy) -> None:
    reply = request(toxiproxy, "POST", "/proxies", body(other=" " * MAX_BODY_BYTES))
    if on(toxiproxy, "long_bodies", real=True, ours=False):
        assert reply.status == 201
    else:
        assert_error(reply, 413, "bad request body: longer than 1048576 bytes")


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/version?" + "x" * 9000, {}), ("/version", {"X": "x" * 9000}), ("/version", {f"X{n}": "" for n in range(200)})],
    ids=["line", "header", "headers"],
)
def test_a_long_head_differs(toxiproxy: Toxiproxy, path: str, headers: dict[str, str]) -> None:
    assert request(toxiproxy, "GET", path, **headers).status == on(toxiproxy, "long_heads", real=200, ours=400)


@pytest.mark.parametrize(("path", "real"), [("/version", 405), ("/nope", 404)])
def test_a_method_that_nobody_knows_differs(toxiproxy: Toxiproxy, path: str, real: int) -> None:
    assert request(toxiproxy, "FROB", path).status == on(toxiproxy, "odd_methods", real=real, ours=400)


@pytest.mark.parametrize("kind", ["stall", "half_open", "slow_open", "limit_time", "corrupt", "reset_now"])
def test_our_own_types_of_toxics_differ(toxiproxy: Toxiproxy, kind: str) -> None:
    create(toxiproxy)
    reply = request(toxiproxy, "POST", "/proxies/p/toxics", {"type": kind})
    assert reply.status == on(toxiproxy, "extension_toxics", real=400, ours=200)


def test_our_own_attributes_differ(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy)
    extra = {"after_bytes": 5, "skip_connections": 1, "only_connections": 2}
    shown = add(toxiproxy, type="noop", attributes=extra)["attributes"]
    assert shown == on(toxiproxy, "extension_attributes", real={}, ours=extra)


def test_the_seed_of_a_proxy_differs(toxiproxy: Toxiproxy) -> None:
    reply = request(toxiproxy, "POST", "/proxies", body(seed=5))
    assert reply.status == on(toxiproxy, "proxy_seed", real=201, ours=400)
    assert request(toxiproxy, "POST", "/proxies", body(name="seeded", seed="5")).status == 201


def test_the_page_of_events_differs(toxiproxy: Toxiproxy) -> None:
    create(toxiproxy)
    reply = request(toxiproxy, "GET", "/events?proxy=p")
    assert reply.status == on(toxiproxy, "events", real=404, ours=200)
    started = b'"event":"started"' in reply.body.splitlines()[-1]
    assert started is on(toxiproxy, "events", real=False, ours=True)


@pytest.mark.parametrize("after", ["x", "-1", "9" * 5000])
def test_events_after_no_number_differ(toxiproxy: Toxiproxy, after: str) -> None:
    reply = request(toxiproxy, "GET", f"/events?after={after}")
    assert reply.status == on(toxiproxy, "events", real=404, ours=400)


# ---- any request -----------------------------------------------------------------------------------------------------

ANY_PROXY = proxy((*LISTENS, *NO_LISTENS, "", ":0"), toxics=JSON | st.lists(toxic(ATTRIBUTES), max_size=3))
ANY_REQUEST = requests(
    mostly(ANY_PROXY, ANY_BODY),
    mostly(ANY_PROXY, ANY_BODY),
    mostly(st.lists(mostly(ANY_PROXY, JSON), max_size=3), ANY_BODY),
    mostly(ATTRIBUTES, JSON),
)
DOCUMENTED = {200, 201, 204, 400, 404, 409, 500}


def assert_documented(asked: Request, reply: Reply) -> None:
    assert reply.status in DOCUMENTED
    if reply.status == 204:
        assert reply.body == b""
    elif reply.status < 400:
        assert reply.headers["content-type"].startswith("application/json")
        assert isinstance(reply.json, dict | list)
    else:
        assert reply.json.keys() - {"proxies"} == {"error", "status"}
        assert (reply.json["status"], "proxies" in reply.json) == (reply.status, asked.path == "/populate")


@pytest.fixture(scope="module")
def embedded() -> Iterator[Toxiproxy]:
    with running("embedded") as server:
        yield server


@given(st.lists(ANY_REQUEST, max_size=6))
@settings(max_examples=150)
def test_whatever_is_asked_the_answer_is_documented_and_the_next_one_comes(
    embedded: Toxiproxy, asked: list[Request]
) -> None:
    embedded.clear()
    for one in (*BEFORE, *asked):
        assert_documented(one, one.to(embedded))
        assert request(embedded, "GET", "/version").status == 200


def there(wanted: Any) -> Any:
    """A proxy that stays on this machine, and that does not make /reset fail somewhere at random."""
    if not isinstance(wanted, dict):
        return wanted
    field = next((name for name in wanted if name.lower() == "listen"), "listen")
    if wanted.get(field) is None:
        return {**wanted, field: LISTENS[0]}
    if wanted[field] in NO_LISTENS:
        return {name: value for name, value in wanted.items() if name.lower() != "enabled"}
    return wanted


def single(change: Any) -> Any:
    """A change of a toxic that the real server makes or refuses as a whole."""
    if isinstance(change, dict) and "toxicity" in map(str.lower, change):
        return {name: value for name, value in change.items() if name.lower() != "attributes"}
    return change


SAME_PROXY = proxy((*LISTENS, *NO_LISTENS))
SAME_REQUEST = requests(
    mostly(SAME_PROXY, JSON).map(there),
    mostly(SAME_PROXY, JSON),
    mostly(st.lists(mostly(SAME_PROXY, JSON).map(there), max_size=3), JSON),
    ONE_ATTRIBUTE,
).map(lambda one: Request(one.method, one.path, single(one.body) if "/toxics/" in one.path else one.body))
BEFORE = (
    Request("POST", "/proxies", body()),
    Request("POST", "/proxies/p/toxics", {"type": "latency", "name": "t"}),
    Request("POST", "/proxies/p/toxics", {"type": "latency", "stream": "UPSTREAM"}),
    Request("POST", "/proxies", body("q", enabled=False)),
    Request("POST", "/proxies/q/toxics", {"type": "latency"}),
)


def played(toxiproxy: Toxiproxy, asked: list[Request]) -> tuple[list[int], Any]:
    """The statuses of the answers, and the proxies at the end without the numbers of their ports."""
    toxiproxy.clear()
    statuses = [one.to(toxiproxy).status for one in (*BEFORE, *asked)]
    shown = proxies(toxiproxy)
    toxiproxy.clear()
    for one in shown.values():
        one["listen"] = re.sub(r":[1-9]\d*$", ":PORT", one["listen"])
    return statuses, shown


@pytest.fixture(scope="module")
def real() -> Iterator[Toxiproxy]:
    if not SERVER.exists():
        pytest.skip("NOT COMPARED with a real Toxiproxy: run `make setup-toxiproxy` (needs go)")
    with running("real") as server:
        yield server


@pytest.mark.slow
@given(st.lists(SAME_REQUEST, min_size=3, max_size=15))
@settings(max_examples=60)
def test_any_sequence_of_requests_has_the_same_answers_and_leaves_the_same_proxies_on_both(
    embedded: Toxiproxy, real: Toxiproxy, asked: list[Request]
) -> None:
    assert played(embedded, asked) == played(real, asked)
