"""What the programs of a language share: what their user sees of pieces and of tool calls."""

from __future__ import annotations

import json
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.test_node_asked import NEEDS_NODE, NODE

from harness.environments import PROGRAMS

SUPPORT = PROGRAMS / "support"


def attached() -> Any:
    """The module that the Python programs share."""
    spec = spec_from_file_location("attached", SUPPORT / "attached.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(tmp_path: Path, *lines: str) -> list[dict[str, Any]]:
    """What a program in JavaScript prints whose call yields ``lines``."""
    program = tmp_path / "program.mjs"
    program.write_text(
        f"""
        import {{ done, notice, serve, text }} from {json.dumps((SUPPORT / "attached.mjs").as_uri())};
        async function* call() {{ {" ".join(f"yield {line};" for line in lines)} }}
        serve(call, () => true);
        """,
        "utf-8",
    )
    ran = subprocess.run([NODE, str(program)], input=b'{"id": 1}\n', capture_output=True, timeout=60)
    assert ran.stderr == b""
    _ready, *said = map(json.loads, ran.stdout.splitlines())
    return said


@NEEDS_NODE
@pytest.mark.parametrize(
    ("pieces", "seen"),
    [
        (["a", "\ud83c", "\udf0d", "b"], ["a", "\N{EARTH GLOBE EUROPE-AFRICA}", "b"]),
        (["a\ud83c", "\udf0db"], ["a", "\N{EARTH GLOBE EUROPE-AFRICA}b"]),
        (["\ud83c", "b"], ["\ud83cb"]),
        (["a\ud83c"], ["a", "\ud83c"]),
        (["\udf0d", ""], ["\udf0d", ""]),
    ],
)
def test_half_a_surrogate_pair_waits_for_the_other_half(tmp_path: Path, pieces: list[str], seen: list[str]) -> None:
    lines = shown(tmp_path, *(f"text({json.dumps(piece)})" for piece in pieces), "done()")
    assert [line["text"] for line in lines[:-1]] == seen
    assert lines[-1] == {"id": 1, "type": "done", "outcome": "complete"}


@NEEDS_NODE
def test_half_a_pair_is_shown_before_whatever_is_no_text(tmp_path: Path) -> None:
    lines = shown(tmp_path, 'text("\\ud83c")', 'notice(new Error("no"))', 'text("\\udf0d")', "done()")
    assert [line.get("text", line.get("what")) for line in lines[:-1]] == ["\ud83c", "no", "\udf0d"]


def test_a_tool_call_whose_arguments_cannot_be_read_is_none() -> None:
    arguments = ['{"to": "the mill"}', '{"to": "the', "[1]", "", None]
    calls = attached().readable(SimpleNamespace(name="go", arguments=one) for one in arguments)
    assert [call["input"] for call in calls] == [{"to": "the mill"}, {}, {}]
