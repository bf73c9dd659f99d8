"""Every kind of fault, found in the package: what all have in common, and what each does."""

from __future__ import annotations

import json
import pkgutil
import re
from dataclasses import replace
from importlib import import_module
from math import isclose, nan
from random import Random
from typing import Any

import pytest

from fake_server import faults
from fake_server.answer import Answer
from fake_server.bounds import Between, OutOfBounds, bounds_of
from fake_server.effects import Close, Effect, End, Last, Mark, Reset, Send, Stall, Wait
from fake_server.fault import EventFault, Fault, HeadFault, StreamFault, kinds
from fake_server.position import AtByte, AtEvent
from fake_server.script import Request, render
from fake_server.wire import Head
from harness.reference import Response, read_events, read_reply

MODULES = [import_module(f"{faults.__name__}.{one.name}") for one in pkgutil.iter_modules(faults.__path__)]
KINDS: dict[str, Any] = {
    name: kind
    for module in MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Fault) and kind.__module__ == module.__name__
}
FIFTH = AtEvent(None, 5)
SETTINGS: dict[str, dict[str, Any]] = {
    "BetweenEvents": {"data": b": ping\n\n"},
    "CloseEarly": {"at": FIFTH},
    "CloseInFrame": {"at": FIFTH},
    "ContentLength": {},
    "CorruptEvent": {"at": FIFTH},
    "Drip": {"seconds": 1},
    "DropEvent": {"at": FIFTH},
    "EditJson": {"at": FIFTH, "remove": ("delta.type",), "put": (("delta.extra", [1]), ("index", "x"))},
    "EmptyData": {"at": FIFTH},
    "EndEarly": {"at": FIFTH},
    "ErrorEvent": {"at": FIFTH},
    "GlueEvents": {"at": FIFTH},
    "GzipBody": {},
    "HoldAll": {"seconds": 1, "block": 64},
    "Inject": {"at": FIFTH, "data": b": \xff\n"},
    "InjectRaw": {"at": FIFTH, "data": b"<html>"},
    "LineEnds": {"style": "crlf"},
    "MalformedJson": {"at": FIFTH},
    "MergeAll": {},
    "MultilineData": {},
    "NoEventField": {},
    "NoSpace": {},
    "Oversized": {"at": FIFTH, "size": 100_000},
    "Pause": {"at": FIFTH, "seconds": 2},
    "RepeatBytes": {"at": FIFTH, "every": 0.5, "count": 3},
    "RepeatEvent": {"at": FIFTH, "times": 2},
    "ResetConnection": {"at": FIFTH},
    "ResetInFrame": {"at": FIFTH},
    "SetHeader": {"header": "Request-Id", "value": "other"},
    "SplitAt": {"at": FIFTH},
    "SplitCharacters": {},
    "SplitEvery": {"size": 7},
    "SplitInFrame": {"at": FIFTH},
    "SplitLineEnds": {},
    "StallBeforeHead": {},
    "StallForever": {"at": FIFTH},
    "SwapEvents": {"at": FIFTH},
    "UntilClosed": {},
}
FAULTS = {name: KINDS[name](**settings) for name, settings in SETTINGS.items() if name in KINDS}
PLACED = [name for name, settings in SETTINGS.items() if "at" in settings]
CUTS: dict[str, Last] = {
    "CloseEarly": Close(),
    "CloseInFrame": Close(),
    "EndEarly": End(),
    "ErrorEvent": End(),
    "Oversized": Stall(),
    "ResetConnection": Reset(),
    "ResetInFrame": Reset(),
    "StallBeforeHead": Stall(),
    "StallForever": Stall(),
}
SAME_BODY = ["Drip", "GzipBody", "HoldAll", "MergeAll", "Pause", "SplitAt", "SplitCharacters", "SplitEvery"]
SAME_BODY += ["SetHeader", "SplitInFrame", "SplitLineEnds", "UntilClosed"]
BOUNDED = [(name, field, bounds) for name in FAULTS for field, bounds in bounds_of(KINDS[name]).items()]
ANSWER = Answer(sentences=6)
REQUEST = Request(attempt=1, seed="s", body={"stream": True})


def sent(*names: str, answer: Answer = ANSWER) -> list[Effect]:
    return said(*(FAULTS[name] for name in names), answer=answer)


def said(*struck: Fault, answer: Answer = ANSWER) -> list[Effect]:
    return list(render(answer.but(*struck).reply(REQUEST), REQUEST)[1])


def wire(effects: list[Effect]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Send))


def got(*struck: Fault, answer: Answer = ANSWER) -> Response:
    return read_reply(wire(said(*struck, answer=answer)))


def pieces(name: str) -> list[bytes]:
    """The writes of the body, unframed."""
    return [effect.data for effect in sent(name, "UntilClosed") if isinstance(effect, Send)][1:]


def marks(effects: list[Effect]) -> list[str]:
    return [effect.fault for effect in effects if isinstance(effect, Mark)]


PLAIN = got()


def test_every_kind_of_fault_is_in_the_table_and_has_its_own_file() -> None:
    assert list(KINDS) == [*SETTINGS]
    assert [fault.name for fault in FAULTS.values()] == [module.__name__.rpartition(".")[2] for module in MODULES]


@pytest.mark.parametrize("pace", [0.0, 1.0])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_one_mark_with_its_name(name: str, pace: float) -> None:
    assert marks(sent(name, answer=replace(ANSWER, pace=pace))) == [FAULTS[name].name]


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulted_reply_ends_once_and_says_the_same_each_time(name: str) -> None:
    effects = sent(name)
    assert [effect for effect in effects if isinstance(effect, Last)] == effects[-1:]
    assert effects == sent(name)


@pytest.mark.parametrize("name", PLACED)
def test_a_place_that_is_never_reached_changes_nothing_and_leaves_no_mark(name: str) -> None:
    assert said(KINDS[name](**SETTINGS[name] | {"at": AtEvent("never")})) == said()


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "StallBeforeHead"])
def test_the_mark_of_an_earlier_fault_survives_the_next_one(name: str) -> None:
    pause = KINDS["Pause"](**SETTINGS["Pause"] | {"at": AtEvent(None, 2)})
    assert pause.name in marks(said(pause, FAULTS[name]))


@pytest.mark.parametrize("name", CUTS)
def test_what_a_cut_drops_leaves_no_mark(name: str) -> None:
    later = KINDS["Inject"](at=AtEvent(None, 9), data=b": never\n")
    assert marks(said(later, FAULTS[name])) == [FAULTS[name].name]


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_ends_in_its_own_way(name: str) -> None:
    assert sent(name)[-1] == CUTS[name]


@pytest.mark.parametrize("name", ["ResetConnection", "ResetInFrame"])
def test_a_reset_waits_between_the_last_byte_and_the_mark(name: str) -> None:
    fault = KINDS[name](at=FIFTH, grace=3)
    assert said(fault)[-3:] == [Wait(3), fault.mark(), Reset()]


@pytest.mark.parametrize("name", SAME_BODY)
def test_a_fault_of_shape_or_time_leaves_the_body_as_it_was(name: str) -> None:
    response = read_reply(wire(sent(name)))
    assert (response.body, response.ended) == (PLAIN.body, True)


@pytest.mark.parametrize(("style", "ends"), [("cr", {b"\r"}), ("crlf", {b"\r\n"}), ("mixed", {b"\n", b"\r", b"\r\n"})])
def test_other_line_ends_say_the_same_events(style: Any, ends: set[bytes]) -> None:
    response = got(KINDS["LineEnds"](style=style))
    assert response.events == PLAIN.events
    assert set(re.findall(rb"\r\n|\r|\n", response.body)) == ends


@pytest.mark.parametrize("data", [b":\n", b": ping\n\n", b"\n\n\r\n\r", b"id: 1\nretry: 2\nx: y\n", b"event: x\n\n"])
def test_lines_without_data_between_events_say_the_same_events(data: bytes) -> None:
    assert got(KINDS["BetweenEvents"](data=data)).events == PLAIN.events


@pytest.mark.parametrize("pace", [0.0, 1.0])
def test_what_is_between_events_comes_once_before_each_and_once_after_the_last(pace: float) -> None:
    response = got(FAULTS["BetweenEvents"], answer=replace(ANSWER, pace=pace))
    assert response.body.count(b": ping\n\n") == len(PLAIN.events) + 1


def test_no_space_after_the_colon_says_the_same_events() -> None:
    response = got(FAULTS["NoSpace"])
    assert response.events == PLAIN.events
    assert b"\ndata: " not in response.body


def test_two_data_lines_say_the_same_json() -> None:
    response = got(FAULTS["MultilineData"])
    assert [json.loads(data) for _, data in response.events] == [json.loads(data) for _, data in PLAIN.events]
    assert any("\n" in data for _, data in response.events)


def test_without_the_event_line_the_json_still_has_the_type() -> None:
    response = got(FAULTS["BetweenEvents"], FAULTS["NoEventField"])
    assert [data for _, data in response.events] == [data for _, data in PLAIN.events]
    assert {name for name, _ in response.events} == {"message"}


def test_every_piece_of_a_split_is_as_small_as_promised() -> None:
    assert {len(piece) <= 7 for piece in pieces("SplitEvery")} == {True}
    assert {len(piece.rstrip(b"\r\n")) >= len(piece) - 1 for piece in pieces("SplitLineEnds")} == {True}


def test_line_ends_come_in_pieces_with_time_between_them() -> None:
    waits = [effect for effect in sent("SplitLineEnds", "UntilClosed") if isinstance(effect, Wait)]
    assert waits == [Wait(0.001)] * (len(pieces("SplitLineEnds")) - len(PLAIN.events))


@pytest.mark.parametrize("style", ["cr", "crlf", "mixed"])
def test_names_of_events_are_left_out_and_nothing_else_whatever_ends_their_lines(style: str) -> None:
    ends = KINDS["LineEnds"](style=style)
    assert [data for _, data in got(ends, FAULTS["NoEventField"]).events] == [data for _, data in PLAIN.events]


def test_no_character_of_several_bytes_survives_in_one_piece() -> None:
    assert not PLAIN.body.isascii()
    assert not any(char > "\x7f" for piece in pieces("SplitCharacters") for char in piece.decode("utf-8", "ignore"))


def test_one_cut_makes_two_pieces_of_one_event() -> None:
    split = KINDS["SplitAt"](at=AtByte(10))
    assert [effect.data for effect in said(split, FAULTS["UntilClosed"]) if isinstance(effect, Send)][1] == (
        PLAIN.body[:10]
    )


@pytest.mark.parametrize("at", [0, 1, 17, 900])
def test_a_split_counted_on_the_wire_changes_no_byte_and_waits_between_both_parts(at: int) -> None:
    effects = said(KINDS["SplitInFrame"](at=AtByte(at), seconds=0.5))
    place = effects.index(Wait(0.5))
    assert wire(effects[:place]) == wire(said())[:at]
    assert wire(effects) == wire(said())


def test_a_merged_body_is_one_write_and_a_held_one_comes_in_blocks_after_the_silence() -> None:
    assert pieces("MergeAll") == [PLAIN.body]
    assert {len(piece) for piece in pieces("HoldAll")[:-1]} == {64}
    assert sent("HoldAll")[1:3] == [FAULTS["HoldAll"].mark("1 s"), Wait(1)]


@pytest.mark.parametrize(("name", "waited"), [("Drip", len(PLAIN.events)), ("Pause", 2), ("RepeatBytes", 1.5)])
def test_a_slow_fault_waits_as_long_as_it_says(name: str, waited: float) -> None:
    assert isclose(sum(effect.seconds for effect in sent(name) if isinstance(effect, Wait)), waited)


def test_a_dropped_event_is_missing_and_a_repeated_one_comes_again() -> None:
    assert got(FAULTS["DropEvent"]).events == PLAIN.events[:5] + PLAIN.events[6:]
    assert got(FAULTS["RepeatEvent"]).events == PLAIN.events[:5] + PLAIN.events[5:6] * 3 + PLAIN.events[6:]


@pytest.mark.parametrize("pace", [0.0, 1.0])
def test_two_swapped_events_change_places(pace: float) -> None:
    events = PLAIN.events
    swapped = [*events[:5], events[6], events[5], *events[7:]]
    assert got(FAULTS["SwapEvents"], answer=replace(ANSWER, pace=pace)).events == swapped


def test_glued_events_lose_the_boundary_between_them() -> None:
    events = got(FAULTS["GlueEvents"]).events
    assert events[:5] + events[6:] == PLAIN.events[:5] + PLAIN.events[7:]
    assert events[5][1].endswith("\n" + PLAIN.events[6][1])


def test_an_event_without_data_keeps_its_name() -> None:
    assert got(FAULTS["EmptyData"]).events[5] == (PLAIN.events[5][0], "")


def test_one_line_is_bad_json_and_the_rest_is_healthy() -> None:
    events = got(FAULTS["MalformedJson"]).events
    assert events[:5] + events[6:] == PLAIN.events[:5] + PLAIN.events[6:]
    with pytest.raises(ValueError):
        json.loads(events[5][1])


def test_so_many_bytes_of_one_event_are_damaged() -> None:
    body = got(KINDS["CorruptEvent"](at=FIFTH, count=4)).body
    changed = [new for old, new in zip(PLAIN.body, body, strict=True) if old != new]
    assert changed == [0xFF] * 4
    assert len(read_events(body)) == len(PLAIN.events)


def test_edited_json_has_fields_removed_and_put() -> None:
    events = got(FAULTS["EditJson"]).events
    before, after = json.loads(PLAIN.events[5][1]), json.loads(events[5][1])
    assert after == before | {"index": "x", "delta": {"text": before["delta"]["text"], "extra": [1]}}
    assert events[:5] + events[6:] == PLAIN.events[:5] + PLAIN.events[6:]


@pytest.mark.parametrize("event_name", ["error", None])
def test_an_error_event_ends_the_answer(event_name: str | None) -> None:
    response = got(KINDS["ErrorEvent"](at=FIFTH, kind="api_error", message="Oh", event_name=event_name))
    error = {"type": "error", "error": {"type": "api_error", "message": "Oh"}}
    assert response.events[:5] == PLAIN.events[:5]
    assert [(name, json.loads(data)) for name, data in response.events[5:]] == [(event_name or "message", error)]
    assert (response.ended, response.error_kind, response.terminal) == (True, "api_error", False)


def test_injected_bytes_stand_at_their_place_and_nothing_else_changes() -> None:
    assert got(KINDS["Inject"](at=AtByte(77), data=b"\0")).body == PLAIN.body[:77] + b"\0" + PLAIN.body[77:]
    plain = wire(said())
    assert wire(said(KINDS["InjectRaw"](at=AtByte(900), data=b"\0"))) == plain[:900] + b"\0" + plain[900:]


def test_repeated_bytes_come_so_many_times_and_the_answer_goes_on() -> None:
    response = got(FAULTS["RepeatBytes"])
    assert [name for name, _ in response.events[5:8]] == ["ping"] * 3
    assert response.events[:5] + response.events[8:] == PLAIN.events


def test_bytes_that_are_repeated_without_a_break_are_not_waited_for() -> None:
    flood = KINDS["RepeatBytes"](at=FIFTH, every=0, count=2)
    assert not any(isinstance(effect, Wait) for effect in said(flood))


def test_an_oversized_line_has_its_size_and_never_ends() -> None:
    assert got(FAULTS["Oversized"]).body.partition(b"data: xx")[2] == b"x" * 99_998


@pytest.mark.parametrize("error", [-50, 0, 50])
def test_a_declared_length_is_wrong_by_its_error(error: int) -> None:
    response = got(KINDS["ContentLength"](error=error))
    assert int(response.headers["content-length"]) == len(PLAIN.body) + error
    assert response.body == PLAIN.body[: len(PLAIN.body) + error]
    assert response.ended == (error <= 0)


def test_a_declared_length_is_never_negative() -> None:
    assert got(KINDS["ContentLength"](error=-100_000)).headers["content-length"].isdigit()


def test_a_body_of_declared_length_that_is_closed_early_is_short() -> None:
    assert not got(FAULTS["CloseEarly"], KINDS["ContentLength"](error=0)).ended


@pytest.mark.parametrize("drop", [1, 30, 300])
def test_a_gzip_body_short_of_some_bytes_reads_as_a_beginning_and_http_says_it_is_whole(drop: int) -> None:
    cut = KINDS["GzipBody"](drop=drop)
    response = got(cut)
    assert len(wire(said(cut, FAULTS["UntilClosed"]))) == len(wire(sent("GzipBody", "UntilClosed"))) - drop
    assert response.ended
    assert response.headers["content-encoding"] == "gzip"
    assert PLAIN.body.startswith(response.body)


def test_a_header_is_set_or_removed_in_any_case_of_its_name() -> None:
    assert got(FAULTS["SetHeader"]).headers == PLAIN.headers | {"request-id": "other"}
    removed = got(KINDS["SetHeader"](header="REQUEST-ID", value=None)).headers
    assert PLAIN.headers == removed | {"request-id": PLAIN.headers["request-id"]}


@pytest.mark.parametrize("name", ["ContentLength", "SetHeader", "StallBeforeHead", "UntilClosed"])
def test_a_fault_of_the_head_is_marked_before_the_first_byte(name: str) -> None:
    assert isinstance(sent(name)[0], Mark)


@pytest.mark.parametrize("fault", [Fault(), HeadFault(), EventFault(at=FIFTH), StreamFault()], ids=str)
def test_a_fault_that_overrides_nothing_changes_nothing(fault: Fault) -> None:
    assert wire(said(fault)) == wire(said())
    assert fault.head(Head()) == Head()


@pytest.mark.parametrize(("name", "field", "bounds"), BOUNDED, ids=str)
def test_a_setting_outside_its_range_is_refused_by_name(name: str, field: str, bounds: Between) -> None:
    for value in (bounds.low - 1, bounds.high + 1, nan, "1", None):
        with pytest.raises(OutOfBounds) as refused:
            KINDS[name](**SETTINGS[name] | {field: value})
        said = f"{name}.{field} = {value!r}: expected a number from {bounds.low:g} to {bounds.high:g}"
        assert str(refused.value) == said


@pytest.mark.parametrize(("name", "field", "bounds"), BOUNDED, ids=str)
def test_both_ends_of_a_range_are_in_it(name: str, field: str, bounds: Between) -> None:
    for value in (bounds.low, bounds.high):
        assert getattr(KINDS[name](**SETTINGS[name] | {field: value}), field) == value


def test_the_last_event_has_nothing_to_change_places_with() -> None:
    swapped = got(KINDS["SwapEvents"](at=AtEvent("message_stop")))
    assert swapped.events == PLAIN.events


@pytest.mark.parametrize(
    ("before", "name", "settings"),
    [
        ("SplitEvery", "CorruptEvent", {}),
        ("SplitEvery", "EditJson", {}),
        ("SplitEvery", "EmptyData", {}),
        ("SplitEvery", "MalformedJson", {}),
        ("EmptyData", "CorruptEvent", {}),
        ("MalformedJson", "EditJson", {}),
        ("SplitAt", "EditJson", {"remove": ("delta.other",)}),
        ("SplitAt", "EditJson", {"put": (("message.usage.novelty", 1),)}),
        ("SplitAt", "EditJson", {"put": (("index.novelty", 1),)}),
    ],
)
def test_an_event_that_lacks_what_is_to_be_changed_passes_and_leaves_no_mark(
    before: str, name: str, settings: dict[str, Any]
) -> None:
    first = FAULTS[before]
    assert said(first, KINDS[name](**SETTINGS[name] | settings)) == said(first)


def test_every_kind_of_fault_is_found_by_the_name_of_its_class() -> None:
    assert kinds() == KINDS


def test_a_fault_that_overrides_nothing_lets_everything_pass() -> None:
    effects = [Send(b"x"), End()]
    assert list(Fault().body(effects, Random(1))) == list(Fault().wire(effects, Random(1))) == effects
