"""Long texts are cut where a reader would, and nothing is lost."""

from __future__ import annotations

import pytest

from client_under_test.errors import Stalled
from client_under_test.events import Next, Notice, Text
from client_under_test.sinks.slack.form import MARKDOWN, MRKDWN, messages
from client_under_test.sinks.slack.parts import FRAME, Growing
from client_under_test.sinks.slack.split import border, cut, is_inside, open_fence, split
from client_under_test.sinks.view import View


def bodies(text: str, limit: int) -> list[str]:
    """With the room that is kept for a closing fence added to the limit."""
    return [one.body for one in split(text, len, limit + 17)]


def test_a_text_that_fits_is_one_piece_and_no_text_is_none() -> None:
    assert bodies("short", 5) == ["short"]
    assert bodies("", 5) == []


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two\nthree.\n\nFour five six", ["One. Two\nthree.\n\n", "Four five six"]),
        ("One two three. Four\nfive six seven", ["One two three. Four\n", "five six seven"]),
        ("One two three. Four five six seven", ["One two three. ", "Four five six seven"]),
        ("Eins zwei drei vier fünf sechs", ["Eins zwei drei vier ", "fünf sechs"]),
        ("x" * 25, ["x" * 20, "x" * 5]),
        ("これは長い文です。次の文もかなり長いですね", ["これは長い文です。次の文もかなり長いで", "すね"]),
        ("これは長い長い長い文です。次の文は短い。", ["これは長い長い長い文です。次の文は短い。"]),
        ("これは長い長い長い文です。次の文は短くない。", ["これは長い長い長い文です。", "次の文は短くない。"]),
    ],
)
def test_a_cut_is_made_at_the_best_border_in_the_second_half(text: str, pieces: list[str]) -> None:
    limit = 19 if text.startswith("これは長い文") else 20
    assert bodies(text, limit) == pieces


@pytest.mark.parametrize(
    "seen_as_one",
    [
        "e\u0301",
        "👩\u200d👩\u200d👧",
        "👍🏽",
        "🇩🇪",
        "\r\n",
        "\ud83d\ude00",
        "\u1112\u1161\u11ab",
        "❤\ufe0f",
        "🏴\U000e0067\U000e0062",
    ],
)
def test_what_is_seen_as_one_character_is_never_cut(seen_as_one: str) -> None:
    for before in range(8, 20):
        text = "x" * before + seen_as_one + "y" * 12
        assert any(seen_as_one in piece for piece in bodies(text, 20)), before
        assert "".join(bodies(text, 20)) == text


def test_flags_are_cut_between_pairs() -> None:
    text = "🇩🇪🇫🇷🇮🇹"
    assert [is_inside(text, at) for at in range(1, 6)] == [True, False, True, False, True]


def test_a_pile_of_marks_is_cut_all_the_same_but_not_in_a_surrogate_pair() -> None:
    assert bodies("e" + "\u0301" * 30, 20) == ["e" + "\u0301" * 19, "\u0301" * 11]
    pile = "xx\u200d" + "\ud83d\ude00\u200d" * 9
    assert not any(one[-1] == "\ud83d" for one in bodies(pile, 9))


def test_a_border_before_a_mark_is_none() -> None:
    assert border("aaa \u0301b", 0, 5) == 0
    assert cut("aaaa bbb \u0301cc", 0, 9) == 8


def test_a_code_block_is_closed_before_the_cut_and_opened_again_after_it() -> None:
    text = "Look:\n```python\n" + "a = 1\n" * 8 + "```\nDone."
    written = [one.written(close=True) for one in split(text, len, 60)]
    assert written[0].startswith("Look:\n```python\na = 1\n")
    assert all(one.endswith("```") for one in written[:-1])
    assert all(one.startswith("```\n") for one in written[1:])
    assert all(len(one) <= 60 for one in written)
    assert "".join(one.body for one in split(text, len, 60)) == text


def test_a_fence_that_is_closed_in_mid_line_gets_a_line_of_its_own() -> None:
    (first, *_) = split("```\n" + "word " * 20, len, 60)
    assert first.written(close=True).endswith("word \n```")
    assert first.written(close=False).endswith("word ")


def test_a_cut_leaves_no_empty_code_block_behind() -> None:
    text = "A sentence of some length.\n```py\n" + "x" * 40
    assert next(one.body for one in split(text, len, 52)) == "A sentence of some length.\n"


@pytest.mark.parametrize(
    ("body", "open_at_end"),
    [
        ("```\na\n```\n", ""),
        ("```py\na", "```"),
        ("  ~~~~\na\n~~~\n", "~~~~"),
        ("````\n```\n", "````"),
        ("``` inline ``` code", ""),
        ("```\na\n``` b\n", "```"),
        ("a ``` b", ""),
    ],
)
def test_fences_open_and_close_as_in_markdown(body: str, open_at_end: str) -> None:
    assert open_fence(body)[0] == open_at_end


def view(text: str, *, over: bool = True, error: bool = False, notice: bool = False) -> View:
    one = View()
    one.take(Text(text))
    if notice:
        one.take(Notice(next=Next.CONTINUE, attempt=2, wait=0, error=Stalled("s")))
    if over:
        one.finish(Stalled("<!channel> " * 40) if error else None)
    return one


def test_no_mention_and_no_link_of_the_model_is_one_in_slack() -> None:
    (plain,) = messages(view("a & <!channel> > b"), MRKDWN, MRKDWN.limit)
    assert plain.written == "a &amp; &lt;!channel&gt; &gt; b"
    (rich,) = messages(view("> a & <@U1>"), MARKDOWN, MARKDOWN.limit)
    assert rich.written == "> a & &lt;@U1>"


@pytest.mark.parametrize("form", [MRKDWN, MARKDOWN])
@pytest.mark.parametrize("char", ["a", "<", "ä", "字", "😀"])
def test_no_message_is_longer_than_its_limit_with_whatever_is_said_under_it(form, char: str) -> None:
    for shown in messages(view(char * 9_999, error=True), form, form.limit):
        assert len(shown.written.encode(form.unit)) // form.unit_bytes <= form.limit


def test_what_is_said_stands_outside_of_code() -> None:
    (open_code,) = messages(view("```\na", over=False, notice=True), MRKDWN, MRKDWN.limit)
    assert open_code.written == "```\na\n```\n\n_no more text came, continuing…_"
    assert messages(view("```\na", over=False), MRKDWN, MRKDWN.limit)[0].written == "```\na\n```"
    assert messages(view("```\na"), MRKDWN, MRKDWN.limit)[0].written == "```\na"


def test_a_message_is_never_blank() -> None:
    assert [one.written for one in messages(view(" \n", over=False), MRKDWN, 3_900)] == ["…"]
    assert [one.written for one in messages(view(""), MRKDWN, 3_900)] == ["(no text)"]
    assert len(messages(view("a" + " " * 5_000), MRKDWN, 3_900)) == 1


def grown(text: str, sent: int = 0, *, over: bool = False, fence: str = "", start: int = 0):
    return Growing(text=text, start=start, sent=sent, fence=fence, over=over).next(MARKDOWN)


ROOM = MARKDOWN.limit - FRAME


def test_what_is_appended_ends_before_a_word_that_may_go_on() -> None:
    assert grown("One two thr").body == "One two "
    assert grown("One two \n\n").body == "One "
    assert grown("One") is None
    assert grown("\n\nOne") is None
    assert grown("") is None


def test_the_end_of_the_answer_is_sent_with_the_stop() -> None:
    part = grown("One two", sent=4, over=True)
    assert (part.body, part.stops) == ("two", True)
    assert grown("One", sent=3, over=True).body == ""


def test_a_message_that_is_nearly_full_ends_at_the_next_good_border() -> None:
    text = "x" * (ROOM - 1_000) + " more words. And more"
    part = grown(text, sent=ROOM - 1_000)
    assert (part.body, part.stops) == (" more words. ", True)
    assert not grown(text.replace(".", ","), sent=ROOM - 1_000).stops
    assert not grown(text[:-9] + "  ", sent=ROOM - 1_000).stops  # nothing would be in the next one


def test_a_message_that_is_full_ends_at_any_border() -> None:
    part = grown("word " * 3_000, sent=0)
    assert part.stops
    assert len(part.body) <= ROOM
    assert part.body.endswith(" ")
    assert grown("x" * ROOM + "yy", sent=ROOM).body == "y"


def test_the_fence_that_is_open_behind_a_part_is_known() -> None:
    assert grown("a\n```py\nb c d", over=True).fence == "```"
    assert grown("b\n```\nc d", fence="```", over=True).fence == ""
