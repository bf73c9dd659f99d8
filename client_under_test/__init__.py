"""A resilient client for answers streamed by the Claude Messages API.

    from client_under_test import StreamClient, TextAdded, TextReset

    async with StreamClient(api_key=key) as client:
        async for update in client.stream(request):
            ...

It delivers the answer once and whole, or says honestly that it could not: every error is a
:class:`~client_under_test.errors.StreamError` with the partial text.
"""

from client_under_test.answer import Answer
from client_under_test.driver_async import StreamClient
from client_under_test.errors import StreamError
from client_under_test.policy import Policy
from client_under_test.signals import TextAdded, TextReset

__all__ = ["Answer", "Policy", "StreamClient", "StreamError", "TextAdded", "TextReset"]
