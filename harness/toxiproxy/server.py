"""A collection of proxies and what may be done with it: the API's semantics without its HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from harness.toxiproxy import address, gojson
from harness.toxiproxy.address import AddressError
from harness.toxiproxy.common import Common
from harness.toxiproxy.events import EventLog, Observer
from harness.toxiproxy.gojson import BodyError, Float32, Members
from harness.toxiproxy.metrics import Traffic
from harness.toxiproxy.proxy import Proxy
from harness.toxiproxy.toxic import Activation, Installed, Stream, attributes_of, kinds

VERSION = "2.12.0"
"""The version of Toxiproxy whose API this is."""

_PROXY = {"name": str, "listen": str, "upstream": str, "enabled": bool, "Logger": Members, "seed": str}
_TOXIC_UPDATE = {"toxicity": Float32, "attributes": Members}
_TOXIC = {"name": str, "type": str, "stream": str, **_TOXIC_UPDATE}
_STREAMS: dict[str, Stream] = {"upstream": "upstream", "downstream": "downstream"}


class ApiError(Exception):
    """A request that cannot be fulfilled: an HTTP status and the API's text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class PopulateError(ApiError):
    """The same with the proxies that were done before it."""

    def __init__(self, status: int, text: str, done: list[Proxy]) -> None:
        super().__init__(status, text)
        self.done = done


class Server:
    """All proxies of one server; it lives in the event loop that it is made in.

    Args:
        seed: of every die; the same seed and the same order of connections give the same faults. A proxy may be given
            one of its own, as ``seed``.
        observer: told of every event, in the server's own thread.
        carries: tell it of the bytes as well.
    """

    def __init__(self, seed: str | None = None, observer: Observer | None = None, *, carries: bool = False) -> None:
        self.seed = seed if seed is not None else secrets.token_hex(8)
        self.log = EventLog(observer, carries=carries)
        self.proxies: dict[str, Proxy] = {}
        self.traffic = Traffic()
        self._changing = asyncio.Lock()
        self._common = Common()

    def proxy(self, name: str) -> Proxy:
        """The proxy of that name.

        Raises:
            ApiError: 404.
        """
        if name not in self.proxies:
            raise ApiError(404, "proxy not found")
        return self.proxies[name]

    def toxic(self, proxy: str, name: str) -> Installed:
        """The toxic of that name.

        Raises:
            ApiError: 404, for the proxy or for the toxic.
        """
        found = self.proxy(proxy).find(name)
        if found is None:
            raise ApiError(404, "toxic not found")
        return found

    async def create(self, body: bytes) -> Proxy:
        """A new proxy.

        Raises:
            ApiError: 400, 409, or 500 when it cannot listen.
        """
        given = _fields(_decoded(body), _PROXY, "Proxy")
        _require(given)
        async with self._changing:
            if given["name"] in self.proxies:
                raise ApiError(409, "proxy already exists")
            return await self._put(given)

    async def update(self, name: str, body: bytes) -> Proxy:
        """Change where a proxy listens and leads to, or whether it does; what is not given stays.

        Raises:
            ApiError: 404, 400, or 500 when it cannot listen; it is then disabled, with the new addresses. The 500 of an
                address that does not exist changes nothing.
        """
        given = _fields(_decoded(body), _PROXY, "Proxy")
        async with self._changing:
            proxy = self.proxy(name)
            listen, upstream = given.get("listen", proxy.listen), given.get("upstream", proxy.upstream)
            enabled = given.get("enabled", proxy.enabled)
            if await _differs(proxy, listen, upstream):
                proxy.stop()
                proxy.listen, proxy.upstream = listen, upstream
            if enabled:
                await _start(proxy)
            else:
                proxy.stop()
        return proxy

    async def delete(self, name: str) -> None:
        """Stop a proxy and forget it.

        Raises:
            ApiError: 404.
        """
        async with self._changing:
            self._forget(self.proxy(name))

    async def populate(self, body: bytes) -> list[Proxy]:
        """Create the proxies of a list, replace those that differ, and leave the others alone.

        An extension: where a proxy has ``toxics``, they become its toxics.

        Raises:
            PopulateError: 400, and nothing was done; or 500, and those before were.
        """
        try:
            wanted = _listed(_decoded(body))
        except ApiError as error:
            raise PopulateError(error.status, error.text, []) from None
        done: list[Proxy] = []
        async with self._changing:
            for given, toxics in wanted:
                try:
                    proxy = await self._create_or_replace(given)
                except ApiError as error:
                    raise PopulateError(error.status, error.text, done) from None
                if toxics is not None:
                    _replace_toxics(proxy, toxics)
                done.append(proxy)
                await asyncio.sleep(0)  # a long list must not keep others waiting
        return done

    async def reset(self) -> None:
        """Start every proxy and remove every toxic.

        Raises:
            ApiError: 500 when one cannot start; those before it were reset.
        """
        async with self._changing:
            for proxy in list(self.proxies.values()):
                await _start(proxy)
                for installed in proxy.toxics:
                    proxy.remove(installed)

    def add_toxic(self, name: str, body: bytes) -> Installed:
        """A new toxic behind the others of its proxy.

        Raises:
            ApiError: 404, 400 or 409.
        """
        proxy = self.proxy(name)
        installed = _installed(_decoded(body), taken={one.name for one in proxy.toxics})
        proxy.add(installed)
        return installed

    def update_toxic(self, proxy: str, name: str, body: bytes) -> Installed:
        """Merge other attributes into a toxic's; name, type and stream stay.

        Raises:
            ApiError: 404 or 400, and then nothing has changed.
        """
        before = self.toxic(proxy, name)
        after = _changed(before, _fields(_decoded(body), _TOXIC_UPDATE, "ToxicWrapper"))
        self.proxy(proxy).update(after)
        return after

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Take a toxic away.

        Raises:
            ApiError: 404.
        """
        self.proxy(proxy).remove(self.toxic(proxy, name))

    def stop(self) -> None:
        """Stop every proxy, for good."""
        for proxy in self.proxies.values():
            proxy.stop()
        self._common.stop()

    async def _create_or_replace(self, given: Mapping[str, Any]) -> Proxy:
        old = self.proxies.get(given["name"])
        if old is None:
            return await self._put(given)
        if not await _differs(old, given.get("listen", ""), given["upstream"]):
            return old
        old.stop()
        return await self._put(given)

    async def _put(self, given: Mapping[str, Any]) -> Proxy:
        """Make a proxy and start it; it takes its place only when that succeeds."""
        proxy = Proxy(
            given["name"],
            given.get("listen", ""),
            given["upstream"],
            seed=given.get("seed") or f"{self.seed}/{given['name']}",
            log=self.log,
            traffic=self.traffic,
            common=self._common,
        )
        if given.get("enabled", True):
            await _start(proxy)
        if proxy.name in self.proxies:
            self._forget(self.proxies[proxy.name])
        self.proxies[proxy.name] = proxy
        return proxy

    def _forget(self, proxy: Proxy) -> None:
        proxy.stop()
        del self.proxies[proxy.name]


def _decoded(body: bytes) -> Any:
    try:
        return gojson.decode(body)
    except BodyError as error:
        raise _bad_body(error) from None


def _fields(value: Any, kinds: Mapping[str, type], owner: str) -> dict[str, Any]:
    try:
        return gojson.fields(value, kinds, owner)
    except BodyError as error:
        raise _bad_body(error) from None


def _bad_body(error: Exception) -> ApiError:
    return ApiError(400, f"bad request body: {error}")


def _require(given: Mapping[str, Any], where: str = "") -> None:
    for field in ("name", "upstream"):
        if not given.get(field):
            raise ApiError(400, f"missing required field: {field}{where}")


def _listed(value: Any) -> list[tuple[dict[str, Any], list[Installed] | None]]:
    """The proxies of a list with their toxics (None where there is no word of them), all checked."""
    if not isinstance(value, list | None):
        raise ApiError(400, "bad request body: expected an array of proxies")
    proxies = [_fields(one, {**_PROXY, "toxics": list}, "Proxy") for one in value or ()]
    for number, given in enumerate(proxies, 1):
        _require(given, f" at proxy {number}")
    return [(given, _all_installed(given["toxics"]) if "toxics" in given else None) for given in proxies]


def _all_installed(values: list[Any]) -> list[Installed]:
    toxics: list[Installed] = []
    for one in values:
        toxics.append(_installed(one, taken={earlier.name for earlier in toxics}))
    return toxics


def _installed(value: Any, taken: set[str]) -> Installed:
    given = _fields(value, _TOXIC, "ToxicWrapper")
    written = given.get("stream", "downstream")
    stream = _STREAMS.get(written.lower())
    if stream is None:
        raise ApiError(400, "stream was invalid, can be either upstream or downstream")
    kind = kinds().get(given.get("type", ""))
    if kind is None:
        raise ApiError(400, "invalid toxic type")
    name = given.get("name") or f"{given['type']}_{written}"
    if name in taken:
        raise ApiError(409, "toxic already exists")
    plain = Installed(name=name, type=given["type"], stream=stream, toxic=kind(), written=written)
    return _changed(plain, given)


def _changed(installed: Installed, given: Mapping[str, Any]) -> Installed:
    known = {**attributes_of(type(installed.toxic)), **attributes_of(Activation)}
    return installed.changed(_fields(given.get("attributes"), known, "attributes"), given.get("toxicity"))


def _replace_toxics(proxy: Proxy, toxics: list[Installed]) -> None:
    for old in proxy.toxics:
        proxy.remove(old)
    for new in toxics:
        proxy.add(new)


async def _differs(proxy: Proxy, listen: str, upstream: str) -> bool:
    """Whether these are other addresses than the proxy's; names of this machine are the same as its addresses."""
    try:
        return str(await address.resolve(listen)) != proxy.listen or upstream != proxy.upstream
    except AddressError as error:
        raise ApiError(500, str(error)) from None


async def _start(proxy: Proxy) -> None:
    try:
        await proxy.start()
    except AddressError as error:
        raise ApiError(500, str(error)) from None
