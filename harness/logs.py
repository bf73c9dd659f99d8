"""What commands that go on for long tell: as text, or with ``--log-format json`` as one JSON object a line on stderr.

A line has ``time`` (UTC), ``level``, ``logger``, ``message`` and ``fields``, an object. What else logs in this process
(libraries, warnings of Python) goes the same way, so that all of stderr can be read line by line. Keys are taken out by
their names, by their looks, and where this process has them in its environment.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import click

from harness.secrets import HIDDEN, Secrets, is_secret

ROOT = "streamproof"
"""The logger of the whole program; that of a command is ``streamproof.COMMAND``."""


class Format(StrEnum):
    """How a command tells what it does."""

    TEXT = "text"
    JSON = "json"


class Say:
    """Tells what a command does, to people or to a log.

    Args:
        logger: the log; None for people.
        err: tell people on stderr, because stdout has something else.
        echo: prints a text for people.
    """

    def __init__(
        self, logger: logging.Logger | None = None, *, err: bool = False, echo: Callable[..., None] = click.echo
    ) -> None:
        self._logger, self._err, self._echo = logger, err, echo

    def __call__(self, text: str, message: str = "", /, *, level: int = logging.INFO, **fields: object) -> None:
        """Tell it.

        Args:
            text: for people.
            message: for the log, which has the ``fields`` besides; the text when empty.
        """
        if self._logger is None:
            self._echo(text, err=self._err)
        else:
            self.log(message or text.strip(), level=level, **fields)

    def log(self, message: str, /, *, level: int = logging.INFO, **fields: object) -> None:
        """Tell a log what people see in another way."""
        if self._logger is not None:
            self._logger.log(level, "%s", message, extra={"fields": fields})

    def hint(self, text: str) -> None:
        """Tell people what they can do now; a log has no use for it."""
        if self._logger is None:
            self._echo(text, err=self._err)


def say(log_format: str, command: str, *, err: bool = False) -> Say:
    """What ``command`` tells with; from now on all logs of this process are JSON when that is the format."""
    return Say(_logger(log_format, command), err=err)


def say_serving(log_format: str, command: str) -> Say:
    """The same for a command that serves others: they must not suffer from who reads what it tells, and where."""
    return Say(_logger(log_format, command), echo=_echo_in_any_case)


def _logger(log_format: str, command: str) -> logging.Logger | None:
    if log_format != Format.JSON:
        return None
    _begin()
    return logging.getLogger(f"{ROOT}.{command}")


def _echo_in_any_case(text: str, *, err: bool) -> None:
    """Print ``text`` until its reader has gone; characters that cannot be encoded are escaped."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=err)
    except OSError:
        _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    """Drop what is written from now on, and what waits to be written: it would fail again when the process ends."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def is_json() -> bool:
    """Whether this process logs JSON."""
    return any(isinstance(one.formatter, JsonLines) for one in logging.getLogger().handlers)


def _begin() -> None:
    if not is_json():
        handler = _Stderr()
        handler.setFormatter(JsonLines(secrets_of(os.environ)))
        logging.getLogger().addHandler(handler)
        logging.getLogger(ROOT).setLevel(logging.INFO)
        logging.captureWarnings(True)


class _Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is at that time: a live display puts its own in the place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


class JsonLines(logging.Formatter):
    """A record as one line of JSON.

    Args:
        secrets: what is never shown.
    """

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage(), self._secrets),
            "fields": redacted(fields, self._secrets),
        }
        # ASCII: whatever a server said, it can neither end the line nor fail to encode.
        return json.dumps(line, default=str)


def redacted(value: Any, secrets: Secrets) -> Any:
    """A JSON value without keys."""
    if isinstance(value, str):
        return secrets.url(_encodable(value))
    if isinstance(value, Mapping):
        return {
            redacted(str(name), secrets): HIDDEN if is_secret(str(name)) else redacted(one, secrets)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(one, secrets) for one in value]
    return value


def _encodable(text: str) -> str:
    """``text``, its surrogates escaped where they do not stand for bytes: half a character has no encoding."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def secrets_of(environment: Mapping[str, str]) -> Secrets:
    """The keys that are in an environment."""
    return Secrets(value for name, value in environment.items() if is_secret(name))
