# /// script
# dependencies = ["openai>=3.50,<4"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["retries", "tools", "usage", "error_kind", "outcomes", "reuse"]
# dialect = "openai_chat"
# many = true
# ///
"""OpenAI's own Python SDK: `chat.completions.stream`, its accumulated answer, its own retries and backoff."""

import ssl
from contextlib import asynccontextmanager

import httpx2
import openai
from attached import code_or_type, done, readable, serve, text

TLS = ssl.create_default_context()


@asynccontextmanager
async def connect(job):
    limits = job["limits"]
    timeout = httpx2.Timeout(limits["idle"], connect=limits["connect"])
    http = openai.DefaultAsyncHttpxClient(verify=TLS)
    async with openai.AsyncOpenAI(
        api_key=job["api_key"], base_url=job["base_url"] + "/v1", timeout=timeout, http_client=http
    ) as client:
        yield client


async def call(client, job):
    counted = {"stream_options": {"include_usage": True}}
    async with client.chat.completions.stream(**job["request"], **counted) as stream:
        async for event in stream:
            if event.type == "content.delta":
                yield text(event.delta)
        try:
            answer = await stream.get_final_completion()
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError) as cut:
            # So it tells its caller that the model stopped short: what was raised holds no calls to carry out.
            answer, calls = cut.completion, ()
        else:
            calls = answer.choices[0].message.tool_calls or ()
    choice, usage = answer.choices[0], answer.usage
    yield done(
        text=choice.message.content or "",
        stop_reason=choice.finish_reason,
        tools=readable(one.function for one in calls),
        usage=usage and {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens},
    )


serve(call, connect, own=openai.OpenAIError, kind=code_or_type)
