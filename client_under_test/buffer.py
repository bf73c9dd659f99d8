"""Holds text back until a natural break, so that a reader sees sentences and not syllables.

Pure and alone: time comes in as an argument, nothing of ours is imported. Nothing is lost or changed: what comes out,
joined, is what went in. Characters are taken one by one, and each decision looks at what is held and at one character
more; so the sentences do not depend on how the text was cut (as long as no time passes), and the cost is linear.

    state     the line so far                          leaves it
    margin    is white space                           any other character, to ``opening`` or ``text``
    text      is ordinary                              newline, to ``margin``
    opening   may open a fence: ` `` ``` ``` py ~~~    newline, to ``inside``; what rules a fence out, to ``text``
    inside    is inside a fence                        the newline of the line that closes it, to ``margin``

Breaks:
    - The end of a line. Blank lines belong to what is before them, indentation to what is after it.
    - The end of a sentence: ``. ! ? …`` with the quotes, brackets and emphasis that close after it, white space, and
      a character that can begin a sentence: no lower-case letter, comma or the like. White space belongs to the
      sentence before it. A no-break space is no white space.
    - Full stops of scripts that have no capitals (``。！？؟۔।॥።`` and more) need no white space. ``．`` counts as ``.``
      because it is in numbers as often as at an end.
    - Size: the last white space that fits, or without any the last whole character.
    - Idle time, and the stop.

A dot ends no sentence after a title or an abbreviation that is always followed by something (Dr. e.g. vs. approx.),
after ``No. Fig. Jan.`` and such before a digit, after dotted or single initials (U.S. J., but not I.), after a number
or letter that comes first (``1. First``), nor after a German ordinal (``am 3. Oktober``). Other abbreviations (etc.
a.m. Inc.) end one if what follows can begin one. In doubt two sentences stay together: one character more cannot tell.
Inside a code span (`` `so. So` ``) no sentence ends.

A code fence is CommonMark's, and never cut: up to three spaces, three or more backticks or tildes, and after backticks
no other backtick in that line; the same on the line that closes it, at least as long. What may still become a fence
is held like one. Only `flush` gives out a fence that is not closed.
"""

from __future__ import annotations

import re

# Breaking white space: what `str.isspace` says, without the no-break spaces.
_WHITE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\u1680\u2028\u2029\u205f\u3000"
_WHITE += "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a"
_SPACES = frozenset(_WHITE)
_NARROW = frozenset(".．!?…")
_WIDE = frozenset("。｡！？؟۔।॥።፧။។։")
_STOPS = _NARROW | _WIDE
# Opens and closes alike: after a wide stop, which has no space after it, only what is open tells which.
_PAIRED = frozenset('"*_`')
_ENDING = frozenset(")]}”」』）】〉》］｝〕\u200b\u200c\u200d\u200e\u200f\u202c\u2069\ufe0e\ufe0f")
_CLOSING = _PAIRED | _ENDING | frozenset("'’»«›‹")
_CLOSING_NARROW = _CLOSING | frozenset("“‘")  # German and others close with what opens in English and Chinese
_NO_BEGINNING = _ENDING | _STOPS | frozenset(",;:%&=/|、，；：\xa0\u2007\u202f")

_RUN = re.compile(r"(\S+)\s*")
_NO_WORD = re.compile(r"[^\w.]")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_LIST_NUMBER = re.compile(r"[\W_]*(?:\d{1,3}(?:\.\d{1,3})*|[ivx]+|[IVX]+|[A-Za-z])")
_ORDINAL = re.compile(
    r"\b(?:(?<!\bI )am|ab|beim|bis|das|dem|den|der|des|die|im|seit|vom|zum|zur) \d\d?\Z", re.IGNORECASE
)
_BEFORE_ANYTHING = frozenset(
    "adm al approx bzw ca capt cf cmdr col dr dra eg esp fr gen gov hon ie incl lt maj messrs mlle mme mr mrs"
    " ms mt mx pres prof rep resp rev sen sgt sr sra srta st v vgl viz vs z".split()
)
_BEFORE_NUMBERS = frozenset(
    "apr art aug c ch dec eq feb fig figs jan jul jun lit mar no nos nov nr oct op p par pp sec sep sept vol".split()
)
_MATTERS = re.escape("".join(sorted(_STOPS | _PAIRED)))
_PLAIN = re.compile(f"[^{_WHITE}{_MATTERS}][^{_WHITE.replace(' ', '')}{_MATTERS}]*")
_WORD = f"[^{_WHITE}{_MATTERS}]++"
_SENTENCE = re.compile(rf"(?:{_WORD} )++(?!(?:[ivx]+|[IVX]+)[.!?])([^\W\d_]{{2,}})[.!?] (?=[^\W\d_])")
_LOOK_BACK = 40  # longer than any abbreviation, ordinal or list number

_AFTER_SPACE = re.compile(f"[{_WHITE}](?=[^{_WHITE}])")
# A character as a reader sees it, nearly: marks, selectors, skin tones, tags and the second half of a pair stay on it.
_MARK = "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u0900-\u0903\u093a-\u094f\u1ab0-\u1aff\u1dc0-\u1dff"
_MARK += "\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f\udc00-\udfff\U0001f3fb-\U0001f3ff\U000e0020-\U000e01ef]*"
_CHARACTER = re.compile(f"\r\n|[\U0001f1e6-\U0001f1ff]{{2}}|.{_MARK}(?:\u200d.?{_MARK})*", re.DOTALL)


def sentences(text: str) -> list[str]:
    """A whole text as sentences, as a `SentenceBuffer` gives them out; joined they are the text."""
    buffer = SentenceBuffer()
    return [*buffer.push(text), *buffer.flush()]


class SentenceBuffer:
    """Collects text and gives it out as whole sentences, lines and code blocks.

    Args:
        max_idle: seconds without new text after which what is held is given out; with 0 only fences are held.
        max_chars: characters of the longest sentence that is given out whole (at least 4); fences have no limit.
    """

    def __init__(self, *, max_idle: float = 0.5, max_chars: int = 400) -> None:
        self._max_idle, self._limit = max_idle, max(max_chars, 4)
        self._last = 0.0
        self._given: list[str] = []
        self.drop()

    @property
    def due(self) -> float | None:
        """When held text must be given out if no more comes; None if none is held, or only what time must not cut."""
        return self._last + self._max_idle if self._ready() else None

    def push(self, text: str, now: float = 0.0) -> list[str]:
        """Take more text and return what is whole, in order; first what was due before."""
        self._expire(now)
        if text:
            self._last = now
        place = 0
        while place < len(text):
            if sentence := self._sentence(text, place):
                self._give_with(sentence)
                place += len(sentence)
            elif plain := self._plain(text, place):
                self._held.extend(plain)
                place += len(plain)
            else:
                self._state(text[place])
                place += 1
        return self.tick(now)

    def tick(self, now: float) -> list[str]:
        """Return what is due, perhaps nothing."""
        self._expire(now)
        given, self._given = self._given, []
        return given

    def flush(self) -> list[str]:
        """The text ends here: return all that is held, as one item or none. The buffer is then as new."""
        rest = "".join(self._held)
        self.drop()
        return [rest] if rest else []

    def drop(self) -> None:
        """Forget what is held; the buffer is as new."""
        self._held: list[str] = []  # characters
        self._room = self._limit  # how many may be held
        self._line = 0  # where the line begins in what is held; it matters in every state but `text`
        self._stop = -1  # where the last stop is, if only what closes and white space followed; negative is none
        self._wide = False  # whether that stop needs no white space after it
        self._open: set[str] = set()  # of `_PAIRED`, in this line
        self._state = self._margin

    def _sentence(self, text: str, place: int) -> str:
        """What comes next up to the end of a sentence that has no other than words before it, so it is taken at once.

        It ends with a word that is no abbreviation or number, one stop and one space, and a letter comes behind it.
        """
        if self._stop >= 0 or self._open or self._state != self._text:
            return ""
        found = _SENTENCE.match(text, place, place + max(0, self._room - len(self._held)))
        if found is None or found[1].lower() in _BEFORE_ANYTHING or text[found.end()].islower():
            return ""
        return found[0]

    def _plain(self, text: str, place: int) -> str:
        """What comes next that changes nothing but what is held: most of all text, so it is taken at once."""
        if self._stop >= 0 or self._state != self._text:
            return ""
        run = _PLAIN.match(text, place, place + max(0, self._room - len(self._held)))
        return run[0] if run is not None else ""

    def _ready(self) -> int:
        """How many characters time may take."""
        if self._state in (self._opening, self._inside):
            return 0
        return self._line if self._may_open() else len(self._held)

    def _may_open(self) -> bool:
        if self._state != self._margin:
            return False
        return "".join(self._held[self._line : self._line + 4]) in ("", " ", "  ", "   ")

    def _expire(self, now: float) -> None:
        if now >= self._last + self._max_idle and (count := self._ready()):
            self._give(count)

    def _give(self, count: int) -> None:
        self._given.append("".join(self._held[:count]))
        del self._held[:count]
        self._line, self._stop, self._room = self._line - count, self._stop - count, self._limit
        if self._line < 0:
            self._state = self._text  # a margin that is gone was too wide for a fence

    def _give_with(self, rest: str) -> None:
        """Give out what is held, with the end of its sentence."""
        self._given.append("".join((*self._held, rest)))
        self._held.clear()
        self._line, self._room = 0, self._limit

    # One method for each state.

    def _margin(self, char: str) -> None:
        if char in _SPACES:
            self._fit(char)
            self._add(char)
            return
        fence = char in "`~" and self._may_open()
        if "".join(self._held[: self._line]).strip():
            self._give(self._line)
        self._mark, self._run, self._info = char, 0, False
        self._state = self._opening if fence else self._text
        self._state(char)

    def _text(self, char: str) -> None:
        if self._ends_before(char):
            self._give(len(self._held))
        self._fit(char)
        self._note(char)
        self._add(char)

    def _opening(self, char: str) -> None:
        self._held.append(char)
        if char == self._mark and not self._info:
            self._run += 1
        elif self._run < 3 or char == self._mark == "`":
            self._is_no_fence()
        elif char == "\n":
            self._line, self._state = len(self._held), self._inside
            self._closer = re.compile(f" {{0,3}}{self._mark}{{{self._run},}}[ \t\r]*\n")
        else:
            self._info = True

    def _inside(self, char: str) -> None:
        self._held.append(char)
        if char == "\n":
            line, self._line = "".join(self._held[self._line :]), len(self._held)
            if self._closer.fullmatch(line):
                self._state, self._room = self._margin, len(self._held) + self._limit

    def _is_no_fence(self) -> None:
        line = self._held[self._line :]
        del self._held[self._line :]
        self._state = self._text
        for char in line:
            self._text(char)

    def _add(self, char: str) -> None:
        self._held.append(char)
        if char == "\n":
            self._line, self._state = len(self._held), self._margin
            self._open.clear()

    # Where a sentence ends.

    def _note(self, char: str) -> None:
        """Remember whether a sentence may end here, and what is open."""
        before = self._held[-1] if self._held else ""
        if char in _STOPS:
            more = before in _STOPS
            self._wide = char in _WIDE or (more and self._wide)
            self._stop = self._stop if more else len(self._held)
        elif char not in _CLOSING_NARROW and char not in _SPACES:
            self._stop = -1
        if char in _SPACES:
            self._open.discard(before)  # a bullet: what opens is not followed by white space
        elif char in _PAIRED and char != before:
            self._open ^= {char}

    def _ends_before(self, char: str) -> bool:
        if self._stop < 0 or char in _SPACES or char in _NO_BEGINNING or "`" in self._open:
            return False
        if self._held[-1] not in _SPACES and (not self._wide or self._closes(char)):
            return False
        run = _RUN.fullmatch("".join(self._held[self._stop :]))
        return run is not None and (self._wide or not (char.islower() or self._goes_on(run[1], char)))

    def _goes_on(self, stops: str, char: str) -> bool:
        """Whether this is one dot, and one that ends no sentence."""
        if stops[0] not in ".．" or stops[1:2] in _STOPS:
            return False
        before = "".join(self._held[max(0, self._stop - _LOOK_BACK) : self._stop])
        if self._stop <= _LOOK_BACK and _LIST_NUMBER.fullmatch(before):
            return True
        if before[-1:].isdecimal() and _ORDINAL.search(before):
            return True
        return _is_abbreviation(_NO_WORD.split(before[before.rfind(" ") + 1 :])[-1], char)

    def _closes(self, char: str) -> bool:
        return char in _CLOSING and (char not in _PAIRED or char in self._open or char == self._held[-1])

    # Where a text that is too long is cut.

    def _fit(self, char: str) -> None:
        """Make room for one more character."""
        while len(self._held) >= self._room:
            at_line = self._line if self._state == self._margin else 0
            self._give(at_line or _last_place("".join(self._held) + char))


def _last_place(text: str) -> int:
    """Where to cut a text before its last character, or earlier."""
    places = [space.end() for space in _AFTER_SPACE.finditer(text)]
    places = places or [character.start() for character in _CHARACTER.finditer(text)]
    return places[-1] or len(text) - 1


def _is_abbreviation(word: str, after: str) -> bool:
    """Whether a sentence goes on after this word and a dot, when this character comes next."""
    small = word.lower()
    if small in _BEFORE_ANYTHING or (after.isdecimal() and small in _BEFORE_NUMBERS):
        return True
    if len(word) == 1:
        return word.isupper() and word != "I"
    return small not in ("a.m", "p.m") and bool(_INITIALS.fullmatch(word))
