"""Plans how to ask about a text that is too long for one request: in parts, and then about the answers to them.

Rules:

1. A request that fits is sent as it is, once.
2. Only one text is split: the longest of the last user message. All the rest (system, tools, images, earlier turns)
   goes with every part as it is, so the question belongs there, and not into the text.
3. The answers to the parts are put in the place of the text, in order, and asked about once more. When they are too
   long themselves they are split in turn, provided that they are shorter than what they are the answers to.
4. When the server finds too large what seemed to fit, the parts become half as large.
5. A part that fails, or is answered with anything but a whole text, ends it all: nothing is left out in silence.
6. Texts are split at most :data:`SPLITS` times in all, each into at most ``max_parts``: the bill has a limit.

Nothing is sent here. :func:`plan` gives out batches of requests and takes their answers; :mod:`client_under_test.large`
sends them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from client_under_test.answer import Answer, Outcome
from client_under_test.errors import RequestRefused, StreamError
from client_under_test.prompt_size import PartTooLarge, estimate, is_too_large, measure, utf8_bytes

MAP_PROMPT = (
    "This is part {part} of {parts} of a text that is too long for one request. Do what is asked with this part alone; "
    "the answers to all parts will be combined."
)
REDUCE_PROMPT = (
    "The text was too long for one request. These are the answers to its parts, in order. "
    "Combine them into one answer to what is asked."
)
MAX_PARTS = 64
SPLITS = 6

Plan = Generator[tuple["Ask", ...], tuple[Answer, ...], Answer]
"""Gives out requests that may be sent at the same time; takes their answers, or the error of the first that failed."""

_BORDERS = (
    re.compile(r"\n(?:[ \t]*\r?\n)+"),
    re.compile(r"\r\n|\n|\r"),
    re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]"),
    re.compile(r"\s+"),
)
"""Where to split, best first: blank lines, line ends, sentence ends, white space."""
_PAIR = re.compile("\r\n|[\ud800-\udbff][\udc00-\udfff]|\u200d.|.[\u200d\u1160-\u11ff\U0001f3fb-\U0001f3ff]", re.DOTALL)
"""Two code points of one character: surrogates, joined emoji, a skin colour, a Korean syllable."""
_FLAGS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
"""Two of these letters are a flag."""


class PartUnusable(StreamError):
    """A part was not answered with a whole text: it was cut short, refused, paused, or answered with a tool call."""

    retryable = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of a plan."""

    request: dict[str, Any]
    name: str
    """``part 2 of 5 of messages[0].content[1].text``."""
    last: bool
    """Its answer is that of the whole call, whatever it is; any other is to be combined."""

    def take(self, answer: Answer) -> Answer:
        """The answer, when it can be used.

        Raises:
            StreamError: the error of the answer, or :class:`PartUnusable`.
        """
        if answer.error is not None and (not self.last or is_too_large(answer.error)):
            raise answer.error
        if not self.last and (answer.outcome is not Outcome.COMPLETE or answer.tool_calls):
            how = f"outcome {answer.outcome.value}, stop reason {answer.stop_reason}"
            raise PartUnusable(f"{self.name} was not answered with a whole text ({how})", partial=answer.text)
        return answer


def split(text: str, max_tokens: int) -> list[str]:
    """Pieces of at most ``max_tokens`` (estimated) that are the text again when joined, as few as the borders allow.

    A paragraph that fits is never cut, then a line, then a sentence, then a word; and a character with its accents
    only where it is too large itself.

    Raises:
        ValueError: for less than 2 tokens, which do not hold every character.
    """
    if max_tokens < 2:
        raise ValueError(f"max_tokens must be at least 2, not {max_tokens}")
    return list(_packed(text, max_tokens))


def plan(
    request: Mapping[str, Any],
    *,
    max_tokens: int,
    map_prompt: str = MAP_PROMPT,
    reduce_prompt: str = REDUCE_PROMPT,
    max_parts: int = MAX_PARTS,
) -> Plan:
    """The requests to send and, in the end, the answer. Arguments and errors are those of ``in_parts``."""
    job = _Job(request, max_tokens, max_parts, (map_prompt, reduce_prompt))
    text, prompt = job.text, map_prompt
    asks = job.whole() if job.fits else job.parts(text, prompt)
    while len(answers := (yield from job.answers(asks, text, prompt))) > 1:
        joined = "\n\n".join(f"[{number}]\n{answer.text}" for number, answer in enumerate(answers, 1))
        if estimate(joined) >= estimate(text):
            raise job.too_large("the answers to its parts are no shorter than the text")
        text, prompt = joined, reduce_prompt
        asks = job.parts(text, prompt)
    return answers[0]


class _Job:
    """The text that is split, what else is in the request, and how much of the text goes into one part."""

    def __init__(self, request: Mapping[str, Any], max_tokens: int, max_parts: int, prompts: Sequence[str]) -> None:
        self._request, self._max_parts = request, max_parts
        self._path, self.text = _longest_text(request)
        total = sum(part.tokens for part in measure(request))
        self.fits = total <= max_tokens
        notes = max(estimate(_note(prompt, max_parts, max_parts)) for prompt in prompts)
        self._room = max_tokens - (total - estimate(self.text)) - notes
        self._splits = SPLITS

    def whole(self) -> tuple[Ask, ...]:
        return (Ask(request=dict(self._request), name="the whole request", last=True),)

    def parts(self, text: str, prompt: str) -> tuple[Ask, ...]:
        """One request for each piece of the text; a text in one piece is the last that is asked about."""
        if self._room < 2 or not text:
            raise self.too_large("too little of it is text that can be split")
        pieces = list(islice(_packed(text, self._room), self._max_parts + 1))
        count = len(pieces)
        if count > self._max_parts:
            raise self.too_large(f"it would take more than {self._max_parts} parts of {self._room} tokens")
        if count > 1 and self._splits == 0:
            raise self.too_large(f"it was split {SPLITS} times already")
        self._splits -= count > 1
        return tuple(
            Ask(
                request=_with(self._request, self._path, _note(prompt, number, count) + piece),
                name=f"part {number} of {count} of {_where(self._path)}",
                last=count == 1,
            )
            for number, piece in enumerate(pieces, 1)
        )

    def answers(
        self, asks: tuple[Ask, ...], text: str, prompt: str
    ) -> Generator[tuple[Ask, ...], tuple[Answer, ...], tuple[Answer, ...]]:
        """The answers to the parts of one text; they are made smaller while the server finds them too large."""
        while True:
            try:
                return (yield asks)
            except RequestRefused as error:
                if not is_too_large(error):
                    raise
                asks = self._smaller(error, text, prompt)

    def too_large(self, why: str) -> PartTooLarge:
        part = max(measure(self._request), key=lambda part: part.tokens, default=None)
        return PartTooLarge(f"the prompt is too large: {why}; its largest part is {part}", part=part)

    def _smaller(self, error: RequestRefused, text: str, prompt: str) -> tuple[Ask, ...]:
        self._room = min(self._room, estimate(text)) // 2
        try:
            return self.parts(text, prompt)
        except PartTooLarge as no_way:
            error.add_note(no_way.message)
        raise error


def _note(prompt: str, part: int, parts: int) -> str:
    """Not ``str.format``: a prompt may have braces of its own."""
    return prompt.replace("{part}", str(part)).replace("{parts}", str(parts)) + "\n\n"


Path = tuple[str | int, ...]


def _longest_text(request: Mapping[str, Any]) -> tuple[Path, str]:
    """Where the longest text of the last user message is, and the text; an empty one when there is none."""
    messages = request.get("messages", ())
    for number in reversed(range(len(messages))):
        match messages[number]:
            case {"role": "user", "content": content}:
                texts = _texts(content, ("messages", number, "content"))
                return max(texts, key=lambda found: utf8_bytes(found[1]), default=((), ""))
    return (), ""


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case list() | tuple():
            for number, block in enumerate(value):
                yield from _texts(block, (*path, number))
        case {"type": "text", "text": str(text)}:
            yield (*path, "text"), text
        case {"type": "document", "source": {"type": "text", "data": str(text)}}:
            yield (*path, "source", "data"), text
        case {"content": content}:
            yield from _texts(content, (*path, "content"))


def _with(value: Any, path: Path, text: str) -> Any:
    """A copy with another text at ``path``; what is not on the way there is shared, not copied."""
    if not path:
        return text
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], text)
    return copy


def _where(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


def _packed(text: str, max_tokens: int) -> Iterator[str]:
    """Pieces that were cut too small for good are put together again, as many as fit."""
    room = max_tokens * 5 // 2
    held: list[str] = []
    size = 0
    for piece in _pieces(text, room, 0):
        more = utf8_bytes(piece)
        if size + more > room:
            yield "".join(held)
            held, size = [], 0
        held.append(piece)
        size += more
    if size:
        yield "".join(held)


def _pieces(text: str, room: int, level: int) -> Iterator[str]:
    """Pieces of at most ``room`` bytes, cut at the best borders: one level deeper only what is too large."""
    if utf8_bytes(text) <= room:
        yield text
    elif level == len(_BORDERS):
        yield from _anywhere(text, room)
    else:
        for piece in _cut(text, _BORDERS[level]):
            yield from _pieces(piece, room, level + 1)


def _cut(text: str, border: re.Pattern[str]) -> Iterator[str]:
    start = 0
    for found in border.finditer(text):
        if not _tears(text, found.end()):
            yield text[start : found.end()]
            start = found.end()
    if start < len(text):
        yield text[start:]


def _anywhere(text: str, room: int) -> Iterator[str]:
    start = 0
    while start < len(text):
        ends = range(start + 1, min(start + room, len(text)) + 1)
        most = start + bisect_right(ends, room, key=lambda end: utf8_bytes(text[start:end]))
        end = next((end for end in range(most, start, -1) if not _tears(text, end)), most)
        yield text[start:end]
        start = end


def _tears(text: str, at: int) -> bool:
    """Whether a cut there goes through what a reader sees as one character."""
    if at == len(text):
        return False
    if text[at] in _FLAGS:
        before = text[max(0, at - 64) : at]
        return (len(before) - len(before.rstrip(_FLAGS))) % 2 == 1
    return _PAIR.match(text, at - 1) is not None or unicodedata.category(text[at]).startswith("M")
