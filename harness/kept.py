"""A client that several calls share, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """The client of several calls: made for the first one, closed behind the last one.

    Args:
        name: tells it from all other clients, where they live in another process.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._stack = AsyncExitStack()
        self._clients: list[Any] = []

    async def client(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """The client that all calls share; ``make`` makes it for the first one."""
        if not self._clients:
            self._clients.append(await self._stack.enter_async_context(make()))
        client: T = self._clients[0]
        return client

    async def aclose(self) -> None:
        """Close the client: the last call is over."""
        await self._stack.aclose()
