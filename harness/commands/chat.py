"""`streamproof chat`."""

from __future__ import annotations

import click

from harness.options import new_seed, seed_option


@click.command()
@click.option("--port", default=0, help="Port to listen on, of this machine alone; any free one by default.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--upstream",
    envvar="ANTHROPIC_BASE_URL",
    default="https://api.anthropic.com",
    show_default=True,
    metavar="URL",
    help="The real server, if ANTHROPIC_API_KEY is set.",
)
@click.option("--model", default="", metavar="NAME", help="The model that the real server is asked for.")
@click.option(
    "--pace", type=click.FloatRange(0, 1), default=0.09, show_default=True, help="Seconds between two events."
)
@seed_option
def command(port: int, opens: bool, upstream: str, model: str, pace: float, seed: str | None) -> None:
    """Open a chat in which two clients are asked the same, and the same fault strikes both.

    A server of ours answers with a story. With ANTHROPIC_API_KEY set, the real API can be chosen on the page; the key
    goes to it and nowhere else.
    """
    import asyncio
    import os

    from fake_server.dialect import Dialect
    from harness.asking import MODELS
    from harness.chat.alone import RealServer, chat_forever

    key = os.environ.get("ANTHROPIC_API_KEY", "")
    real = RealServer(base_url=upstream, key=key, model=model or MODELS[Dialect.ANTHROPIC]) if key else None
    asyncio.run(chat_forever(real, port=port, seed=seed or new_seed(), say=click.echo, opens=opens, pace=pace))
