"""The real server is left whatever happens to who leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from harness.errors import UsageError
from harness.proxy.upstream import Answering, Upstream


class Body(httpx.AsyncByteStream):
    """A body whose connection takes its time to close."""

    def __init__(self) -> None:
        self.begins, self.may_end, self.is_closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""

    async def aclose(self) -> None:
        self.begins.set()
        await self.may_end.wait()
        self.is_closed.set()


def test_who_is_cancelled_while_leaving_leaves_all_the_same() -> None:
    async def run() -> None:
        body = Body()
        leaving = asyncio.ensure_future(Answering(httpx.Response(200, stream=body)).close())
        await body.begins.wait()
        leaving.cancel()
        await asyncio.wait((leaving,))
        body.may_end.set()
        await asyncio.wait_for(body.is_closed.wait(), 5)

    asyncio.run(run())


@pytest.mark.parametrize("url", ["", "api.anthropic.com", "ftp://x", "https://", "https://x?a=b", "//x"])
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="expected an address such as https://api"):
        Upstream(url)


def test_a_refused_address_is_shown_without_its_keys() -> None:
    with pytest.raises(UsageError) as caught:
        Upstream("ftp://me:secret@x/?api_key=secret")
    assert "secret" not in str(caught.value)
