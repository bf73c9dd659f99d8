"""What all pages share, as package data: the look (``base.css``) and the timeline (``lanes.js``)."""

from __future__ import annotations

from importlib.resources import files


def shared(name: str) -> str:
    """The text of one of the shared files, such as ``base.css``.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    return (files(__package__) / name).read_text("utf-8")
