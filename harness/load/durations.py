"""Times as people write them: ``90``, ``90s``, ``1m30s``, ``8h``. Pure."""

from __future__ import annotations

import re

from harness.errors import UsageError

_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h)"
_WHOLE = re.compile(rf"(?:{_PART})+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str, option: str) -> float:
    """The seconds that ``text`` says, which must be more than none.

    Args:
        option: that it was given to, for the error.

    Raises:
        UsageError: it says none.
    """
    said = f"{text}s" if re.fullmatch(r"\d+(\.\d+)?", text) else text
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, said))
    if _WHOLE.fullmatch(said) is None or not seconds:
        raise UsageError(f"{option} {text!r}: expected a time such as 90s, 10m or 1h30m")
    return seconds


def clock(seconds: float) -> str:
    """``1:05`` or ``1:00:05``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
