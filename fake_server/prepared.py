"""Replies that are rendered once: of a crowd that asks the same, all but the first are given what that was. Pure.

To render a reply takes longer than to send it. A step is pure, so the same request is given the same reply; it is
compared whole, and nothing is assumed of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fake_server.dialect import Dialect
from fake_server.effects import Effect
from fake_server.script import Reply, Request, Script, render
from fake_server.wire import Head

_MOST = 1 << 6
"""Replies that are kept; when there are more, all are forgotten."""


@dataclass(frozen=True, slots=True)
class _Kept:
    script: Script
    request: Request
    reply: Reply
    rendered: tuple[Head, tuple[Effect, ...]] | None
    """None where it has faults: what they make of it may have no end."""


_KEPT: dict[tuple[int, int, str, Dialect], _Kept] = {}
"""The last reply of each script to each attempt, with a seed, in a dialect."""


def prepared(script: Script, request: Request) -> tuple[Reply, Head, Iterable[Effect]]:
    """What a script replies to a request, its head as it will be sent, and the effects on the connection.

    Faults strike each time, and as the reply is sent. A reply whose body is no tuple is made each time: it may be one
    that can be read once, or has no end.
    """
    place = (id(script), request.attempt, request.seed, request.dialect)
    kept = _KEPT.get(place)
    if kept is None or kept.script is not script or kept.request != request:
        kept = _made(script, request)
        if isinstance(kept.reply.body, tuple):
            _keep(place, kept)
    head, effects = kept.rendered or render(kept.reply, request)
    return kept.reply, head, effects


def _made(script: Script, request: Request) -> _Kept:
    reply = script.reply(request)
    if reply.faults or not isinstance(reply.body, tuple):
        return _Kept(script, request, reply, None)
    head, effects = render(reply, request)
    return _Kept(script, request, reply, (head, tuple(effects)))


def _keep(place: tuple[int, int, str, Dialect], kept: _Kept) -> None:
    if len(_KEPT) >= _MOST:
        _KEPT.clear()
    _KEPT[place] = kept
