# /// script
# dependencies = ["pydantic-ai-slim[anthropic]>=2,<3"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["retries", "outcomes", "reuse"]
# many = true
# ///
"""Pydantic AI: `Agent.run_stream` on a Claude model, text by text."""

from contextlib import asynccontextmanager

import anthropic
from attached import done, serve, text
from pydantic_ai import Agent
from pydantic_ai.exceptions import AgentRunError, ContentFilterError, OutputTokenLimitExceeded, UserError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider


@asynccontextmanager
async def connect(job):
    client = anthropic.AsyncAnthropic(api_key=job["api_key"], base_url=job["base_url"], timeout=job["limits"]["idle"])
    async with client:
        yield AnthropicModel(job["request"]["model"], provider=AnthropicProvider(anthropic_client=client))


async def call(model, job):
    request = job["request"]
    agent = Agent(model, system_prompt=request.get("system", ()), model_settings={"max_tokens": request["max_tokens"]})
    try:
        async with agent.run_stream(request["messages"][-1]["content"]) as result:
            async for piece in result.stream_text(delta=True, debounce_by=None):
                yield text(piece)
            whole = await result.get_output()
    except ContentFilterError:  # so it tells its caller that the model declined to say anything
        yield done(text="", stop_reason="refusal")
    except OutputTokenLimitExceeded:  # and so that there was no room to say anything
        yield done(text="", outcome="truncated")
    else:
        details = result.response.provider_details or {}
        yield done(text=whole, stop_reason=details.get("finish_reason"))


serve(call, connect, own=(AgentRunError, UserError, anthropic.AnthropicError))
