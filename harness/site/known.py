"""The page of what is known to go wrong, and the numbers of the front page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.coverage import KINDS
from harness.failures import Failure
from harness.site.chapters import Book
from harness.site.matrix import Matrix
from harness.site.words import escaped, source, table

HALF_AN_ANSWER = "cutoff.clean_end_mid_text"
"""The scenario that the front page tells of."""


def failures(known: Mapping[str, Failure], book: Book) -> str:
    """The page with every entry: what happens, what it does to whom, where it happened, and what reproduces it."""
    covered = {name: [one.id for one in book.scenarios.values() if name in one.covers] for name in known}
    reproduced = sum(map(bool, covered.values()))
    lines = ["# What is known to go wrong", ""]
    lines += [f"{len(known)} ways in which streamed answers were broken for somebody, each with where."]
    lines += [
        f"{reproduced} of them are reproduced by scenarios; {len(known) - reproduced} are not, each with its reason."
    ]
    lines += [""]
    for kind, title in KINDS.items():
        lines += [f"## {title}", ""]
        for name, one in known.items():
            if name.partition("-")[0] == kind:
                lines += [*_entry(name, one, covered[name]), ""]
    return "\n".join(lines)


def _entry(name: str, failure: Failure, scenarios: Iterable[str]) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield escaped(failure.says)
    yield ""
    yield f"*{escaped(failure.harm)}*"
    yield ""
    yield f"Seen in {', '.join(map(source, failure.sources))}."
    yield ""
    links = ", ".join(f"[{one}](catalogue/{one.replace('.', '.md#', 1)})" for one in scenarios)
    if links:
        yield f"Reproduced by {links}{'; it lacks ' + escaped(failure.lacks) if failure.lacks else ''}."
    else:
        yield f"Not reproduced: {escaped(failure.because)}."


def numbers(known: Mapping[str, Failure], book: Book, laws: int, faults: int, toxics: int) -> str:
    """The numbers of the front page, as a table and what the matrix adds to it."""
    covered = {name for one in book.scenarios.values() for name in one.covers}
    sources = {name for one in known.values() for name in one.sources}
    sources |= {name for one in book.scenarios.values() for name in one.sources}
    rows = [
        ("ways in which streamed answers were broken for somebody", str(len(known))),
        ("of these reproduced, byte for byte", str(len(covered & known.keys()))),
        ("reports, standards and documents that say so", str(len(sources))),
        ("scenarios", str(len(book.scenarios))),
        ("laws that a client's history must keep", str(laws)),
        ("kinds of fault of a server, and of a network", f"{faults} and {toxics}"),
    ]
    return "\n".join([*table(("", ""), rows), "", *_measured(book.matrix)])


def _measured(matrix: Matrix | None) -> Iterator[str]:
    if matrix is None:
        yield "How many clients get it wrong is not told here: this site was built without a measured matrix."
        return
    half = matrix.cells[HALF_AN_ANSWER]
    judged = len(half.passed) + len(half.fail)
    yield f"{len(matrix.clients)} clients were run over the whole catalogue on {matrix.date[:10]}."
    yield f"{_unfailing(matrix)} failed nothing."
    yield "In the plainest case of all, an answer that ends politely in the middle of a sentence,"
    yield f"{len(half.fail)} of {judged} did not keep what they promise. [The whole matrix](../reports/matrix)"


def _unfailing(matrix: Matrix) -> str:
    whole = [one for one in matrix.clients if not matrix.counts[one].get("fail")]
    return f"{len(whole)} of them ({', '.join(f'`{one}`' for one in whole)})" if whole else "None"
