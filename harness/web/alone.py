"""A page of ours by itself, until SIGINT or SIGTERM."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Iterable

from harness.errors import UsageError
from harness.serve import told_to_stop
from harness.web.serving import Site


async def served(
    site: Site, port: int, say: Callable[[str], object], *, opens: bool, notes: Iterable[str] = ()
) -> None:
    """Serve ``site`` until this process is told to stop.

    Args:
        say: takes what a person at the terminal should know, line by line.
        opens: whether to open the page in the browser.
        notes: lines behind the address.

    Raises:
        UsageError: the address cannot be bound.
    """
    try:
        await site.start(port)
    except OSError as error:
        await site.stop()
        raise UsageError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}; name another --port") from error
    try:
        say(f"open {site.url}")
        say("(the address is a secret of this machine; Ctrl-C ends it)")
        for note in notes:
            say(note)
        if opens:
            webbrowser.open(site.url)
        await told_to_stop()
    finally:
        await site.stop()
    say("bye")
