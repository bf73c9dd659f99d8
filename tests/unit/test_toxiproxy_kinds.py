"""Toxics are found by walking their package: one file, one toxic."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.toxiproxy import toxics
from harness.toxiproxy.toxic import kinds

HEAD = """
from dataclasses import dataclass

from harness.toxiproxy.toxic import Toxic
from harness.toxiproxy.toxics.latency import Latency
"""
ONE = """

@dataclass(frozen=True, slots=True, kw_only=True)
class Spiky(Latency):
    every: int = 3
"""


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a file called ``spiky`` beside the toxics."""
    monkeypatch.setattr(toxics, "__path__", [*toxics.__path__, str(tmp_path)])
    kinds.cache_clear()
    yield lambda source: (tmp_path / "spiky.py").write_text(source, "utf-8") and None
    sys.modules.pop("harness.toxiproxy.toxics.spiky", None)
    kinds.cache_clear()


def test_a_toxic_that_builds_on_another_is_itself(add: Callable[[str], None]) -> None:
    add(HEAD + ONE)
    assert kinds()["spiky"].__name__ == "Spiky"


@pytest.mark.parametrize(("source", "count"), [(HEAD, 0), (HEAD + ONE + ONE.replace("Spiky", "Spikier"), 2)])
def test_a_file_that_has_not_one_toxic_is_named(add: Callable[[str], None], source: str, count: int) -> None:
    add(source)
    with pytest.raises(TypeError, match=f"spiky.py must define one toxic, and defines {count}"):
        kinds()
