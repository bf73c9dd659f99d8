"""A program that only asked ``streamproof serve`` is judged by what it showed: a file, the standard input, a POST."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live.running import STREAMPROOF, served

from harness import catalog
from harness.model import Endpoint

SHOWS = """
import httpx, json, sys
headers = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
with httpx.stream("POST", f"{sys.argv[1]}/v1/messages", json=body, headers=headers) as response:
    for line in response.iter_lines():
        if line.startswith("data: "):
            print(json.loads(line[6:]).get("delta", {}).get("text", ""), end="")
print()
"""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served() as url:
        yield url


def shown(url: str) -> str:
    """What a small program prints that asks there."""
    done = subprocess.run([sys.executable, "-c", SHOWS, url], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def judge(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(STREAMPROOF), "judge", *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_a_whole_answer_passes_whatever_way_it_comes(base: str, tmp_path: Path) -> None:
    url = f"{base}/completion.plain~whole"
    text = shown(url)
    (tmp_path / "shown.txt").write_text(text, "utf-8")
    for done in (judge(url, str(tmp_path / "shown.txt")), judge(url, text=text), judge(f"{url}/", "-", text=text)):
        assert (done.returncode, done.stdout) == (0, "pass  completion.plain\n")
    posted = httpx.post(url.replace("/case/", "/judge/"), content=text.encode())
    assert posted.json() == {"scenario": "completion.plain", "verdict": "pass", "findings": []}


def test_a_call_that_is_judged_for_the_last_time_is_forgotten_and_may_begin_anew(base: str) -> None:
    url = f"{base}/cutoff.clean_end_mid_text~once"
    asked = url.replace("/case/", "/judge/")
    text = shown(url)
    said = {"outcome": "incomplete", "error": "Broken"}
    assert httpx.post(asked, params=said, content=text.encode()).json()["verdict"] == "pass"
    assert httpx.post(asked, params={**said, "forget": "yes"}, content=text.encode()).json()["verdict"] == "pass"
    assert httpx.post(asked, params=said, content=text.encode()).status_code == 404
    assert shown(url) == text, "the second attempt would be whole"


def test_half_an_answer_that_passes_for_whole_is_found(base: str) -> None:
    url = f"{base}/cutoff.clean_end_mid_text~half"
    done = judge(url, text=shown(url))
    assert done.returncode == 1
    assert "of the answer and was told that it was whole\n  SP02: streamproof explain SP02" in done.stdout


def test_who_says_that_it_broke_off_passes(base: str) -> None:
    url = f"{base}/cutoff.clean_end_mid_text~honest"
    text = shown(url)
    assert judge(url, "--outcome", "incomplete", "--error", "Broken", text=text).returncode == 0


def test_what_the_server_saw_is_judged_as_well(base: str) -> None:
    url = f"{base}/completion.plain~twice"
    text = shown(url)
    shown(url)
    done = judge(url, text=text)
    assert (done.returncode, "answer 1 was whole and the client asked again" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["http://127.0.0.1:1/nothing"], 2, "is no URL of `streamproof serve`"),
        (["http://127.0.0.1:1/case/completion.plain"], 2, "is `streamproof serve` running?"),
        (["{base}/completion.plain~never"], 2, "nothing was asked of completion.plain~never: run the client first"),
        (["{base}/completion.plain~words", "--outcome", "complet"], 2, "no outcome named 'complet'; did you mean"),
        (["{base}/completion.plain~words", "--policy", "may"], 2, "no policy named 'may'"),
        (["{base}/completion.plain~words", "--can", "fly"], 2, "no capability named 'fly'"),
    ],
)
def test_what_cannot_be_judged_is_said(base: str, words: list[str], status: int, told: str) -> None:
    shown(f"{base}/completion.plain~words")
    done = judge(*(word.format(base=base) for word in words), text="")
    assert (done.returncode, told in done.stderr) == (status, True), done.stderr


def test_the_catalogue_is_served_with_a_url_for_each_scenario() -> None:
    alone = {one.id for one in catalog.scenarios().values() if one.network or one.receiver or one.before}
    nowhere = {one.id for one in catalog.scenarios().values() if one.endpoint is not Endpoint.SERVER}
    wanted = catalog.scenarios().keys() - alone - nowhere
    command = [str(STREAMPROOF), "serve", "--catalogue"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = (line for line in process.stdout if re.match(r" *\d+\.\d+  http", line))
            listed = dict(next(lines).split()[::-1] for _ in wanted)
        finally:
            process.terminate()
    names = {url.rpartition("/")[2]: number for url, number in listed.items()}
    assert names == {name: catalog.numbers().of(name) for name in wanted}
