"""Says how large a prompt is, part by part, before anything is sent.

What the Messages API takes (platform.claude.com/docs: "Vision", "Request size limits", "PDF support"; October 2026):

=============  ==================================================================================================
whole body     32 MB. Over it the edge answers 413, often in HTML, before the API has seen the request.
one image      10 MB of base64; 5 MB on Amazon Bedrock and Google Cloud, and on the API itself in older documents.
               8000x8000 px, but 2000x2000 px in a request with more than 20 images.
all images     600; 100 for models with a context window of 200k tokens.
context        depends on the model: 400, "prompt is too long: 207791 tokens > 200000 maximum".
=============  ==================================================================================================

An MB is 2**20 bytes, and of an image the base64 counts, not the file: "image exceeds 5 MB maximum: 6275800 bytes >
5242880 bytes" (lobehub#14711).

Tokens are estimated, and rather too high than too low:

=============  ==================================================================================================
text           2.5 bytes of UTF-8 are a token. The documents say 3.5 characters of English, and 2.5 characters for
               models since Opus 4.7 ("1M tokens is roughly 2.5M Unicode characters"). By bytes a CJK character
               is 1.2 tokens. Dense text (digits, base64) can still be more than is estimated.
image          ceil(width / 28) * ceil(height / 28), at most 4784: a larger one is scaled down to that, or to 1568
               by models before Opus 4.7. Where the size cannot be read, or the image is elsewhere: 4784.
PDF            4500 a page (1500 to 3000 of text, and its image), and 50 kB are taken for a page. The last is a
               guess: only the API knows the pages.
document       by url or file: 0, nothing is known about it.
=============  ==================================================================================================
"""

from __future__ import annotations

import json
import math
import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from client_under_test.errors import PromptTooLarge, RequestRefused

MB = 1 << 20
MOST_IMAGE_TOKENS = 4784
_PDF_PAGE_BYTES, _PDF_PAGE_TOKENS = 50_000, 4500
_HEADER_CHARS = 1 << 18
"""Of the base64 of an image: a JPEG may carry a preview and a colour profile before it tells its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a prompt that has a size of its own; blocks that only hold others are not listed."""

    where: str
    """``messages[0].content[2]``, ``system``, ``tools[3]``."""
    kind: str
    """``tools``, or the type of the block: ``text``, ``image``, ``document``, ``tool_result``..."""
    bytes: int
    """In the JSON body: of a text or of base64 without the block around it, of anything else as a whole."""
    tokens: int
    """Estimated, see above."""
    pixels: tuple[int, int] | None = None
    """Width and height of an image, where its header could be read."""

    def __str__(self) -> str:
        return f"{self.where} ({self.kind}, {_megabytes(self.bytes)})"


@dataclass(eq=False)
class PartTooLarge(PromptTooLarge):
    """A limit that was checked here: nothing was sent.

    Attributes:
        part: what is too large, or the largest part when it is the sum.
    """

    part: Part | None = field(default=None, kw_only=True)
    reached = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLimits:
    """What :func:`check` lets pass; the defaults are those of the Claude API."""

    body_bytes: int = 32 * MB
    image_bytes: int = 10 * MB
    """Of base64; ``5 * MB`` for Amazon Bedrock and Google Cloud."""
    image_pixels: int = 8000
    """For the width and for the height."""
    many_images: int = 20
    """With more of them the next limit holds for each."""
    many_image_pixels: int = 2000
    images: int = 600
    tokens: int | None = None
    """Of the whole prompt, estimated; None sets no limit."""


API_LIMITS = PromptLimits()
_NOTHING = Part(where="messages", kind="nothing", bytes=0, tokens=0)


def measure(request: Mapping[str, Any]) -> tuple[Part, ...]:
    """The parts of a Messages request: of system, of tools, of messages. Blocks in other blocks are parts, too."""
    return tuple(_parts(request))


def largest(request: Mapping[str, Any]) -> Part:
    """The part with the most bytes: what to name when a server says 413 and nothing else."""
    return max((_NOTHING, *measure(request)), key=lambda part: part.bytes)


def check(request: Mapping[str, Any], limits: PromptLimits = API_LIMITS) -> None:
    """Return when the request is within ``limits``.

    Raises:
        PartTooLarge: when it is not; the message names the part and the limit.
    """
    parts = measure(request)
    _check_images([part for part in parts if part.kind == "image"], limits)
    body, tokens = json_bytes(request), sum(part.tokens for part in parts)
    if body > limits.body_bytes:
        part = largest(request)
        said = f"the request is too large: {_megabytes(body)} of at most {_megabytes(limits.body_bytes)}"
        raise PartTooLarge(f"{said}; its largest part is {part}", part=part)
    if limits.tokens is not None and tokens > limits.tokens:
        part = max((_NOTHING, *parts), key=lambda part: part.tokens)
        said = f"the prompt is too large: about {tokens} tokens of at most {limits.tokens}"
        raise PartTooLarge(f"{said}; its largest part is {part.where} ({part.kind}, {part.tokens} tokens)", part=part)


def is_too_large(error: BaseException) -> bool:
    """Whether a shorter prompt would have been taken: 413, or the 400 for more tokens than the model has room for."""
    if not isinstance(error, RequestRefused):
        return False
    return isinstance(error, PromptTooLarge) or error.status == 413 or "prompt is too long" in error.message.lower()


def estimate(text: str) -> int:
    """How many tokens a text may be."""
    return math.ceil(utf8_bytes(text) * 2 / 5)


def utf8_bytes(text: str) -> int:
    """Also for halves of surrogate pairs, which cannot be sent."""
    return len(text.encode("utf-8", "surrogatepass"))


def json_bytes(value: object) -> int:
    """The size of a value in a JSON body, as it is sent: compact, in UTF-8."""
    return utf8_bytes(_json(value))


def _check_images(images: list[Part], limits: PromptLimits) -> None:
    many = len(images) > limits.many_images
    edge = limits.many_image_pixels if many else limits.image_pixels
    for part in images:
        if part.bytes > limits.image_bytes:
            limit = _megabytes(limits.image_bytes)
            raise PartTooLarge(f"{part} is too large: the limit for one image is {limit}", part=part)
        if part.pixels is not None and max(part.pixels) > edge:
            width, height = part.pixels
            limit = f"{edge}x{edge} px" + (f" in a request with more than {limits.many_images}" if many else "")
            said = f"{part.where} (image, {width}x{height} px) is too large: the limit for one image is {limit}"
            raise PartTooLarge(said, part=part)
    if len(images) > limits.images:
        part = images[limits.images]
        raise PartTooLarge(f"{part} is one too many: the limit is {limits.images} images in one request", part=part)


def _parts(request: Mapping[str, Any]) -> Iterator[Part]:
    yield from _content(request.get("system"), "system", "text")
    for number, tool in enumerate(_items(request, "tools")):
        yield _other(tool, f"tools[{number}]", "tools")
    for number, message in enumerate(_items(request, "messages")):
        content = message.get("content") if isinstance(message, Mapping) else message
        yield from _content(content, f"messages[{number}].content", "text")


def _items(request: Mapping[str, Any], name: str) -> Sequence[object]:
    """What is no list is for the API to refuse, not for us to fail on."""
    items = request.get(name)
    return items if isinstance(items, list | tuple) else ()


def _content(content: object, where: str, kind: str) -> Iterator[Part]:
    """A text, or a list of blocks; texts are of the ``kind`` of what holds them."""
    if isinstance(content, str):
        yield _text(content, where, kind)
    elif isinstance(content, list | tuple):
        for number, block in enumerate(content):
            yield from _block(block, f"{where}[{number}]")
    elif content is not None:
        yield _other(content, where, kind)


def _block(block: object, where: str) -> Iterator[Part]:
    match block:
        case {"type": "text", "text": str(text)}:
            yield _text(text, where, "text")
        case {"type": "image", "source": {"type": "base64", "data": str(data)}}:
            yield _image(data, where)
        case {"type": "image"}:
            yield Part(where=where, kind="image", bytes=json_bytes(block), tokens=MOST_IMAGE_TOKENS)
        case {"type": "document", "source": {"type": "base64", "data": str(data)}}:
            pages = math.ceil(len(data) * 3 / 4 / _PDF_PAGE_BYTES)
            yield Part(where=where, kind="document", bytes=len(data), tokens=pages * _PDF_PAGE_TOKENS)
        case {"type": "document", "source": {"type": "text", "data": str(text)}}:
            yield _text(text, where, "document")
        case {"type": "document", "source": {"content": content}}:
            yield from _content(content, f"{where}.source.content", "document")
        case {"type": "document"}:
            yield Part(where=where, kind="document", bytes=json_bytes(block), tokens=0)
        case {"type": str(kind), "content": content}:
            yield from _content(content, f"{where}.content", kind)
        case {"type": str(kind)}:
            yield _other(block, where, kind)
        case _:
            yield _other(block, where, "unknown")


def _text(text: str, where: str, kind: str) -> Part:
    return Part(where=where, kind=kind, bytes=json_bytes(text) - 2, tokens=estimate(text))


def _other(value: object, where: str, kind: str) -> Part:
    text = _json(value)
    return Part(where=where, kind=kind, bytes=utf8_bytes(text), tokens=estimate(text))


def _image(data: str, where: str) -> Part:
    pixels = _pixels(data)
    tokens = MOST_IMAGE_TOKENS
    if pixels is not None:
        tokens = min(tokens, math.prod(math.ceil(edge / 28) for edge in pixels))
    return Part(where=where, kind="image", bytes=len(data), tokens=tokens, pixels=pixels)


def _pixels(data: str) -> tuple[int, int] | None:
    """Width and height, from the header of a PNG, GIF, WebP or JPEG; None when it is none of them."""
    try:
        head = a2b_base64(data[:_HEADER_CHARS])
    except ValueError:
        return None
    fixed = (read(*found.groups()) for form, read in _HEADERS if (found := form.match(head)))
    pixels = next(fixed, None) or _jpeg_pixels(head)
    return pixels if pixels and all(pixels) else None


def _big(width: bytes, height: bytes) -> tuple[int, int]:
    return int.from_bytes(width, "big"), int.from_bytes(height, "big")


def _little(width: bytes, height: bytes) -> tuple[int, int]:
    return int.from_bytes(width, "little"), int.from_bytes(height, "little")


def _vp8(width: bytes, height: bytes) -> tuple[int, int]:
    wide, high = _little(width, height)
    return wide & 0x3FFF, high & 0x3FFF  # the upper two bits are a scale for display


def _vp8l(bits: bytes) -> tuple[int, int]:
    both = int.from_bytes(bits, "little")
    return (both & 0x3FFF) + 1, (both >> 14 & 0x3FFF) + 1


def _vp8x(width: bytes, height: bytes) -> tuple[int, int]:
    wide, high = _little(width, height)
    return wide + 1, high + 1


_HEADERS: tuple[tuple[re.Pattern[bytes], Callable[..., tuple[int, int]]], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n....IHDR(....)(....)", re.DOTALL), _big),
    (re.compile(rb"GIF8[79]a(..)(..)", re.DOTALL), _little),
    (re.compile(rb"RIFF....WEBPVP8 .{7}\x9d\x01\x2a(..)(..)", re.DOTALL), _vp8),
    (re.compile(rb"RIFF....WEBPVP8L....\x2f(....)", re.DOTALL), _vp8l),
    (re.compile(rb"RIFF....WEBPVP8X.{8}(...)(...)", re.DOTALL), _vp8x),
)
"""Formats whose size is at a fixed place: PNG (RFC 2083), GIF89a, WebP (RFC 9649)."""
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def _jpeg_pixels(head: bytes) -> tuple[int, int] | None:
    """From segment to segment until one begins a frame (ITU-T T.81, B.2.2)."""
    at = 2 if head.startswith(b"\xff\xd8") else len(head)
    while head[at : at + 1] == b"\xff" and at + 9 <= len(head):
        if head[at + 1] in _JPEG_FRAMES:
            return _big(head[at + 7 : at + 9], head[at + 5 : at + 7])
        filler = head[at + 1] == 0xFF
        at += 1 if filler else 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _megabytes(size: int) -> str:
    """Rounded up, so that what is over a limit never reads as the limit itself."""
    return f"{math.ceil(size * 10 / MB) / 10:g} MB"
