"""A terminal shows the answer as it comes and obeys nothing that the model writes."""

from __future__ import annotations

import asyncio
import io
import re
from contextlib import suppress
from typing import Any

import pytest
from rich.console import Console
from sinking import Step, at_once, done, into, spoken

from client_under_test.answer import Outcome
from client_under_test.errors import ConnectionLost, StreamError
from client_under_test.events import Next, Notice, Reset, Text
from client_under_test.sinks import deliver
from client_under_test.sinks.terminal import Terminal, harmless
from client_under_test.usage import Tokens

LOST = Notice(next=Next.CONTINUE, attempt=2, wait=1, error=ConnectionLost("x"))
STATUS = "complete · 1 attempt · tokens: ? in, ? out"


def console(*, terminal: bool, width: int = 60, height: int = 10) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, height=height, color_system="truecolor")


def written(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def shown(steps: list[Step], *, terminal: bool = False, **size: int) -> str:
    out = console(terminal=terminal, **size)

    async def run() -> None:
        with suppress(StreamError):
            await into(Terminal(out), steps)

    at_once(run())
    return written(out)


def plain(output: str) -> str:
    """Without the escapes that the terminal itself is given."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)


def test_in_a_pipe_the_text_is_written_as_it_comes() -> None:
    async def run() -> list[str]:
        out, states = console(terminal=False), []
        sink = Terminal(out)
        await sink.begin()
        for text in ("Hel", "lo"):
            await sink.take(Text(text))
            states.append(written(out))
        return states

    assert asyncio.run(run()) == ["Hel", "Hello"]


def test_in_a_pipe_there_are_no_control_codes() -> None:
    output = shown([Text("Hello \x1b[31m"), LOST, Text(" you."), done("Hello \x1b[31m you.")])
    assert output == f"Hello \\x1b[31m\n[connection lost, continuing]\n you.\n[{STATUS}]\n"


def test_in_a_pipe_a_new_start_is_announced() -> None:
    assert (
        shown([Text("Hel"), Reset(), Text("Bye"), done("Bye")]) == f"Hel\n[the answer starts over]\nBye\n[{STATUS}]\n"
    )


def test_in_a_pipe_an_answer_that_is_not_what_was_written_is_written_again() -> None:
    assert shown([Text("Hel"), done("Bye")]) == f"Hel\n[the answer starts over]\nBye\n[{STATUS}]\n"


def test_in_a_pipe_the_rest_that_no_event_brought_is_written_at_the_end() -> None:
    assert shown([Text("Hel"), done("Hello\n")]) == f"Hello\n[{STATUS}]\n"


def test_in_a_pipe_an_error_says_what_was_kept() -> None:
    output = shown([Text("Hel"), ConnectionLost("gone \x1b]0;x\x07", attempts=2)])
    assert output == "Hel\n[incomplete: gone \\x1b]0;x\\x07]\n[kept: 3 characters]\n[incomplete · 2 attempts]\n"
    assert shown([ConnectionLost("gone")]) == "[no answer: gone]\n[kept: 0 characters]\n[failed · 1 attempt]\n"


def test_in_a_pipe_a_line_break_in_two_parts_is_one() -> None:
    assert shown(spoken("a\r", "\nb\r", "c\r")) == f"a\nb\\rc\\r\n[{STATUS}]\n"


def test_in_a_terminal_something_turns_until_the_text_comes() -> None:
    async def run() -> str:
        out = console(terminal=True)
        sink = Terminal(out)
        await sink.begin()
        first = written(out)
        await sink.finish(ConnectionLost("x"))
        return first

    assert "⠋" in asyncio.run(run())


def test_in_a_terminal_the_text_is_shown_while_it_comes_and_once_at_the_end() -> None:
    output = shown(spoken("Hello ", "[bold]you[/bold]."), terminal=True)
    whole = "Hello [bold]you[/bold].\n"
    assert plain(output).endswith(f"{whole}{STATUS}\n")
    assert plain(output).count(whole) >= 1


def frame(*events: Any, width: int = 20, height: int = 8) -> str:
    """What a terminal shows after ``events``, before the end."""

    async def run() -> str:
        out = console(terminal=True, width=width, height=height)
        sink = Terminal(out)
        for event in events:
            await sink.take(event)
        lens = console(terminal=False, width=width, height=height)
        lens.print(sink._now())
        await sink.finish(None)
        return written(lens)

    return asyncio.run(run())


def test_in_a_terminal_the_last_lines_are_shown_of_a_long_text() -> None:
    text = "\n".join(f"line {number}" for number in range(100))
    assert frame(Text(text)).split("\n")[:-1] == ["line 96", "line 97", "line 98", "line 99"]


def test_in_a_terminal_a_long_line_is_wrapped_and_its_end_is_shown() -> None:
    text = "".join(f"word{number:03} " for number in range(100))
    lines = frame(Text(text)).rstrip().split("\n")
    assert (len(lines), lines[-1].rstrip()) == (4, "word098 word099")


def test_in_a_terminal_a_notice_stands_under_the_text() -> None:
    lines = frame(Text("Hello"), LOST, width=60).split("\n")
    assert lines[0] == "Hello"
    assert "connection lost, continuing" in lines[1]
    assert "connection lost" in frame(LOST, width=60)


def test_in_a_terminal_an_error_is_a_red_panel_with_what_was_kept() -> None:
    output = shown([Text("Hel"), ConnectionLost("gone [red]x", partial="Hel")], terminal=True)
    assert "\x1b[31m" in output
    assert "─ not whole ─" in plain(output)
    assert "incomplete: gone [red]x" in plain(output)
    assert "kept: 3 characters" in plain(output)
    assert plain(output).endswith("incomplete · 1 attempt\n")


def test_in_a_terminal_the_escapes_of_the_model_are_shown_and_not_obeyed() -> None:
    hostile = "a\x1b[2J\x1b]0;title\x07\x9b31m\x08\rb"
    output = shown([Text(hostile), done(hostile)], terminal=True)
    assert "\x1b[2J" not in output
    assert "\x1b]" not in output
    assert "\x07" not in output
    assert harmless(hostile) in plain(output)


def test_in_a_terminal_an_answer_that_never_began_still_ends() -> None:
    out = console(terminal=True)
    asyncio.run(Terminal(out).finish(ConnectionLost("gone")))
    assert "failed · 1 attempt" in plain(written(out))


def test_the_status_tells_attempts_and_tokens() -> None:
    billed, wasted = Tokens(input=12, output=34, exact=False), Tokens(input=6, output=5)
    output = shown([done("a", outcome=Outcome.TRUNCATED, attempts=2, billed=billed, wasted=wasted)])
    limit = "cut short: the model's own limit was reached"
    assert output.endswith(f"[{limit} · 2 attempts · tokens: at least 12 in, 34 out, 5 wasted]\n")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain text", "plain text"),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("über 字 😀 👩\u200d👧 e\u0301", "über 字 😀 👩\u200d👧 e\u0301"),
        ("\x1b[31m\x00\x7f\x9b", "\\x1b[31m\\x00\\x7f\\x9b"),
        ("a\u202eb\u2066c\u200b", "a\\u202eb\\u2066c\\u200b"),
        ("\U000e0041\ud800\u2028", "\\U000e0041\\ud800\\u2028"),
    ],
)
def test_what_moves_hides_or_turns_is_made_visible(text: str, safe: str) -> None:
    assert harmless(text) == safe


def test_a_terminal_takes_standard_output_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        await deliver(_one(), Terminal())

    asyncio.run(run())
    assert capsys.readouterr().out == f"a\n[{STATUS}]\n"


async def _one() -> Any:
    yield done("a")
