"""What all pages of ours share: how they are served to this machine alone, what they are told, and how they look."""

from __future__ import annotations

from pathlib import Path


def shared(name: str) -> Path:
    """Where one of the files is that all pages share, such as ``base.css``."""
    return Path(__file__).parent / name
