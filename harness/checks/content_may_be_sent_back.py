from __future__ import annotations

from typing import Any

from fake_server.validate import problem_in
from harness.history import Case
from harness.law import law
from harness.model import Capability, Outcome
from harness.verdict import PASSED, Ruling, failed, skipped

_HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}


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
    ran = finished.outcome is Outcome.COMPLETE
    problem = problem_in(_conversation(list(finished.content), tools_ran=ran), _HEADERS)
    if problem is not None:
        return failed(f"the next request of the conversation would be refused: {problem.message}")
    signed = {signature for attempt in case.attempts for signature in attempt.response.signatures}
    kept = {str(block.get("signature")) for block in finished.content if block.get("type") == "thinking"}
    if kept - signed:
        return failed("thinking is kept with a signature that the API never gave: every later request is refused")
    text = "".join(str(block.get("text", "")) for block in finished.content if block.get("type") == "text")
    if text.strip() != case.final_text.strip():
        return failed(f"the content that is kept says something else than what was shown: {text[-60:]!r} at its end")
    return PASSED


def _conversation(content: list[dict[str, Any]], *, tools_ran: bool) -> dict[str, Any]:
    """The conversation as it would go on: with the results of the tools that ran, or with the user's next words."""
    results = [
        {"type": "tool_result", "tool_use_id": block.get("id"), "content": "done"}
        for block in content
        if tools_ran and block.get("type") == "tool_use"
    ]
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": results or "Go on."},
    ]
    return {"model": "claude-sonnet-5-5", "max_tokens": 10, "messages": turns}
