"""Runs one parser: reads jobs from its standard input, a JSON object a line, and answers each with a line.

A program with a parser calls :func:`serve`; called with ``module:attribute``, it is that one. It imports nothing but
the standard library: it runs with any Python and any packages. ``worker.mjs`` is the same in JavaScript.
"""

import gc
import hashlib
import importlib
import inspect
import json
import os
import sys
import time
from collections.abc import Mapping
from operator import attrgetter, itemgetter
from pathlib import Path
from types import SimpleNamespace

NAMES, IDS = ("event", "name", "type"), ("id", "last_event_id", "last_id")
TRIAL = b"event: greeting\ndata: hello\n\n"


class WrongContract(Exception):
    """What was named is no parser."""


def loaded(name):
    """What is called so, and whether it is only a limit: those are never asked for an event."""
    module, _, attribute = name.partition(":")
    found = importlib.import_module(module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise WrongContract(f"there is no {part!r} in {module!r}")
        found = getattr(found, part)
    return (found.parse if hasattr(found, "is_limit") else found), found


class Parser:
    """One parser in the shape that is measured.

    Args:
        target: a class whose objects have ``feed(bytes) -> events`` and perhaps ``close() -> events``, for the end of
            the stream; or a function from chunks to events.
        more: has ``tell``, ``prepare``, ``decode`` and ``accumulate`` where the parser does these in its own way.
    """

    def __init__(self, target, more):
        is_class = inspect.isclass(target)
        if is_class and not callable(getattr(target, "feed", None)):
            raise WrongContract("the class has no method feed(bytes)")
        if not callable(target):
            raise WrongContract(f"it is neither a class with feed(bytes) nor a function, but {target!r}")
        self.parse = _fed(target) if is_class else target
        self._framing = _feeding(target) if is_class else _reading(target)
        self.tell = getattr(more, "tell", tell)
        self.prepare = getattr(more, "prepare", lambda chunks: chunks)
        self.decode = getattr(more, "decode", None) or self._json
        self._accumulate = getattr(more, "accumulate", None) or (lambda chunks: said(self.decode(chunks)))
        self._data = None

    def try_out(self):
        """Raises WrongContract: what it makes of one event is no event."""
        try:
            found = list(self.parse([TRIAL]))
        except WrongContract:
            raise
        except Exception as error:
            raise WrongContract(f"it raised {type(error).__name__} at the first event: {error}") from error
        if not [one for one in found if self.tell(one) is not None]:
            raise WrongContract(f"it found no event in {TRIAL!r}")
        self._data = data_of(found[0])

    def run(self, stage, chunks):
        """Read the whole stream once, as one reads it at this stage."""
        if stage == "framing":
            return self._framing(chunks)
        if stage == "decode":
            return _reading(self.decode)(chunks)
        return self._accumulate(chunks)

    def told(self, chunks):
        """Name, data and last id of each event."""
        last, events = "", []
        for event in self.parse(chunks):
            fields = self.tell(event)
            if fields is not None:
                name, data, *own = fields
                last = next((one for one in own if one is not None), last)
                events.append([name or "message", data, *([last] if own else [])])
        return events

    def _json(self, chunks):
        loads, data = json.loads, self._data
        for event in self.parse(chunks):
            text = data(event)
            if text:
                yield loads(text)


def _fed(target):
    def parse(chunks):
        parser = target()
        for chunk in chunks:
            yield from _events(parser.feed(chunk))
        if hasattr(parser, "close"):
            yield from parser.close() or ()

    return parse


def _events(found):
    if found is None or isinstance(found, (str, bytes)) or not hasattr(found, "__iter__"):
        raise WrongContract(f"feed() returned {found!r}: it must return the events that the bytes complete")
    return found


def _feeding(target):
    def framing(chunks):
        feed = target().feed
        for chunk in chunks:
            for _ in feed(chunk):
                pass

    return framing


def _reading(target):
    def framing(chunks):
        for _ in target(chunks):  # as its user reads: no event is kept
            pass

    return framing


def tell(event):
    """Name, data and own id of an event, None where it has no id; of a parser that knows no ids, name and data alone.

    Args:
        event: a tuple of these, a mapping, or an object.
    """
    if isinstance(event, tuple) and not hasattr(event, "data"):
        fields = event
    else:
        data, name, own = (_first(event, keys) for keys in (("data",), NAMES, IDS))
        fields = (*(name or (None,)), *data, *own) if data else ()
    if len(fields) not in (2, 3) or not isinstance(fields[1], (str, bytes, bytearray)):
        wanted = "(name, data), (name, data, id), a mapping with these keys, or an object with these attributes"
        raise WrongContract(f"an event must be {wanted}; this one is {event!r}"[:400])
    return tuple(map(_text, fields))


def _first(event, keys):
    """The first of these that the event has, in a tuple; an empty one where it has none."""
    if isinstance(event, Mapping):
        return next(((event[key],) for key in keys if key in event), ())
    return next(((getattr(event, key),) for key in keys if hasattr(event, key)), ())


def _text(value):
    return bytes(value).decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else value


def data_of(event):
    """What gets the data of such an event."""
    if isinstance(event, tuple) and not hasattr(event, "data"):
        return itemgetter(1)
    return itemgetter("data") if isinstance(event, Mapping) else attrgetter("data")


def said(objects):
    """What a message says, from the objects of its events: the text of each block, or the input of its tool."""
    blocks, kinds = [], []
    for one in objects:
        kind = one["type"]
        if kind == "content_block_delta":
            delta = one["delta"]
            blocks[one["index"]].append(delta["text"] if delta["type"] == "text_delta" else delta["partial_json"])
        elif kind == "content_block_start":
            blocks.append([])
            kinds.append(one["content_block"]["type"])
    whole = ("".join(one) for one in blocks)
    return [one if kind == "text" else json.loads(one) for one, kind in zip(whole, kinds, strict=True)]


def cut(data, sizes):
    """The stream in its reads: of ``sizes`` bytes, or of the bytes that a list says."""
    if isinstance(sizes, int):
        return [data[place : place + sizes] for place in range(0, len(data), sizes)]
    place, chunks = 0, []
    for size in sizes:
        chunks.append(data[place : place + size])
        place += size
    return chunks


class Jobs:
    """What it can be asked for; each takes the fields of the job and returns those of the answer."""

    def __init__(self, parser):
        self._parser = parser
        self._chunks = {}

    def check(self, cases):
        """Which cases it reads otherwise than expected, and what it made of them."""
        return {"wrong": [wrong for case in json.loads(Path(cases).read_text("utf-8")) if (wrong := self._wrong(case))]}

    def _wrong(self, case):
        data, events = bytes.fromhex(case["hex"]), case["events"]
        ways = [[data], *([data[:place], data[place:]] for place in range(1, len(data)))]
        ways.append([data[place : place + 1] for place in range(len(data))])
        for chunks in ways:
            try:
                told = self._parser.told(chunks)
            except Exception as error:
                told = f"{type(error).__name__}: {error}"[:200]
            if isinstance(told, str) or not _same(told, events):
                pieces = [repr(one)[1:] for one in chunks][:4]
                return {"name": case["name"], "pieces": pieces, "told": told}
        return None

    def read(self, corpus, sizes, stage):
        """What it makes of a stream, so that it can be told whether that is right."""
        chunks = self._cut(corpus, sizes)
        if stage == "accumulate":
            return {"digest": digest(self._parser.run(stage, self._parser.prepare(chunks)))}
        told = [one[:2] for one in self._parser.told(chunks)]
        return {"events": len(told), "digest": digest(told)}

    def time(self, corpus, sizes, stage, seconds):
        """CPU seconds that one reading takes, the mean of as many as ``seconds`` have room for."""
        chunks = self._parser.prepare(self._cut(corpus, sizes))
        run, clock, passes = self._parser.run, time.process_time, 0
        gc.collect()
        begun = clock()
        while True:
            run(stage, chunks)
            passes += 1
            spent = clock() - begun
            if spent >= seconds:
                return {"cpu": spent / passes, "passes": passes}

    def _cut(self, corpus, sizes):
        key = json.dumps([corpus, sizes])
        if key not in self._chunks:
            self._chunks = {key: cut(Path(corpus).read_bytes(), sizes)}
        return self._chunks[key]


def _same(told, events):
    """Whether that is right, as far as the parser tells it."""
    return len(told) == len(events) and all(one == wanted[: len(one)] for one, wanted in zip(told, events, strict=True))


def digest(value):
    """The same for the same value in every language."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def answered(jobs, job):
    """The answer to one job; what a parser raises is an answer, too."""
    try:
        return getattr(jobs, job.pop("do"))(**job)
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"[:300]}


def work(made):
    """Say whether there is a parser, then work until there are no more jobs.

    Args:
        made: makes the parser.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a parser prints is no answer
    try:
        parser = made()
        ready = {"ready": True}
    except WrongContract as error:
        ready = {"refused": str(error)}
    except Exception as error:
        ready = {"refused": f"it cannot be imported: {type(error).__name__}: {error}"}
    print(json.dumps(ready), file=out, flush=True)
    if "refused" in ready:
        return
    jobs = Jobs(parser)
    for line in sys.stdin:
        print(json.dumps(answered(jobs, json.loads(line))), file=out, flush=True)


def serve(target, **more):
    """Work for a program that has its parser: see :class:`Parser` for both."""
    work(lambda: tried(target, SimpleNamespace(**more)))


def named(name):
    """The parser of that name."""
    target, more = loaded(name)
    return Parser(target, more) if hasattr(more, "is_limit") else tried(target, more)


def tried(target, more):
    """The parser, if it is one."""
    parser = Parser(target, more)
    parser.try_out()
    return parser


if __name__ == "__main__":
    work(lambda: named(sys.argv[1]))
