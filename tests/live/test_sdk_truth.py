"""What the harness says of the official SDK, shown with the SDK alone against ``streamproof serve``.

Nothing of the harness is in these calls: the caller below is ten lines that anybody would write. Each test then looks
at what the harness says of the same scenario, and the two must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import pytest
from live.running import run, served

from harness.events import CaseFinished
from harness.verdict import Verdict

SCENARIOS = (
    "cutoff.clean_end_mid_text",
    "cutoff.fin_mid_text",
    "cutoff.reset_terminal_seen",
    "order.overloaded_mid_text",
    "order.text_after_the_end",
    "order.delta_before_start",
    "malformed.json_mid_stream",
    "malformed.usage_missing",
    "content.tool_cut_by_max_tokens",
    "encoding.surrogate_pair_split",
    "framing.no_event_field",
    "http_status.html_with_200",
    "completion.held_open",
    "http_status.status_529",
)


@dataclass
class Seen:
    """What the caller of the SDK got."""

    text: str = ""
    message: anthropic.types.Message | None = None
    error: Exception | None = None


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def verdicts() -> dict[str, CaseFinished]:
    return run("anthropic", select=" or ".join(SCENARIOS))


def call(url: str, **more: Any) -> Seen:
    seen, timeout = Seen(), httpx2.Timeout(1.0)
    with anthropic.Anthropic(api_key="any", base_url=url, timeout=timeout) as client:
        question: Any = [{"role": "user", "content": "Hello"}]
        try:
            with client.messages.stream(
                model="claude-sonnet-5-5", max_tokens=1024, messages=question, **more
            ) as stream:
                for piece in stream.text_stream:
                    seen.text += piece
                seen.message = stream.get_final_message()
        except Exception as error:
            seen.error = error
    return seen


def said(verdicts: dict[str, CaseFinished], scenario: str) -> tuple[str, str]:
    """Law and sentence of the harness's finding."""
    result = verdicts[f"{scenario}@anthropic"]
    assert result.verdict is Verdict.FAIL
    assert result.finding is not None
    return result.finding.law, result.finding.harm


def whole_text(verdicts: dict[str, CaseFinished], scenario: str) -> str:
    record = verdicts[f"{scenario}@anthropic"].record
    assert record is not None
    return record.info.texts[0]


def test_a_clean_end_gives_half_an_answer_without_an_exception(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/cutoff.clean_end_mid_text")
    assert seen.error is None
    assert seen.message is not None
    assert seen.message.stop_reason is None
    share = len(seen.text) / len(whole_text(verdicts, "cutoff.clean_end_mid_text"))
    expected = f"the user saw {share:.0%} of the answer and no exception; only a stop_reason of None tells"
    assert said(verdicts, "cutoff.clean_end_mid_text") == ("SP02", expected)


def test_a_fin_leaks_an_exception_that_is_not_the_sdks(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/cutoff.fin_mid_text")
    assert type(seen.error) is httpx2.RemoteProtocolError
    assert not isinstance(seen.error, anthropic.AnthropicError)
    law, harm = said(verdicts, "cutoff.fin_mid_text")
    assert law == "SP08"
    assert "httpx2.RemoteProtocolError" in harm


def test_a_reset_after_message_stop_loses_an_answer_that_was_whole(
    base: str, verdicts: dict[str, CaseFinished]
) -> None:
    seen = call(f"{base}/cutoff.reset_terminal_seen")
    assert seen.text == whole_text(verdicts, "cutoff.reset_terminal_seen")
    assert isinstance(seen.error, httpx2.ReadError)
    law, harm = said(verdicts, "cutoff.reset_terminal_seen")
    assert law == "SP07"
    assert harm.startswith("the whole answer was on display, and then the call failed (httpx2.ReadError")


def test_an_overload_in_the_stream_is_a_typed_error_with_status_200(
    base: str, verdicts: dict[str, CaseFinished]
) -> None:
    seen = call(f"{base}/order.overloaded_mid_text")
    assert isinstance(seen.error, anthropic.APIStatusError)
    assert (seen.error.status_code, seen.error.type) == (200, "overloaded_error")
    assert verdicts["order.overloaded_mid_text@anthropic"].verdict is Verdict.PASS


def test_text_after_message_stop_is_added_to_the_answer(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/order.text_after_the_end")
    assert seen.error is None
    assert seen.text == whole_text(verdicts, "order.text_after_the_end") + "EXTRA"
    assert said(verdicts, "order.text_after_the_end") == (
        "SP03",
        "the text shown goes on after the end of the answer: 'EXTRA'",
    )


def test_a_delta_without_its_block_is_an_index_error(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/order.delta_before_start")
    assert type(seen.error) is IndexError
    law, harm = said(verdicts, "order.delta_before_start")
    assert (law, "builtins.IndexError" in harm) == ("SP08", True)


def test_one_malformed_event_is_a_bare_json_error(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/malformed.json_mid_stream")
    assert type(seen.error).__name__ == "JSONDecodeError"
    assert not isinstance(seen.error, anthropic.AnthropicError)
    law, harm = said(verdicts, "malformed.json_mid_stream")
    assert (law, "json.JSONDecodeError" in harm) == ("SP08", True)


def test_a_missing_usage_breaks_an_answer_that_was_whole(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/malformed.usage_missing")
    assert type(seen.error) is AttributeError
    assert seen.text == whole_text(verdicts, "malformed.usage_missing")
    law, harm = said(verdicts, "malformed.usage_missing")
    assert law == "SP07"
    assert harm.startswith("the whole answer was on display, and then the call failed (builtins.AttributeError")


def test_a_tool_input_cut_by_max_tokens_comes_as_a_smaller_object(base: str, verdicts: dict[str, CaseFinished]) -> None:
    tools: Any = [{"name": "write_file", "input_schema": {"type": "object"}}]
    seen = call(f"{base}/content.tool_cut_by_max_tokens", tools=tools)
    assert seen.error is None
    assert seen.message is not None
    assert seen.message.stop_reason == "max_tokens"
    block = next(block for block in seen.message.content if block.type == "tool_use")
    assert block.input == {"path": "/notes/village.txt"}
    law, harm = said(verdicts, "content.tool_cut_by_max_tokens")
    assert law == "SP06"
    assert harm.endswith('holds a tool call all the same: write_file({"path": "/notes/village.txt"})')


def test_a_split_surrogate_pair_stays_two_halves(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/encoding.surrogate_pair_split")
    with pytest.raises(UnicodeEncodeError):
        seen.text.encode()
    law, harm = said(verdicts, "encoding.surrogate_pair_split")
    assert (law, "cannot be encoded as UTF-8" in harm) == ("SP05", True)


@pytest.mark.parametrize("scenario", ["framing.no_event_field", "http_status.html_with_200"])
def test_a_stream_without_events_is_an_assertion_error_without_a_word(
    base: str, verdicts: dict[str, CaseFinished], scenario: str
) -> None:
    seen = call(f"{base}/{scenario}")
    assert type(seen.error) is AssertionError
    assert str(seen.error) == ""
    law, harm = said(verdicts, scenario)
    assert (law, "builtins.AssertionError" in harm) == ("SP08", True) or law == "SP07"


def test_a_connection_held_open_after_the_end_is_a_timeout(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/completion.held_open")
    assert seen.text == whole_text(verdicts, "completion.held_open")
    assert isinstance(seen.error, httpx2.ReadTimeout)
    law, harm = said(verdicts, "completion.held_open")
    assert (law, "httpx2.ReadTimeout" in harm) == ("SP07", True)


def test_a_529_before_the_stream_is_recovered(base: str, verdicts: dict[str, CaseFinished]) -> None:
    seen = call(f"{base}/http_status.status_529")
    assert seen.error is None
    assert seen.text == whole_text(verdicts, "http_status.status_529")
    assert verdicts["http_status.status_529@anthropic"].verdict is Verdict.PASS
