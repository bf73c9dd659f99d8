"""What both drivers know of HTTP: where a request goes, what its head says, and what foreign exceptions mean.

httpx and httpx2 (its continuation, with a class tree of its own) are told by the names of their classes, so neither
need be imported for the other.

A connection is used for one request. What broke one answer may still sit in it: bytes that follow a complete response
would be taken for the next one, an idle connection may have died in a middlebox or be closed by the server this very
moment. A new one costs one or two round trips of an answer that takes seconds.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol

from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.dialects.dialect import Dialect
from client_under_test.errors import (
    ConnectionFailed,
    ConnectionLost,
    NoResponse,
    ProtocolError,
    RequestNotSendable,
    StreamError,
    TransportBroken,
)
from client_under_test.policy import Limits, retry_after
from client_under_test.redact import Redactor
from client_under_test.signals import HeadReceived, Open


class Response(Protocol):
    """What is needed of a response of httpx or httpx2."""

    @property
    def status_code(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields."""
        ...


def request_of(opening: Open, limits: Limits, *, reuse: bool) -> dict[str, Any]:
    """The arguments of ``client.stream`` for ``opening``. Only connecting and writing are the HTTP library's to time:
    whatever is read is judged by the session's deadlines.

    Raises:
        ValueError, TypeError: the body cannot be written as JSON.
    """
    target, dialect = opening.target, opening.dialect
    headers = {
        "content-type": "application/json",
        **dialect.headers(target.api_key or ""),
        "accept-encoding": "identity",
    }
    return {
        "method": "POST",
        "url": dialect.url(target.base_url or ""),
        "headers": headers if reuse else {**headers, "connection": "close"},
        "content": _encoded(opening.body).encode(),
        "timeout": (_platforms(limits.connect), None, _platforms(limits.first_byte), None),
        "follow_redirects": False,
    }


_encoded = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _platforms(seconds: float) -> float:
    """A limit may be infinite; a platform's timer may not."""
    return min(seconds, 1e6)


def head_of(response: Response) -> HeadReceived:
    """Status line and headers as a session takes them."""
    lower = {name.lower(): value for name, value in response.headers.items()}
    return HeadReceived(response.status_code, lower, time.time())


def mapped(error: Exception, *, answered: bool, dialect: Dialect = ANTHROPIC) -> StreamError:
    """Our error for a foreign one, which becomes its cause.

    Args:
        error: what httpx, httpx2, the encoder of the request or whatever was put between them raised.
        answered: whether a status line had come.
        dialect: of the API that was asked.
    """
    return recognised(error, answered=answered, dialect=dialect) or _caused(
        TransportBroken(f"the HTTP client itself failed ({_told(error)})"), error
    )


def recognised(error: Exception, *, answered: bool, dialect: Dialect = ANTHROPIC) -> StreamError | None:
    """The same for what is a matter of HTTP; None for anything else."""
    if isinstance(error, StreamError):
        return error
    if (refused := _of_status(error, dialect)) is not None:
        return refused
    kinds = {one.__name__ for one in type(error).__mro__ if one.__module__.partition(".")[0] in ("httpx", "httpx2")}
    text = _told(error)
    if kinds & {"LocalProtocolError", "UnsupportedProtocol", "InvalidURL"}:
        ours: StreamError = RequestNotSendable(f"the request cannot be sent as it is ({text})")
    elif kinds & {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}:
        ours = ConnectionFailed(f"no connection could be made ({text})")
    elif isinstance(error, zlib.error) or "DecodingError" in kinds:
        ours = ProtocolError(f"the compressed body is broken ({text})")
    elif not (
        "HTTPError" in kinds or isinstance(error, ConnectionError | TimeoutError | ssl.SSLError | socket.gaierror)
    ):
        if answered or not isinstance(error, ValueError | TypeError):
            return None
        ours = RequestNotSendable(f"the request cannot be sent as it is ({text})")
    elif answered:
        ours = ConnectionLost(f"the connection broke in the middle of the response ({text})")
    else:
        ours = NoResponse(f"the connection broke before any response ({text})")
    return _caused(ours, error)


def _of_status(error: Exception, dialect: Dialect) -> StreamError | None:
    """The refusal that an exception carries: by ``status_code`` (SDKs), ``response.status_code`` (httpx, a hook of the
    caller's) or ``code`` (urllib), with the headers and the body where there are any."""
    response = getattr(error, "response", None)
    status = (
        getattr(error, "status_code", None) or getattr(response, "status_code", None) or getattr(error, "code", None)
    )
    if not isinstance(status, int):
        return None
    headers = getattr(response, "headers", None) or getattr(error, "headers", None) or {}
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    body = json.dumps(getattr(error, "body", None), default=str).encode()
    if status == 200:
        ours = dialect.error_in_stream(body)
    else:
        ours = dialect.error_of_status(status, body, lower.get("x-should-retry"))
    ours.retry_after = retry_after(lower, time.time())
    return _caused(ours, error)


def _told(error: Exception) -> str:
    """A library that cannot send a header quotes it, and that may be the key."""
    return _BY_LOOKS.text(f"{type(error).__name__}: {error}".rstrip(": "))


_BY_LOOKS = Redactor()


def _caused(ours: StreamError, cause: Exception) -> StreamError:
    ours.__cause__ = cause
    return ours


class Inflater:
    """Takes a content coding off, in pieces of bounded size: a few kB of a body can become gigabytes.

    A coding that is not known is left on; the session refuses it by the header.
    """

    def __init__(self, coding: str) -> None:
        wbits = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}.get(coding.strip().lower())
        self._inflate = None if wbits is None else zlib.decompressobj(wbits)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` becomes.

        Raises:
            zlib.error: the body is not what its header says.
        """
        if self._inflate is None:
            yield data
            return
        while data and not self._inflate.eof:
            yield self._inflate.decompress(data, _PIECE_BYTES)
            data = self._inflate.unconsumed_tail


_PIECE_BYTES = 1 << 16


@cache
def tls() -> ssl.SSLContext:
    """One for the process: loading the trusted certificates takes some 20 ms each time."""
    import httpx

    return httpx.create_ssl_context()


def no_cookies() -> CookieJar:
    """A jar that keeps nothing: what one response sets must not break the next request."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
