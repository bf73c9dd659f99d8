"""What all pages of ours share: how they are served to this machine alone, what they are told, and how they look."""

from __future__ import annotations

from importlib.resources import files


def shared(name: str) -> str:
    """The text of one of the shared files, such as ``base.css``.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    return (files(__package__) / name).read_text("utf-8")
