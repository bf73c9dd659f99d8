"""A resilient client for answers streamed by the Claude Messages API, or by the APIs of OpenAI and all who speak them.

    from client_under_test import StreamClient, events

    async with StreamClient(api_key=key) as client:
        async for event in client.stream(request):
            match event:
                case events.Text(text):
                    print(text, end="")

It delivers the answer once and whole, or says honestly that it could not: every error is a
:class:`~client_under_test.errors.StreamError` with the partial text.
"""

from client_under_test import events
from client_under_test.driver_async import StreamClient
from client_under_test.driver_sync import SyncStreamClient
from client_under_test.errors import StreamError
from client_under_test.policy import Policy

__all__ = ["Policy", "StreamClient", "StreamError", "SyncStreamClient", "events"]
