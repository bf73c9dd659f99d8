# /// script
# dependencies = ["openai>=3.50,<4"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["retries", "tools", "usage", "error_kind", "outcomes", "reuse"]
# dialect = "openai_responses"
# many = true
# ///
"""OpenAI's own Python SDK: `responses.create(stream=True)`, with every event that ends a stream."""

import ssl
from contextlib import asynccontextmanager

import httpx2
import openai
from attached import code_or_type, done, readable, serve, text

TLS = ssl.create_default_context()


class Failed(openai.OpenAIError):
    """The stream told of an error, which the SDK hands over as an event like any other."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


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
    answer = None
    async with await client.responses.create(**job["request"], stream=True) as stream:
        async for event in stream:
            match event.type:
                case "response.output_text.delta":
                    yield text(event.delta)
                case "response.completed" | "response.incomplete":
                    answer = event.response
                case "response.failed":
                    raise Failed(event.response.error.message, event.response.error.code)
                case "error":
                    raise Failed(event.message, event.code)
    if answer is None:  # nobody says so: the loop over the events has simply ended
        yield done()
        return
    calls = [item for item in answer.output if item.type == "function_call"]
    yield done(
        text=answer.output_text,
        stop_reason=answer.incomplete_details.reason if answer.status == "incomplete" else answer.status,
        tools=readable(calls),
        usage=answer.usage and {"input_tokens": answer.usage.input_tokens, "output_tokens": answer.usage.output_tokens},
    )


serve(call, connect, own=openai.OpenAIError, kind=code_or_type)
