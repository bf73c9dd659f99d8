"""The bundled resilient client on OpenAI's chat completions."""

from fake_server.dialect import Dialect
from harness.adapters.bundled import BundledAdapter

ADAPTER = BundledAdapter(name="bundled_chat", dialect=Dialect.OPENAI_CHAT)
