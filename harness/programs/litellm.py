# /// script
# dependencies = ["litellm>=1.90,<2"]
#
# [tool.streamproof]
# policy = "raise"
# capabilities = ["outcomes", "reuse"]
# many = true
# ///
"""LiteLLM's `acompletion` with a Claude model, streamed. Its client is the module: that keeps connections by itself."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it is fetched from the network

import litellm
from attached import done, serve, text

litellm.telemetry = False
litellm.suppress_debug_info = True
OWN = tuple(one for one in vars(litellm.exceptions).values() if isinstance(one, type) and issubclass(one, Exception))


async def call(_, job):
    request = dict(job["request"])
    stream = await litellm.acompletion(
        model=f"anthropic/{request.pop('model')}",
        **request,
        api_base=f"{job['base_url']}/v1/messages",
        api_key=job["api_key"],
        stream=True,
        timeout=job["limits"]["idle"],
    )
    reason = None
    async for chunk in stream:
        (choice,) = chunk.choices
        if choice.delta.content:
            yield text(choice.delta.content)
        reason = choice.finish_reason or reason
    yield done(stop_reason=reason)


serve(call, own=OWN)
