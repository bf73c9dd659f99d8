"""The driver, against our Toxiproxy and the real one, and against servers that are none."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from live.answering import answering, http
from live.asking import listens
from live.toxiproxies import Toxiproxy, free_port, running

from harness.errors import UsageError
from harness.toxiproxy import driver
from harness.toxiproxy.driver import BadRequest, Conflict, Missing, Proxy, Toxic, ToxiproxyError, Traffic, Unreachable
from harness.toxiproxy.profiles import PROFILES
from harness.toxiproxy.toxic import STREAMS

UPSTREAM = "127.0.0.1:1"


@pytest.fixture
def driven(toxiproxy: Toxiproxy) -> driver.Toxiproxy:
    return driver.Toxiproxy(toxiproxy.url)


@pytest.fixture
def own(toxiproxy: Toxiproxy) -> Iterator[driver.Toxiproxy]:
    """A server for one test, without metrics if it can be; proxies may be left in it that nobody can delete."""
    with running(toxiproxy.kind) as server:
        yield driver.Toxiproxy(server.url)


@pytest.fixture
def proxy(driven: driver.Toxiproxy) -> Proxy:
    return driven.create("p", UPSTREAM)


def settings(proxy: Proxy) -> dict[str, tuple[Any, ...]]:
    """All that is said of the toxics of a proxy, in the API's order."""
    return {name: (one.type, one.stream, one.attributes, one.toxicity) for name, one in proxy.toxics().items()}


# ---- a server --------------------------------------------------------------------------------------------------------


def test_a_new_proxy_listens_on_the_port_that_it_tells(driven: driver.Toxiproxy) -> None:
    proxy = driven.create("p", UPSTREAM)
    assert (proxy.name, proxy.upstream, proxy.enabled) == ("p", UPSTREAM, True)
    assert listens(proxy.listen)


def test_a_new_proxy_listens_where_it_is_told_to(driven: driver.Toxiproxy) -> None:
    listen = f"127.0.0.1:{free_port()}"
    assert driven.create("p", UPSTREAM, listen=listen).listen == listen
    assert listens(listen)


def test_a_new_proxy_can_be_down(driven: driver.Toxiproxy) -> None:
    assert not driven.create("p", UPSTREAM, enabled=False).enabled
    assert not driven.proxy("p").enabled


def test_a_second_proxy_of_one_name_is_a_conflict(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    with pytest.raises(Conflict, match="proxy already exists") as caught:
        driven.create("p", UPSTREAM)
    assert caught.value.status == 409


def test_a_proxy_that_cannot_listen_is_an_error_of_the_server(driven: driver.Toxiproxy, busy: str) -> None:
    with pytest.raises(ToxiproxyError, match="address already in use") as caught:
        driven.create("p", UPSTREAM, listen=busy)
    assert (type(caught.value), caught.value.status) == (ToxiproxyError, 500)


def test_a_proxy_without_an_upstream_is_a_bad_request(driven: driver.Toxiproxy) -> None:
    with pytest.raises(BadRequest, match="missing required field: upstream") as caught:
        driven.create("p", "")
    assert caught.value.status == 400


def test_a_proxy_is_found_by_its_name(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    found = driven.proxy("p")
    assert (found.name, found.listen, found.upstream, found.enabled) == ("p", proxy.listen, UPSTREAM, True)


def test_a_proxy_that_does_not_exist_is_missing(driven: driver.Toxiproxy) -> None:
    with pytest.raises(Missing, match="proxy not found") as caught:
        driven.proxy("p")
    assert caught.value.status == 404


def test_all_proxies_are_told_by_name(driven: driver.Toxiproxy) -> None:
    made = {name: driven.create(name, UPSTREAM).listen for name in ("a", "b")}
    assert {name: one.listen for name, one in driven.proxies().items()} == made


def test_a_server_without_proxies_tells_none(driven: driver.Toxiproxy) -> None:
    assert driven.proxies() == {}


def test_many_proxies_are_made_replaced_and_left_alone_in_one_request(driven: driver.Toxiproxy) -> None:
    same, other = (driven.create(name, UPSTREAM) for name in ("same", "other"))
    for one in (same, other):
        one.add("noop", {})
    wanted = [
        {"name": "same", "listen": same.listen, "upstream": UPSTREAM},
        {"name": "other", "listen": other.listen, "upstream": "127.0.0.1:2"},
        {"name": "new", "listen": "127.0.0.1:0", "upstream": UPSTREAM, "enabled": True},
    ]
    made = driven.populate(wanted)
    assert [(one.name, one.upstream) for one in made] == [
        ("same", UPSTREAM),
        ("other", "127.0.0.1:2"),
        ("new", UPSTREAM),
    ]
    assert [len(one.toxics()) for one in made] == [1, 0, 0]


def test_nothing_can_be_made_in_one_request(driven: driver.Toxiproxy) -> None:
    assert driven.populate([]) == []


def test_those_before_the_one_that_cannot_be_made_are_made(driven: driver.Toxiproxy, busy: str) -> None:
    wanted = [
        {"name": name, "listen": listen, "upstream": UPSTREAM} for name, listen in (("a", "127.0.0.1:0"), ("b", busy))
    ]
    with pytest.raises(ToxiproxyError, match="address already in use") as caught:
        driven.populate(wanted)
    assert caught.value.status == 500
    assert "a" in driven.proxies()


def test_a_reset_enables_proxies_and_removes_toxics(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    proxy.add("latency", {"latency": 5})
    proxy.update(enabled=False)
    driven.reset()
    assert driven.proxy("p").enabled
    assert proxy.toxics() == {}


def test_a_server_tells_its_version(driven: driver.Toxiproxy) -> None:
    assert driven.version() == "2.12.0"


def test_a_slash_at_the_end_of_the_url_does_not_matter(toxiproxy: Toxiproxy) -> None:
    assert driver.Toxiproxy(toxiproxy.url + "/").version() == "2.12.0"


# ---- what was carried ------------------------------------------------------------------------------------------------


def exchange(proxy: Proxy, request: bytes) -> bytes:
    """Send through a proxy and return all that comes back until the connection is over."""
    host, _, port = proxy.listen.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_the_bytes_of_each_direction_are_told_for_one_proxy(driven: driver.Toxiproxy) -> None:
    reply = http("hello")
    with answering(reply) as url:
        one, other = (driven.create(name, url.removeprefix("http://")) for name in ("one", "other"))
        exchange(one, b"GET /\r\n\r\n")
        exchange(other, b"GET /other\r\n\r\n")
        exchange(one, b"GET /\r\n\r\n")
    up, down = 2 * len(b"GET /\r\n\r\n"), 2 * len(reply)
    eventually(lambda: driven.carried("one") == {"upstream": Traffic(up, up), "downstream": Traffic(down, down)})


def eventually(holds: Callable[[], bool]) -> None:
    """Ask until it is so: a connection is counted a little after its client saw the end."""
    for _ in range(1000):
        if holds():
            return
    raise AssertionError


def test_a_proxy_that_carried_nothing_has_counts_of_zero(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    assert driven.carried("p of which nothing is known") == {"upstream": Traffic(), "downstream": Traffic()}


METRICS = r"""# HELP toxiproxy_proxy_received_bytes_total Total bytes received
toxiproxy_proxy_received_bytes_total{direction="upstream",listener="l:1",proxy="a \"}\\\n 5",upstream="u:1"} 1.5e+06
toxiproxy_proxy_received_bytes_total{direction="upstream",listener="l:2",proxy="a \"}\\\n 5",upstream="u:2"} 3
toxiproxy_proxy_sent_bytes_total{direction="downstream",listener="l:1",proxy="a \"}\\\n 5",upstream="u:1"} 7
toxiproxy_proxy_sent_bytes_total{direction="downstream",listener="l:1",proxy="b",upstream="u:1"} 100
toxiproxy_proxy_sent_bytes_total{direction="downstream",listener="l:1",proxy="b",upstream="u:1"} NaN
toxiproxy_proxy_sent_bytes_total{proxy="b"} 100
go_goroutines 7
"""


def test_counters_are_read_by_the_rules_of_their_format() -> None:
    with answering(http(METRICS)) as url:
        name = 'a "}\\\n 5'
        assert driver.Toxiproxy(url).carried(name) == {"upstream": Traffic(1_500_003, 0), "downstream": Traffic(0, 7)}


def test_a_server_that_shows_no_metrics_says_so(own: driver.Toxiproxy, toxiproxy: Toxiproxy) -> None:
    if not toxiproxy.is_real:
        pytest.skip("it always shows them")
    with pytest.raises(Missing):
        own.carried("p")


# ---- a proxy ---------------------------------------------------------------------------------------------------------


def test_a_proxy_that_is_updated_tells_what_it_is_now(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    listen = f"127.0.0.1:{free_port()}"
    proxy.update(listen=listen, upstream="127.0.0.1:2")
    assert (proxy.listen, proxy.upstream, proxy.enabled) == (listen, "127.0.0.1:2", True)
    assert listens(listen)
    proxy.update(enabled=False)
    assert (proxy.enabled, listens(listen)) == (False, False)
    assert driven.proxy("p").upstream == "127.0.0.1:2"


def test_a_proxy_that_cannot_listen_there_is_an_error_of_the_server(proxy: Proxy, busy: str) -> None:
    with pytest.raises(ToxiproxyError, match="address already in use") as caught:
        proxy.update(listen=busy)
    assert caught.value.status == 500


def test_a_proxy_that_is_deleted_is_gone(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    proxy.delete()
    assert not listens(proxy.listen)
    assert driven.proxies() == {}


@pytest.mark.parametrize(
    "ask",
    [
        Proxy.delete,
        Proxy.toxics,
        lambda proxy: proxy.update(enabled=False),
        lambda proxy: proxy.add("noop", {}),
        lambda proxy: proxy.remove("noop_downstream"),
    ],
    ids=["delete", "toxics", "update", "add", "remove"],
)
def test_a_proxy_that_is_gone_is_missing(proxy: Proxy, ask: Callable[[Proxy], Any]) -> None:
    proxy.delete()
    with pytest.raises(Missing, match="proxy not found") as caught:
        ask(proxy)
    assert caught.value.status == 404


def test_a_toxic_is_added_as_it_is_described(proxy: Proxy) -> None:
    toxic = proxy.add("latency", {"latency": 5}, stream="upstream", toxicity=0.5, name="late")
    assert (toxic.name, toxic.type, toxic.stream, toxic.toxicity) == ("late", "latency", "upstream", 0.5)
    assert toxic.attributes == {"latency": 5, "jitter": 0}
    assert settings(proxy) == {"late": ("latency", "upstream", {"latency": 5, "jitter": 0}, 0.5)}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_toxic_without_a_name_has_that_of_its_type_and_stream(proxy: Proxy, stream: Any) -> None:
    assert proxy.add("noop", {}, stream=stream).name == f"noop_{stream}"


def test_a_toxic_of_no_known_type_is_a_bad_request(proxy: Proxy) -> None:
    with pytest.raises(BadRequest, match="invalid toxic type") as caught:
        proxy.add("latencies", {})
    assert caught.value.status == 400


@pytest.mark.parametrize("value", ["soon", 0.5, [1]])
def test_an_attribute_that_is_no_integer_is_a_bad_request(proxy: Proxy, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        proxy.add("latency", {"latency": value})
    assert caught.value.status == 400


def test_an_attribute_that_json_has_no_word_for_is_never_sent(proxy: Proxy) -> None:
    with pytest.raises(BadRequest, match="Out of range float values are not JSON compliant") as caught:
        proxy.add("latency", {"latency": float("nan")})
    assert caught.value.status is None


def test_a_second_toxic_of_one_name_is_a_conflict(proxy: Proxy) -> None:
    proxy.add("noop", {})
    with pytest.raises(Conflict, match="toxic already exists") as caught:
        proxy.add("noop", {})
    assert caught.value.status == 409


def test_a_toxic_is_removed_by_its_name(proxy: Proxy) -> None:
    proxy.add("noop", {}, name="a")
    proxy.add("noop", {}, name="b")
    proxy.remove("a")
    assert list(proxy.toxics()) == ["b"]


def test_a_toxic_that_is_not_there_cannot_be_removed_by_its_name(proxy: Proxy) -> None:
    with pytest.raises(Missing, match="toxic not found"):
        proxy.remove("a")


def test_a_toxic_that_is_gone_is_removed(proxy: Proxy) -> None:
    toxic = proxy.add("noop", {})
    toxic.remove()
    toxic.remove()
    assert proxy.toxics() == {}


def test_an_update_merges(proxy: Proxy) -> None:
    toxic = proxy.add("latency", {"latency": 5, "jitter": 3}, toxicity=0.5)
    toxic.update({"latency": 7})
    assert (toxic.attributes, toxic.toxicity) == ({"latency": 7, "jitter": 3}, 0.5)
    toxic.update({}, toxicity=1)
    assert settings(proxy) == {"latency_downstream": ("latency", "downstream", {"latency": 7, "jitter": 3}, 1)}


def test_an_update_of_a_toxic_that_is_gone_is_missing(proxy: Proxy) -> None:
    toxic = proxy.add("noop", {})
    toxic.remove()
    with pytest.raises(Missing, match="toxic not found"):
        toxic.update({})


def test_an_update_with_a_wrong_attribute_is_a_bad_request(proxy: Proxy) -> None:
    with pytest.raises(BadRequest):
        proxy.add("latency", {}).update({"latency": "soon"})


# ---- names -----------------------------------------------------------------------------------------------------------

NAMES = ["a?b", "a#b", "a b", "東京 é", "50%", "a%20b", "a+b", "a&b=c", 'a"b', "a;b", "a\\b", "a\nb", "a:b@c", "..."]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_finds_its_proxy_and_its_toxic(driven: driver.Toxiproxy, name: str) -> None:
    driven.create("a", UPSTREAM)
    driven.create(name, UPSTREAM)
    proxy = driven.proxy(name)
    proxy.update(upstream="127.0.0.1:2")
    proxy.add("latency", {}, name="a")
    proxy.add("latency", {}, name=name).update({"latency": 5})
    assert {one: toxic.attributes["latency"] for one, toxic in proxy.toxics().items()} == {"a": 0, name: 5}
    proxy.remove(name)
    assert list(proxy.toxics()) == ["a"]
    proxy.delete()
    assert list(driven.proxies()) == ["a"]


def test_a_proxy_that_no_path_leads_to_is_missing(own: driver.Toxiproxy) -> None:
    for name in (".", "..", "a/b", "\udc80"):
        own.create(name, UPSTREAM)
        with pytest.raises(Missing):
            own.proxy(name)


@pytest.mark.parametrize("name", ["./p", "x/../p", "/p", "p/", "/"])
def test_a_name_like_a_path_never_leads_to_another_proxy(own: driver.Toxiproxy, name: str) -> None:
    proxy, twin = (own.create(one, UPSTREAM) for one in ("p", name))
    for ask in (twin.delete, lambda: twin.update(enabled=False), twin.toxics, lambda: twin.add("noop", {})):
        with pytest.raises(ToxiproxyError) as caught:
            ask()
        assert caught.value.status in (301, 404)
    assert (own.proxy("p").enabled, proxy.toxics()) == (True, {})


# ---- several servers, and the environment ----------------------------------------------------------------------------


def test_two_servers_in_one_process_are_two_servers(driven: driver.Toxiproxy) -> None:
    with running("embedded") as second:
        other = driver.Toxiproxy(second.url)
        mine, theirs = driven.create("p", "127.0.0.1:2"), other.create("p", "127.0.0.1:3")
        mine.add("noop", {})
        assert (driven.proxy("p").upstream, other.proxy("p").upstream) == ("127.0.0.1:2", "127.0.0.1:3")
        assert (len(mine.toxics()), len(theirs.toxics())) == (1, 0)
        other.proxy("p").delete()
        assert list(driven.proxies()) == ["p"]


def test_threads_with_a_server_each_never_meet(driven: driver.Toxiproxy) -> None:
    with running("embedded") as second:
        servers = [driven, driver.Toxiproxy(second.url)]

        def work(number: int) -> None:
            for turn in range(5):
                proxy = servers[number % 2].create(f"{number} {turn}", f"127.0.0.1:{1 + number}")
                with proxy.toxic("latency", latency=number):
                    assert proxy.toxics()["latency_downstream"].attributes["latency"] == number

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        for rest, one in enumerate(servers):
            assert {proxy.upstream for proxy in one.proxies().values()} == {
                f"127.0.0.1:{1 + number}" for number in range(8) if number % 2 == rest
            }


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("no_proxy", ["", "example.org"])
def test_the_environment_puts_no_proxy_before_the_server(
    driven: driver.Toxiproxy, monkeypatch: pytest.MonkeyPatch, variable: str, no_proxy: str
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with pytest.raises(requests.exceptions.ProxyError):  # anybody else would go that way
        requests.get(f"{driven.url}/version", timeout=20)
    proxy = driven.create("p", UPSTREAM)
    proxy.add("noop", {}).remove()
    proxy.delete()
    assert driven.proxies() == {}


# ---- what is no server -----------------------------------------------------------------------------------------------


def test_nobody_there_is_unreachable() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"Toxiproxy at {url} does not answer: .*refused") as caught:
        driver.Toxiproxy(url).version()
    assert caught.value.status is None


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreachable, match="timed out"):
        driver.Toxiproxy(f"http://127.0.0.1:{silent.getsockname()[1]}").reset()


def test_a_server_that_falls_silent_in_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        threading.Thread(target=lambda: stack.enter_context(server.accept()[0]).sendall(http("1234")[:-2])).start()
        with pytest.raises(Unreachable, match="timed out"):
            driver.Toxiproxy(f"http://127.0.0.1:{server.getsockname()[1]}").version()


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "local host", "*", "no.such.host.invalid"])
def test_a_host_that_cannot_be_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        driver.Toxiproxy(f"http://{host}:8474").version()


@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_server_that_speaks_no_http_is_unreachable(reply: bytes) -> None:
    with answering(reply) as url, pytest.raises(Unreachable, match="does not answer"):
        driver.Toxiproxy(url).version()


ASKS: dict[str, Callable[[driver.Toxiproxy], Any]] = {
    "version": driver.Toxiproxy.version,
    "create": lambda server: server.create("p", UPSTREAM),
    "proxy": lambda server: server.proxy("p"),
    "proxies": driver.Toxiproxy.proxies,
    "populate": lambda server: server.populate([]),
}
JUNK = ["<html><body>It works!</body></html>", "", "{}", "[]", "[1]", '"x"', '{"name": 1}', '{"version": {}}']


@pytest.mark.parametrize(
    ("ask", "junk"), [(ask, junk) for ask in ASKS for junk in JUNK if (ask, junk) != ("proxies", "{}")]
)
def test_a_server_that_is_no_toxiproxy_is_told_by_what_it_says(ask: str, junk: str) -> None:
    with answering(http(junk)) as url, pytest.raises(ToxiproxyError, match="did not answer as a Toxiproxy") as caught:
        ASKS[ask](driver.Toxiproxy(url))
    assert url in str(caught.value)
    assert (type(caught.value), caught.value.status) == (ToxiproxyError, None)


@pytest.mark.parametrize(
    ("reply", "status", "said"),
    [
        (http("<h1>Bad gateway</h1>", "502 Bad Gateway"), 502, "<h1>Bad gateway</h1>"),
        (http('{"error": "it broke"}', "500 Oops"), 500, "it broke"),
        (http('["it broke"]', "500 Oops"), 500, '["it broke"]'),
        (http('{"title": "it broke"}', "500 Oops"), 500, '{"title": "it broke"}'),
        (http("", "500 Oops"), 500, "answered 500 and gave no reason"),
        (http("", "404 Not Found"), 404, "answered 404 and gave no reason"),
        (http("", "302 Found", "Location: /proxies"), 302, "answered 302 and gave no reason"),
    ],
)
def test_an_error_tells_what_the_server_said_and_its_status(reply: bytes, status: int, said: str) -> None:
    with answering(reply) as url, pytest.raises(ToxiproxyError) as caught:
        driver.Toxiproxy(url).reset()
    assert caught.value.status == status
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize("version", ["2.1.4", "git", "2.6.0\n"])
def test_an_old_server_tells_its_version_in_plain_text(version: str) -> None:
    with answering(http(version)) as url:
        assert driver.Toxiproxy(url).version() == version.strip()


def test_a_server_at_an_ipv6_address_is_asked_there() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with answering(http('{"version": "6"}'), host="::1") as url:
        assert driver.Toxiproxy(url).version() == "6"


def test_a_url_without_a_port_means_that_of_toxiproxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(url: str, **more: Any) -> None:
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr("toxiproxy.api.requests.get", get)
    with pytest.raises(Unreachable):
        driver.Toxiproxy("http://toxiproxy").version()
    assert asked == ["http://toxiproxy:8474/version"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8474",
        "localhost",
        "https://127.0.0.1:8474",
        "http://",
        "http://:8474",
        "http://127.0.0.1:8474/proxies",
        "http://127.0.0.1:8474?x",
        "http://127.0.0.1:8474#x",
        "http://me:secret@127.0.0.1:8474",
        "http://127.0.0.1:0",
        "http://127.0.0.1:70000",
        "http://127.0.0.1:port",
        "http://[::1",
    ],
)
def test_a_url_that_is_none_is_the_users_mistake(url: str) -> None:
    with pytest.raises(UsageError, match=r"is no Toxiproxy: expected a URL such as http://127\.0\.0\.1:8474"):
        driver.Toxiproxy(url)


# ---- a toxic for a while ---------------------------------------------------------------------------------------------


class Oops(Exception):
    pass


def delete_and_fail(proxy: Proxy) -> None:
    proxy.delete()
    raise Oops("inside")


def test_a_toxic_is_there_inside_the_block_and_gone_after_it(proxy: Proxy) -> None:
    with proxy.toxic("latency", latency=5, stream="upstream", toxicity=0.5) as toxic:
        assert settings(proxy) == {"latency_upstream": ("latency", "upstream", {"latency": 5, "jitter": 0}, 0.5)}
        assert (toxic.name, toxic.attributes["latency"]) == ("latency_upstream", 5)
    assert proxy.toxics() == {}


def test_a_toxic_of_the_block_can_have_a_name(proxy: Proxy) -> None:
    with proxy.toxic("noop", name="a?b"):
        assert list(proxy.toxics()) == ["a?b"]
    assert proxy.toxics() == {}


def test_other_toxics_are_left_alone(proxy: Proxy) -> None:
    proxy.add("noop", {}, name="mine")
    with proxy.toxic("noop"):
        assert list(proxy.toxics()) == ["mine", "noop_downstream"]
    assert list(proxy.toxics()) == ["mine"]


def test_a_toxic_that_was_there_has_only_the_attributes_of_the_block_and_then_its_own_again(proxy: Proxy) -> None:
    proxy.add("latency", {"latency": 5, "jitter": 3}, toxicity=0.5)
    before = settings(proxy)
    with proxy.toxic("latency", latency=7) as toxic:
        assert settings(proxy) == {"latency_downstream": ("latency", "downstream", {"latency": 7, "jitter": 0}, 1)}
        assert (toxic.attributes, toxic.toxicity) == ({"latency": 7, "jitter": 0}, 1)
    assert settings(proxy) == before


def test_a_toxic_of_the_same_kind_keeps_its_place(proxy: Proxy) -> None:
    proxy.add("latency", {"latency": 5})
    proxy.add("noop", {})
    with proxy.toxic("latency"):
        assert list(proxy.toxics()) == ["latency_downstream", "noop_downstream"]
    assert list(proxy.toxics()) == ["latency_downstream", "noop_downstream"]


@pytest.mark.parametrize("other", [("slicer", "downstream"), ("latency", "upstream")], ids=["type", "stream"])
def test_a_toxic_of_another_kind_comes_back_after_the_block(proxy: Proxy, other: tuple[str, Any]) -> None:
    type_, stream = other
    proxy.add("latency", {"latency": 5, "jitter": 3}, toxicity=0.5, name="x")
    before = settings(proxy)
    with proxy.toxic(type_, stream=stream, name="x"):
        assert [(one.type, one.stream) for one in proxy.toxics().values()] == [other]
    assert settings(proxy) == before


def test_blocks_can_be_nested(proxy: Proxy) -> None:
    with proxy.toxic("latency", latency=1), proxy.toxic("slicer"):
        with proxy.toxic("latency", latency=2), proxy.toxic("slicer", stream="upstream"):
            with proxy.toxic("noop", name="latency_downstream"):
                assert [one.type for one in proxy.toxics().values()] == ["slicer", "slicer", "noop"]
            assert proxy.toxics()["latency_downstream"].attributes["latency"] == 2
        assert proxy.toxics()["latency_downstream"].attributes["latency"] == 1
        assert set(proxy.toxics()) == {"latency_downstream", "slicer_downstream"}
    assert proxy.toxics() == {}


def test_a_toxic_may_be_removed_inside_its_block(proxy: Proxy) -> None:
    with proxy.toxic("latency") as toxic:
        toxic.remove()
    assert proxy.toxics() == {}


def test_a_proxy_may_be_deleted_inside_the_block_of_a_new_toxic(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    with proxy.toxic("latency"):
        proxy.delete()
    assert driven.proxies() == {}


@pytest.mark.parametrize("type_", ["latency", "slicer"])
def test_a_toxic_that_was_there_comes_back_although_it_was_removed_inside(proxy: Proxy, type_: str) -> None:
    proxy.add("latency", {"latency": 5, "jitter": 3}, toxicity=0.5, name="x")
    before = settings(proxy)
    with proxy.toxic(type_, name="x") as toxic:
        toxic.remove()
    assert settings(proxy) == before


def test_what_was_done_inside_under_the_name_of_the_toxic_is_undone(proxy: Proxy) -> None:
    proxy.add("latency", {"latency": 5}, name="x")
    before = settings(proxy)
    with proxy.toxic("latency", name="x") as toxic:
        toxic.remove()
        proxy.add("noop", {}, name="x")
    assert settings(proxy) == before


@pytest.mark.parametrize("type_", ["latency", "slicer", "latencies"])
def test_a_toxic_that_cannot_be_made_leaves_all_as_it_was(proxy: Proxy, type_: str) -> None:
    proxy.add("latency", {"latency": 5, "jitter": 3}, toxicity=0.5, name="x")
    before = settings(proxy)
    with pytest.raises(BadRequest), proxy.toxic(type_, name="x", jitter=7, latency="soon", delay="later"):
        pytest.fail("the block was entered")
    assert settings(proxy) == before


def test_a_toxic_that_cannot_be_made_where_there_was_none_leaves_none(proxy: Proxy) -> None:
    with pytest.raises(BadRequest) as caught, proxy.toxic("latency", latency="soon"):
        pytest.fail("the block was entered")
    assert proxy.toxics() == {}
    assert not hasattr(caught.value, "__notes__")


def test_an_extension_of_the_block_does_not_outlast_it(proxy: Proxy, toxiproxy: Toxiproxy) -> None:
    if toxiproxy.is_real:
        pytest.skip("it has none")
    proxy.add("latency", {"latency": 5})
    before = settings(proxy)
    with proxy.toxic("latency", latency=7, after_bytes=10):
        assert proxy.toxics()["latency_downstream"].attributes["after_bytes"] == 10
    assert settings(proxy) == before


def test_an_error_of_the_block_goes_on_and_the_toxic_does_not(proxy: Proxy) -> None:
    with pytest.raises(Oops, match="inside") as caught, proxy.toxic("latency"):
        raise Oops("inside")
    assert proxy.toxics() == {}
    assert not hasattr(caught.value, "__notes__")


def test_an_error_of_the_block_is_not_hidden_by_one_of_setting_back(proxy: Proxy) -> None:
    proxy.add("latency", {})
    with pytest.raises(Oops, match="inside") as caught, proxy.toxic("latency", latency=5):
        delete_and_fail(proxy)
    assert caught.value.__notes__ == ["and the proxy could not be set back: proxy not found"]


def test_a_proxy_that_cannot_be_set_back_is_an_error(proxy: Proxy) -> None:
    proxy.add("latency", {})
    with pytest.raises(Missing), proxy.toxic("latency", latency=5):
        proxy.delete()


def test_a_server_that_is_gone_at_the_end_of_the_block_is_an_error() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(running("embedded"))
        proxy = driver.Toxiproxy(server.url).create("p", UPSTREAM)
        with pytest.raises(Unreachable), proxy.toxic("latency"):
            stack.close()


# ---- down for a while ------------------------------------------------------------------------------------------------


def test_a_proxy_is_down_inside_the_block_and_up_at_the_same_address_after_it(proxy: Proxy) -> None:
    listen = proxy.listen
    with proxy.down():
        assert (proxy.enabled, listens(listen)) == (False, False)
    assert (proxy.enabled, proxy.listen, listens(listen)) == (True, listen, True)


def test_a_proxy_that_was_down_stays_down(driven: driver.Toxiproxy) -> None:
    proxy = driven.create("p", UPSTREAM, enabled=False)
    with proxy.down():
        assert not proxy.enabled
    assert not driven.proxy("p").enabled


def test_what_a_proxy_was_before_is_asked_and_not_remembered(driven: driver.Toxiproxy, proxy: Proxy) -> None:
    driven.proxy("p").update(enabled=False)
    with proxy.down():
        pass
    assert not driven.proxy("p").enabled


def test_an_outage_inside_an_outage_ends_with_the_outer_one(proxy: Proxy) -> None:
    with proxy.down():
        with proxy.down():
            pass
        assert not listens(proxy.listen)
    assert listens(proxy.listen)


def test_an_error_of_the_block_goes_on_and_the_outage_does_not(proxy: Proxy) -> None:
    with pytest.raises(Oops, match="inside") as caught, proxy.down():
        raise Oops("inside")
    assert listens(proxy.listen)
    assert not hasattr(caught.value, "__notes__")


def test_an_error_during_an_outage_is_not_hidden_by_one_of_setting_back(proxy: Proxy) -> None:
    with pytest.raises(Oops, match="inside") as caught, proxy.down():
        delete_and_fail(proxy)
    assert caught.value.__notes__ == ["and the proxy could not be set back: proxy not found"]


def test_a_proxy_whose_port_was_taken_during_the_outage_is_an_error(proxy: Proxy) -> None:
    host, _, port = proxy.listen.rpartition(":")
    with pytest.raises(ToxiproxyError, match="address already in use"), ExitStack() as stack, proxy.down():
        stack.enter_context(socket.create_server((host, int(port))))


# ---- a network for a while -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_there_inside_the_block_and_gone_after_it(proxy: Proxy, name: str) -> None:
    profile = PROFILES[name]
    wanted = {(one.type, one.stream, tuple(one.attributes), one.toxicity) for one in profile.toxics}
    with proxy.profile(name):
        inside = proxy.toxics().values()
        assert all(one.name == f"{name}_{one.type}_{one.stream}" for one in inside)
        assert {told(one, profile.toxics) for one in inside} == wanted
        assert listens(proxy.listen) != profile.offline
    assert proxy.toxics() == {}
    assert listens(proxy.listen)


def told(toxic: Toxic, placed: Any) -> tuple[Any, ...]:
    """A toxic by the attributes that its profile sets, which must have the values of the profile."""
    (wanted,) = (one.attributes for one in placed if (one.type, one.stream) == (toxic.type, toxic.stream))
    assert wanted.items() <= toxic.attributes.items()
    return toxic.type, toxic.stream, tuple(wanted), toxic.toxicity


def test_a_profile_goes_with_toxics_of_ones_own(proxy: Proxy) -> None:
    proxy.add("latency", {"latency": 5})
    before = settings(proxy)
    with proxy.profile("slow-3g"), proxy.profile("satellite"):
        assert len(proxy.toxics()) == 9
    assert settings(proxy) == before


def test_an_error_of_the_block_goes_on_and_the_profile_does_not(proxy: Proxy) -> None:
    with pytest.raises(Oops), proxy.profile("flaky-wifi"):
        raise Oops
    assert proxy.toxics() == {}


def test_an_unknown_profile_names_the_close_ones(proxy: Proxy) -> None:
    no_such = r"no network profile named 'slow-4g'; did you mean slow-3g"
    with pytest.raises(UsageError, match=no_such), proxy.profile("slow-4g"):
        pytest.fail("the block was entered")
