"""What both drivers know of HTTP: where a request goes, what its head says, and what foreign exceptions mean.

httpx and httpx2 (its continuation, with a class tree of its own) are told by the names of their classes, so neither
need be imported for the other.

A connection is used for one request. What broke one answer may still sit in it: bytes that follow a complete response
would be taken for the next one, an idle connection may have died in a middlebox or be closed by the server this very
moment. A new one costs one or two round trips of an answer that takes seconds.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol

from client_under_test.dialects.anthropic import PATH, VERSION
from client_under_test.errors import (
    ConnectionFailed,
    ConnectionLost,
    NoResponse,
    ProtocolError,
    RequestNotSendable,
    StreamError,
)
from client_under_test.policy import Limits
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
    target = opening.target
    headers = {
        "content-type": "application/json",
        "x-api-key": target.api_key or "",
        "anthropic-version": VERSION,
        "accept-encoding": "identity",
    }
    return {
        "method": "POST",
        "url": (target.base_url or "").rstrip("/") + PATH,
        "headers": headers if reuse else {**headers, "connection": "close"},
        "content": json.dumps(opening.body, ensure_ascii=False, allow_nan=False).encode(),
        "timeout": (limits.connect, None, limits.first_byte, limits.connect),
        "follow_redirects": False,
    }


def head_of(response: Response) -> HeadReceived:
    """Status line and headers as a session takes them."""
    lower = {name.lower(): value for name, value in response.headers.items()}
    return HeadReceived(response.status_code, lower, time.time())


def mapped(error: Exception, *, answered: bool) -> StreamError | None:
    """Our error for a foreign one, which becomes its cause; None when it is no matter of HTTP.

    Args:
        error: what httpx, httpx2 or the encoder of the request raised.
        answered: whether a status line had come.
    """
    if isinstance(error, StreamError):
        return error
    kinds = {one.__name__ for one in type(error).__mro__ if one.__module__.partition(".")[0] in ("httpx", "httpx2")}
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    ours: StreamError
    if kinds & {"LocalProtocolError", "UnsupportedProtocol", "InvalidURL"}:
        ours = RequestNotSendable(f"the request cannot be sent as it is ({text})")
    elif kinds & {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}:
        ours = ConnectionFailed(f"no connection could be made ({text})")
    elif "DecodingError" in kinds:
        ours = ProtocolError(f"the compressed body is broken ({text})")
    elif not (kinds & {"HTTPError", "StreamError"} or isinstance(error, OSError)):
        if answered or not isinstance(error, ValueError | TypeError):
            return None
        ours = RequestNotSendable(f"the request cannot be sent as it is ({text})")
    elif answered:
        ours = ConnectionLost(f"the connection broke in the middle of the response ({text})")
    else:
        ours = NoResponse(f"the connection broke before any response ({text})")
    ours.__cause__ = error
    return ours


@cache
def tls() -> ssl.SSLContext:
    """One for the process: loading the trusted certificates takes some 20 ms each time."""
    import httpx

    return httpx.create_ssl_context()


def no_cookies() -> CookieJar:
    """A jar that keeps nothing: what one response sets must not break the next request."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
