"""Replies that are rendered once: of a crowd that asks the same, all but the first are given what that was. Pure.

To render a reply takes longer than to send it. A step is pure, so the same request is given the same reply; it is
compared whole, and nothing is assumed of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fake_server.dialect import Dialect
from fake_server.effects import Effect, Send
from fake_server.script import Reply, Request, Script, render
from fake_server.wire import Head
from fake_server.writes import Prerendered

_MOST = 1 << 6
"""Replies that are kept; when there are more, all are forgotten."""
_MOST_EFFECTS, _MOST_BYTES = 1 << 12, 1 << 20
"""Of one that is kept as it goes over the wire. What faults make of a reply may have no end."""


@dataclass(frozen=True, slots=True)
class _Kept:
    script: Script
    request: Request
    reply: Reply
    rendered: tuple[Head, Prerendered] | None
    """None where there is too much of it."""


_KEPT: dict[tuple[int, int, str, Dialect], _Kept] = {}
"""The last reply of each script to each attempt, with a seed, in a dialect."""


def prepared(script: Script, request: Request) -> tuple[Reply, Head, Iterable[Effect]]:
    """What a script replies to a request, its head as it will be sent, and the effects on the connection.

    A reply whose body is no tuple is made each time: it may be one that can be read once.
    """
    place = (id(script), request.attempt, request.seed, request.dialect)
    kept = _KEPT.get(place)
    if kept is None or kept.script is not script or kept.request != request:
        reply = script.reply(request)
        if not isinstance(reply.body, tuple):
            return reply, *render(reply, request)
        if len(_KEPT) >= _MOST:
            _KEPT.clear()
        kept = _KEPT[place] = _Kept(script, request, reply, _rendered(reply, request))
    head, effects = kept.rendered or render(kept.reply, request)
    return kept.reply, head, effects


def _rendered(reply: Reply, request: Request) -> tuple[Head, Prerendered] | None:
    head, effects = render(reply, request)
    whole, size = [], 0
    for effect in effects:
        whole.append(effect)
        size += len(effect.data) if isinstance(effect, Send) else 0
        if len(whole) > _MOST_EFFECTS or size > _MOST_BYTES:
            return None
    return head, Prerendered(whole)
