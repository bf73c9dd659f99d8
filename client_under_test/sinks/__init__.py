"""Where an answer goes while it streams.

    await deliver(client.stream(request), SlackMessage(slack, channel="C1"), Webhook(url, secret=secret))

Each sink is a module of its own and is imported only by who uses it: ``slack`` (extra ``slack``), ``webhook``,
``relay``, ``terminal`` (extra ``terminal``). A sink of your own is any object with the two methods of :class:`Sink`.
"""

from client_under_test.sinks.deliver import Interrupted, deliver
from client_under_test.sinks.sink import Begins, Sink, SinkFailed, SinksFailed

__all__ = ["Begins", "Interrupted", "Sink", "SinkFailed", "SinksFailed", "deliver"]
