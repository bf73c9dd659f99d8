"""What sinks say to a reader about a call, in words."""

from __future__ import annotations

from client_under_test.answer import Outcome
from client_under_test.errors import ApiError, Overloaded, RateLimited, Stalled, StreamError
from client_under_test.events import Next, Notice
from client_under_test.sinks.view import View

NO_TEXT = "(no text)"
RESTARTED = "the answer starts over"

_MOST_CHARACTERS = 160
_LONG_WAIT_SECONDS = 10

_DOING = {
    Next.RETRY: "asking again",
    Next.CONTINUE: "continuing",
    Next.WITHOUT_STREAM: "asking without streaming",
    Next.ELSEWHERE: "asking elsewhere",
    Next.GO_ON: "going on",
}
_ENDINGS = {
    Outcome.COMPLETE: "",
    Outcome.TRUNCATED: "cut short: the model's own limit was reached",
    Outcome.REFUSED: "the model declined to go on",
    Outcome.PAUSED: "the model paused and was not asked to go on",
    Outcome.INCOMPLETE: "incomplete",
    Outcome.FAILED: "no answer",
    Outcome.CANCELLED: "cancelled",
}


def notice(event: Notice) -> str:
    """Why nothing comes and what is done about it, such as ``connection lost, continuing``."""
    wait = f" in {event.wait:.0f} s" if event.wait >= _LONG_WAIT_SECONDS else ""
    return f"{_cause(event.error)}, {_DOING[event.next]}{wait}"


def ending(view: View) -> str:
    """What must be said of an answer that is over; empty when it is complete."""
    if view.error is not None:
        return f"{'incomplete' if view.text else 'no answer'}: {brief(view.error)}"
    return _ENDINGS[view.answer.outcome] if view.answer is not None else ""


def brief(error: StreamError) -> str:
    """The error in one line of moderate length."""
    return line(error.message)


def line(text: str) -> str:
    """``text`` in one line of moderate length."""
    text = " ".join(text.split())
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def _cause(error: StreamError | None) -> str:
    match error:
        case None:
            return "the turn paused"
        case RateLimited() | Overloaded():
            return "the model is busy"
        case ApiError():
            return "the model's server failed"
        case Stalled():
            return "no more text came"
        case _:
            return "connection lost"
