"""What a benchmark of parsers is made of: corpora say what is right, and what was found is told, kept and compared."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest
from fabricated_bench import FRAMING, LIMIT, OTHER, OURS, PEER, RUN, THIRD, cell, run

from client_under_test.sse import SseDecoder
from harness.bench import chart, comparison, kept, limits, table
from harness.bench.cases import cases, sources
from harness.bench.corpora import SIZES, corpora
from harness.bench.ours import Parser
from harness.bench.results import Away, Entrant, Kind, Place, Stage
from harness.commands.bench import CHUNKINGS, CORPORA, STAGES
from harness.errors import InternalError, UsageError
from harness.reference import read_events


@pytest.mark.parametrize("name", corpora())
def test_a_corpus_says_what_a_right_reader_makes_of_it(name: str) -> None:
    corpus = corpora()[name]
    assert b"".join(corpus.pieces) == corpus.data
    assert read_events(corpus.data) == list(corpus.events)
    assert Parser.accumulate([corpus.data]) == corpus.says
    assert len(corpus.pieces) == len(corpus.events)
    assert [(one.name, one.data) for one in SseDecoder().feed(corpus.data)] == list(corpus.events)


def test_corpora_differ_in_what_their_names_say() -> None:
    found = {name: corpus.data for name, corpus in corpora().items()}
    assert found["crlf"].replace(b"\r\n", b"\n") == found["text"]
    assert len(found["non-ascii"].decode()) < 0.9 * len(found["non-ascii"])
    assert max(map(len, re.findall(rb"data: .*", found["tools"]))) > 1 << 16
    assert found["lines"].count(b"\ndata: ") > 2 * found["text"].count(b"\ndata: ")
    assert found["comments"].count(b"\n:") > 2 * found["text"].count(b"\nevent")


def test_the_command_offers_what_there_is_without_loading_it() -> None:
    assert (tuple(corpora()), tuple(SIZES), tuple(Stage)) == (CORPORA, CHUNKINGS, STAGES)


def test_every_case_expects_what_the_oracle_reads() -> None:
    found = [(one, read_events(bytes.fromhex(one["hex"]))) for one in cases()]
    assert len(found) > 100
    assert [one["name"] for one, read in found if read != [(name, data) for name, data, _ in one["events"]]] == []


def test_a_case_that_two_sources_have_counts_once_for_the_first() -> None:
    every = [one for source in sources() for one in source.case]
    assert len(cases()) == len({one.data for one in every}) <= len(every)
    assert cases()[0]["name"].startswith("WHATWG HTML 9.2.6: ")


def test_every_source_says_where_it_is_from_and_under_which_licence() -> None:
    assert all(one.url.startswith("https://") and one.licence for one in sources())
    assert {one.name for one in sources() if not one.case and not one.left_out} == set()


def test_a_malformed_file_of_cases_is_a_fault_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.toml").write_text('[[source]]\nname = "x"\n', "utf-8")
    monkeypatch.setattr("harness.bench.cases.CASES", tmp_path)
    with pytest.raises(InternalError, match=r"odd\.toml: Object missing required field `url`"):
        sources.__wrapped__()


def test_limits_do_the_least_and_decode_every_payload() -> None:
    for corpus in corpora().values():
        payloads = limits.Msgspec.prepare([corpus.data[:99], corpus.data[99:]])
        assert len(list(limits.Msgspec.decode(payloads))) == len(corpus.events)
        assert limits.Scan.parse([corpus.data]) == limits.Split.parse([corpus.data]) == ()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_least_for_an_event_is_an_object_of_three_lines(end: bytes) -> None:
    raw = end.join([b"event: a", b"data: b", b"", b"event: c", b"data: d", b"", b""])
    assert [(one.name, one.data) for one in limits.Events.parse([raw])] == [(b"event: a", b"b"), (b"event: c", b"d")]


def test_a_cell_has_the_median_of_its_rounds_and_half_of_their_spread() -> None:
    one = cell("streamproof", 1.0, 4.0, 2.0)
    assert (round(one.micros, 6), round(one.megabytes, 6), round(one.spread, 6)) == (2.0, 50.0, 0.75)


def test_a_ratio_is_of_one_run_and_unknown_where_one_was_not_measured() -> None:
    assert RUN.ratio("streamproof", "httpx-sse", FRAMING) == pytest.approx(5.0)
    assert RUN.ratio("streamproof", "httpx-sse", OTHER) is None
    assert RUN.ratio("streamproof", "nobody", FRAMING) is None


def test_the_table_has_the_fastest_first_and_the_wrong_marked() -> None:
    told = list(table.lines(RUN))
    assert told[:5] == [
        "text · framing · 100 events, 10 KB",
        "                        64KiB        1  MB/s conforms",
        "(bytes.split)         .020±0%        –  5000",
        "streamproof          1.00±10%  11.0±9%   100      9/9",
        "httpx-sse             5.00±0%        ✗    20     8/9✗",
    ]
    assert "✗ httpx-sse, text at 1: it took more than 20 s" in told


def test_what_is_not_there_is_told_with_a_count_and_how_to_get_it() -> None:
    away = (Away(name="assel", why="its packages are not installed: streamproof bench --install"),)
    told = "\n".join(table.lines(msgspec.structs.replace(RUN, away=away)))
    assert "NOT COMPARED with assel: its packages are not installed: streamproof bench\n  --install" in told
    assert "1 of 4 were not there" in told


def test_no_line_of_the_table_is_wider_than_80_columns_however_large_its_values() -> None:
    name = "a.long.module.of.somebody:WithAParser"
    places = [Place("text", chunking, Stage.FRAMING) for chunking in SIZES]
    values = (0.0001, 0.04, 0.5, 12.3, 123.4, 98_765.4)
    entrants = tuple(replace_name(OURS, f"{name}{at}") for at, _ in enumerate(values))
    cells = [
        cell(entrant.name, value, value * 3, place=place, trouble="odd " * 40)
        for entrant, value in zip(entrants, values, strict=True)
        for place in places
    ]
    every = run(*cells, entrants=tuple(msgspec.structs.replace(one, passed=8, cases=124) for one in entrants))
    lines = list(table.lines(every))
    assert max(map(len, lines)) <= table.WIDTH
    assert sum("Parser" in line for line in lines[:8]) == 6
    assert not [line for line in lines[2:8] if re.search(r"%\S", line)]


def replace_name(entrant: Entrant, name: str) -> Entrant:
    return msgspec.structs.replace(entrant, name=name)


def test_what_a_parser_gets_wrong_is_told_with_its_spaces() -> None:
    odd = msgspec.structs.replace(PEER, wrong=("case: of 'data:  3\\n' made nothing",))
    assert list(table.wrong_cases([OURS, odd])) == ["✗ httpx-sse: case: of 'data:  3\\n' made nothing"]


def test_a_history_has_a_line_for_each_run_and_its_last_one_is_read(tmp_path: Path) -> None:
    file = tmp_path / "new" / "runs.jsonl"
    later = msgspec.structs.replace(RUN, date="2026-11-30T00:00:00+00:00")
    for one in (RUN, later):
        kept.append(file, one)
    assert len(file.read_bytes().splitlines()) == 2
    assert kept.last(file) == later


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "holds no run"),
        (b"{}\n", "line 1, is no run of `streamproof bench`"),
    ],
)
def test_a_file_that_is_no_history_is_said_to_be_none(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "runs.jsonl"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        kept.last(file)


def test_a_history_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        kept.append(tmp_path, RUN)


def test_runs_on_different_machines_are_compared_by_ratios_alone() -> None:
    slower = run(*(msgspec.structs.replace(one, seconds=tuple(3 * s for s in one.seconds)) for one in RUN.cells))
    told = list(comparison.told(RUN, slower))
    assert told[1:] == [
        "streamproof: the same over 1 place, each within the spread",
        "httpx-sse: the same over 1 place, each within the spread",
    ]


def test_a_change_is_told_with_both_ratios_when_it_is_more_than_noise() -> None:
    faster = run(cell("streamproof", 0.5, 0.5, 0.5), *RUN.cells[1:3])
    told = list(comparison.told(RUN, faster))
    assert told[1:3] == [
        "streamproof: 2.00 × as fast over 1 place",
        "  text 64KiB framing             5.00 →  10.00 × httpx-sse  2.00 × as fast",
    ]


@pytest.mark.parametrize(
    ("entrants", "measured", "to"),
    [
        ((OURS, THIRD, PEER, LIMIT), OURS, "httpx-sse"),
        ((OURS, THIRD, PEER, LIMIT), PEER, "another"),
        ((OURS, LIMIT), OURS, "bytes.split"),
        ((OURS,), OURS, ""),
    ],
)
def test_the_yardstick_is_who_did_not_change_between_the_runs(
    entrants: tuple[Entrant, ...], measured: Entrant, to: str
) -> None:
    every = run(*(cell(one.name, 1.0) for one in entrants), entrants=entrants)
    assert comparison.yardstick(every, every, measured, FRAMING) == to


def test_another_version_of_a_peer_is_no_yardstick() -> None:
    newer = tuple(msgspec.structs.replace(one, version="9") if one.kind is Kind.PEER else one for one in RUN.entrants)
    assert comparison.yardstick(RUN, run(*RUN.cells, entrants=newer), OURS, FRAMING) == "bytes.split"


def test_runs_that_have_nothing_in_common_are_said_to_have_nothing() -> None:
    (told,) = comparison.told(run(entrants=()), RUN)
    assert told.startswith("nothing to compare with the run of 2026-11-29")


def test_the_page_loads_nothing_and_allows_its_own_style_alone() -> None:
    page = chart.rendered(RUN)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    hashed = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{hashed}&#39;" in page
    assert not re.search(r"<script|src=|href=|style=", page)


def test_a_bar_is_as_long_as_its_parser_is_fast_and_a_wrong_one_says_so() -> None:
    (one,) = chart.charts(RUN)
    bars = {bar.name: bar for bar in one.bars}
    assert bars["streamproof"].width == chart.WIDTH - chart.LEFT - chart.RIGHT
    assert bars["httpx-sse"].width == pytest.approx(bars["streamproof"].width / 5)
    assert (bars["httpx-sse"].look, bars["httpx-sse"].value) == ("wrong", "20, 1 of 9 wrong")
    assert (bars["bytes.split"].look, bars["bytes.split"].value) == ("limit", "5,000 →")
    assert one.told.startswith("bytes.split 5,000 MB/s; streamproof 100 MB/s; httpx-sse 20 MB/s, 1 of 9 wrong")


def test_a_place_where_nobody_was_measured_has_a_table_without_bars() -> None:
    (one,) = chart.charts(run(cell("streamproof", trouble="it raised"), entrants=(OURS,)))
    assert one.height == 0
    assert (one.bars, [row.values for row in one.rows], one.rows[0].rate) == ([], [["–"]], "–")


def test_names_of_others_are_text_on_the_page_and_never_markup() -> None:
    odd = msgspec.structs.replace(PEER, name="<b>\x1b[2J", wrong=("<i>",))
    page = chart.rendered(run(cell("<b>\x1b[2J", 1.0), entrants=(odd,), away=(Away(name="<u>", why="<s>"),)))
    assert not re.search(r"<[bius]>|\x1b", page)
    assert page.count("&lt;b&gt;") >= 3


def test_a_parser_that_misread_the_corpus_has_a_hollow_bar_however_many_cases_it_passes() -> None:
    (one,) = chart.charts(run(cell("streamproof", 1.0, trouble="it reads this corpus otherwise than it is")))
    assert [(bar.look, bar.value) for bar in one.bars] == [("wrong", "100, misread")]


def test_a_parser_that_was_not_measured_stands_last_and_has_no_rate() -> None:
    told = list(table.lines(run(cell("streamproof", trouble="it raised"), cell("httpx-sse", 5.0))))
    assert [" ".join(line.split()) for line in told[2:4]] == ["httpx-sse 5.00±0% 20 8/9✗", "streamproof ✗ – 9/9"]
