"""The matrix of clients and scenarios, as it was last measured and committed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from harness.site.words import escaped, table

WHERE = "reports/matrix/matrix.json"
MISSING = f"""# The matrix

**There is none.** `make matrix` runs every client that is installed over the whole catalogue, and writes `{WHERE}`.
This site was built where that file is missing, so nothing can be said here of who passes what.
"""
_VERDICTS = ("pass", "fail", "unknown", "skip")
_SPACE = "\u00a0"
_ABREAST = 6
"""So many clients stand in one table."""
_UNTOLD = 6
"""From so many clients on, only their number is told."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A case that did not simply pass."""

    law: str = ""
    harm: str = ""
    why: str = ""
    tries: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True, rename={"passed": "pass"}):
    """One scenario: who passed, and what became of the others."""

    passed: tuple[str, ...] = ()
    fail: dict[str, Cell] = {}
    unknown: dict[str, Cell] = {}
    skip: dict[str, Cell] = {}


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file; see :mod:`reports.matrix`."""

    date: str
    seed: str
    tries: int
    versions: dict[str, str]
    counts: dict[str, dict[str, int]]
    absent: dict[str, str]
    cells: dict[str, Row]

    @property
    def clients(self) -> list[str]:
        """Those that were run, the best first."""
        return sorted((one for one in self.counts if one not in self.absent), key=lambda one: (-self.rate(one), one))

    def rate(self, client: str) -> float:
        """The part of its judged cases that ``client`` passed; 0 when none was judged."""
        counts = self.counts[client]
        judged = counts.get("pass", 0) + counts.get("fail", 0)
        return counts.get("pass", 0) / judged if judged else 0

    def told(self, scenario: str) -> str:
        """What became of ``scenario``, in one line; empty where it was not run."""
        row = self.cells.get(scenario)
        if row is None:
            return ""
        failed = sorted(row.fail)
        names = f": {', '.join(map(escaped, failed))}" if 0 < len(failed) < _UNTOLD else ""
        unknown = f", {len(row.unknown)} unknown" if row.unknown else ""
        return f"{len(row.passed)} pass, {len(failed)} fail{names}{unknown}"

    def of_family(self, client: str, family: str) -> tuple[int, int]:
        """How many scenarios of a family the client passed, and of how many that were judged."""
        rows = [row for name, row in self.cells.items() if name.partition(".")[0] == family]
        passed = sum(client in row.passed for row in rows)
        return passed, passed + sum(client in row.fail for row in rows)


def read(text: str | None) -> Matrix | None:
    """The matrix in the text of its file; None where there is none.

    Raises:
        msgspec.ValidationError: it is no matrix.
    """
    return None if text is None else msgspec.json.decode(text, type=Matrix)


def page(matrix: Matrix | None, families: Mapping[str, str]) -> str:
    """The page.

    Args:
        families: the page of each chapter, by family, in their order.
    """
    return MISSING if matrix is None else "\n".join(_lines(matrix, families))


def _lines(matrix: Matrix, families: Mapping[str, str]) -> Iterator[str]:
    yield "# The matrix"
    yield ""
    yield f"Measured on {matrix.date[:10]} with seed {matrix.seed}; what did not pass was tried {matrix.tries} times."
    yield "Each client is judged by what it promises, so a number is no grade: it says how much of what somebody met is"
    yield "handled as promised. Passed is told of what was judged; what a client cannot do, or its API cannot say,"
    yield "is skipped. Each chapter of [the catalogue](catalogue/index.md) names who fails a scenario."
    yield ""
    head = ("client", "version", "passed", "rate", "failed", "unknown", "skipped")
    yield from table(head, [_client(matrix, one) for one in matrix.clients])
    yield ""
    yield "## By chapter"
    yield ""
    yield "Passed of judged; an empty cell was not judged."
    yield ""
    for start in range(0, len(matrix.clients), _ABREAST):
        some = matrix.clients[start : start + _ABREAST]
        yield from table(("chapter", *some), [_chapter(matrix, name, page, some) for name, page in families.items()])
        yield ""
    if matrix.absent:
        yield "## Not run"
        yield ""
        yield from table(("client", "why"), [(one, escaped(why)) for one, why in sorted(matrix.absent.items())])
        yield ""


def _client(matrix: Matrix, client: str) -> tuple[str, ...]:
    passed, failed, unknown, skipped = (matrix.counts[client].get(one, 0) for one in _VERDICTS)
    judged = passed + failed
    rate = f"{100 * matrix.rate(client):.0f}{_SPACE}%" if judged else ""
    version = escaped(matrix.versions.get(client, ""))
    return client, version, _of(passed, judged), rate, str(failed), str(unknown), str(skipped)


def _of(passed: int, judged: int) -> str:
    return f"{passed} of {judged}".replace(" ", _SPACE) if judged else ""


def _chapter(matrix: Matrix, family: str, page: str, clients: list[str]) -> tuple[str, ...]:
    counts = [matrix.of_family(one, family) for one in clients]
    return f"[{family}]({page})", *(_of(*one) for one in counts)
