"""What an answer can hold beside text: tools, thinking, citations, blocks of the server's own."""

from __future__ import annotations

from fake_server.answer import Answer
from fake_server.blocks import Block, text_block, thinking_block, tool_block, whole_block
from fake_server.fault import Fault
from fake_server.faults.drop_event import DropEvent
from fake_server.faults.end_early import EndEarly
from fake_server.faults.pause import Pause
from fake_server.faults.stall_forever import StallForever
from fake_server.position import AtEvent
from fake_server.script import script
from harness.model import Capability, Expect, Outcome, Scenario, ToolUse
from scenarios.shapes import BLOCK_DONE, CLAUDE, DELTA, EVERY_DIALECT, WHOLE

_FILE = {"path": "/notes/village.txt", "content": "The heron visits the mill at dawn — 東京, Łódź, 🌍.", "mode": "w"}
_LONG_FILE = {**_FILE, "content": "The heron visits the mill. " * 150}
_WRITE = ToolUse("write_file", _FILE)
_CUT_INPUT = '{"path": "/notes/village.txt", "content": "The heron visits'
_TOOLS = frozenset({Capability.TOOLS})
_TOOL_SPEC = {
    "tools": [
        {"name": "write_file", "description": "Write a file", "input_schema": {"type": "object", "properties": {}}},
        {"name": "list_files", "description": "List all files", "input_schema": {"type": "object", "properties": {}}},
    ]
}


def _calls(*blocks: Block, stop_reason: str = "tool_use", faults: tuple[Fault, ...] = ()) -> Answer:
    return Answer(blocks=blocks, stop_reason=stop_reason, faults=faults)


_GOOD = _calls(tool_block("write_file", _FILE))

DIALECTS = EVERY_DIALECT
HARM = "A tool is run that should not be, or otherwise than the model called it, or thoughts are shown as the answer."

SCENARIOS = (
    Scenario(
        name="tool_call",
        title="One tool call, its input streamed in pieces.",
        script=script(_GOOD),
        expect=Expect(tools=(_WRITE,)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
    ),
    Scenario(
        name="text_and_two_tools",
        title="Text, then two tool calls.",
        script=script(
            _calls(
                text_block("I will write both files now."),
                tool_block("write_file", _FILE),
                tool_block("list_files", {}),
            )
        ),
        expect=Expect(tools=(_WRITE, ToolUse("list_files", {}))),
        requires=_TOOLS,
        request=_TOOL_SPEC,
    ),
    Scenario(
        name="tool_in_thousands_of_pieces",
        title="The input of a tool comes one character at a time: it must not be parsed anew with each.",
        script=script(_calls(tool_block("write_file", _LONG_FILE, piece=1))),
        expect=Expect(tools=(ToolUse("write_file", _LONG_FILE),)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        covers=("res-quadratic-partial-json",),
        sources=("anthropics/anthropic-sdk-typescript#949",),
    ),
    Scenario(
        name="tool_cut_by_max_tokens",
        title="max_tokens cuts the tool's input; what is there reads as a smaller, valid object.",
        script=script(_calls(tool_block("write_file", _CUT_INPUT), stop_reason="max_tokens")),
        expect=Expect(outcome=Outcome.TRUNCATED, permanent=True),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        covers=("json-tool-args-parse-as-valid-subset",),
        sources=("LibreChat-AI/agents#280", "OpenRouterTeam/typescript-agent#125"),
        pair="content.tool_call",
    ),
    Scenario(
        name="tool_cut_by_end",
        title="The body ends politely inside the tool's input.",
        script=script(_calls(tool_block("write_file", _FILE), faults=(EndEarly(at=AtEvent(DELTA, 6)),)), _GOOD),
        expect=Expect(may_fail=True, tools=(_WRITE,)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        covers=("json-tool-args-parse-as-valid-subset",),
        sources=("anthropics/anthropic-sdk-typescript#842",),
    ),
    Scenario(
        name="tool_cut_by_stall",
        title="Silence inside the tool's input.",
        script=script(_calls(tool_block("write_file", _FILE), faults=(StallForever(at=AtEvent(DELTA, 6)),)), _GOOD),
        expect=Expect(may_fail=True, stalls=True, tools=(_WRITE,)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        pair="content.tool_after_a_pause",
    ),
    Scenario(
        name="tool_after_a_pause",
        title="The model pauses inside the tool's input for half of the time that it may.",
        script=script(_calls(tool_block("write_file", _FILE), faults=(Pause(at=AtEvent(DELTA, 6), seconds=0.5),))),
        expect=Expect(healthy=True, tools=(_WRITE,)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        covers=("time-long-thinking-healthy",),
        pair="content.tool_cut_by_stall",
    ),
    Scenario(
        name="tool_cut_but_called_whole",
        title="The tool's input is cut and the server says tool_use all the same.",
        script=script(_calls(tool_block("write_file", _CUT_INPUT)), _GOOD),
        expect=Expect(may_fail=True, tools=(_WRITE,)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        covers=("sem-length-masked-by-tool-calls",),
        sources=("vllm-project/vllm#53269",),
    ),
    Scenario(
        name="tool_without_block_stop",
        title="The block of the tool never stops.",
        script=script(
            _calls(tool_block("write_file", _FILE), faults=(DropEvent(at=AtEvent("content_block_stop")),)), _GOOD
        ),
        expect=Expect(may_fail=True, tools=(_WRITE,)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        covers=("order-missing-block-stop",),
        pair="order.no_block_stop",
        dialects=CLAUDE,
    ),
    Scenario(
        name="tool_delivered_then_cut",
        title="The tool's block is whole and the stream is cut before the turn ends.",
        script=script(_calls(tool_block("write_file", _FILE), faults=(EndEarly(at=BLOCK_DONE),)), _GOOD),
        expect=Expect(may_fail=True, tools=(_WRITE,)),
        requires=_TOOLS,
        request=_TOOL_SPEC,
        covers=("retry-duplicate-tool-in-stream", "retry-reruns-tools"),
        sources=("agno-agi/agno#2336",),
    ),
    Scenario(
        name="thinking_then_text",
        title="The model thinks before it answers; the thinking is not part of the text.",
        script=script(
            Answer(blocks=(thinking_block("Let me think about the village."), text_block("The heron is home.")))
        ),
        expect=WHOLE,
        dialects=CLAUDE,
    ),
    Scenario(
        name="redacted_thinking",
        title="A redacted thinking block comes before the text.",
        script=script(
            Answer(
                blocks=(
                    whole_block({"type": "redacted_thinking", "data": "EmwKAhgB"}),
                    text_block("The heron is home."),
                )
            )
        ),
        expect=WHOLE,
        dialects=CLAUDE,
    ),
    Scenario(
        name="thinking_only",
        title="The model thinks and then says nothing.",
        script=script(Answer(blocks=(thinking_block("Nothing needs to be said."),))),
        expect=WHOLE,
        covers=("sem-thinking-only",),
        sources=("LiveBench/LiveBench#425",),
        dialects=CLAUDE,
    ),
    Scenario(
        name="server_tools",
        title="A search that the server runs itself stands between two texts; it is not the caller's to run.",
        script=script(
            Answer(
                blocks=(
                    text_block("I will look that up. "),
                    tool_block("web_search", {"query": "heron"}, kind="server_tool_use"),
                    whole_block(
                        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_web_search", "content": []}
                    ),
                    text_block("Herons nest in trees."),
                )
            )
        ),
        expect=WHOLE,
        dialects=CLAUDE,
    ),
)
