"""A parser's process in Python and in JavaScript: the same questions get the same answers."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.bench import parsers
from harness.bench.cases import cases
from harness.bench.corpora import corpora
from harness.bench.parsers import PROGRAMS, own
from harness.bench.working import Worker

SUPPORT = PROGRAMS / "support"
IN_PYTHON = """
from worker import serve


class Parser:
    def __init__(self):
        self._rest = b""

    def feed(self, data):
        *blocks, self._rest = (self._rest + data).split(b"\\n\\n")
        return [self._event(block.decode()) for block in blocks if block]

    def _event(self, block):
        fields = [line.partition(": ") for line in block.split("\\n")]
        values = {name: value for name, _, value in fields}
        return values.get("event"), "\\n".join(value for name, _, value in fields if name == "data"), values.get("id")


serve(Parser)
"""
IN_NODE = """
import { serve } from "./worker.mjs";

serve({
  read(chunks, take) {
    const decoder = new TextDecoder();
    let rest = "";
    for (const chunk of chunks) {
      rest += decoder.decode(chunk, { stream: true });
      const blocks = rest.split("\\n\\n");
      rest = blocks.pop();
      for (const block of blocks.filter(Boolean)) {
        const fields = block.split("\\n").map((line) => {
          const at = line.indexOf(": ");
          return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 2)];
        });
        const values = Object.fromEntries(fields);
        const data = fields.filter(([name]) => name === "data").map(([, value]) => value).join("\\n");
        take({ event: values.event, data, id: values.id });
      }
    }
  },
  tell: (event) => [event.event, event.data, event.id ?? null],
});
"""


def command(language: str, folder: Path) -> Sequence[str]:
    if language == "python":
        (folder / "mine.py").write_text(IN_PYTHON, "utf-8")
        return (sys.executable, "-P", str(folder / "mine.py"))
    if shutil.which("node") is None:
        pytest.skip("NOT RUN: no node on this machine")
    shutil.copy(SUPPORT / "worker.mjs", folder)
    (folder / "mine.mjs").write_text(IN_NODE, "utf-8")
    return ("node", str(folder / "mine.mjs"))


@pytest.fixture(params=["python", "node"])
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Worker]:
    with Worker(command(request.param, tmp_path), {"PYTHONPATH": str(SUPPORT)}) as made:
        yield made


@pytest.fixture(scope="module")
def ours() -> Iterator[Worker]:
    made = own(f"{parsers.__package__}.ours:Parser")
    with Worker(made.command, made.variables) as one:
        yield one


@pytest.mark.parametrize("name", ["text", "non-ascii", "tools", "lines"])
@pytest.mark.parametrize("stage", ["framing", "accumulate"])
def test_what_is_made_of_a_stream_has_one_digest_in_every_language(
    worker: Worker, ours: Worker, tmp_path: Path, name: str, stage: str
) -> None:
    file = tmp_path / "stream"
    file.write_bytes(corpora()[name].data)
    job = {"do": "read", "corpus": str(file), "sizes": 1400, "stage": stage}
    assert worker.ask(job, patience=30) == ours.ask(job, patience=30)


def test_a_case_is_right_or_wrong_for_the_same_reason_in_every_language(worker: Worker, tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(cases()), "utf-8")
    wrong = {one["name"]: one["told"] for one in worker.ask({"do": "check", "cases": str(file)}, patience=60)["wrong"]}
    assert wrong["WHATWG HTML 9.2.6: CRLF ends a line"] == []
    assert "WHATWG HTML 9.2.6: an id stays until there is another" not in wrong
    assert "WHATWG HTML 9.2.6: data lines are joined by LF" not in wrong


def test_reads_are_of_the_sizes_that_are_asked_for_and_a_time_is_of_at_least_so_long(
    worker: Worker, tmp_path: Path
) -> None:
    file = tmp_path / "stream"
    pieces = corpora()["text"].pieces
    file.write_bytes(b"".join(pieces))
    job = {"do": "time", "corpus": str(file), "sizes": [len(one) for one in pieces], "stage": "decode", "seconds": 0.05}
    answer = worker.ask(job, patience=30)
    assert answer["cpu"] * answer["passes"] >= 0.05
    assert answer["passes"] > 1


@pytest.mark.parametrize("wrong_for", ["== 1", "== 2", "> 2"])
@pytest.mark.parametrize("language", ["python", "node"])
def test_a_case_is_tried_as_one_cut_in_two_and_byte_by_byte(tmp_path: Path, language: str, wrong_for: str) -> None:
    started = command(language, tmp_path)
    file = Path(started[-1])
    if language == "python":
        parse = f"lambda chunks: [] if len(chunks) {wrong_for} and b'x' in b''.join(chunks) else whole(chunks)"
        text = IN_PYTHON.replace(
            "serve(Parser)", f"whole = lambda chunks: Parser().feed(b''.join(chunks))\nserve({parse})"
        )
    else:
        text = IN_NODE.replace("    const decoder", f"    if (chunks.length {wrong_for}) return;\n    const decoder")
    file.write_text(text, "utf-8")
    case = {"name": "plain", "hex": b"data: x\n\n".hex(), "events": [["message", "x", ""]]}
    (tmp_path / "cases.json").write_text(json.dumps([case]), "utf-8")
    with Worker(started, {"PYTHONPATH": str(SUPPORT)}) as worker:
        answer = worker.ask({"do": "check", "cases": str(tmp_path / "cases.json")}, patience=20)
    (wrong,) = answer["wrong"]
    assert (wrong["name"], wrong["told"]) == ("plain", [])
    assert {"== 1": 1, "== 2": 2, "> 2": 4}[wrong_for] == len(wrong["pieces"])
