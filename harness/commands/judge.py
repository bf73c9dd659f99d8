"""`streamproof judge`."""

from __future__ import annotations

from typing import IO

import click

from harness.options import FAILED, UNKNOWN


@click.command()
@click.argument("url")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--outcome", default="complete", show_default=True, help="How the call ended, in the client's own words.")
@click.option("--error", default="", help="Name of the error that the caller got.")
@click.option("--policy", default="best-effort", show_default=True, help="What the client promises.")
@click.option("--can", "capabilities", default="", metavar="WORDS", help="Capabilities of the client, such as retries.")
def command(url: str, file: IO[bytes], outcome: str, error: str, policy: str, capabilities: str) -> None:
    """Judge the text in FILE (or from standard input) that a client showed which was led to URL by `streamproof serve`.

    What its server saw of the client's requests is judged as well.
    """
    import httpx

    from harness.errors import UsageError
    from harness.plain import plain

    base, _, token = url.rstrip("/").rpartition("/case/")
    if not base:
        raise UsageError(f"{url!r} is no URL of `streamproof serve`: expected http://HOST:PORT/case/SCENARIO")
    said = {"outcome": outcome, "error": error, "policy": policy, "capabilities": capabilities}
    try:
        answer = httpx.post(f"{base}/judge/{token}", params=said, content=file.read(), timeout=60)
        told = answer.json()
    except (httpx.HTTPError, ValueError) as broken:
        raise UsageError(f"nobody judges at {base}: {broken}; is `streamproof serve` running?") from broken
    if "error" in told:
        raise UsageError(plain(told["error"]))
    click.echo(f"{told['verdict']}  {plain(told['scenario'])}")
    for one in told["findings"]:
        click.echo(f"  {plain(one['harm'])}\n  {plain(one['law'])}: streamproof explain {plain(one['law'])}")
    raise SystemExit({"fail": FAILED, "unknown": UNKNOWN}.get(told["verdict"], 0))
