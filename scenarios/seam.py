"""Where an answer was cut and continued, its text is exact: nothing lost, nothing said twice, no space invented."""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer
from fake_server.blocks import text_block
from fake_server.faults.end_early import EndEarly
from fake_server.position import AtEvent
from harness.model import Level, Scenario
from scenarios.shapes import CLAUDE, DELTA, EVERY_DIALECT, LATE_TEXT, MID_TEXT, PREFILLS, resumed


def _seam(name: str, title: str, before: str, after: str, **more: Any) -> Scenario:
    """The text is cut right between two pieces."""
    beginning = "The heron of the old mill looks at the water. "
    end = " Nobody in the village knows what it sees there."
    block = text_block(beginning + before + after + end, pieces=(beginning, before, after, end))
    cut = Answer(blocks=(block,), faults=(EndEarly(at=AtEvent(DELTA, 2)),))
    return resumed(
        name,
        f"The text is cut {title}.",
        cut,
        Answer(blocks=(block,)),
        **{
            "covers": ("resume-seam-whitespace",),
            "sources": ("SillyTavern/SillyTavern#4549", "cline/cline#4858"),
            **more,
        },
    )


_LINE = "Row, row, row your boat, gently down the stream.\n"
_REFRAIN = text_block(_LINE * 4, pieces=(_LINE,) * 4)

DIALECTS = EVERY_DIALECT
HARM = "Words are lost, doubled or run together in the middle of the answer."

SCENARIOS = (
    resumed(
        "repeats_40_characters",
        "The continuation begins with the last 40 characters of what was said.",
        Answer().but(EndEarly(at=MID_TEXT)),
        Answer(repeats=40),
        covers=("resume-overlap-duplicates",),
        sources=("BerriAI/litellm#18229", "unslothai/unsloth#8064"),
        pair="seam.refrain",
    ),
    resumed(
        "repeats_300_characters",
        "The continuation begins with the last 300 characters of what was said.",
        Answer().but(EndEarly(at=LATE_TEXT)),
        Answer(repeats=300),
        covers=("resume-overlap-duplicates",),
        pair="seam.refrain",
    ),
    resumed(
        "repeats_everything",
        "Asked to go on, the model says the whole answer again.",
        Answer().but(EndEarly(at=MID_TEXT)),
        Answer(continues=False),
        covers=("resume-overlap-duplicates",),
        sources=("BerriAI/litellm#32835",),
    ),
    resumed(
        "refrain",
        "The rest begins with the very words that were said last: that is no repetition.",
        Answer(blocks=(_REFRAIN,), faults=(EndEarly(at=AtEvent(DELTA, 2)),)),
        Answer(blocks=(_REFRAIN,)),
        pair="seam.repeats_40_characters",
    ),
    _seam("inside_a_word", "inside a word", "Then it vis", "its the miller."),
    _seam("after_a_space", "after a space", "Then it visits ", "the miller."),
    _seam("before_a_space", "before a space", "Then it visits", " the miller."),
    _seam("before_a_full_stop", "before a full stop", "Then it visits the store", ". Mary is there."),
    _seam("between_two_spaces", "between two spaces that both belong there", "Then it waits: ", " yes."),
    _seam("after_a_line", "after the end of a line", "Then:\n", "- the miller\n- the baker\n"),
    _seam("between_two_lines", "in the middle of a blank line", "Then it waits.\n", "\nThen it goes.\n"),
    _seam("inside_code", "inside the indentation of a program", "def f():\n  ", "  return 1\n"),
    _seam("inside_a_number", "inside a number", "It is 3.", "14 miles away, or 2,", level=Level.SHOULD),
    _seam(
        "after_a_space_prefill",
        "after a space, which a prefill cannot end with",
        "Then it visits ",
        "the miller.",
        request=PREFILLS,
        covers=("resume-prefill-trailing-space",),
        sources=("anthropics/claude-code#18731",),
        dialects=CLAUDE,
    ),
    _seam(
        "after_a_line_prefill",
        "after the end of a line, in a prefill",
        "Then:\n\n",
        "- the miller\n",
        request=PREFILLS,
        dialects=CLAUDE,
    ),
)
