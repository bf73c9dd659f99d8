# /// script
# dependencies = ["openai>=3,<4"]
# ///
"""The decoder of OpenAI's SDK."""

from openai._streaming import SSEDecoder
from worker import serve


def parse(chunks):
    return SSEDecoder().iter_bytes(iter(chunks))


serve(parse)
