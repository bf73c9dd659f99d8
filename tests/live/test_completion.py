"""A shell completes the command line with the script that is printed for it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import catalog

SCRIPT = Path(sys.executable).with_name("streamproof")
BASH = shutil.which("bash")
PATH = f"{SCRIPT.parent}{os.pathsep}{os.environ.get('PATH', '')}"

_TAB = """
eval "$(streamproof completion bash)"
COMP_WORDS=({words})
COMP_CWORD={place}
_streamproof_completion streamproof
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def printed(shell: str) -> str:
    done = subprocess.run([SCRIPT, "completion", shell], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def completed(line: str) -> list[str]:
    """What a real bash offers at the end of ``line``, by the printed script."""
    words = [*shlex.split(line), ""] if line.endswith(" ") else shlex.split(line)
    script = _TAB.format(words=shlex.join(words), place=len(words) - 1)
    command = [str(BASH), "--norc", "--noprofile", "-c", script]
    env = {**os.environ, "PATH": PATH}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.skipif(BASH is None, reason="NOT COMPLETED: there is no bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("streamproof comp", ["compare", "completion"]),
        ("streamproof run --verb", ["--verbose"]),
        ("streamproof run --tier ", ["live", "sim"]),
        ("streamproof show cutoff.clean_end_mid", ["cutoff.clean_end_mid_text"]),
        ("streamproof serve completion.pla", ["completion.plain"]),
        ("streamproof replay cutoff.clean_end_mid", ["cutoff.clean_end_mid_text@"]),
        ("streamproof run --client naiv", ["naive"]),
        ("streamproof run --gate bundled_s", ["bundled_sync"]),
        ("streamproof run -k cutof", ["cutoff."]),
        ("streamproof run -k cutoff.clean_end_mid", ["cutoff.clean_end_mid_text"]),
        ("streamproof run --report jun", ["junit"]),
        ("streamproof fuzz --client bundled_c", ["bundled_chat"]),
        ("streamproof report mark", ["markdown", "marks"]),
        ("streamproof clients install anthropic_g", ["anthropic_go"]),
        ("streamproof explain SP0", [law.code for law in catalog.laws() if law.code.startswith("SP0")]),
        ("streamproof surely_nothing zz", []),
    ],
)
def test_bash_offers_what_can_stand_there(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


@pytest.mark.skipif(BASH is None, reason="NOT COMPLETED: there is no bash")
def test_bash_offers_every_scenario_and_every_client() -> None:
    assert set(completed("streamproof show ")) == set(catalog.scenarios())
    assert set(completed("streamproof run --client ")) == {*catalog.clients(), catalog.ALL}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_its_shell_can_read(shell: str) -> None:
    script = printed(shell)
    assert "_STREAMPROOF_COMPLETE" in script
    if (found := shutil.which(shell)) is None:
        pytest.skip(f"NOT READ: there is no {shell}")
    assert subprocess.run([found, "-n"], input=script, text=True, timeout=30).returncode == 0


def test_a_shell_that_is_not_known_is_wrong_usage() -> None:
    done = subprocess.run([SCRIPT, "completion", "tcsh"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
