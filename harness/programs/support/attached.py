"""What the Python programs here share: one process makes all calls. The standard library only.

A job is a line of JSON on the standard input; what a call's user sees is lines of JSON on the standard output.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, nullcontext, suppress
from functools import partial

TRUNCATED = {"max_tokens", "model_context_window_exceeded", "length", "max_output_tokens"}
OUTCOMES = {
    **dict.fromkeys(TRUNCATED, "truncated"),
    "refusal": "refused",
    "content_filter": "refused",
    "pause_turn": "paused",
}


def text(piece):
    """The user sees ``piece`` after what was there; as in any loop that adds to a text, None is a ``TypeError``."""
    return {"type": "text", "text": "" + piece}


def done(**more):
    """The call returned.

    A reason that is in no table passes for a whole answer, as it does in a program that knows these only; a word of a
    library's own for an answer that is not whole is never one: its program raises.
    """
    outcome = OUTCOMES.get(more.get("stop_reason") or "", "complete")
    return {"type": "done", "outcome": outcome, **more}


def readable(functions):
    """The tool calls, of functions whose arguments the library hands over as a text.

    A call whose arguments are no object of JSON is left out: nobody can carry it out.
    """
    inputs = ((one.name or "", parsed(one.arguments)) for one in functions)
    return [{"name": name, "input": found} for name, found in inputs if found is not None]


def parsed(arguments):
    """The input of a tool call; None where ``arguments`` are no object of JSON."""
    with suppress(ValueError):
        found = json.loads(arguments or "{}")
        if isinstance(found, dict):
            return found
    return None


def type_of(raised):
    """The API's ``error.type``, as an SDK's error has it."""
    return getattr(raised, "type", None)


def code_or_type(raised):
    """What OpenAI's API calls an error: its code, where it has one."""
    return getattr(raised, "code", None) or getattr(raised, "type", None)


def untold(raised):
    """Nothing, of a library whose errors do not have it from the API."""


def status_code(raised):
    """The HTTP status of the reply, as an SDK's error has it."""
    return getattr(raised, "status_code", None)


def error(raised, own=(), kind=type_of, status=status_code, **more):
    """The call raised; ``own`` are the classes that the library documents for its errors."""
    status, kind = status(raised), kind(raised)
    return {
        "type": "error",
        "name": f"{type(raised).__module__.partition('.')[0]}.{type(raised).__name__}",
        "message": str(raised)[:300],
        "typed": isinstance(raised, own),
        "status": status if isinstance(status, int) else None,
        "kind": kind if isinstance(kind, str) else None,
        **more,
    }


async def nothing():
    """There is nothing to start before the first call."""


def serve(call, connect=None, own=(), kind=type_of, status=status_code, start=nothing):
    """Make all calls.

    Args:
        call: an async generator function, ``call(client, job)``, that yields what the user sees; it ends with
            :func:`done`, or raises.
        connect: makes the client of a job, an async context manager; None where ``call`` needs none.
        own: the classes that the library documents for its errors.
        kind: what the API calls an error, of what was raised; None where that does not tell.
        status: the HTTP status of the reply that was an error, of what was raised; None where there was none.
        start: what takes long and is needed by every call; awaited before the first one.
    """
    told = partial(error, own=own, kind=kind, status=status)
    asyncio.run(_serve(call, connect or (lambda job: nullcontext()), told, start))


def threaded(call):
    """An async generator function of a synchronous one, which is iterated in a thread of its own."""

    async def run(client, job):
        loop, seen, stop = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()

        def tell(item):
            with suppress(RuntimeError):  # the loop may be closed
                loop.call_soon_threadsafe(seen.put_nowait, item)

        def iterate():
            try:
                for item in call(client, job):
                    tell(item)
                    if stop.is_set():
                        return
            except Exception as raised:
                tell(raised)

        threading.Thread(target=iterate, daemon=True).start()
        try:
            while True:
                item = await seen.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                if item["type"] == "done":
                    return
        finally:
            stop.set()

    return run


async def _serve(call, connect, told, start):
    loop, running, kept = asyncio.get_running_loop(), {}, {}
    reader = asyncio.StreamReader(limit=1 << 28)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await start()
    print(json.dumps({"type": "ready"}), flush=True)
    while line := await reader.readline():
        job = json.loads(line)
        if "close" in job:
            await kept.pop(job["client"]).aclose()
        elif "cancel" not in job:
            number = job["id"]
            running[number] = asyncio.create_task(_one(call, _kept(connect, kept), told, job))
            running[number].add_done_callback(lambda _, number=number: running.pop(number))
        elif job["id"] in running:
            running[job["id"]].cancel()


def _kept(connect, kept):
    """As ``connect``, but for calls that share a client: that is made once."""

    @asynccontextmanager
    async def connected(job):
        if job.get("client") is None:
            async with connect(job) as client:
                yield client
            return
        if job["client"] not in kept:
            stack = kept[job["client"]] = AsyncExitStack()
            stack.client = await stack.enter_async_context(connect(job))
        yield kept[job["client"]].client

    return connected


async def _one(call, connect, told, job):
    def say(line):
        print(json.dumps({"id": job["id"], **line}), flush=True)

    try:
        async with connect(job) as client, aclosing(call(client, job)) as observed:
            async for one in observed:
                say(one)
    except asyncio.CancelledError:
        say({"type": "done", "outcome": "cancelled"})
        raise
    except Exception as raised:
        say(told(raised))
