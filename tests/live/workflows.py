"""Runs the jobs of a GitHub workflow as the runner would: each ``run:`` in its own bash, with what GitHub gives it.

Our own action is run in its place in the workflow; other people's actions are not, and have to be known here. An
expression or a condition that is not understood is an error, so nothing is passed over in silence.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "streamproof"
INSTALL = "Install streamproof"
"""The step of the action that takes a minute; the tests' own environment has streamproof already."""
OTHERS = {
    "actions/checkout@v6": set(),
    "actions/setup-python@v6": {"python-version"},
    "actions/upload-artifact@v4": {"name", "path", "if-no-files-found"},
    "github/codeql-action/upload-sarif@v4": {"sarif_file", "category"},
}
"""Other people's actions and the inputs that they have."""
_OURS = re.compile(r"(\./|streamproof/streamproof/)\.github/actions/streamproof(@main)?")
_INPUT = re.compile(r"\$\{\{ inputs\.(\w+) \}\}")


@dataclass(slots=True)
class Ran:
    """What came of the steps that ran, in their order."""

    status: int = 0
    """Of the job: of the first step that failed."""
    said: dict[str, str] = field(default_factory=dict)
    """What each step printed, by its name."""
    summary: str = ""
    """What all steps wrote into the summary of the job."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A machine with the repository ``workspace`` on it."""

    workspace: Path
    temporary: Path
    path: str = f"{Path(sys.executable).parent}{os.pathsep}/usr/local/bin:/usr/bin:/bin"
    skipped: frozenset[str] = frozenset({INSTALL})
    """Names of steps that are left out."""
    summary: str = "what another command of the step had written\n"
    """What stands in the summary of each step before it is ours."""

    def job(self, workflow: Mapping[str, Any], **overruled: str) -> Ran:
        """Run the only job of ``workflow``; ``overruled`` inputs of our action are not taken from it."""
        (job,) = workflow["jobs"].values()
        ran = Ran()
        for step in job["steps"]:
            if _OURS.fullmatch(step.get("uses", "")):
                self._action({**step.get("with", {}), **overruled}, ran)
            elif "uses" in step:
                assert set(step.get("with", {})) <= OTHERS[step["uses"]]
            else:
                self._step(step, {}, ran)
        return ran

    def action(self, **inputs: str) -> Ran:
        """Run our action by itself."""
        ran = Ran()
        self._action(inputs, ran)
        return ran

    def _action(self, given: Mapping[str, str], ran: Ran) -> None:
        action = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
        assert set(given) <= set(action["inputs"])
        inputs = {name: one["default"] for name, one in action["inputs"].items()} | dict(given)
        for step in action["runs"]["steps"]:
            if step["name"] not in self.skipped:
                self._step(step, inputs, ran)

    def _step(self, step: Mapping[str, Any], inputs: Mapping[str, str], ran: Ran) -> None:
        if ran.status and not _is_always(step):
            return
        assert "${{" not in step["run"], "what a user gives must not become a part of a script"
        script, summary = (self.temporary / name for name in ("script.sh", "summary.md"))
        script.write_text(step["run"], "utf-8")
        summary.write_text(self.summary, "utf-8")
        env = self._environment(summary) | dict(_evaluated(step.get("env", {}), inputs))
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]  # `shell: bash`
        done = subprocess.run(command, cwd=self.workspace, env=env, capture_output=True, text=True, timeout=240)
        ran.said[step.get("name", step["run"])] = done.stdout + done.stderr
        ran.status = ran.status or done.returncode
        ran.summary += summary.read_text("utf-8")

    def _environment(self, summary: Path) -> dict[str, str]:
        return {
            "PATH": self.path,
            "HOME": str(self.temporary),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temporary),
        }


def _is_always(step: Mapping[str, Any]) -> bool:
    condition = step.get("if")
    assert condition in (None, "${{ always() }}")
    return condition is not None


def _evaluated(env: Mapping[str, str], inputs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in env.items():
        match = _INPUT.fullmatch(value)
        assert match is not None
        yield name, inputs[match[1]]
