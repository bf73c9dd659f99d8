# /// script
# dependencies = ["langchain-anthropic>=1.4,<2"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["retries", "tools", "error_kind", "outcomes"]
# many = true
# ///
"""LangChain's `ChatAnthropic.astream`, whose chunks are added up as its documentation shows."""

import anthropic
from attached import done, serve, text
from langchain_anthropic import ChatAnthropic
from langchain_core.exceptions import LangChainException


async def call(_, job):
    request = dict(job["request"])
    messages = [(one["role"], one["content"]) for one in request.pop("messages")]
    if isinstance(system := request.pop("system", None), str):
        messages.insert(0, ("system", system))
    model = ChatAnthropic(
        **request,
        base_url=job["base_url"],
        api_key=job["api_key"],
        default_request_timeout=job["limits"]["idle"],
        max_retries=2,
    )
    whole = None
    async for chunk in model.astream(messages):
        if piece := chunk.text:
            yield text(str(piece))
        whole = chunk if whole is None else whole + chunk
    yield done(
        text=str(whole.text),
        stop_reason=whole.response_metadata.get("stop_reason"),
        tools=[{"name": one["name"], "input": one["args"]} for one in whole.tool_calls],
    )


serve(call, own=(anthropic.AnthropicError, LangChainException))
