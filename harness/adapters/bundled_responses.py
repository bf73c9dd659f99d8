"""The bundled resilient client on OpenAI's Responses."""

from fake_server.dialect import Dialect
from harness.adapters.bundled import BundledAdapter

ADAPTER = BundledAdapter(name="bundled_responses", dialect=Dialect.OPENAI_RESPONSES)
