"""What is told of calls to the outside: metrics, incidents, traces and logs.

Nothing is imported here. Each module needs its own library (the extras ``prometheus``, ``sentry`` and ``otel``), and
holds a :class:`~client_under_test.observe.Watch` to give to the client.
"""
