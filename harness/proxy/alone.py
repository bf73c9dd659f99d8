"""The proxy by itself, for any client in any language: what it prints, and the file that it keeps."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fake_server.record import Ended, Replied, Requested, ServerRecord, Struck
from harness.errors import UsageError
from harness.logs import Say
from harness.plain import plain
from harness.proxy.chaos import Chaos
from harness.proxy.passed import Passed
from harness.proxy.server import Proxy
from harness.proxy.upstream import Upstream
from harness.recording import capture
from harness.serve import told_to_stop
from harness.telling import say_exchange
from harness.timeline import server_line

Keep = Callable[[Passed], object]


async def proxy_forever(
    upstream: Upstream,
    chaos: Chaos,
    *,
    host: str,
    port: int,
    seed: str,
    record: Path | None,
    with_bodies: bool,
    say: Say,
    watch: Callable[[ServerRecord], object] | None = None,
) -> None:
    """Pass requests on until SIGINT or SIGTERM.

    Args:
        record: the file to keep the exchanges in; it must not exist yet.
        with_bodies: keep the bodies of requests as well.
        watch: is told everything as well.

    Raises:
        UsageError: the address cannot be bound, or the file cannot be made.
    """
    with _kept_in(record, upstream, with_bodies=with_bodies) as keep:
        async with upstream:

            def take(record: ServerRecord) -> None:
                if watch is not None:
                    watch(record)
                _say(record, say)

            def warn(why: str) -> None:
                say(plain(why), level=logging.WARNING)

            proxy = Proxy(upstream, chaos, seed=seed, sink=take, warn=warn, keep=keep)
            try:
                await proxy.start(host, port)
            except OSError as error:
                why = f"cannot listen on {host}:{port}: {error.strerror}; name another --host or --port"
                raise UsageError(why) from error
            _introduce(chaos, upstream, f"http://{host}:{proxy.port}", seed, say)
            try:
                await told_to_stop()
            finally:
                await proxy.stop()


def _introduce(chaos: Chaos, upstream: Upstream, base: str, seed: str, say: Say) -> None:
    done = f"with {chaos.name}, seed {seed}" if chaos.moves else "without faults"
    text, message = f"passing on to {plain(upstream.name)} {plain(done)}", f"passing on to {plain(upstream.name)}"
    say(f"{text}; Ctrl-C ends it", message, base_url=base, faults=plain(chaos.name), seed=seed)
    say.hint(f"base URL: {base}   (or {base}/case/NAME: each NAME begins at attempt 1)")


def _say(record: ServerRecord, say: Say) -> None:
    if isinstance(record, Requested):
        mode = ", streaming" if record.streams else ""
        say_exchange(say, record, f"{record.t:9.3f}  request {record.attempt}: {plain(record.method, 200)}{mode}")
    elif isinstance(record, Replied | Struck | Ended):
        say_exchange(say, record, f"{record.t:9.3f}  {server_line(record).what}")


@contextmanager
def _kept_in(path: Path | None, upstream: Upstream, *, with_bodies: bool) -> Iterator[Keep | None]:
    """What keeps each request in the file, readable for its owner alone."""
    if path is None:
        yield None
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"--record {path}: there is a file of that name; name another") from None
    except OSError as error:
        raise UsageError(f"--record {path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:

        def write(line: str) -> None:
            file.write(line)
            file.flush()

        write(capture.first_line(upstream.name))
        yield lambda passed: write(capture.line_of(passed.exchange(upstream.name, with_body=with_bodies)))
