"""The one way by which the harness configures faults of the network: toxiproxy-python, against any Toxiproxy.

That package is the transport and the judge of 400, 404 and 409. What it lacks is here: an address for each instance
and not for the process, deadlines, no proxies from the environment, quoted names, updates, errors with a status.
Updates are POSTed, because servers before 2.6 know no PATCH.

>>> with EmbeddedToxiproxy() as server:
...     proxy = Toxiproxy(server.url).create("api", upstream="127.0.0.1:8080")
...     with proxy.toxic("latency", latency=100):
...         ...
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

import msgspec
import requests
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from harness.errors import StreamproofError, UsageError, unknown_name
from harness.toxiproxy.profiles import PROFILES
from harness.toxiproxy.toxic import STREAMS, Stream

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
"""For each request; longer than the 25 s after which Toxiproxy itself gives up on one."""

_NO_PROXIES = {"http": None, "https": None, "all": None}
_PLAIN_VERSION = re.compile(r"[\w.+-]+")
_COUNTER = re.compile(r"(?m)^toxiproxy_proxy_(received|sent)_bytes_total\{(.*)\} ([0-9.]+(?:e[+-]?[0-9]+)?)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class ToxiproxyError(StreamproofError):
    """Toxiproxy refused a request, or did not answer.

    ``status`` is that of its answer, None when there was none.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class BadRequest(ToxiproxyError):
    """400: the request is wrong; the text says where."""


class Missing(ToxiproxyError):
    """404: there is no such proxy, or no such toxic."""


class Conflict(ToxiproxyError):
    """409: there is one of that name already."""


class Unreachable(ToxiproxyError):
    """No answer came: nobody listens there, or not in time."""


_KINDS: dict[type[Exception], tuple[int, type[ToxiproxyError]]] = {
    InvalidToxic: (400, BadRequest),
    NotFound: (404, Missing),
    ProxyExists: (409, Conflict),
}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that a proxy has read and written in one direction, on connections that are over."""

    received: int = 0
    sent: int = 0

    def __sub__(self, earlier: Traffic) -> Traffic:
        """What came since ``earlier``."""
        return Traffic(self.received - earlier.received, self.sent - earlier.sent)


class Toxiproxy:
    """A server.

    Args:
        url: base URL of its API, such as ``http://127.0.0.1:8474``.

    Raises:
        UsageError: the URL is not of that form.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = _Http(self.url)

    def version(self) -> str:
        """The server's version.

        Raises:
            ToxiproxyError: it does not answer.
        """
        text = self._http.get("/version").strip()
        if _PLAIN_VERSION.fullmatch(text):  # before 2.7
            return text
        return self._http.parsed("/version", text, _Versioned).version

    def create(
        self, name: str, upstream: str, *, listen: str = "127.0.0.1:0", enabled: bool = True, seed: str = ""
    ) -> Proxy:
        """A new proxy to ``upstream``; ``seed`` decides its dice, where the server is ours.

        Raises:
            Conflict: there is one of that name.
            ToxiproxyError: it cannot listen there.
        """
        body = {"name": name, "upstream": upstream, "listen": listen, "enabled": enabled, "seed": seed}
        return Proxy(self._http, self._http.post_json("/proxies", body, _Proxied))

    def proxy(self, name: str) -> Proxy:
        """The proxy of that name.

        Raises:
            Missing: there is none.
        """
        return Proxy(self._http, self._http.get_json(f"/proxies/{_quoted(name)}", _Proxied))

    def proxies(self) -> dict[str, Proxy]:
        """Every proxy by its name."""
        shown = self._http.get_json("/proxies", dict[str, _Proxied])
        return {name: Proxy(self._http, one) for name, one in shown.items()}

    def populate(self, proxies: list[dict[str, Any]]) -> list[Proxy]:
        """Create proxies, replace those that differ, leave the others alone; in one request.

        Raises:
            ToxiproxyError: one cannot be made; those before it were.
        """
        shown = self._http.post_json("/populate", proxies, _Populated)
        return [Proxy(self._http, one) for one in shown.proxies or ()]

    def reset(self) -> None:
        """Enable every proxy and remove every toxic."""
        self._http.post("/reset", None)

    def carried(self, proxy: str) -> dict[Stream, Traffic]:
        """What a proxy has carried, by direction, from the server's metrics.

        Raises:
            Missing: the server shows no metrics; the real one does with ``-proxy-metrics``.
        """
        counts: Counter[tuple[str | None, str]] = Counter()
        for what, labels, value in _COUNTER.findall(self._http.get("/metrics")):
            told = {name: _unescaped(text) for name, text in _LABEL.findall(labels)}
            if told.get("proxy") == proxy:
                counts[told.get("direction"), what] += int(float(value))
        return {stream: Traffic(counts[stream, "received"], counts[stream, "sent"]) for stream in STREAMS}


class Proxy:
    """A proxy as it was when last asked for."""

    def __init__(self, http: _Http, shown: _Proxied) -> None:
        self._http = http
        self.name = shown.name
        self._path = f"/proxies/{_quoted(self.name)}"
        self._read(shown)

    def _read(self, shown: _Proxied) -> None:
        self.listen, self.upstream, self.enabled = shown.listen, shown.upstream, shown.enabled

    def update(self, **fields: Any) -> None:
        """Change ``listen``, ``upstream`` or ``enabled``.

        Raises:
            Missing: the proxy is gone.
            ToxiproxyError: it cannot listen there.
        """
        self._read(self._http.post_json(self._path, fields, _Proxied))

    def delete(self) -> None:
        """Delete the proxy and close its connections.

        Raises:
            Missing: it is gone already.
        """
        self._http.delete(self._path)

    def toxics(self) -> dict[str, Toxic]:
        """Its toxics by name."""
        shown = self._http.get_json(f"{self._path}/toxics", list[_Installed])
        return {one.name: Toxic(self._http, self._path, one) for one in shown}

    def add(
        self,
        type_: str,
        attributes: Mapping[str, Any],
        *,
        stream: Stream = "downstream",
        toxicity: float = 1.0,
        name: str = "",
    ) -> Toxic:
        """Add a toxic behind the others; without a name it is called ``<type>_<stream>``.

        Raises:
            BadRequest: there is no such type, or an attribute is wrong.
            Conflict: there is one of that name.
        """
        body = {"type": type_, "stream": stream, "toxicity": toxicity, "name": name, "attributes": dict(attributes)}
        return Toxic(self._http, self._path, self._http.post_json(f"{self._path}/toxics", body, _Installed))

    def remove(self, toxic: str) -> None:
        """Remove a toxic by its name.

        Raises:
            Missing: there is none.
        """
        self._http.delete(f"{self._path}/toxics/{_quoted(toxic)}")

    @contextmanager
    def toxic(
        self, type_: str, *, stream: Stream = "downstream", toxicity: float = 1.0, name: str = "", **attributes: Any
    ) -> Iterator[Toxic]:
        """A toxic inside the block; after it there is what was there before, also one of the same name.

        One of the same kind and name is changed in its place, so that no connection is lost.
        """
        name = name or f"{type_}_{stream}"
        before = self.toxics().get(name)
        with _undone(partial(self._put_back, name, before)):
            yield self.put(type_, attributes, stream=stream, toxicity=toxicity, name=name)

    def put(
        self,
        type_: str,
        attributes: Mapping[str, Any],
        *,
        stream: Stream = "downstream",
        toxicity: float = 1.0,
        name: str,
    ) -> Toxic:
        """Have this toxic under its name, with these attributes and no others."""
        there = self.toxics().get(name)
        if there is not None and (there.type, there.stream) == (type_, stream):
            there.update({**dict.fromkeys(there.attributes, 0), **attributes}, toxicity)
            return there
        if there is not None:
            there.remove()
        return self.add(type_, attributes, stream=stream, toxicity=toxicity, name=name)

    def _put_back(self, name: str, before: Toxic | None) -> None:
        if before is not None:
            self.put(before.type, before.attributes, stream=before.stream, toxicity=before.toxicity, name=name)
        else:
            with suppress(Missing):
                self.remove(name)

    @contextmanager
    def down(self) -> Iterator[None]:
        """No connections inside the block; after it the proxy is as it was before, which may be down, too."""
        before = self._http.get_json(self._path, _Proxied).enabled
        with _undone(lambda: self.update(enabled=before)):
            self.update(enabled=False)
            yield

    @contextmanager
    def profile(self, name: str) -> Iterator[None]:
        """A network profile inside the block; see :mod:`harness.toxiproxy.profiles`.

        Raises:
            UsageError: there is none of that name.
        """
        if name not in PROFILES:
            raise unknown_name("network profile", name, PROFILES)
        profile = PROFILES[name]
        with ExitStack() as stack:
            if profile.offline:
                stack.enter_context(self.down())
            for one in profile.toxics:
                label = f"{name}_{one.type}_{one.stream}"
                stack.enter_context(
                    self.toxic(one.type, stream=one.stream, toxicity=one.toxicity, name=label, **one.attributes)
                )
            yield


class Toxic:
    """A toxic as it was when last asked for."""

    def __init__(self, http: _Http, proxy: str, shown: _Installed) -> None:
        self._http = http
        self.name, self.type = shown.name, shown.type
        self.stream: Stream = shown.stream
        self.attributes, self.toxicity = shown.attributes, shown.toxicity
        self._path = f"{proxy}/toxics/{_quoted(self.name)}"

    def update(self, attributes: Mapping[str, Any], toxicity: float | None = None) -> None:
        """Merge other attributes in.

        Raises:
            Missing: the toxic is gone.
            BadRequest: an attribute is wrong.
        """
        body = {"attributes": dict(attributes), **({} if toxicity is None else {"toxicity": toxicity})}
        shown = self._http.post_json(self._path, body, _Installed)
        self.attributes, self.toxicity = shown.attributes, shown.toxicity

    def remove(self) -> None:
        """Remove it; nothing happens when it is gone already."""
        with suppress(Missing):
            self._http.delete(self._path)


@contextmanager
def _undone(undo: Callable[[], None]) -> Iterator[None]:
    """Call ``undo`` after the block; when both fail, the block's own error is the one that is seen."""
    try:
        yield
    except BaseException as error:
        try:
            undo()
        except ToxiproxyError as failure:
            error.add_note(f"and the proxy could not be set back: {failure}")
        raise
    undo()


# ---- what a server answers, as far as it matters here ----------------------------------------------------------------


class _Versioned(msgspec.Struct):
    version: str


class _Proxied(msgspec.Struct):
    name: str
    listen: str
    upstream: str
    enabled: bool


class _Populated(msgspec.Struct):
    proxies: list[_Proxied] | None


class _Installed(msgspec.Struct):
    name: str
    type: str
    stream: Any
    """A :data:`Stream`, as whoever added the toxic wrote it: ``UPSTREAM`` is right, too."""
    attributes: dict[str, Any]
    toxicity: float


class _Http:
    """toxiproxy-python's requests to one server, and everything that can go wrong with them as our errors."""

    def __init__(self, url: str) -> None:
        parts = _split(url)
        if parts is None:
            raise UsageError(f"{url!r} is no Toxiproxy: expected a URL such as http://127.0.0.1:8474")
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        # The package keeps host and port in the class: a class for each server keeps them apart.
        self._consumer = type("Consumer", (APIConsumer,), {"host": host, "port": parts.port or 8474})
        self._url = url

    def get(self, path: str) -> str:
        return self._ask("get", path)

    def get_json(self, path: str, shape: type[T]) -> T:
        return self.parsed(path, self._ask("get", path), shape)

    def post(self, path: str, body: Any) -> str:
        return self._ask("post", path, json=body)

    def post_json(self, path: str, body: Any, shape: type[T]) -> T:
        return self.parsed(path, self.post(path, body), shape)

    def delete(self, path: str) -> None:
        self._ask("delete", path)

    def _ask(self, method: str, path: str, **more: Any) -> str:
        # A redirect is not followed: Toxiproxy sends one to another proxy's path for a name such as ./other.
        more |= {"timeout": TIMEOUT_SECONDS, "proxies": _NO_PROXIES, "allow_redirects": False}
        try:
            reply = getattr(self._consumer, method)(path, **more)
        except tuple(_KINDS) as error:
            status, kind = _KINDS[type(error)]
            raise kind(self._said(error.args[0], status), status) from None
        except requests.exceptions.InvalidJSONError as error:
            raise BadRequest(f"{self._url}{path} was not asked: {error}") from error
        except (requests.RequestException, ValueError) as error:  # a ValueError is about the host's name
            raise Unreachable(f"Toxiproxy at {self._url} does not answer: {error}") from error
        if reply.status_code >= 300:
            raise ToxiproxyError(self._said(reply.content, reply.status_code), reply.status_code)
        return str(reply.content.decode("utf-8", "replace"))

    def _said(self, content: bytes, status: int) -> str:
        """The text of an error; the package gives the body as it came."""
        text = content.decode("utf-8", "replace").strip()
        try:
            return str(json.loads(text)["error"])
        except (ValueError, KeyError, TypeError):
            return text or f"Toxiproxy at {self._url} answered {status} and gave no reason"

    def parsed(self, path: str, text: str, shape: type[T]) -> T:
        """The answer in the shape that a Toxiproxy gives it."""
        try:
            return msgspec.json.decode(text, type=shape)
        except msgspec.MsgspecError as error:
            why = f"{self._url}{path} did not answer as a Toxiproxy does ({error}): {text[:80]!r}"
            raise ToxiproxyError(why) from None


def _split(url: str) -> SplitResult | None:
    """The parts of a base URL, None when it is none."""
    try:
        parts = urlsplit(url)
        is_base = parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        return None
    more = parts.path or parts.query or parts.fragment
    return parts if parts.scheme == "http" and is_base and not more else None


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="surrogatepass")


def _unescaped(label: str) -> str:
    """The value of a label of Prometheus' text format."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], label)
