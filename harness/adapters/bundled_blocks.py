"""The bundled client on its optional transport, which hands a body on in blocks."""

from __future__ import annotations

from client_under_test.blocks import block_client
from client_under_test.driver_async import StreamClient
from harness.adapters.bundled import BundledAdapter, arguments
from harness.model import Job


def _client_of(job: Job) -> StreamClient:
    return StreamClient(**{"http": block_client(), **arguments(job)})


ADAPTER = BundledAdapter(_client_of, "bundled_blocks")
