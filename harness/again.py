"""The command that runs a case again, as a shell takes it. Pure."""

from __future__ import annotations

from shlex import quote

from harness.model import Policy


def replay(case: str, options: str = "") -> str:
    """The command for ``case``, as ``scenario@client:seed``."""
    return f"streamproof replay {quote(case)}{options}"


def options(client: str, asked_for: str, policy: Policy | None = None) -> str:
    """What has to be said beside the case; begins with a space, or is empty.

    Args:
        client: its name.
        asked_for: what the command line called it, which may be a module or a command.
        policy: the promise that it is judged by, when it is not its own.
    """
    found = f" --client {quote(asked_for)}" if asked_for != client else ""
    return f"{found} --policy {policy}" if policy is not None else found
