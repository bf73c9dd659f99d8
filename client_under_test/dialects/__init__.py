"""The APIs that the client speaks, one in each file: ``StreamClient(dialect=OPENAI_CHAT)``."""

from client_under_test.dialects.anthropic import ANTHROPIC
from client_under_test.dialects.openai_chat import OPENAI_CHAT
from client_under_test.dialects.openai_responses import OPENAI_RESPONSES

__all__ = ["ANTHROPIC", "OPENAI_CHAT", "OPENAI_RESPONSES"]
