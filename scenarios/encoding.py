"""Characters: cut in two, unescaped, escaped, lost, or declared wrong."""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer
from fake_server.blocks import text_block, tool_block
from fake_server.fault import Fault
from fake_server.faults.inject import Inject
from fake_server.faults.set_header import SetHeader
from fake_server.faults.split_at import SplitAt
from fake_server.faults.split_characters import SplitCharacters
from fake_server.position import AtByte, InCharacter
from fake_server.script import script
from harness.model import Capability, Expect, Level, Scenario, ToolUse
from scenarios.shapes import EVERY_DIALECT, WHOLE, unusual


def _says(
    name: str, title: str, text: str, *faults: Fault, pieces: tuple[str, ...] | None = None, **more: Any
) -> Scenario:
    """Every attempt says ``text``, streamed as ``pieces``."""
    answer = Answer(blocks=(text_block(text, pieces=pieces),), faults=faults)
    return Scenario(name=name, title=title, script=script(answer), expect=WHOLE, **more)


DIALECTS = EVERY_DIALECT
HARM = "Letters of the answer are wrong, or it breaks at one of them."

SCENARIOS = (
    unusual(
        "character_split",
        "Every multi-byte character is cut in two by a chunk boundary.",
        SplitCharacters(),
        covers=("enc-utf8-split",),
        sources=("api7/aisix#111", "continuedev/continue#13181", "danielmiessler/Fabric#2203"),
    ),
    unusual(
        "one_character_split",
        "One character is cut after its first byte.",
        SplitAt(at=InCharacter(3, byte=1)),
        covers=("enc-utf8-split",),
    ),
    Scenario(
        name="tool_input_split",
        title="Characters inside a tool's input are cut in two.",
        script=script(
            Answer(
                blocks=(tool_block("get_weather", {"city": "東京", "country": "日本"}, piece=3),),
                stop_reason="tool_use",
                faults=(SplitCharacters(),),
            )
        ),
        expect=Expect(tools=(ToolUse("get_weather", {"city": "東京", "country": "日本"}),)),
        request={"tools": [{"name": "get_weather", "description": "Weather", "input_schema": {"type": "object"}}]},
        requires=frozenset({Capability.TOOLS}),
        covers=("enc-utf8-split-in-tool-args",),
        sources=("deeplethe/utopia#764",),
    ),
    _says(
        "line_separators",
        "U+2028, U+2029, U+0085, VT and FF stand unescaped in the text: none of them ends a line.",
        "one\u2028two\u2029three\u0085four\u000bfive\u000csix seven eight",
        pieces=("one\u2028two\u2029", "three\u0085four", "\u000bfive\u000csix", " seven eight"),
        covers=("enc-u2028-nel",),
        sources=("florimondmanca/httpx-sse#34", "langgenius/dify#39008", "modelcontextprotocol/python-sdk#1356"),
    ),
    unusual(
        "byte_order_mark",
        "The stream begins with a UTF-8 byte order mark.",
        Inject(at=AtByte(0), data=b"\xef\xbb\xbf"),
        covers=("enc-bom",),
        sources=("agentic-os-org/ANOLISA#2209", "whatwg/html#7791"),
    ),
    _says(
        "surrogate_pair_split",
        "An escaped surrogate pair is split between two deltas.",
        "a smile 😀 and a globe 🌍 end",
        pieces=("a smile \ud83d", "\ude00 and a globe ", "🌍 end"),
        covers=("enc-surrogate-pair-across-deltas",),
        sources=("elizaOS/eliza#30904", "elie222/rakazo#416"),
    ),
    _says(
        "lone_surrogate",
        "The server sends half of a surrogate pair; it must not reach a database or a terminal.",
        "before \ufffd after",
        pieces=("before \ud83d", " after"),
        level=Level.SHOULD,
        covers=("enc-lone-surrogate", "sink-db-rejects-text"),
        sources=("NousResearch/hermes-agent#84281", "UKGovernmentBEIS/inspect_ai#3802"),
        pair="encoding.servers_own_replacement",
    ),
    _says(
        "servers_own_replacement",
        "The server itself sends U+FFFD: it is passed on as it came.",
        "a token \ufffd\ufffd was split by the server",
        covers=("enc-server-replacement-chars",),
        sources=("mattn/tensai#110",),
        pair="encoding.character_split",
    ),
    unusual(
        "wrong_charset",
        "The content type says Latin-1: an event stream is UTF-8 all the same.",
        SetHeader(header="content-type", value="text/event-stream; charset=iso-8859-1"),
        covers=("hdr-no-charset-latin1",),
    ),
    unusual(
        "no_charset",
        "The content type has no charset: an event stream is UTF-8 all the same.",
        SetHeader(header="content-type", value="text/event-stream"),
        covers=("hdr-no-charset-latin1",),
        sources=("open-metadata/OpenMetadata#29531", "Moyf/moys-asr-workflow#132"),
    ),
    _says(
        "control_characters",
        "Tabs, escapes and a NUL come escaped in JSON and reach the user unharmed.",
        'tab\there, bell \u0007, nul \u0000, escape \u001b[31m, quote " and backslash \\ end',
        covers=("sink-db-rejects-text",),
    ),
)
