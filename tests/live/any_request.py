"""Strategies of requests to a Toxiproxy: mostly good ones, with something odd in them now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from live.asking import UPSTREAM, request
from live.toxiproxies import Reply, Toxiproxy


@dataclass(frozen=True)
class Request:
    """One request to be made."""

    method: str
    path: str
    body: Any = None

    def to(self, toxiproxy: Toxiproxy) -> Reply:
        return request(toxiproxy, self.method, self.path, self.body)


NAMES = ("p", "q", "é <&> %2F?#")
"""Names that can be part of a path, with some trouble."""
PATHS = tuple(quote(name, safe="") for name in NAMES)
TOXICS = ("t", "latency_downstream", "latency_UPSTREAM")
TYPES = ("noop", "latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data")
LISTENS = ("127.0.0.1:0", "localhost:0")
NO_LISTENS = ("bad", "127.0.0.1:99999", "127.0.0.1:nosuchport", "[::1", "1:2:3")

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.integers(-3, 3) | st.floats() | st.text(max_size=5) | st.just("")
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ANY_BODY = JSON | st.binary(max_size=40)
ODD = JSON.filter(lambda value: not isinstance(value, str))
"""What no field of a string can be; a random string must not become an address or a name that no path can have."""


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda one: odd if one == 7 else usual)


def _cased(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The same fields, some of their names in capitals."""
    cases = st.lists(st.sampled_from([str, str, str, str.upper, str.title]), min_size=len(fields), max_size=len(fields))
    return cases.map(lambda chosen: {case(name): one for case, (name, one) in zip(chosen, fields.items(), strict=True)})


def _object(needed: dict[str, Any], optional: dict[str, Any], odd: st.SearchStrategy[Any] = ODD) -> Any:
    """Most of the time an object with these fields; now and then one with a field missing or of an odd kind."""
    needed, optional = ({name: mostly(one, odd) for name, one in fields.items()} for fields in (needed, optional))
    whole = st.fixed_dictionaries(needed, optional=optional)
    return mostly(whole, st.fixed_dictionaries({}, optional={**needed, **optional})).flatmap(_cased)


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["latency", "jitter", "rate", "JITTER", "bytes", "timeout", "x"]),
    mostly(st.integers(-(2**63), 2**63 - 1), JSON),
    max_size=3,
)
ONE_ATTRIBUTE = ATTRIBUTES.map(lambda given: dict(list(given.items())[:1]))
TOXICITY = st.sampled_from([0, 1, 0.5, 0.2, -1, 7, 0.123456789])
EXTRAS = {"Logger": st.just({}) | st.integers(), "other": JSON}


def toxic(attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A toxic to be added or changed."""
    return _object(
        {"type": mostly(st.sampled_from(TYPES), st.sampled_from(["", "Latency", "nosuch"]))},
        {
            "name": st.sampled_from(TOXICS),
            "stream": st.sampled_from(["upstream", "downstream", "UPSTREAM", "sideways"]),
            "toxicity": TOXICITY,
            "attributes": attributes,
        },
    )


def proxy(listens: tuple[str, ...], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A proxy to be created or changed."""
    needed = {"name": st.sampled_from(NAMES), "listen": st.sampled_from(listens), "upstream": st.just(UPSTREAM)}
    return _object(needed, {"enabled": st.booleans(), **EXTRAS, **more})


def requests(to_create: Any, to_update: Any, to_populate: Any, attributes: Any) -> st.SearchStrategy[Request]:
    """Any request of the API; the strategies are those of bodies."""
    name, toxic_name = st.sampled_from(PATHS), st.sampled_from(TOXICS)
    one, chain = st.builds("/proxies/{}".format, name), st.builds("/proxies/{}/toxics".format, name)
    link = st.builds("/proxies/{}/toxics/{}".format, name, toxic_name)
    change = st.sampled_from(["POST", "PATCH"])
    return st.one_of(
        st.builds(Request, st.just("POST"), st.just("/proxies"), to_create),
        st.builds(Request, st.just("POST"), st.just("/populate"), to_populate),
        st.builds(Request, change, one, to_update),
        st.builds(Request, st.just("POST"), chain, mostly(toxic(attributes), ANY_BODY)),
        st.builds(Request, change, link, mostly(toxic(attributes), ANY_BODY)),
        st.builds(Request, st.just("GET"), one | chain | link),
        st.builds(Request, st.just("DELETE"), one | link),
        st.sampled_from([Request("POST", "/reset"), Request("GET", "/proxies"), Request("GET", "/version")]),
    )
