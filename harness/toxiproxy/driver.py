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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from harness.errors import StreamproofError, UsageError, unknown_name
from harness.toxiproxy.profiles import PROFILES
from harness.toxiproxy.toxic import Stream

TIMEOUT_SECONDS = 30.0
"""For each request; longer than the 25 s after which Toxiproxy itself gives up on one."""

_NO_PROXIES = {"http": None, "https": None, "all": None}
_LABELS = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


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


_KINDS: dict[int, type[ToxiproxyError]] = {400: BadRequest, 404: Missing, 409: Conflict}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that a proxy has read and written in one direction, on connections that are over."""

    received: int = 0
    sent: int = 0


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
        text = self._http.get("/version")
        try:
            return str(json.loads(text)["version"])
        except ValueError:
            return text.strip()  # before 2.7 it was plain text

    @property
    def understands_extensions(self) -> bool:
        """Whether it is ours, with more toxics than Toxiproxy has."""
        try:
            self._http.get("/events?after=999999999")
        except Missing:
            return False
        return True

    def create(
        self, name: str, upstream: str, *, listen: str = "127.0.0.1:0", enabled: bool = True, seed: str = ""
    ) -> Proxy:
        """A new proxy to ``upstream``; ``seed`` decides its dice, where the server is ours.

        Raises:
            Conflict: there is one of that name.
            ToxiproxyError: it cannot listen there.
        """
        body = {"name": name, "upstream": upstream, "listen": listen, "enabled": enabled, "seed": seed}
        return Proxy(self._http, self._http.post_json("/proxies", body))

    def proxy(self, name: str) -> Proxy:
        """The proxy of that name.

        Raises:
            Missing: there is none.
        """
        return Proxy(self._http, self._http.get_json(f"/proxies/{_quoted(name)}"))

    def proxies(self) -> dict[str, Proxy]:
        """Every proxy by its name."""
        return {name: Proxy(self._http, one) for name, one in self._http.get_json("/proxies").items()}

    def populate(self, proxies: list[dict[str, Any]]) -> list[Proxy]:
        """Create proxies, replace those that differ, leave the others alone; in one request.

        Raises:
            ToxiproxyError: one cannot be made; those before it were.
        """
        return [Proxy(self._http, one) for one in self._http.post_json("/populate", proxies)["proxies"] or ()]

    def reset(self) -> None:
        """Enable every proxy and remove every toxic."""
        self._http.post("/reset", None)

    def carried(self, proxy: str) -> dict[Stream, Traffic]:
        """What a proxy has carried, by direction, from the server's metrics.

        Raises:
            Missing: the server shows no metrics; the real one does with ``-proxy-metrics``.
        """
        found = {"upstream": [0, 0], "downstream": [0, 0]}
        for line in self._http.get("/metrics").splitlines():
            place = {"toxiproxy_proxy_received_bytes_total": 0, "toxiproxy_proxy_sent_bytes_total": 1}
            name, _, rest = line.partition("{")
            labels = dict(_LABELS.findall(rest))
            if name in place and labels.get("proxy") == proxy:
                found[labels["direction"]][place[name]] += int(float(rest.rpartition(" ")[2]))
        return {"upstream": Traffic(*found["upstream"]), "downstream": Traffic(*found["downstream"])}


class Proxy:
    """A proxy as it was when last asked for."""

    def __init__(self, http: _Http, shown: Mapping[str, Any]) -> None:
        self._http = http
        self.name: str = shown["name"]
        self._path = f"/proxies/{_quoted(self.name)}"
        self._read(shown)

    def _read(self, shown: Mapping[str, Any]) -> None:
        self.listen: str = shown["listen"]
        self.upstream: str = shown["upstream"]
        self.enabled: bool = shown["enabled"]

    def update(self, **fields: Any) -> None:
        """Change ``listen``, ``upstream`` or ``enabled``.

        Raises:
            Missing: the proxy is gone.
            ToxiproxyError: it cannot listen there.
        """
        self._read(self._http.post_json(self._path, fields))

    def delete(self) -> None:
        """Delete the proxy and close its connections.

        Raises:
            Missing: it is gone already.
        """
        self._http.delete(self._path)

    def toxics(self) -> dict[str, Toxic]:
        """Its toxics by name."""
        return {one["name"]: Toxic(self._http, self._path, one) for one in self._http.get_json(f"{self._path}/toxics")}

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
        return Toxic(self._http, self._path, self._http.post_json(f"{self._path}/toxics", body))

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
        """A toxic inside the block; after it there is what was there before, also one of the same name."""
        before = self.toxics().get(name or f"{type_}_{stream}")
        if before is not None and (before.type, before.stream) == (type_, stream):
            undo = before.restore
            before.replace(attributes, toxicity)
            toxic = self.toxics()[before.name]
        else:
            if before is not None:
                before.remove()
            toxic = self.add(type_, attributes, stream=stream, toxicity=toxicity, name=name)
            undo = partial(self._put_back, toxic, before)
        with _undone(undo):
            yield toxic

    def _put_back(self, now: Toxic, before: Toxic | None) -> None:
        now.remove()
        if before is not None:
            self.add(before.type, before.attributes, stream=before.stream, toxicity=before.toxicity, name=before.name)

    @contextmanager
    def down(self) -> Iterator[None]:
        """No connections inside the block; after it the proxy is as it was before, which may be down, too."""
        before = self._http.get_json(self._path)["enabled"]
        self.update(enabled=False)
        with _undone(lambda: self.update(enabled=before)):
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

    def __init__(self, http: _Http, proxy: str, shown: Mapping[str, Any]) -> None:
        self._http = http
        self.name: str = shown["name"]
        self.type: str = shown["type"]
        self.stream: Stream = shown["stream"]
        self.attributes: dict[str, Any] = shown["attributes"]
        self.toxicity: float = shown["toxicity"]
        self._path = f"{proxy}/toxics/{_quoted(self.name)}"

    def update(self, attributes: Mapping[str, Any], toxicity: float | None = None) -> None:
        """Merge other attributes in.

        Raises:
            Missing: the toxic is gone.
            BadRequest: an attribute is wrong.
        """
        body = {"attributes": dict(attributes), **({} if toxicity is None else {"toxicity": toxicity})}
        shown = self._http.post_json(self._path, body)
        self.attributes, self.toxicity = shown["attributes"], shown["toxicity"]

    def replace(self, attributes: Mapping[str, Any], toxicity: float) -> None:
        """Give it these attributes and no others; this object still tells what was before."""
        zero = dict.fromkeys(self.attributes, 0)
        self._http.post_json(self._path, {"attributes": {**zero, **attributes}, "toxicity": toxicity})

    def restore(self) -> None:
        """Give it the settings that this object tells."""
        self.update(self.attributes, self.toxicity)

    def remove(self) -> None:
        """Remove it; nothing happens when it is gone already."""
        try:
            self._http.delete(self._path)
        except Missing:
            return


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


class _Http:
    """toxiproxy-python's requests to one server, and everything that can go wrong with them as our errors."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path or parts.query:
            raise UsageError(f"{url!r} is no Toxiproxy: expected a URL such as http://127.0.0.1:8474")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        # The package keeps host and port in the class: a class for each server keeps them apart.
        self._consumer = type("Consumer", (APIConsumer,), {"host": host, "port": parts.port or 8474})
        self._url = url

    def get(self, path: str) -> str:
        return self._ask("get", path)

    def get_json(self, path: str) -> Any:
        return self._parsed(self._ask("get", path), path)

    def post(self, path: str, body: Any) -> str:
        return self._ask("post", path, json=body)

    def post_json(self, path: str, body: Any) -> Any:
        return self._parsed(self.post(path, body), path)

    def delete(self, path: str) -> None:
        self._ask("delete", path)

    def _ask(self, method: str, path: str, **more: Any) -> str:
        try:
            reply = getattr(self._consumer, method)(path, timeout=TIMEOUT_SECONDS, proxies=_NO_PROXIES, **more)
        except (InvalidToxic, NotFound, ProxyExists) as error:
            status = {InvalidToxic: 400, NotFound: 404, ProxyExists: 409}[type(error)]
            raise _KINDS[status](self._said(error.args[0]), status) from None
        except requests.RequestException as error:
            raise Unreachable(f"Toxiproxy at {self._url} does not answer: {error}") from error
        if reply.status_code >= 400:
            raise ToxiproxyError(self._said(reply.content), reply.status_code)
        return str(reply.content.decode("utf-8", "replace"))

    def _said(self, content: bytes) -> str:
        """The text of an error; the package gives the body as it came."""
        text = content.decode("utf-8", "replace").strip()
        try:
            return str(json.loads(text)["error"])
        except (ValueError, KeyError, TypeError):
            return text or f"Toxiproxy at {self._url} gave no reason"

    def _parsed(self, text: str, path: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            raise ToxiproxyError(f"{self._url}{path} answered no JSON: is it a Toxiproxy? {text[:80]!r}") from None


def _quoted(name: str) -> str:
    return quote(name, safe="")
