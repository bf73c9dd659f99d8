"""How large a prompt is, and how one that is too large is asked about in parts."""

from __future__ import annotations

import asyncio
import re
import struct
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from client_under_test.answer import Answer, Outcome, ToolCall
from client_under_test.errors import ConnectionLost, NotAuthorized, Overloaded, PromptTooLarge, RequestRefused
from client_under_test.large import (
    Part,
    PartTooLarge,
    PartUnusable,
    PromptLimits,
    check,
    in_parts,
    in_parts_sync,
    largest,
    measure,
    split,
)
from client_under_test.prompt_parts import SPLITS
from client_under_test.prompt_size import MB, MOST_IMAGE_TOKENS, estimate, is_too_large

Request = dict[str, Any]


def png(width: int, height: int, padding: int = 0) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\0" * padding


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    return b"\xff\xd8" + before + b"\xff\xc0\0\x11\x08" + struct.pack(">HH", height, width) + b"\3"


def image(raw: bytes) -> Request:
    source = {"type": "base64", "media_type": "image/png", "data": b64encode(raw).decode()}
    return {"type": "image", "source": source}


def text(said: str) -> Request:
    return {"type": "text", "text": said}


def ask(*content: Request | str, **more: Any) -> Request:
    said = content[0] if isinstance(content[0], str) else list(content)
    return {"model": "m", "messages": [{"role": "user", "content": said}], **more}


def only(request: Request) -> Part:
    (part,) = measure(request)
    return part


# How large it is


def test_every_part_has_its_place_its_kind_and_its_bytes_in_the_body() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [text("ab"), image(png(28, 56))]}
    request = {
        "system": [text("é")],
        "tools": [{"name": "t"}],
        "messages": [
            {"role": "user", "content": 'a"b'},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "t", "input": {}}]},
            {"role": "user", "content": [result, {"type": "tool_result", "tool_use_id": "u", "content": "done"}]},
        ],
    }
    assert [(part.where, part.kind, part.bytes) for part in measure(request)] == [
        ("system[0]", "text", 2),
        ("tools[0]", "tools", 12),
        ("messages[0].content", "text", 4),
        ("messages[1].content[0]", "tool_use", 50),
        ("messages[2].content[0].content[0]", "text", 2),
        ("messages[2].content[0].content[1]", "image", 32),
        ("messages[2].content[1].content", "tool_result", 4),
    ]


def test_a_document_counts_as_its_text_its_blocks_its_bytes_or_not_at_all() -> None:
    sources = [
        {"type": "text", "media_type": "text/plain", "data": "x" * 50},
        {"type": "content", "content": "x" * 25},
        {"type": "content", "content": [text("x" * 5)]},
        {"type": "base64", "media_type": "application/pdf", "data": "A" * 80_000},
        {"type": "url", "url": "https://example.com/a.pdf"},
        {"type": "file", "file_id": "f"},
    ]
    parts = measure(ask(*({"type": "document", "source": source} for source in sources)))
    assert [part.tokens for part in parts] == [20, 10, 2, 9000, 0, 0]
    assert {part.kind for part in parts} == {"document", "text"}
    assert parts[2].where == "messages[0].content[2].source.content[0]"


@pytest.mark.parametrize(
    "malformed",
    [
        {"messages": 3},
        {"tools": "x"},
        {"messages": ["a", 5]},
        {"messages": [{"content": [7, {"a": b"1"}, {"type": "x"}]}]},
    ],
)
def test_what_the_api_will_refuse_is_measured_without_an_error(malformed: Request) -> None:
    check(malformed)


@pytest.mark.parametrize(("said", "tokens"), [("", 0), ("a", 1), ("hello", 2), ("四" * 5, 6), ("\ud83d", 2)])
def test_two_and_a_half_bytes_of_text_are_a_token(said: str, tokens: int) -> None:
    assert estimate(said) == tokens


@pytest.mark.parametrize(
    "raw",
    [
        png(300, 200),
        b"GIF89a" + struct.pack("<HH", 300, 200),
        b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 300 | 0x4000, 200 | 0x8000),
        b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 299 | 199 << 14),
        b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + (299).to_bytes(3, "little") + (199).to_bytes(3, "little"),
        jpeg(300, 200),
        jpeg(300, 200, before=b"\xff\xe0\0\x06JFIF\xff\xff\xc4\0\x03x"),
    ],
    ids=["png", "gif", "webp-lossy", "webp-lossless", "webp-extended", "jpeg", "jpeg-with-segments"],
)
def test_the_size_of_an_image_is_read_from_its_header(raw: bytes) -> None:
    part = only(ask(image(raw)))
    assert part.pixels == (300, 200)
    assert part.tokens == 11 * 8


@pytest.mark.parametrize(
    "block",
    [
        image(b"BM no such format"),
        image(b"\xff\xd8\xff\xe0\0\x06JF"),
        image(b"\xff\xd8\xff\xe0\0\x02\0\0\0\0\0\0\0\0\0\0"),
        image(png(0, 200)),
        {"type": "image", "source": {"type": "base64", "data": "no base64 é"}},
        {"type": "image", "source": {"type": "base64", "data": "A"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ],
)
def test_an_image_whose_size_is_unknown_counts_as_the_largest(block: Request) -> None:
    part = only(ask(block))
    assert (part.kind, part.tokens, part.pixels) == ("image", MOST_IMAGE_TOKENS, None)


def test_no_image_counts_for_more_than_what_it_is_scaled_down_to() -> None:
    assert only(ask(image(png(8000, 8000)))).tokens == MOST_IMAGE_TOKENS


def test_the_largest_part_is_the_one_with_the_most_bytes() -> None:
    assert largest(ask(text("x" * 10), image(png(9000, 9000)), system="y" * 40)).where == "system"
    assert largest({}).bytes == 0


# What is too large


def refused(request: Request, limits: PromptLimits) -> PartTooLarge:
    with pytest.raises(PromptTooLarge) as caught:
        check(request, limits)
    assert isinstance(caught.value, PartTooLarge)
    return caught.value


def test_an_image_over_the_limit_is_named_with_its_place_and_size() -> None:
    error = refused(ask(text("a"), image(png(1, 1)), image(png(1, 1, 5 * MB))), PromptLimits(image_bytes=5 * MB))
    assert str(error) == "messages[0].content[2] (image, 6.7 MB) is too large: the limit for one image is 5 MB"
    assert error.part is not None
    assert error.part.where == "messages[0].content[2]"


def test_what_is_just_over_a_limit_does_not_read_as_the_limit() -> None:
    block = {"type": "image", "source": {"type": "base64", "data": "A" * (5 * MB + 1)}}
    assert "(image, 5.1 MB)" in str(refused(ask(block), PromptLimits(image_bytes=5 * MB)))
    check(ask({"type": "image", "source": {"type": "base64", "data": "A" * 5 * MB}}), PromptLimits(image_bytes=5 * MB))


def test_the_limit_for_pixels_is_lower_when_there_are_many_images() -> None:
    limits = PromptLimits(many_images=2)
    check(ask(*[image(png(8000, 10))] * 2), limits)
    assert "(image, 8001x10 px) is too large: the limit for one image is 8000x8000 px" in str(
        refused(ask(image(png(8001, 10))), limits)
    )
    assert "2000x2000 px in a request with more than 2" in str(refused(ask(*[image(png(10, 2001))] * 3), limits))


def test_the_first_image_too_many_is_named() -> None:
    check(ask(*[image(png(1, 1))] * 2), PromptLimits(images=2))
    error = refused(ask(*[image(png(1, 1))] * 4), PromptLimits(images=2))
    assert str(error).startswith("messages[0].content[2] (image, 0.1 MB) is one too many")


def test_a_body_over_the_limit_is_told_with_its_largest_part() -> None:
    error = refused(ask(text("a"), text("x" * 2 * MB)), PromptLimits(body_bytes=2 * MB))
    assert str(error) == (
        "the request is too large: 2.1 MB of at most 2 MB; its largest part is messages[0].content[1] (text, 2 MB)"
    )


def test_tokens_over_the_limit_are_told_with_the_part_that_has_most() -> None:
    request = ask(text("x" * 100), image(png(2000, 2000)))
    check(request, PromptLimits(tokens=4824))
    assert str(refused(request, PromptLimits(tokens=4823))) == (
        "the prompt is too large: about 4824 tokens of at most 4823; "
        "its largest part is messages[0].content[1] (image, 4784 tokens)"
    )


def test_a_limit_that_was_checked_is_an_error_that_reached_nobody_and_will_come_again() -> None:
    error = refused(ask("x"), PromptLimits(body_bytes=1))
    assert (error.retryable, error.sent) == (False, False)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PromptTooLarge("x", status=413), True),
        (RequestRefused("HTTP 413: <html>", status=413), True),
        (RequestRefused("Prompt is too long: 207791 tokens > 200000 maximum", status=400), True),
        (RequestRefused("x", status=400), False),
        (Overloaded("prompt is too long", status=413), False),
        (ValueError("prompt is too long"), False),
    ],
)
def test_a_shorter_prompt_helps_against_413_and_the_400_of_a_full_context(error: Exception, expected: bool) -> None:
    assert is_too_large(error) is expected


# Splitting


@pytest.mark.parametrize(
    ("whole", "tokens", "pieces"),
    [
        ("", 2, []),
        ("short", 2, ["short"]),
        ("aaaa\n\nbbbb\n\ncc", 4, ["aaaa\n\n", "bbbb\n\ncc"]),
        ("aaaa\r\n \t\r\nbbbb", 4, ["aaaa\r\n \t\r\n", "bbbb"]),
        ("aaa\nbbb\n\ncc\ndd\n", 4, ["aaa\nbbb\n\n", "cc\ndd\n"]),
        ("aaaa\nbbbb\rcccc\r\ndd", 2, ["aaaa\n", "bbbb\r", "cccc", "\r\ndd"]),
        ("One a. Two b! Three?", 4, ["One a. ", "Two b! ", "Three?"]),
        ('He: "So?" She: "No."', 4, ['He: "So?" ', 'She: "No."']),
        ("四五。六七。", 4, ["四五。", "六七。"]),
        ("one two three", 2, ["one ", "two ", "three"]),
        ("abcdefghijkl", 2, ["abcde", "fghij", "kl"]),
        ("t\n\n" + "a" * 9 + "\n" + "b" * 9, 4, ["t\n\n", "a" * 9 + "\n", "b" * 9]),
    ],
)
def test_a_text_is_split_at_the_best_border_there_is(whole: str, tokens: int, pieces: list[str]) -> None:
    assert split(whole, tokens) == pieces


@pytest.mark.parametrize(
    "character",
    [
        "e\u0301",
        "\U0001f1e9\U0001f1ea",
        "👩\u200d🚀",
        "👍🏽",
        "\ud83d\ude00",
        "\r\n",
        "\u1100\u1161\u11a8",
        "☺\ufe0f",
        " \u0301",
    ],
    ids=ascii,
)
def test_a_character_is_not_torn(character: str) -> None:
    pieces = split("abc" + character * 9, 5)
    assert len(pieces) > 1
    assert all(re.fullmatch(f"[abc]*(?:{character})*", piece) for piece in pieces)


def test_a_character_larger_than_a_part_is_torn_and_nothing_is_lost() -> None:
    assert "".join(split("e" + "\u0301" * 20, 2)) == "e" + "\u0301" * 20


def test_a_part_must_have_room_for_any_character() -> None:
    assert split("🌍🌍", 2) == ["🌍", "🌍"]
    with pytest.raises(ValueError, match="at least 2"):
        split("a", 1)


# Asking in parts

QUESTION = text("What is it about?")
LONG = "\n\n".join(f"Paragraph {number} " + "x" * 40 for number in range(9))
SMALL: dict[str, Any] = {"max_tokens": 66, "map_prompt": "part {part} of {parts} {}", "reduce_prompt": "combine"}


def said(request: Request, block: int = 1) -> str:
    return str(request["messages"][-1]["content"][block]["text"])


class Model:
    """Answers each request with what ``answers`` makes of the text in it, and keeps the request."""

    def __init__(self, answers: Callable[[str], Answer | str]) -> None:
        self._answers = answers
        self.asked: list[Request] = []
        self.now = self.most = 0

    def reply(self, request: Request) -> Answer:
        self.asked.append(request)
        answer = self._answers(said(request))
        return Answer(outcome=Outcome.COMPLETE, text=answer) if isinstance(answer, str) else answer

    async def complete(self, request: Request) -> Answer:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            return self.reply(request)
        finally:
            self.now -= 1


def short(asked: str) -> str:
    return " ".join(asked.split()[:2])


def fails(error: Exception, when: str = "part 2") -> Callable[[str], Answer | str]:
    def answer(asked: str) -> str:
        if asked.startswith(when):
            raise error
        return short(asked)

    return answer


def refuses_over(characters: int) -> Callable[[str], Answer | str]:
    def answer(asked: str) -> str:
        if len(asked) > characters:
            raise PromptTooLarge("HTTP 413: <html>", status=413)
        return "ok"

    return answer


async def test_what_fits_is_sent_as_it_is_once() -> None:
    model, request = Model(lambda _: "whole"), ask(QUESTION, text(LONG))
    answer = await in_parts(model.complete, request, max_tokens=sum(part.tokens for part in measure(request)))
    assert (answer.text, model.asked) == ("whole", [request])


async def test_each_part_is_asked_with_all_the_rest_and_the_answers_are_combined_in_order() -> None:
    request = ask(QUESTION, text(LONG), image(png(28, 28)), system="Be brief.")
    model = Model(short)
    answer = await in_parts(model.complete, request, **SMALL)
    *parts, combined = model.asked
    assert len(parts) == 5
    assert "".join(said(part).split("\n\n", 1)[1] for part in parts) == LONG
    assert [said(part).split("\n\n")[0] for part in parts] == [f"part {number} of 5 {{}}" for number in range(1, 6)]
    assert said(combined) == "combine\n\n" + "\n\n".join(f"[{number}]\npart {number}" for number in range(1, 6))
    assert answer.text == "combine [1]"
    for sent in model.asked:
        assert sum(part.tokens for part in measure(sent)) <= 66
        sent["messages"][0]["content"][1] = text(LONG)
        assert sent == request


async def test_the_answers_are_combined_in_the_order_of_the_parts_whichever_comes_first() -> None:
    model, came = Model(short), [asyncio.Event() for _ in range(6)]

    async def complete(request: Request) -> Answer:
        if not said(request).startswith("part"):
            return model.reply(request)
        number = int(said(request)[5])
        await (came[number].wait() if number < 5 else asyncio.sleep(0))
        came[number - 1].set()
        return model.reply(request)

    await in_parts(complete, ask(QUESTION, text(LONG)), **SMALL, at_once=5)
    assert [said(request)[:6] for request in model.asked[:5]] == [f"part {number}" for number in (5, 4, 3, 2, 1)]
    assert re.findall(r"part \d", said(model.asked[5])) == [f"part {number}" for number in (1, 2, 3, 4, 5)]


def test_the_sync_version_sends_the_same_requests() -> None:
    request, one, other = ask(QUESTION, text(LONG)), Model(short), Model(short)
    answer = in_parts_sync(one.reply, request, **SMALL)
    assert answer == asyncio.run(in_parts(other.complete, request, **SMALL, at_once=1))
    assert one.asked == other.asked


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (["x" * 400], ""),
        ([text("a"), {"type": "tool_result", "tool_use_id": "t", "content": "x" * 400}], "[1].content"),
        ([{"type": "tool_result", "content": [text("x" * 400)]}, text("a")], "[0].content[0].text"),
        ([text("a"), {"type": "document", "source": {"type": "text", "data": "x" * 400}}], "[1].source.data"),
    ],
)
def test_the_longest_text_of_the_last_user_message_is_split(content: list[Any], where: str) -> None:
    request = ask(*content)
    request["messages"] += [{"role": "assistant", "content": "y" * 500}]
    request["messages"][:0] = [{"role": "user", "content": "z" * 500}]
    with pytest.raises(ConnectionLost) as caught:
        in_parts_sync(fails_always(ConnectionLost("gone")), request, max_tokens=530)
    assert caught.value.__notes__ == [f"in part 1 of 3 of messages[1].content{where}"]


def fails_always(error: Exception) -> Callable[[Request], Answer]:
    def complete(request: Request) -> Answer:
        raise error

    return complete


def test_answers_that_are_too_long_together_are_combined_in_parts_as_well() -> None:
    model = Model(lambda asked: "y" * (len(asked) // 2))
    in_parts_sync(model.reply, ask(QUESTION, text(LONG * 4)), **SMALL)
    starts = [said(request).split("\n\n")[0].split()[0] for request in model.asked]
    assert starts == sorted(starts, reverse=True)
    assert starts.count("combine") > 2


async def test_no_more_than_the_given_number_is_under_way_at_once() -> None:
    model = Model(short)
    await in_parts(model.complete, ask(QUESTION, text(LONG * 2)), **SMALL, at_once=3)
    assert model.most == 3
    with pytest.raises(ValueError, match="at_once"):
        await in_parts(model.complete, ask("x"), max_tokens=9, at_once=0)


async def test_the_error_of_a_part_ends_all_others_and_tells_which_it_was() -> None:
    error, ended = Overloaded("busy", status=529), []

    async def complete(request: Request) -> Answer:
        if said(request).startswith("part 2"):
            raise error
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(said(request)[:6])
        raise AssertionError("nobody sets the event")

    with pytest.raises(Overloaded) as caught:
        await in_parts(complete, ask(QUESTION, text(LONG)), **SMALL, at_once=3)
    assert caught.value is error
    assert caught.value.__notes__ == ["in part 2 of 5 of messages[0].content[1].text"]
    assert sorted(ended) == ["part 1", "part 3"]


def test_the_sync_version_sends_nothing_after_the_part_that_failed() -> None:
    model = Model(fails(Overloaded("busy")))
    with pytest.raises(Overloaded):
        in_parts_sync(model.reply, ask(QUESTION, text(LONG)), **SMALL)
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    "error", [NotAuthorized("no", status=401), RequestRefused("no", status=400), ValueError("bug")]
)
async def test_an_error_that_smaller_parts_do_not_help_is_raised_as_it_is(error: Exception) -> None:
    one, other = Model(fails(error)), Model(fails(error))
    with pytest.raises(type(error)) as caught:
        await in_parts(one.complete, ask(QUESTION, text(LONG)), **SMALL, at_once=1)
    assert caught.value is error
    with pytest.raises(type(error)) as caught:
        in_parts_sync(other.reply, ask(QUESTION, text(LONG)), **SMALL)
    assert caught.value is error
    assert len(one.asked) == len(other.asked) == 2


def test_an_error_in_the_answer_to_a_part_is_raised_and_that_of_the_last_is_returned() -> None:
    broken = Answer(outcome=Outcome.INCOMPLETE, text="so f", error=ConnectionLost("gone"))
    model = Model(lambda asked: broken if asked.startswith("part 3") else "fine")
    with pytest.raises(ConnectionLost, match="gone"):
        in_parts_sync(model.reply, ask(QUESTION, text(LONG)), **SMALL)
    assert in_parts_sync(lambda request: broken, ask("short"), max_tokens=100) is broken


@pytest.mark.parametrize(
    "half",
    [
        Answer(outcome=Outcome.TRUNCATED, text="so f", stop_reason="max_tokens"),
        Answer(outcome=Outcome.REFUSED, text="", stop_reason="refusal"),
        Answer(outcome=Outcome.COMPLETE, text="", tool_calls=(ToolCall(id="t", name="t", input={}),)),
    ],
)
def test_a_part_without_a_whole_text_ends_it_all_and_is_never_left_out(half: Answer) -> None:
    model = Model(lambda asked: half if asked.startswith("part 3 ") else "fine")
    with pytest.raises(PartUnusable, match=r"part 3 of 5 of messages\[0\]") as caught:
        in_parts_sync(model.reply, ask(QUESTION, text(LONG)), **SMALL)
    assert caught.value.partial == half.text
    assert len(model.asked) == 3


@pytest.mark.parametrize("told", ["raised", "in the answer"])
def test_a_413_against_the_estimate_makes_the_parts_smaller_until_they_are_taken(told: str) -> None:
    def complete(request: Request) -> Answer:
        try:
            return model.reply(request)
        except PromptTooLarge as error:
            if told == "raised":
                raise
            return Answer(outcome=Outcome.FAILED, text="", error=error)

    model = Model(refuses_over(300))
    answer = in_parts_sync(complete, ask(QUESTION, text(LONG)), max_tokens=10_000)
    assert answer.text == "ok"
    taken = [said(request) for request in model.asked if len(said(request)) <= 300]
    assert "".join(part.split("\n\n", 1)[1] for part in taken[:-1]) == LONG


def test_a_server_that_refuses_every_size_is_asked_a_bounded_number_of_times() -> None:
    model = Model(refuses_over(0))
    with pytest.raises(PromptTooLarge, match="413") as caught:
        in_parts_sync(model.reply, ask(QUESTION, text(LONG * 50)), max_tokens=100_000, max_parts=1000)
    assert len(model.asked) == SPLITS + 1
    assert "largest part is messages[0].content[1] (text" in caught.value.__notes__[-1]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (ask(text("a"), image(png(2000, 2000))), "too little of it is text"),
        (ask(image(png(2000, 2000))), "too little of it is text"),
        (ask("short", system="y" * 1000), "largest part is system (text"),
        ({"system": "y" * 1000, "messages": [{"role": "assistant", "content": "x" * 500}]}, "too little of it is text"),
        (ask("x " * 30_000), "more than 64 parts"),
    ],
)
def test_what_cannot_be_done_in_parts_is_told_before_anything_is_sent(request_: Request, why: str) -> None:
    with pytest.raises(PartTooLarge) as caught:
        in_parts_sync(fails_always(AssertionError("sent")), request_, max_tokens=200)
    assert why in str(caught.value)


def test_answers_that_do_not_become_shorter_are_an_error_and_not_a_loop() -> None:
    model = Model(lambda asked: asked * 2)
    with pytest.raises(PartTooLarge, match="no shorter than the text"):
        in_parts_sync(model.reply, ask(QUESTION, text(LONG)), **SMALL)
    assert len(model.asked) == 5


def test_answers_that_become_shorter_too_slowly_are_an_error_after_a_bounded_number_of_splits() -> None:
    model = Model(lambda asked: asked.split("\n\n", 1)[1][:-9])
    with pytest.raises(PartTooLarge, match=f"split {SPLITS} times already"):
        in_parts_sync(model.reply, ask(QUESTION, text(LONG * 4)), **SMALL)
