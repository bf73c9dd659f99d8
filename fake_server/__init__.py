"""A scripted server that speaks an LLM API over HTTP and breaks it on purpose.

Usable alone (``streamproof serve``). Everything but :mod:`fake_server.perform` and
:mod:`fake_server.app` is pure: no sockets, no clock, no randomness of its own.
"""
