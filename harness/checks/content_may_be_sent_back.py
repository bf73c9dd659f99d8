from __future__ import annotations

from typing import Any, assert_never

from fake_server.dialect import Dialect
from fake_server.speech import speech_of
from harness.asking import MODELS
from harness.history import Case
from harness.law import law
from harness.model import Capability, Outcome
from harness.verdict import PASSED, Ruling, failed, skipped

_HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01", "authorization": "Bearer k"}


@law("SP24", rank=8)
def content_may_be_sent_back(case: Case) -> Ruling:
    """The content that a client keeps may be sent back to the API, whatever became of the call.

    A tool call without its result, thinking without its whole signature or a blank text in the history makes every
    later request of the conversation a 400: one interruption, and the session is dead for ever. What is kept must also
    say what was shown.
    """
    finished = case.finished
    if finished is None or not case.can(Capability.CONTENT):
        return skipped("the client does not return content blocks")
    if not finished.content:
        return PASSED
    content, dialect = list(finished.content), case.info.dialect
    ran = finished.outcome is Outcome.COMPLETE
    problem = speech_of(dialect).problem_in(_conversation(content, dialect, tools_ran=ran), _HEADERS)
    if problem is not None:
        return failed(f"the next request of the conversation would be refused: {problem.message}")
    signed = {signature for attempt in case.attempts for signature in attempt.response.signatures}
    kept = {str(block.get("signature")) for block in content if block.get("type") == "thinking"}
    if kept - signed:
        return failed("thinking is kept with a signature that the API never gave: every later request is refused")
    text = "".join(map(_text, content))
    if text.strip() != case.final_text.strip():
        return failed(f"the content that is kept says something else than what was shown: {text[-60:]!r} at its end")
    return PASSED


def _text(part: dict[str, Any]) -> str:
    """The text of a content block, of a message of chat completions, or of an item of a response."""
    if part.get("role") != "assistant":
        return str(part.get("text", "")) if part.get("type") in ("text", "output_text") else ""
    within = part.get("content")
    return "".join(map(_text, within)) if isinstance(within, list) else within or ""


def _conversation(content: list[dict[str, Any]], dialect: Dialect, *, tools_ran: bool) -> dict[str, Any]:
    """The conversation as it would go on: with the results of the tools that ran, or with the user's next words."""
    hello, on = {"role": "user", "content": "Hello"}, {"role": "user", "content": "Go on."}
    results = [_result(one, dialect) for one in _calls(content, dialect)] if tools_ran else []
    match dialect:
        case Dialect.ANTHROPIC:
            said = {"role": "assistant", "content": content}
            more = {"max_tokens": 10, "messages": [hello, said, {**on, "content": results} if results else on]}
        case Dialect.OPENAI_CHAT:
            more = {"messages": [hello, *content, *results, on]}
        case Dialect.OPENAI_RESPONSES:
            more = {"input": [hello, *content, *results, on]}
        case _:
            assert_never(dialect)
    return {"model": MODELS[dialect], **more}


def _calls(content: list[dict[str, Any]], dialect: Dialect) -> list[dict[str, Any]]:
    """The tool calls in it."""
    if dialect is Dialect.OPENAI_CHAT:
        return [call for turn in content for call in turn.get("tool_calls") or ()]
    return [part for part in content if part.get("type") in ("tool_use", "function_call")]


def _result(call: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    match dialect:
        case Dialect.ANTHROPIC:
            return {"type": "tool_result", "tool_use_id": call.get("id"), "content": "done"}
        case Dialect.OPENAI_CHAT:
            return {"role": "tool", "tool_call_id": call.get("id"), "content": "done"}
        case Dialect.OPENAI_RESPONSES:
            return {"type": "function_call_output", "call_id": call.get("call_id"), "output": "done"}
        case _:
            assert_never(dialect)
