"""What is done of a campaign, kept in a file, so that one that was interrupted goes on where it stopped."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import recorded
from harness.campaign import Campaign
from harness.errors import UsageError
from harness.fuzz import Explored, Failure, Shard


def journal_of(campaign: Campaign, name: str, folder: Path) -> Journal:
    """The journal of this part of a campaign.

    Args:
        name: the client's own.
    """
    number, parts = campaign.part
    part = "" if parts == 1 else f".{number}-of-{parts}"
    return Journal(folder / f"{_safe(name)}-{_safe(campaign.seed)}{part}.jsonl")


def _safe(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name)


class Journal:
    """The shards that are done, one JSON line each.

    A line that was cut by a kill, or that an older version wrote, is left out: that shard is run again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def clear(self) -> None:
        """Forget all of it."""
        self.path.unlink(missing_ok=True)

    def read(self) -> dict[Shard, Explored]:
        """What is done."""
        done = (_explored(line) for line in self._bytes().splitlines())
        return {one.shard: one for one in done if one is not None}

    def add(self, explored: Explored) -> None:
        """Write down what a shard found."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(_tree(explored)).encode() + b"\n"
        if not self._ends_with_a_line():
            line = b"\n" + line
        with self.path.open("ab") as file:
            file.write(line)

    def _ends_with_a_line(self) -> bool:
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) == 0:
                    return True
                file.seek(-1, 2)
                return file.read() == b"\n"
        except FileNotFoundError:
            return True

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""


def _tree(explored: Explored) -> dict[str, Any]:
    failures = [
        {"code": one.code, "harm": one.harm, "scenario": recorded.dump(one.scenario)}
        for one in explored.failures.values()
    ]
    return {
        "shard": asdict(explored.shard),
        "cases": explored.cases,
        "failures": failures,
        "times": dict(explored.times),
        "coverage": [[*pair, count] for pair, count in explored.coverage.items()],
    }


def _explored(line: bytes) -> Explored | None:
    """None when the line is cut, or of another version."""
    try:
        return _read(json.loads(line))
    except (ValueError, KeyError, TypeError, UsageError):
        return None


def _read(tree: dict[str, Any]) -> Explored:
    shard = Shard(**tree["shard"])
    failures = {
        one["code"]: Failure(
            code=one["code"], harm=one["harm"], scenario=recorded.load(one["scenario"], "journal"), shard=shard
        )
        for one in tree["failures"]
    }
    coverage = Counter({(fault, state): count for fault, state, count in tree["coverage"]})
    return Explored(shard, tree["cases"], failures, Counter(tree["times"]), coverage)
