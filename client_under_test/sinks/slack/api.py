"""Calls to Slack, and what their failures mean.

Everything that slack_sdk and its transport raise becomes one of a few exceptions; the original is the cause.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from client_under_test.sinks.courier import NotNow, Refused
from client_under_test.sinks.pace import retry_after


class Gone(Exception):
    """The message is not there any more."""


class TooLong(Exception):
    """The text is longer than Slack takes here."""


class NotStreaming(Exception):
    """The message is not, or no longer, in its streaming state."""


_PASSING = frozenset(
    "fatal_error internal_error request_timeout service_unavailable streaming_state_conflict team_added_to_org".split()
)
_TOO_LONG = frozenset("msg_too_long msg_blocks_too_long".split())


async def call(under_way: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse:
    """The response to an API call.

    Raises:
        NotNow: it was limited, or failed in a way that may pass.
        Gone: there is no such message.
        TooLong: the text is too long.
        NotStreaming: the message is not a stream.
        Refused: anything else.
    """
    try:
        return await under_way
    except SlackApiError as error:
        raise _meaning(error.response) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotNow(f"no answer from Slack: {type(error).__name__}", unclear=True) from error
    except (SlackClientError, AttributeError) as error:
        # slack_sdk takes a text/plain body for an object; a proxy's page with status 200 is an AttributeError.
        raise NotNow(f"no Slack at the other end: {type(error).__name__}", unclear=True) from error


def _meaning(response: Any) -> Exception:
    """``response`` is what slack_sdk puts into its error: its own response, or aiohttp's."""
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or code == "ratelimited":
        return NotNow("Slack limits the rate", after=retry_after(response.headers))
    if code in _PASSING or status >= 500 or not code:
        return NotNow(f"Slack failed: {code or f'HTTP {status}'}", unclear=True)
    return _REFUSALS.get(code, Refused)(f"Slack refuses: {code}")


_REFUSALS: dict[str, type[Exception]] = {
    "message_not_found": Gone,
    "message_not_in_streaming_state": NotStreaming,
    **dict.fromkeys(_TOO_LONG, TooLong),
}
