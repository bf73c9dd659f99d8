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

import httpx
import litellm
from attached import done, serve, status_code, text, untold

litellm.telemetry = False
litellm.suppress_debug_info = True
OWN = tuple(one for one in vars(litellm.exceptions).values() if isinstance(one, type) and issubclass(one, Exception))


def received(raised):
    """The status that its error tells, where the server has sent one.

    All of its classes have one, and most a response that it made up: a broken connection is 500 by definition. Only the
    error below, of the HTTP library, knows whether there was a reply.
    """
    return status_code(raised) if any(isinstance(one, httpx.HTTPStatusError) for one in causes(raised)) else None


def causes(raised):
    """It, and all that it comes from."""
    while raised is not None:
        yield raised
        raised = getattr(raised, "original_exception", None) or raised.__cause__ or raised.__context__


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


serve(call, own=OWN, kind=untold, status=received)
