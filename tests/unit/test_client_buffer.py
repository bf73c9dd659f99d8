"""The sentence buffer: where text is given out, and where it never is."""

from __future__ import annotations

import ast
import inspect

import pytest

from client_under_test import buffer
from client_under_test.buffer import SentenceBuffer, sentences

FENCE = "```py\nx = 1. Y\n\n~~~\n  ``` no\n```\n"


def given(*texts: str, max_chars: int = 400) -> list[str]:
    """What comes out before the text ends."""
    one = SentenceBuffer(max_chars=max_chars)
    return [item for text in texts for item in one.push(text)]


def test_the_module_stands_alone() -> None:
    tree = ast.walk(ast.parse(inspect.getsource(buffer)))
    names = [ast.unparse(node) for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
    assert names == ["from __future__ import annotations", "import re"]


# A vertical bar is where one sentence ends and the next begins.
@pytest.mark.parametrize(
    "text",
    [
        "One. |Two! |Three? |Four… |Five?! |Six... |7 eight. |(Nine.) |“Ten.” |«Onze.» |„Zwölf.“ |Done",
        "**Bold.** |_So._ |*Or so.* |🎉 Yes! |- No",
        "... |One. . |Two? |Dr! |Mr... |Three",
        "One.  \t |Two.\u2003|Three.\x85|Four",
        "Élan. |Œuvre. |Да. |Нет",
    ],
)
def test_a_sentence_ends_with_its_stop_what_closes_and_white_space(text: str) -> None:
    assert sentences(text.replace("|", "")) == text.split("|")


@pytest.mark.parametrize(
    "text",
    [
        "well... maybe",
        "“Stop!” he said",
        "Yahoo! said",
        "approx. five",
        "x. , y",
        "One. ) Two",
        "One.\xa0Two",
        "Mr.\u202fTwo",
        "3.14 and v1.2.3",
        "see a.py and https://a.example/b.c?d=E.",
        "U.S.A",
        "Smith & Co. & Sons",
        "| One. | Two |",
        "`one. Two. Three`",
    ],
)
def test_a_stop_before_what_cannot_begin_a_sentence_is_no_end(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    "text",
    "Dr. X|dr. X|St. X|e.g. X|i.e. X|(e.g.) X|E.g. X|vs. X|cf. X|approx. 5|et al. (X)|bzw. X|z. B. X|v. X|"
    "No. 5|Fig. 5|Jan. 5|pp. 5|"
    "U.S. X|J. X|J. R. R. X|А. С. X|"
    "am 3. X|im 19. X|Der 2. X".split("|"),
)
def test_an_abbreviation_an_initial_and_an_ordinal_end_no_sentence(text: str) -> None:
    assert sentences(f"it is {text}") == [f"it is {text}"]


@pytest.mark.parametrize(
    "text", "No. X|etc. X|etc. 5|a.m. X|P.M. X|Inc. X|art. X|I am 25. X|is 42. X|it is I. X".split("|")
)
def test_an_abbreviation_that_can_be_last_ends_a_sentence_before_what_can_begin_one(text: str) -> None:
    assert sentences(f"say {text}") == [f"say {text[:-1]}", text[-1]]


@pytest.mark.parametrize(
    "number", "1. |12. |2.1. |a. |B. |iv. |XII. |**3.** |- 1. |  > 1. |(2. |## 4. |１． ".split("|")
)
def test_a_number_that_comes_first_is_no_sentence(number: str) -> None:
    assert sentences(f"{number}First. Second") == [f"{number}First. ", "Second"]


def test_only_a_short_number_is_that_of_a_list() -> None:
    assert sentences("1984. Orwell") == ["1984. ", "Orwell"]
    assert sentences(f"One {'- ' * 30}1. Two") == [f"One {'- ' * 30}1. ", "Two"]


def test_a_sentence_has_four_hundred_characters_at_most() -> None:
    assert sentences("x" * 401) == ["x" * 400, "x"]


@pytest.mark.parametrize(
    "text",
    [
        "一。|二！|三？|四？！|五……。|六｡|七",
        "「一。」|（二！）|“三。”|“四？”|五。’|六",
        "一。 |二。\u200f|三。, 四.五",
        "一？!|二。|iPhone。 |iPad",
        "他说“一。|二”",
        "**一。**|二。|**三**，四。|*五*",
        '他说"一。"|二。|"三"',
        "* 一。|**二**",
        "१।|२॥|३। |४",
        "نعم؟|لا۔ |نعم",
        "`一。二`",
        "3．14．Five．x． |Six",
    ],
)
def test_a_full_stop_of_a_script_without_capitals_needs_no_white_space(text: str) -> None:
    assert sentences(text.replace("|", "")) == text.split("|")


@pytest.mark.parametrize(
    "text",
    [
        "one\n|two\n|- three\n|  - four\n|# five\n|six",
        "one. \n \n\t\n|  two\r\n\r\n|three",
        "\n\n one\n|two\n\n",
        "Dr.\n|One...\n|two",
        "\xa0\n\xa0",
        "`one\n|two. |Three",
    ],
)
def test_the_end_of_a_line_is_a_break_and_blank_lines_belong_to_it(text: str) -> None:
    assert sentences(text.replace("|", "")) == [item for item in text.split("|") if item]


def test_one_more_character_tells_whether_a_sentence_has_ended() -> None:
    assert given("One.", " ", "T") == ["One. "]
    assert given("One.", " ", "\n") == []
    assert given("One\n", "\n", "T") == ["One\n\n"]


@pytest.mark.parametrize(
    ("max_chars", "text"),
    [
        (10, "a bc def |ghij klm |nop"),
        (10, "abcdefghij|klmnopqrst|uvw"),
        (10, "abcdefghi |jklm"),
        (10, "one two   |three"),
        (10, "a b\r\n\r\n\r\n|\r\n\r\nd"),
        (4, "abc|e\u0301f|👩\u200d👩\u200d|👧"),
        (4, "abc|\ud83d\ude00d"),
        (4, "abc|🇩🇪🇫🇷"),
        (4, "abc|\r\n"),
        (4, "e\u0301\u0301\u0301|\u0301\u0301"),
        (4, "    |    |```\n|x"),
        (4, "a\n|    |  b"),
        (4, "a\n\n\n|\n  ```\nb. C\nde\n```\n\n\n\n\n|\n\n\n\n|\nf"),
        (4, "~~~\n~~~\n|    | "),
        (1, "abcd|e"),
    ],
)
def test_what_is_too_long_is_cut_at_white_space_or_after_a_whole_character(max_chars: int, text: str) -> None:
    one = SentenceBuffer(max_chars=max_chars)
    assert [*one.push(text.replace("|", "")), *one.flush()] == text.split("|")


@pytest.mark.parametrize("before", ["", "One. Two\n", "\n\n"])
@pytest.mark.parametrize(
    "fence",
    [
        FENCE,
        "~~~ a`b`\nx\n````\n~~~~ \t\r\n",
        "   ````\n```\n    ````\n`````\n",
        "```\n```\n",
        "```\n" + "x. Y " * 50 + "\n```\n",
    ],
)
def test_a_fence_is_never_cut(before: str, fence: str) -> None:
    one = SentenceBuffer(max_idle=0, max_chars=10)
    items = [item for char in f"{before}{fence}\nThree" for item in one.push(char)]
    assert any(fence in item for item in items)
    assert sentences(f"{before}{fence}\nThree. Four")[-3:] == [
        before * before.isspace() + fence + "\n",
        "Three. ",
        "Four",
    ]


@pytest.mark.parametrize("text", ["```", "```py", "~~~ ~~ x. Y", "```\nOne. Two\n", "   ~~~\nx\n\n``", FENCE[:-1]])
def test_an_open_fence_is_held_until_the_text_ends(text: str) -> None:
    one = SentenceBuffer(max_idle=0, max_chars=4)
    assert one.push(text) == []
    assert one.due is None
    assert one.flush() == [text]


@pytest.mark.parametrize("start", ["`", "``", "~", "~~", " ", "   ", "  ``"])
def test_the_start_of_a_line_that_may_become_a_fence_is_held(start: str) -> None:
    one = SentenceBuffer(max_idle=0)
    assert one.push(f"One\n{start}") == ["One\n"]
    assert one.due is None
    assert one.push("x") == [f"{start}x"]


@pytest.mark.parametrize(
    "line", ["``a``", "```a``` b", "~~a~~", "    ```", "\t```", "a ```", "``", "``~", "> ```", "```a`", "\xa0```"]
)
def test_a_line_that_opens_no_fence_is_ordinary(line: str) -> None:
    assert sentences(f"{line}\nOne. Two") == [f"{line}\n", "One. ", "Two"]


def test_a_fence_begins_only_where_a_line_does() -> None:
    one = SentenceBuffer()
    assert [one.push("One", 0), one.tick(1), one.push("```\nTwo. T", 1)] == [[], ["One"], ["```\n", "Two. "]]
    wide = SentenceBuffer()
    assert [wide.push("     ", 0), wide.tick(1), wide.push("```\nT", 1)] == [[], ["     "], ["```\n"]]


def test_held_text_is_given_out_when_no_more_has_come_for_a_while() -> None:
    one = SentenceBuffer(max_idle=2)
    assert (one.due, one.push("One. Two", 0), one.due) == (None, ["One. "], 2)
    assert (one.push(" and", 1), one.due) == ([], 3)
    assert (one.push("", 2), one.due) == ([], 3)
    assert (one.tick(2.9), one.tick(3), one.due) == ([], ["Two and"], None)
    assert one.flush() == []


def test_what_was_due_comes_before_what_is_pushed_too_late() -> None:
    one = SentenceBuffer(max_idle=2)
    assert (one.push("One", 0), one.push(" two. Three", 2), one.due) == ([], ["One", " two. "], 4)


def test_a_fence_is_due_only_when_it_is_closed() -> None:
    one = SentenceBuffer(max_idle=2)
    assert (one.push(FENCE[:-1], 0), one.due, one.tick(9)) == ([], None, [])
    assert (one.push(FENCE[-1], 10), one.due, one.tick(12)) == ([], 12, [FENCE])


def test_without_idle_time_nothing_is_held() -> None:
    one = SentenceBuffer(max_idle=0)
    assert [one.push(text) for text in ("One. Tw", "o.", " ", "Dr")] == [["One. ", "Tw"], ["o."], [" "], ["Dr"]]


def test_after_a_flush_and_a_drop_the_buffer_is_as_new() -> None:
    for text in ("One", "`One", "```\nOne", "One.", "One.\n "):
        one, other = SentenceBuffer(), SentenceBuffer()
        one.push(text)
        other.push(text)
        assert one.flush() == [text]
        other.drop()
        for buffered in (one, other):
            assert (buffered.due, buffered.push(f"{FENCE}Two. T"), buffered.flush()) == (None, [FENCE, "Two. "], ["T"])
