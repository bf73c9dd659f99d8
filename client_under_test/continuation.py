"""How an interrupted answer is continued: which strategy for which model, and the request that asks for the rest.

Rules:

1. What the reader has seen is continued and not said again, wherever the model can do that.
2. Tool calls and thinking are never half-recovered: only text is continued. With tools in the request the model would
   be pushed to prose (BerriAI/litellm#31067), and with a format for its output it would begin another document: there
   the answer is asked for anew.
3. The partial goes into the request without white space at its end, which the API refuses in a prefill and which models
   like to say again.
4. A few characters are not worth a seam: below :data:`SHORTEST` the answer is asked for anew.

What is here about requests is said in the words of the Messages API; other dialects say theirs themselves.

Source: API documentation, "Streaming messages", section "Error recovery", and "Prefill not supported".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeAlias, assert_never

SHORTEST = 40
"""Characters of a partial that are worth continuing, and of a repetition that prove that it is one."""


class Strategy(Enum):
    """How the rest of an answer is asked for."""

    PREFILL = "prefill"
    """The partial is the beginning of the assistant's turn; up to Claude 4.5."""
    USER_TURN = "user_turn"
    """A message of the user's quotes the partial and asks to go on; the documented way from Claude 4.6 on."""
    SYSTEM = "system"
    """The system prompt quotes the partial and asks to go on."""
    RESTART = "restart"
    """The answer is asked for anew. What it repeats is not shown again; if it differs, the display is reset."""


Table: TypeAlias = tuple[tuple[str, Strategy], ...]
"""Regular expressions for names of models, and what to do with those that they are found in."""

DEFAULT_TABLE: Table = (
    (r"claude-(instant|[123])(?!\d)", Strategy.PREFILL),
    (r"claude-[a-z]+-4([-.][0-5])?($|[-@:]\d{8}|-?[a-z@:])", Strategy.PREFILL),
    (r"claude", Strategy.USER_TURN),
    (r"", Strategy.RESTART),
)
"""Claude up to 4.5 takes a prefill and later ones do not; of other models nothing is known."""

_AFTER: Mapping[Strategy, Strategy] = {
    Strategy.PREFILL: Strategy.USER_TURN,
    Strategy.USER_TURN: Strategy.RESTART,
    Strategy.SYSTEM: Strategy.RESTART,
}
"""What to try when the server refuses a strategy."""

_ASK = """\
Your previous response was interrupted. This is all of it that arrived:

<interrupted_response>{partial}</interrupted_response>

Continue exactly where it stops, even in the middle of a word. Do not repeat any of it and do not mention the \
interruption."""


def ask_for_the_rest(partial: str) -> str:
    """What a user says to a model that was interrupted after ``partial``."""
    return _ASK.format(partial=partial.rstrip())


def strategy_for(
    request: Mapping[str, Any],
    partial: str,
    *,
    table: Table = DEFAULT_TABLE,
    forced: Strategy | None = None,
    refused: Iterable[Strategy] = (),
) -> Strategy:
    """How to go on with ``partial``.

    Args:
        request: the JSON body, with the name of the model that will be asked.
        partial: the text that came so far.
        table: what is known of models.
        forced: the caller's choice, in place of the table and of the rule about tools.
        refused: strategies that the server has refused in this call, or that cannot be said to it.
    """
    if len(partial.rstrip()) < SHORTEST:
        return Strategy.RESTART
    strategy = forced or (Strategy.RESTART if _is_more_than_text(request) else _known(request, table))
    if strategy is Strategy.PREFILL and _thinks(request):
        strategy = Strategy.USER_TURN  # the API takes no prefill while the model thinks
    tried = set(refused)
    while strategy in tried and strategy in _AFTER:
        strategy = _AFTER[strategy]
    return strategy


def continued(request: Mapping[str, Any], partial: str, strategy: Strategy) -> dict[str, Any]:
    """``request`` so that its answer goes on after ``partial`` (without white space at its end).

    Fields that are not what the API wants are left as they are: refusing them is the server's business.
    """
    said, turns = partial.rstrip(), _turns(request)
    match strategy:
        case Strategy.PREFILL:
            return {**request, "messages": [*turns, {"role": "assistant", "content": said}]}
        case Strategy.USER_TURN:
            return {**request, "messages": [*turns, {"role": "user", "content": ask_for_the_rest(said)}]}
        case Strategy.SYSTEM:
            return {**request, "system": _system(request.get("system"), ask_for_the_rest(said))}
        case Strategy.RESTART:
            return dict(request)
        case _:
            assert_never(strategy)


def after_pauses(
    request: Mapping[str, Any],
    turns: Iterable[Iterable[Mapping[str, Any]]],
    container: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """``request`` with the paused turns sent back as they came, so that the model goes on with them.

    Args:
        request: the JSON body of the call.
        turns: the content of each paused turn.
        container: where the tools of the paused turns ran, as the API told it: the files are there.

    Source: API documentation, "Skills guide", section "Multi-turn conversations".
    """
    content = [block for turn in turns for block in turn]
    if not content:
        return request
    going_on = {**request, "messages": [*_turns(request), {"role": "assistant", "content": content}]}
    return going_on if container is None else {**going_on, "container": _within(request.get("container"), container)}


def _within(asked: Any, container: Mapping[str, Any]) -> Any:
    """What to ask for in place of ``asked``, to come into that very container."""
    return {**asked, "id": container.get("id")} if isinstance(asked, Mapping) else container.get("id")


def _turns(request: Mapping[str, Any]) -> list[Any]:
    messages = request.get("messages")
    return list(messages) if isinstance(messages, list | tuple) else []


def _is_more_than_text(request: Mapping[str, Any]) -> bool:
    """Whether the request has tools, or a format for its output, under any of the names that the dialects have."""
    if any(request.get(name) for name in ("tools", "functions", "mcp_servers", "output_format")):
        return True
    holders = [request.get("output_config"), request.get("text"), {"format": request.get("response_format")}]
    return any(_is_format(holder.get("format")) for holder in holders if isinstance(holder, Mapping))


def _is_format(value: Any) -> bool:
    is_plain = isinstance(value, Mapping) and value.get("type") == "text"
    return bool(value) and not is_plain


def _known(request: Mapping[str, Any], table: Table) -> Strategy:
    model = str(request.get("model", ""))
    return next((strategy for pattern, strategy in table if re.search(pattern, model)), Strategy.RESTART)


def _thinks(request: Mapping[str, Any]) -> bool:
    thinking = request.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") != "disabled"


def _system(system: Any, more: str) -> Any:
    if isinstance(system, list):
        return [*system, {"type": "text", "text": more}]
    return f"{system}\n\n{more}" if system else more
