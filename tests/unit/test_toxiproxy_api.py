"""Parts of the API that need no socket, or hardly one: addresses, metrics, and who may ask."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

from harness.toxiproxy import address, metrics
from harness.toxiproxy.address import AddressError
from harness.toxiproxy.admission import refusal
from harness.toxiproxy.metrics import Series, Traffic


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "127.0.0.1:0"),
        (":80", "127.0.0.1:80"),
        ("127.0.0.1:0000000080", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
        ("[::ffff:10.0.0.1]:80", "10.0.0.1:80"),
        ("localhost:80", "127.0.0.1:80"),
    ],
)
def test_an_address_is_resolved_as_go_does(text: str, shown: str) -> None:
    assert str(asyncio.run(address.resolve(text))) == shown


def test_a_port_may_be_a_name_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getservbyname", lambda name, _: {"http": 80}[name])
    assert str(asyncio.run(address.resolve("127.0.0.1:HTTP"))) == "127.0.0.1:80"


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "127.0.0.01", "a\0b", "x" * 300])
def test_what_is_an_address_to_c_only_is_no_host(host: str) -> None:
    with pytest.raises(AddressError, match=re.escape(f"lookup {host}: no such host")):
        asyncio.run(address.resolve(f"{host}:0"))


def test_an_ipv6_address_is_listened_on() -> None:
    try:
        sock = asyncio.run(address.listen("[::1]:0"))
    except AddressError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with sock:
        assert re.fullmatch(r"\[::1\]:\d+", address.name_of(sock))


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    with pytest.raises(AddressError, match=r"listen tcp 192\.0\.2\.1:0: bind: cannot assign requested address"):
        asyncio.run(address.listen("192.0.2.1:0"))


def test_the_oldest_series_of_the_metrics_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "KEPT_SERIES", 2)
    traffic = Traffic()
    for name in ("a", "b", "a", "c"):
        traffic.add(Series("upstream", "l", name, "u"), 1, 2)
    shown = re.findall(r'received_bytes_total\{.*proxy="(.)".*\} (\d)', traffic.text())
    assert shown == [("a", "2"), ("c", "1")]


@pytest.mark.parametrize(
    ("host", "bound", "allowed"),
    [
        ("10.0.0.1:8474", "0.0.0.0", True),
        ("evil.example", "0.0.0.0", False),
        ("box.example:8474", "box.example", True),
        ("BOX.example", "Box.Example", True),
        ("10.0.0.1", "localhost", False),
        ("10.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "::1", True),
    ],
)
def test_a_host_is_allowed_that_a_web_page_cannot_have_chosen(host: str, bound: str, allowed: bool) -> None:
    assert (refusal({"Host": host}, bound) is None) is allowed


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_a_request_with_an_origin_is_refused_and_one_without_a_host_is_not(bound: str) -> None:
    assert refusal({"Origin": "http://127.0.0.1"}, bound) is not None
    assert refusal({}, bound) is None
