"""The real server: asks it over TLS, and reads what it answers as it comes.

It is asked for answers without compression, because events cannot be seen in compressed bytes; nothing else of a
request is changed but what belongs to the connection. Redirects are passed on and not followed, cookies are not kept.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx

from fake_server.effects import Close, End, Last, Reset
from harness.errors import UsageError
from harness.recording.heads import end_to_end
from harness.secrets import Headers, Secrets, secrets_of

_CONNECT_SECONDS = 30.0
_OURS = ("host", "content-length", "accept-encoding", "expect")
"""Headers of a request that are not passed on but made anew."""


class Unreachable(Exception):
    """The server could not be asked; the message says why."""


class Upstream:
    """One server, or the part of one below a path.

    Args:
        url: ``https://host[:port][/path]``.
        cafile: certificates of authorities to trust instead of the system's.

    Raises:
        UsageError: the URL is none of a server, or the certificates cannot be read.
    """

    def __init__(self, url: str, cafile: Path | None = None) -> None:
        self._url = _checked(url)
        self.name = Secrets().url(url)
        self._client = httpx.AsyncClient(
            verify=_trusting(cafile),
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()

    async def ask(self, method: str, path: str, headers: Headers, body: bytes) -> Answering:
        """Pass a request on, and wait for the head of its answer.

        Args:
            path: path and query as they were asked for, with what is escaped in them.

        Raises:
            Unreachable: no answer came; the message names the server and the reason.
        """
        passed = (*end_to_end(headers, *_OURS), ("accept-encoding", "identity"))
        try:
            request = httpx.Request(
                method,
                self._url,
                headers=[(_bytes(name), _bytes(value)) for name, value in passed],
                content=body or None,
                extensions={"target": self._url.raw_path.rstrip(b"/") + _bytes(path), **self._timeouts},
            )
            response = await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            why = secrets_of(headers).text(_why(error))
            raise Unreachable(f"{self.name} cannot be asked: {why}") from error
        return Answering(response)

    @property
    def _timeouts(self) -> dict[str, object]:
        return {"timeout": self._client.timeout.as_dict()}


class Answering:
    """An answer whose head has come."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._body = response.aiter_raw()
        self.status = response.status_code
        self.headers: Headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
        )

    async def read(self) -> bytes | Last:
        """What came next, as soon as anything did; or how the answer ended."""
        try:
            return await anext(self._body, None) or End()
        except httpx.HTTPError as error:
            is_reset = any(isinstance(one, ConnectionResetError) for one in _causes(error))
            return Reset() if is_reset else Close()

    async def close(self) -> None:
        """Leave, at once; a connection whose answer was read to its end is kept for the next.

        Who is cancelled meanwhile leaves all the same: httpx would keep a connection that it was about to close.
        """
        self._closing = asyncio.ensure_future(self._response.aclose())
        await asyncio.shield(self._closing)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it came from, down to the first."""
    while error is not None:
        yield error
        group = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        error = group[0] if group else error.__cause__ or error.__context__


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        is_fine = parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.query
    except (httpx.InvalidURL, ValueError):
        is_fine = False
    if not is_fine:
        raise UsageError(f"--upstream {Secrets().url(url)!r}: expected an address such as https://api.anthropic.com")
    return parsed


def _trusting(cafile: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:  # what is no certificate is an SSLError, which is one too
        raise UsageError(f"--cafile {cafile}: no certificates can be read from it: {error}") from None


def _why(error: BaseException) -> str:
    """What went wrong, in one line."""
    untrusted = next((one for one in _causes(error) if isinstance(one, ssl.SSLCertVerificationError)), None)
    if untrusted is not None:
        return f"its certificate is not trusted: {untrusted.verify_message}; --cafile names a private authority"
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {_CONNECT_SECONDS:g} s"
    first = [one for one in _causes(error) if isinstance(one, OSError)]
    return f"{type(error).__name__}: {first[-1] if first else error}"
