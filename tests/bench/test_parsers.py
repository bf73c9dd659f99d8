"""How fast the event stream decoder is, beside that of the official SDK on the same bytes in the same run.

``make bench`` shows the table; the quick suite runs each once, to see that it still reads the corpus whole.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from anthropic._streaming import SSEDecoder
from pytest_benchmark.fixture import BenchmarkFixture

from client_under_test.sse import SseDecoder
from fake_server.answer import Answer
from fake_server.effects import Send
from fake_server.script import Request

CORPUS = (
    b"".join(
        effect.data
        for effect in Answer(sentences=240).reply(Request(attempt=1, seed="bench", body={"stream": True})).body
        if isinstance(effect, Send)
    )
    * 8
)
EVENTS = CORPUS.count(b"\n\n")


def ours(pieces: list[bytes]) -> int:
    decoder = SseDecoder()
    return sum(len(decoder.feed(piece)) for piece in pieces)


def the_sdks(pieces: list[bytes]) -> int:
    return sum(1 for _ in SSEDecoder().iter_bytes(iter(pieces)))


@pytest.mark.parametrize("size", [65536, 1400, 128, 16])
@pytest.mark.parametrize("parse", [ours, the_sdks])
def test_a_stream_is_decoded(benchmark: BenchmarkFixture, parse: Callable[[list[bytes]], int], size: int) -> None:
    benchmark.group = f"reads of {size} bytes"
    benchmark.extra_info["events"] = EVENTS
    assert benchmark(parse, [CORPUS[i : i + size] for i in range(0, len(CORPUS), size)]) == EVENTS
