"""A server behind TLS, with an authority that was made for the test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from live.listener import listening


@dataclass(frozen=True)
class Secured:
    """Where the server is, and the file with the authority that its certificate is from."""

    url: str
    cafile: Path


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until either end is over, then close the other."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def behind_tls(port: int, folder: Path, *, name: str = "localhost") -> AsyncIterator[Secured]:
    """TLS in front of the port of a server on this machine; its certificate is for ``name``."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    cafile = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(cafile))

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))

    async with listening(forward, context) as outside:
        yield Secured(f"https://localhost:{outside}", cafile)
