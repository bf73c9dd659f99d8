# /// script
# dependencies = ["langchain-anthropic>=1.4,<2"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["retries", "tools", "error_kind", "outcomes", "reuse"]
# many = true
# ///
"""LangChain's `ChatAnthropic.astream`, whose chunks are added up as its documentation shows."""

from contextlib import asynccontextmanager

import anthropic
from attached import done, serve, text
from langchain_anthropic import ChatAnthropic
from langchain_core.exceptions import LangChainException


@asynccontextmanager
async def connect(job):
    request = job["request"]
    yield ChatAnthropic(
        model=request["model"],
        max_tokens=request["max_tokens"],
        base_url=job["base_url"],
        api_key=job["api_key"],
        default_request_timeout=job["limits"]["idle"],
        max_retries=2,
    )


async def call(model, job):
    request = {name: value for name, value in job["request"].items() if name not in ("model", "max_tokens")}
    messages = [(one["role"], one["content"]) for one in request.pop("messages")]
    if isinstance(system := request.pop("system", None), str):
        messages.insert(0, ("system", system))
    whole = None
    async for chunk in model.astream(messages, **request):
        if piece := chunk.text:
            yield text(str(piece))
        whole = chunk if whole is None else whole + chunk
    yield done(
        text=str(whole.text),
        stop_reason=whole.response_metadata.get("stop_reason"),
        tools=[{"name": one["name"], "input": one["args"]} for one in whole.tool_calls],
    )


serve(call, connect, own=(anthropic.AnthropicError, LangChainException))
