"""What a test says that the user of its client saw. Pure.

What is not said is not held against the client: each thing that may be said makes more laws speak. Of an error the text
that was kept is judged only when text was shown or named, its class only when the test names the client's own errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from types import TracebackType
from typing import Any

from harness.errors import StreamproofError, UsageError, unknown_name
from harness.law import PARTIAL, Law
from harness.model import (
    Billed,
    Cleared,
    ErrorSeen,
    Fallback,
    Finished,
    Job,
    Limits,
    Noticed,
    Observed,
    Outcome,
    Scenario,
    Shown,
    ToolUse,
)

_MOST_MESSAGE = 300


class Witness:
    """One call: where to make it, and where to say what its user saw. A test knows it as the fixture ``case``.

    Args:
        job: what the client is asked to do.
        note: takes what was seen, in its order.
        errors: the classes of the client's own errors; empty when nobody says.
    """

    def __init__(
        self,
        scenario: Scenario,
        job: Job,
        note: Callable[[Observed], None],
        errors: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.scenario = scenario
        self.job = job
        self._note, self._errors = note, errors
        self._display = ""
        self._tells_text = False
        self._ended = ""
        self.raised = ""
        """Where the error that ended the call came from; empty when it is not known."""

    @property
    def base_url(self) -> str:
        """Of the server, without the API's own path; ``ANTHROPIC_BASE_URL`` has it, too."""
        return self.job.base_url

    @property
    def api_key(self) -> str:
        """Any key will do; ``ANTHROPIC_API_KEY`` has this one."""
        return self.job.api_key

    @property
    def request(self) -> dict[str, Any]:
        """A Messages request that suits the scenario, without ``stream``."""
        return self.job.request

    @property
    def limits(self) -> Limits:
        """What the client's timeouts should be, in seconds, and how long the call may take."""
        return self.job.limits

    @property
    def max_attempts(self) -> int:
        """Requests that the call may make."""
        return self.job.max_attempts

    @property
    def fallbacks(self) -> tuple[Fallback, ...]:
        """Other models or servers that the client may ask; only where the mark declares ``alternatives``."""
        return self.job.fallbacks

    def shown(self, text: str) -> None:
        """The user sees this more."""
        self._tells_text = True
        self._display += _text(text, "shown()")
        self._say(Shown(text=text))

    def cleared(self) -> None:
        """The user was told that the answer starts over, and sees nothing of it now."""
        self._display = ""
        self._say(Cleared())

    def noticed(self, what: str) -> None:
        """The client told its user something, such as that it tries again."""
        self._say(Noticed(what=_text(what, "noticed()")))

    def complete(self, text: str | None = None, **more: Any) -> None:
        """The client presents its answer as whole; see :meth:`ended`."""
        self.ended(Outcome.COMPLETE, text, **more)

    def ended(
        self,
        outcome: str,
        text: str | None = None,
        *,
        stop_reason: str | None = "",
        tools: Iterable[ToolUse | tuple[str, dict[str, Any]]] = (),
        usage: Mapping[str, Any] | None = None,
        billed: Billed | None = None,
        content: Iterable[dict[str, Any]] = (),
    ) -> None:
        """The call ended without an error.

        Args:
            outcome: complete, truncated, refused, paused, incomplete, failed or cancelled, as the client says.
            text: what it returns; not needed where all of it was shown.
            stop_reason: as the client tells it; None when it says that there was none.
            tools: calls of tools, as pairs of name and input; with the capability ``tools``.
            usage: fields and numbers; with the capability ``usage``.
            billed: with the capability ``billing``.
            content: blocks that would be sent back; with the capability ``content``.

        Raises:
            UsageError: there is no such outcome, the call has ended already, or nobody said what the user saw.
        """
        if outcome not in set(Outcome):
            raise unknown_name("outcome", outcome, Outcome)
        if text is None and not self._tells_text:
            raise UsageError(f"say what the user saw: case.{outcome}(text=...), or case.shown(...) while it comes")
        self._end(
            Finished(
                outcome=Outcome(outcome),
                text=None if text is None else _text(text, "text"),
                stop_reason=stop_reason,
                tools=tuple(ToolUse(*one) if isinstance(one, tuple) else one for one in tools),
                usage=None if usage is None else dict(usage),
                billed=billed,
                content=tuple(content),
            )
        )

    def failed(self, error: BaseException | ErrorSeen, partial: str | None = None) -> None:
        """The call ended with an error.

        Args:
            error: as the caller got it, or what can be read from it.
            partial: the text that the caller has all the same, "" for none; not needed where text was shown.

        Raises:
            UsageError: the call has ended already.
        """
        self._tells_text = self._tells_text or partial is not None
        seen = error if isinstance(error, ErrorSeen) else self._seen(error, partial)
        if isinstance(error, BaseException):
            self.raised = _place(error.__traceback__)
        kept = self._display or partial or seen.partial
        self._end(Finished(outcome=Outcome.INCOMPLETE if kept else Outcome.FAILED, error=seen))

    @contextmanager
    def observe(self) -> Iterator[Witness]:
        """Make the call inside the block, and hand what it shows to :meth:`shown`.

        The end of the block is the end of the answer, unless another end was said. An exception that comes out of the
        client is what its user gets, and goes no further. One of the test's own goes through: it was raised in the very
        function that has the block, or it is an ``AssertionError``, and is none of the client's errors.
        """
        try:
            yield self
        except Exception as error:
            if self._ended or not self._is_the_clients(error):
                raise
            self.failed(error)
        else:
            if not self._ended:
                self._tells_text = True
                self.complete()

    def asked(self, laws: Iterable[Law]) -> tuple[Law, ...]:
        """The laws that speak of what was said."""
        return tuple(one for one in laws if self._tells_text or one.code != PARTIAL)

    def _is_the_clients(self, error: Exception) -> bool:
        if isinstance(error, self._errors):
            return True
        # The first frame is that of observe(), the second the one that has the block.
        trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
        is_deeper = trace is not None and trace.tb_next is not None
        return is_deeper and not isinstance(error, AssertionError | StreamproofError)

    def _seen(self, error: BaseException, partial: str | None) -> ErrorSeen:
        kind = type(error)
        return ErrorSeen(
            name=f"{kind.__module__.partition('.')[0]}.{kind.__name__}",
            message=str(error)[:_MOST_MESSAGE],
            typed=not self._errors or isinstance(error, self._errors),
            partial=partial,
        )

    def _end(self, finished: Finished) -> None:
        self._say(finished)
        self._ended = finished.outcome

    def _say(self, observation: Observed) -> None:
        if self._ended:
            said = type(observation).__name__.lower()
            raise UsageError(f"the call has ended {self._ended} already, and was {said} again: one case is one call")
        self._note(observation)


def _text(value: str, where: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{where} takes the text as its user sees it, a str, and got {type(value).__name__}")
    return value


def _place(trace: TracebackType | None) -> str:
    """File and line of the innermost frame."""
    place = ""
    while trace is not None:
        place = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
