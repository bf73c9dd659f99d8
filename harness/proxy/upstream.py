"""The real server: asks it over TLS, and reads what it answers as it comes.

It is asked for answers without compression, because events cannot be seen in compressed bytes; nothing else of a
request is changed but what belongs to the connection. Redirects are passed on and not followed, cookies are not kept.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Self

import aiohttp
from yarl import URL

from fake_server.effects import Close, End, Last, Reset
from harness.errors import UsageError
from harness.recording.heads import end_to_end
from harness.recording.secrets import Headers, Secrets

_CONNECT_SECONDS = 30.0
_LONGEST_HEAD = 1 << 20
"""Bytes of one line or field of a head."""
_OURS = ("host", "content-length", "accept-encoding", "expect")
_NO_HEADERS_OF_ITS_OWN = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


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
        self._tls = _trusting(cafile)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS),
            auto_decompress=False,
            max_line_size=_LONGEST_HEAD,
            max_field_size=_LONGEST_HEAD,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(self, method: str, path: str, headers: Headers, body: bytes) -> Answering:
        """Pass a request on, and wait for the head of its answer.

        Args:
            path: path and query as they were asked for, with what is escaped in them.

        Raises:
            Unreachable: no answer came; the message names the server and the reason.
        """
        assert self._session is not None
        passed = (*end_to_end(headers, *_OURS), ("accept-encoding", "identity"))
        try:
            response = await self._session.request(
                method,
                URL(f"{self._url}{path}", encoded=True),
                headers=passed,
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=_NO_HEADERS_OF_ITS_OWN,
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreachable(f"{self.name} cannot be asked: {_why(error)}") from error
        return Answering(response)


class Answering:
    """An answer whose head has come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
        )

    async def read(self) -> bytes | Last:
        """What came next, as soon as anything did; or how the answer ended."""
        try:
            data = await self._response.content.readany()
        except ConnectionResetError:
            return Reset()
        except (aiohttp.ClientError, OSError) as error:
            return Reset() if isinstance(error.__cause__, ConnectionResetError) else Close()
        return data or End()

    def close(self) -> None:
        """Leave, at once; a connection whose answer was read to its end is kept for the next."""
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


def _checked(url: str) -> str:
    """The address without a slash at its end."""
    try:
        parsed = URL(url)
        is_fine = parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.query_string
    except ValueError:
        is_fine = False
    if not is_fine:
        raise UsageError(f"--upstream {Secrets().url(url)!r}: expected an address such as https://api.anthropic.com")
    return url.rstrip("/")


def _trusting(cafile: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:  # what is no certificate is an SSLError, which is one too
        raise UsageError(f"--cafile {cafile}: no certificates can be read from it: {error}") from None


def _why(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}; --cafile names a private authority"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection without an answer"
    if isinstance(error, TimeoutError):
        return f"no connection within {_CONNECT_SECONDS:g} s"
    return f"{type(error).__name__}: {error}"
