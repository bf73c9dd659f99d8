"""The page of speed says what was measured beside what was promised, and plainly what is missed."""

from __future__ import annotations

import msgspec
import pytest

from harness.site import speed
from harness.site.speed import Row, Speed


def row(*, area: str = "parser", observed: float = 4.0, met: bool = True, why: str = "") -> Row:
    return Row(
        area=area, what="framing, of a|peer", observed=observed, limit=3.5, at_least=True, unit="×", met=met, why=why
    )


def measured(*rows: Row) -> Speed:
    return Speed(date="2026-11-29T01:02", machine="2 cores", python="3.11", versions={"peer": "1.0"}, rows=rows)


def test_without_a_file_nothing_is_said_of_speed_and_the_page_says_what_is_missing() -> None:
    assert speed.read(None) is None
    assert "Nothing was measured" in speed.page(None)
    assert speed.WHERE in speed.page(None)


def test_what_is_written_is_what_is_read() -> None:
    one = measured(row())
    assert speed.read(msgspec.json.encode(one).decode()) == one
    with pytest.raises(msgspec.ValidationError):
        speed.read("{}")


def test_each_target_stands_under_its_part_with_its_limit() -> None:
    page = speed.page(measured(row(area="server"), row(), row(area="other", observed=0.12)))
    assert "3 of 3 targets were met on 2026-11-29 (2 cores, Python 3.11)." in page
    assert page.index("## The parser") < page.index("## The server") < page.index("## other")
    assert "| framing, of a&#124;peer | 4 × | ≥ 3.5 × | met |" in page
    assert "0.12 ×" in page
    assert "| peer | 1.0 |" in page


def test_a_miss_is_told_with_its_reason() -> None:
    page = speed.page(measured(row(met=False, why="the kernel takes the time"), row(met=False)))
    assert "0 of 2 targets" in page
    assert "is missed: the kernel takes the time." in page
    assert "is missed: it is not known why." in page
