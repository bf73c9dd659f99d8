"""What the page keeps of one case, as JSON with texts in a pool. Pure.

A case that failed or is unknown keeps more than one that passed; what is left out is counted, so that the page can say
so. Times are whole milliseconds since the case began.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from fake_server.record import Ended, Replied, Requested, Sent, ServerRecord, Struck, Waited
from harness.events import CaseFinished
from harness.history import Case, Record
from harness.model import ClientRecord, Finished, Outcome, Shown, TimedOut
from harness.network import NetworkFailed
from harness.plain import plain
from harness.receiver import Called
from harness.timeline import Line, client_line, network_line, receiver_line, server_line, timeline
from harness.toxiproxy.events import Carried, Opened, Started, Stopped
from harness.toxiproxy.events import Struck as ToxicStruck
from harness.verdict import Verdict
from reports.html.bursts import grouped
from reports.html.commands import commands
from reports.html.damage import Part, compared, seen
from reports.html.pool import Pool, units
from reports.html.spans import kept

Json = dict[str, Any]

_BURSTS = {True: 40, False: 8}
"""Stretches that the writes of a reply are put into, of a case that somebody has to look at and of any other."""
_BREATH_SECONDS = 0.1
"""A pause between two writes that is no silence."""
_BODY = 3000
"""Characters of a request's body that are kept."""
_MARKS = {True: 300, False: 60}
_EARLIER = 80
"""Lines that are kept of an earlier call of the same client."""


def packed(case: CaseFinished, pool: Pool) -> Json:
    """What is behind the cell of ``case``."""
    record = case.record
    is_bad = case.verdict in (Verdict.FAIL, Verdict.UNKNOWN) or bool(case.note)
    said: Json = {
        "why": pool.add(plain(case.why)) if case.why else None,
        "note": pool.add(plain(case.note)) if case.note else None,
        "broken": [[one.law, one.verdict.value[0], pool.add(plain(one.harm))] for one in _wrong(case)],
        "kept": pool.add(" ".join(one.law for one in case.rulings if one.verdict is Verdict.PASS)),
        "ms": _ms(case.seconds),
    }
    return _given(said if record is None else {**said, **_of_record(record, pool, is_bad)})


def _wrong(case: CaseFinished) -> Iterator[Any]:
    return (one for one in case.rulings if one.verdict in (Verdict.FAIL, Verdict.UNKNOWN))


def _of_record(record: Record, pool: Pool, is_bad: bool) -> Json:
    info, case = record.info, Case(record)
    right = " or ".join(sorted(info.expect.right(info.policy)))
    marks = sorted(_marks(record), key=lambda one: one[2])
    return {
        "title": pool.add(plain(info.title)),
        "right": pool.add(right),
        "policy": info.policy.value,
        "level": info.level.value,
        "dialect": info.dialect.value,
        "sources": pool.add(plain(", ".join(info.sources))),
        "again": [[pool.add(what), pool.add(command)] for what, command in commands(record)],
        "attempts": [_attempt(one, pool, is_bad) for one in _by_attempt(record.server)],
        "marks": [[lane, kind, t, pool.add(label), long] for lane, kind, t, label, long in marks[: _MARKS[is_bad]]],
        "marks_left": max(0, len(marks) - _MARKS[is_bad]),
        "shown": _shown(record.client, pool, is_bad),
        "end": _end(case.finished, pool),
        "damage": _damage(case, pool),
        "before": [_earlier(one, pool) for one in record.before] if is_bad else [],
    }


def _given(tree: Json) -> Json:
    """Without what is nothing."""
    return {name: value for name, value in tree.items() if value not in (None, "", 0, [], False)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


# ---- the wire --------------------------------------------------------------------------------------------------------


def _by_attempt(records: Iterable[ServerRecord]) -> list[list[ServerRecord]]:
    attempts: dict[int, list[ServerRecord]] = {}
    for record in records:
        attempts.setdefault(record.attempt, []).append(record)
    return [attempts[number] for number in sorted(attempts)]


def _attempt(records: list[ServerRecord], pool: Pool, is_bad: bool) -> Json:
    """One request and its reply."""
    sent = [one for one in records if isinstance(one, Sent)]
    struck = [one for one in records if isinstance(one, Struck)]
    said: Json = {"n": records[0].attempt, "struck": [[one.total, pool.add(_fault(one))] for one in struck]}
    for record in records:
        match record:
            case Requested():
                said |= {"t": _ms(record.t), "asked": pool.add(plain(f"{record.method} {record.path}"))}
                said |= _request(record, pool) if is_bad else {}
            case Replied():
                said |= {
                    "status": record.status,
                    "problem": pool.add(plain(record.problem)) if record.problem else None,
                }
                said |= {"faults": [pool.add(plain(one)) for one in record.faults]}
            case Ended():
                said |= {"over": _ms(record.t), "how": record.how}
            case _:
                pass
    return _given({**said, **_sent(sent, [one.total for one in struck], pool, is_bad)})


def _request(record: Requested, pool: Pool) -> Json:
    body = json.dumps(record.body, ensure_ascii=False) if record.body is not None else ""
    return {
        "headers": [pool.add(plain(f"{name}: {value}")) for name, value in record.headers.items()],
        "body": pool.add(plain(body[:_BODY])),
        "body_left": max(0, len(body) - _BODY),
    }


def _sent(writes: list[Sent], struck: list[int], pool: Pool, is_bad: bool) -> Json:
    """The bytes of a reply, and when they were written."""
    if not writes:
        return {}
    data = b"".join(one.data for one in writes)
    bursts = grouped([one.t for one in writes], _BURSTS[is_bad])
    begins = writes[0].t
    times: list[int] = []
    for first, behind in bursts:
        times += [_ms(writes[first].t - begins), _ms(writes[behind - 1].t - writes[first].t), behind - first]
    spans = kept(len(data), struck, is_bad=is_bad, cut=data.find(_HEAD_ENDS) + len(_HEAD_ENDS))
    return {
        "sent": _ms(begins),
        "bursts": times,
        "sizes": pool.add(" ".join(str(one.size) for one in writes[:_WRITES])),
        "events": pool.add(" ".join(f"{name}*{count}" for name, count in _counted(writes[:_WRITES]))),
        "writes_left": max(0, len(writes) - _WRITES),
        "size": sum(one.size for one in writes),
        "data": [[start, pool.add_bytes(data[start:stop])] for start, stop in spans],
    }


_HEAD_ENDS = b"\r\n\r\n"
_WRITES = 2000
"""Writes of a reply whose sizes are kept."""


def _counted(writes: list[Sent]) -> Iterator[tuple[str, int]]:
    """The part that each write plays, and how often in a row; a write that is no event is ``-``."""
    for name, group in groupby(writes, key=lambda one: one.event):
        yield "-" if name is None else plain(name).replace(" ", "_"), sum(1 for _ in group)


# ---- the lanes -------------------------------------------------------------------------------------------------------

Marked = tuple[str, str, int, str, int]
"""Lane, kind, milliseconds, words, and how many milliseconds it lasts. Bytes and text are told apart from these."""


def _marks(record: Record) -> Iterator[Marked]:
    for one in record.server:
        match one:
            case Struck():
                yield "wire", "fault", _ms(one.t), _fault(one), 0
            case Waited() if one.seconds > _BREATH_SECONDS:
                yield "wire", "wait", _ms(one.t - one.seconds), f"silent for {one.seconds:g} s", _ms(one.seconds)
            case Ended():
                yield "wire", "note", _ms(one.t), _what(server_line(one)), 0
            case _:
                pass
    for event in record.network:
        if isinstance(event, Stopped | ToxicStruck):
            yield "wire", "fault", _ms(event.at), _what(network_line(event)), 0
        elif isinstance(event, NetworkFailed):
            yield "wire", "bad", _ms(event.at), _what(network_line(event)), 0
        elif not isinstance(event, Carried | Opened | Started):
            yield "wire", "note", _ms(event.at), _what(network_line(event)), 0
    for seen_by_client in record.client:
        if not isinstance(seen_by_client, Shown):
            yield "client", _kind(seen_by_client), _ms(seen_by_client.t), _client(seen_by_client), 0
    for call in record.receiver:
        kind = "fault" if isinstance(call, Called) and call.fault else "note"
        yield "receiver", kind, _ms(call.t), _what(receiver_line(call)), 0


def _fault(struck: Struck) -> str:
    return plain(f"{struck.fault} ({struck.note})" if struck.note else struck.fault, 120)


def _what(line: Line) -> str:
    return plain(line.what, 200)


def _client(record: ClientRecord) -> str:
    line = client_line(record)
    return plain(f"{line.what}; {line.detail}" if line.detail and isinstance(record, Finished) else line.what, 240)


_RIGHT = (Outcome.COMPLETE, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.PAUSED, Outcome.CANCELLED)


def _kind(record: ClientRecord) -> str:
    match record:
        case Finished():
            return "good" if record.outcome in _RIGHT else "bad"
        case TimedOut():
            return "bad"
        case _:
            return "note"


def _shown(records: Iterable[ClientRecord], pool: Pool, is_bad: bool) -> list[Any]:
    """Each stretch of text without a clearing in it: its text, and when how many characters of it came."""
    stretches: list[Any] = []
    for is_text, group in groupby(records, key=lambda one: isinstance(one, Shown)):
        pieces = [one for one in group if isinstance(one, Shown)]
        if is_text and pieces:
            text = "".join(one.text for one in pieces)
            times: list[int] = []
            for first, behind in grouped([one.t for one in pieces], _BURSTS[is_bad]):
                size = units("".join(one.text for one in pieces[first:behind]))
                times += [_ms(pieces[first].t), _ms(pieces[behind - 1].t - pieces[first].t), size]
            stretches.append([pool.add(text[:_TEXT]), times, max(0, len(text) - _TEXT)])
    return stretches


_TEXT = 6000
"""Characters of a text on display that are kept."""


def _end(finished: Finished | None, pool: Pool) -> Json | None:
    if finished is None:
        return None
    error = finished.error
    return _given(
        {
            "outcome": finished.outcome.value,
            "stop": plain(finished.stop_reason, 80) if finished.stop_reason else None,
            "error": pool.add(plain(f"{error.name}: {error.message}", 600)) if error is not None else None,
            "partial": len(error.partial) if error is not None and error.partial else None,
        }
    )


def _damage(case: Case, pool: Pool) -> Json | None:
    """What was shown against what was expected; each run is a part of the expected text, or a text of its own."""
    found = seen(case)
    if found is None:
        return None
    runs: list[Any] = []
    for run in compared(found.shown, found.expected):
        if run.part is Part.FOREIGN:
            runs.append(["f", pool.add(run.text)])
        else:
            start = units(found.expected[: run.start])
            runs.append([_LETTERS[run.part], start, start + units(run.text)])
    return _given(
        {
            "told": pool.add(plain(found.told)),
            "expected": pool.add(found.expected),
            "runs": runs,
            "before": found.before,
            "behind": list(found.behind) if any(found.behind) else None,
        }
    )


_LETTERS = {Part.SAME: "s", Part.MISSING: "m", Part.DOUBLED: "d", Part.MOVED: "o"}


def _earlier(record: Record, pool: Pool) -> list[Any]:
    """An earlier call of the same client, in lines; it is not judged."""
    lines = timeline(record)
    told = [[_ms(one.t), one.side, pool.add(plain(one.what))] for one in lines[:_EARLIER]]
    return [pool.add(plain(record.info.scenario)), told, max(0, len(lines) - _EARLIER)]
