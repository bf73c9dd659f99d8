"""Shows an answer in a terminal as it comes; in a pipe or a file as plain text. Needs the extra ``terminal``.

In a terminal the end of the text is redrawn while it grows, and the whole is printed once when the answer is over.
Elsewhere text is written as it comes, and what is said about it stands in lines of its own, in brackets.

What the model writes is hostile: control characters, escapes, and characters that hide or turn text are shown as such,
``\\x1b``, and markup is not interpreted.
"""

from __future__ import annotations

import unicodedata

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.text import Text as Styled

from client_under_test.answer import Outcome
from client_under_test.errors import StreamError
from client_under_test.events import Event, Notice, Reset, Text
from client_under_test.sinks import words
from client_under_test.sinks.view import View
from client_under_test.usage import Tokens

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_HARMLESS = "\n\t\u200c\u200d"
"""Of these categories, and still wanted: line breaks, tabs, and what joins the parts of one character."""
_LINES_KEPT_FREE = 4


class Terminal:
    """Shows the answer on a console.

    Args:
        console: of rich; standard output when there is none.
        frames: redrawings in a second.
    """

    def __init__(self, console: Console | None = None, *, frames: float = 10) -> None:
        self._console = console or Console()
        self._view = View()
        self._plain = _Plain(self._console)
        self._live: Live | None = None
        self._frames = frames
        self._spinner = Spinner("dots")

    async def begin(self) -> None:
        """Show that an answer is being waited for."""
        if self._console.is_terminal:
            self._draw()

    async def take(self, event: Event) -> None:
        """Show the event."""
        self._view.take(event)
        if self._console.is_terminal:
            self._draw()
        else:
            self._plain.take(event)

    async def finish(self, error: StreamError | None) -> None:
        """Print what the answer came to."""
        self._view.finish(error)
        if self._console.is_terminal:
            self._print_whole()
        else:
            self._plain.finish(self._view)

    def _draw(self) -> None:
        if self._live is None:
            live = Live(
                console=self._console, transient=True, refresh_per_second=self._frames, get_renderable=self._now
            )
            live.start(refresh=True)
            self._live = live

    def _now(self) -> RenderableType:
        said = words.notice(self._view.notice) if self._view.notice else ""
        self._spinner.update(text=Styled(said, style="yellow"))
        if not self._view.text:
            return self._spinner
        return Group(self._tail(), self._spinner) if said else self._tail()

    def _tail(self) -> Styled:
        """The last lines of the text, as many as the terminal shows."""
        width, height = self._console.size
        room = max(1, height - _LINES_KEPT_FREE)
        lines = Styled(harmless(self._view.text[-width * room * 2 :])).wrap(self._console, width)
        return Styled("\n").join(lines[-room:])

    def _print_whole(self) -> None:
        if self._live is not None:
            self._live.stop()
        if self._view.text:
            self._console.print(Styled(harmless(self._view.text)), soft_wrap=True)
        if (toast := self._toast()) is not None:
            self._console.print(toast)
        self._console.print(Styled(status(self._view), style="dim"))

    def _toast(self) -> Panel | None:
        if self._view.error is None:
            return None
        return Panel(Styled("\n".join(_failure(self._view))), title="not whole", border_style="red", style="red")


class _Plain:
    """The same without a terminal: lines of text, and nothing that moves a cursor."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._written = ""
        """What was written of the text."""
        self._is_line_open = False
        self._held = ""
        """A carriage return that may be the first half of a line break."""

    def take(self, event: Event) -> None:
        if isinstance(event, Text):
            self._text(event.text)
        elif isinstance(event, Reset):
            self._written, self._held = "", ""
            self._line(f"[{words.RESTARTED}]")
        elif isinstance(event, Notice):
            self._line(f"[{words.notice(event)}]")

    def finish(self, view: View) -> None:
        if not view.text.startswith(self._written):
            self._line(f"[{words.RESTARTED}]")
            self._written = ""
        self._text(view.text[len(self._written) :])
        self._out(harmless(self._held))
        for line in [*(_failure(view) if view.error is not None else []), status(view)]:
            self._line(f"[{harmless(line)}]")

    def _text(self, text: str) -> None:
        self._written += text
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        self._out(harmless(text.removesuffix("\r")))

    def _line(self, line: str) -> None:
        self._out(f"\n{line}\n" if self._is_line_open else f"{line}\n")

    def _out(self, text: str) -> None:
        if text:
            self._console.file.write(text)
            self._console.file.flush()
            self._is_line_open = not text.endswith("\n")


def harmless(text: str) -> str:
    """``text`` with nothing in it that a terminal obeys or a reader cannot see; line breaks and tabs stay."""
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        one if one in _HARMLESS or unicodedata.category(one) not in _HIDDEN else _escape(one) for one in text
    )


def status(view: View) -> str:
    """The outcome, the attempts and the tokens in one line."""
    if view.answer is None:
        attempts = view.error.attempts if view.error else 1
        return f"{'incomplete' if view.text else 'failed'} · {_count(attempts, 'attempt')}"
    answer = view.answer
    said = answer.outcome.value if answer.outcome is Outcome.COMPLETE else words.ending(view)
    wasted = f", {_number(answer.wasted.output)} wasted" if answer.wasted.output else ""
    return f"{said} · {_count(answer.attempts, 'attempt')} · {_tokens(answer.billed)}{wasted}"


def _failure(view: View) -> list[str]:
    kept = _count(len(view.text), "character")
    return [harmless(words.ending(view)), f"kept: {kept}"]


def _tokens(tokens: Tokens) -> str:
    least = "" if tokens.exact else "at least "
    return f"tokens: {least}{_number(tokens.input)} in, {_number(tokens.output)} out"


def _number(number: int | None) -> str:
    return "?" if number is None else str(number)


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()
