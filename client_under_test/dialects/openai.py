"""What both APIs of OpenAI have in common: where they are, how they tell errors, and how an answer is continued.

Many other servers speak them too, less exactly: what is known of those stands where it is dealt with.

Source: API reference, "Authentication" and "Debugging requests"; guide "Error codes".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from client_under_test.continuation import Strategy, Table, ask_for_the_rest
from client_under_test.dialects.reading import snippet
from client_under_test.dialects.refusals import Kinds, Told, class_of, in_a_200, of_status
from client_under_test.errors import (
    ApiError,
    NotAuthorized,
    Overloaded,
    PromptTooLarge,
    RateLimited,
    RequestRefused,
    ServerFailed,
)
from client_under_test.usage import count

TABLE: Table = (
    (r"(^|[/.:])(gpt-|chatgpt|codex|o\d)", Strategy.USER_TURN),
    (r"claude", Strategy.USER_TURN),
    (r"", Strategy.RESTART),
)
"""OpenAI's models and Claude go on when a user asks them to; of other models nothing is known."""
CANNOT = frozenset({Strategy.PREFILL, Strategy.SYSTEM})
"""An assistant's message at the end is no prefill: most servers answer it like any other, some refuse it."""

_VERSION = re.compile(r"/v\d+[a-z]*\d*(/|$)")

_OVERRULING: Kinds = {
    "insufficient_quota": RequestRefused,
    "billing_hard_limit_reached": RequestRefused,
    "context_length_exceeded": PromptTooLarge,
}
"""Codes that say more than the status: a quota that is used up is a 429 and will be one tomorrow."""
_KINDS: Kinds = {
    **_OVERRULING,
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "too_many_requests": RateLimited,
    "overloaded_error": Overloaded,
    "engine_overloaded": Overloaded,
    "server_error": ServerFailed,
    "invalid_api_key": NotAuthorized,
    "authentication_error": NotAuthorized,
    "permission_error": NotAuthorized,
    **dict.fromkeys(
        (
            "invalid_request_error", "not_found_error", "model_not_found", "data_residency_mismatch", "bio_policy",
            "misalignment_policy_violation", "invalid_prompt", "invalid_image", "invalid_image_format",
            "invalid_base64_image", "invalid_image_url", "image_too_large", "image_too_small", "image_parse_error",
            "image_content_policy_violation", "invalid_image_mode", "image_file_too_large",
            "unsupported_image_media_type", "empty_image_file", "failed_to_download_image", "image_file_not_found",
            "content_filter", "content_policy_violation",
        ),
        RequestRefused,
    ),
}  # fmt: skip


class OpenAi:
    """The part of a dialect that both have; see :class:`~client_under_test.dialects.dialect.Dialect`."""

    provider = "openai"
    api = "https://api.openai.com"
    key_variable = "OPENAI_API_KEY"
    url_variable = "OPENAI_BASE_URL"
    request_id_header = "x-request-id"
    table = TABLE
    cannot = CANNOT
    path = ""
    """Behind the version."""
    turns = ""
    """The field of a request with the turns of the conversation."""
    limits: tuple[str, ...] = ()
    """Fields of a request that limit the tokens of the answer."""

    def url(self, base: str) -> str:
        """A base URL that names a version is taken as it is, as the SDKs do; any other gets ``/v1``."""
        base = base.rstrip("/")
        return base + ("" if _VERSION.search(base) else "/v1") + self.path

    def headers(self, key: str) -> Mapping[str, str]:
        """The key goes into ``Authorization``."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def most_tokens(self, request: Mapping[str, Any]) -> int:
        """The first limit that the request has."""
        return next((limit for name in self.limits if (limit := count(request, name)) is not None), 0)

    def continued(self, request: Mapping[str, Any], partial: str, strategy: Strategy) -> dict[str, Any]:
        """A message of the user's that quotes ``partial``; the only strategy that can be said."""
        turns = request.get(self.turns)
        before = [{"role": "user", "content": turns}] if isinstance(turns, str) else turns
        before = list(before) if isinstance(before, list | tuple) else []
        return {**request, self.turns: [*before, {"role": "user", "content": ask_for_the_rest(partial)}]}

    def after_pauses(
        self,
        request: Mapping[str, Any],
        turns: Iterable[Iterable[Mapping[str, Any]]],
        container: Mapping[str, Any] | None,
    ) -> Mapping[str, Any]:
        """Nothing pauses here."""
        return request

    def error_in_stream(self, raw: bytes) -> ApiError:
        """The error of a chunk, an event or a body; a code that is a status means what the status means."""
        told = _told(raw)
        status = int(told.words[0]) if told.words and re.fullmatch(r"[45]\d\d", told.words[0], re.ASCII) else 500
        return in_a_200(told, _KINDS, otherwise=class_of(status))

    def error_of_status(self, status: int, raw: bytes, should_retry: str | None = None) -> ApiError:
        """The error of a status; some codes say more."""
        return of_status(status, _told(raw), should_retry, overruling=_OVERRULING)


def _told(raw: bytes) -> Told:
    """``{"error": {"message", "type", "param", "code"}}``, the same without ``error`` around it (an event of the
    Responses API, whose ``type`` is no more than ``error``), or ``{"error": "message"}``."""
    try:
        fields = json.loads(raw)
        error = fields.get("error") or {**fields, "type": None}
        if not isinstance(error, dict):
            return Told((), str(error))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return Told((), snippet(raw) or "no error text")
    words = tuple(str(one) for one in (error.get("code"), error.get("type")) if isinstance(one, str | int) and one)
    said = error.get("message") or next(iter(words), None)
    return Told(words, str(said or snippet(raw)))
