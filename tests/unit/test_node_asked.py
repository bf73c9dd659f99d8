"""The twin in JavaScript answers questions of the tests; imported, it does nothing by itself."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from client_under_test import errors
from client_under_test.errors import StreamError

NODE = shutil.which("node") or ""
MODULE = Path(__file__).parents[2] / "client_under_test" / "node" / "streamproof.mjs"
NEEDS_NODE = pytest.mark.skipif(not NODE, reason="there is no `node` on the PATH: THE TWIN IN JAVASCRIPT IS NOT TESTED")
pytestmark = NEEDS_NODE

ASKED = """
import * as twin from MODULE;

const bytes = (text) => Buffer.from(text, 'latin1');
const inputs = {
  bytes: (data) => ({ type: 'bytes', data: bytes(data) }),
  failed: () => ({ type: 'failed', error: new twin.ConnectionLost('x') }),
};
const told = (error) => error && {
  name: error.name, retryable: error.retryable, sent: error.sent, partial: error.partial, blocks: error.blocks,
  requestIds: error.requestIds, attempts: error.attempts, earlier: error.earlier.map((one) => one.name),
  status: error.status ?? null, kind: error.kind ?? null, retryAfter: error.retryAfter ?? null,
  tool: error instanceof twin.ToolInputBroken ? [error.tool, error.raw] : null,
};
const plain = (name, value) => (value instanceof Error ? told(value) : value);
const answers = {
  decode({ pieces, limit }) {
    const decoder = new twin.SseDecoder({ maxLineBytes: limit, maxEventBytes: limit });
    const events = [];
    try {
      for (const piece of pieces) events.push(...decoder.feed(bytes(piece)));
    } catch (error) {
      events.push([error.name]);
    }
    return [events.map((event) => (event.raw ? [event.name, event.data, event.lastId] : event)), decoder.retryMs];
  },
  sentences({ pushes, idle, chars }) {
    const buffer = new twin.SentenceBuffer({ maxIdle: idle, maxChars: chars });
    return [...pushes.map(([text, now]) => [buffer.push(text, now), buffer.due]), buffer.flush()];
  },
  display({ steps }) {
    const display = new twin.Display();
    return [...steps.map(([name, ...given]) => display[name](...given) ?? null), display.text];
  },
  strategy({ request, partial, forced, refused }) {
    const policy = twin.policyOf({ strategy: forced });
    const strategy = twin.strategyFor(request, partial, policy, new Set(refused));
    return [strategy, twin.continued(request, partial, strategy)];
  },
  hint: ({ headers, wall }) => twin.retryAfter(headers, wall),
  session({ request, policy, targets, happened }) {
    const session = new twin.Session(request, twin.policyOf(policy), () => 0.5, targets);
    return happened.map(([now, type, given]) => session.handle(inputs[type]?.(given) ?? { type, ...given }, now));
  },
};
let held = '';
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  const lines = (held + chunk).split('\\n');
  held = lines.pop();
  for (const line of lines) {
    const [kind, task] = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(answers[kind](task), plain)}\\n`);
  }
});
"""


class Twin:
    """One node process for many questions."""

    def __init__(self) -> None:
        program = ASKED.replace("MODULE", json.dumps(MODULE.as_uri()))
        command = [NODE, "--input-type=module", "--eval", program]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self._end)

    def ask(self, kind: str, **task: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([kind, task]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


@cache
def twin() -> Twin:
    return Twin()


def evaluated(program: str) -> str:
    """What ``program`` prints that has the module as ``twin``."""
    code = f"import * as twin from {json.dumps(MODULE.as_uri())};{program}"
    done = subprocess.run(
        [NODE, "--input-type=module", "--eval", code], capture_output=True, text=True, timeout=30, input="no job"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_import_runs_nothing_and_keeps_no_process_alive() -> None:
    assert evaluated("") == ""


def test_what_is_wrong_with_settings_is_said() -> None:
    wrong = ["{}", "{apiKey: 'k', policy: {limits: {idel: 1}}}", "{apiKey: 'k', policy: {retry: {base: '1'}}}",
             "{apiKey: 'k', fallbacks: [{url: ''}]}", "{apiKey: 'k', policy: {strategy: 'guess'}}"]  # fmt: skip
    program = "".join(
        f"try {{ new twin.StreamClient({one}); }} catch (e) {{ console.log(e.message); }}" for one in wrong
    )
    said = evaluated(program).splitlines()
    assert said[0] == "apiKey must be a string"
    assert said[1].startswith("policy.limits.idel is no setting; there are connect, firstByte")
    assert said[2] == 'policy.retry.base must be a number from 0 on, not "1"'
    assert said[3] == "fallback 1.url is no setting; there are model, baseUrl, apiKey"
    assert said[4].startswith('policy.strategy: "guess" is no strategy')


def test_the_errors_are_those_of_python_and_all_are_caught_as_one() -> None:
    program = """
        const kinds = Object.values(twin).filter((one) => one === twin.StreamError || one.prototype instanceof Error);
        for (const Kind of kinds) {
            const error = new Kind('it broke', { cause: 'c' });
            console.log(error.name, error instanceof twin.StreamError, String(error), error.cause);
        }"""
    names = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, StreamError)]
    assert sorted(evaluated(program).splitlines()) == sorted(f"{name} true {name}: it broke c" for name in names)
