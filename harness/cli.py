"""The command line: finds its commands, and maps every error to its exit status.

Commands import what they need when they run, so that ``--help`` is quick.

Exit status: 0 all passed; 1 a client failed a scenario; 2 wrong usage; 3 nothing failed and something is unknown; 70
a fault of streamproof.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
import traceback

import click

from harness import commands
from harness.options import INTERNAL, USAGE


def main() -> None:
    """Entry point of ``streamproof``: maps every error to its exit status."""
    from harness.errors import UsageError

    try:
        status = cli.main(prog_name="streamproof", standalone_mode=False)
    except UsageError as error:
        status = _complain(str(error), USAGE)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        status = _complain("interrupted", 130)
    except Exception as error:
        said = f"internal error: {type(error).__name__}: {error}; this is a fault of streamproof"
        status = _complain(said, INTERNAL, error)
    sys.exit(status or 0)


def _complain(message: str, status: int, fault: Exception | None = None) -> int:
    """Say why the command ends, in the form in which it tells everything; a fault of ours with its traceback."""
    from harness import logs
    from harness.plain import plain

    if logs.is_json():
        logging.getLogger(logs.ROOT).error("%s", plain(message), exc_info=fault)
        return status
    if fault is not None:
        traceback.print_exception(fault)
    click.echo(f"streamproof: {plain(message)}", err=True)
    return status


class _Commands(click.Group):
    """Finds its commands in ``harness/commands``, and names the closest one when there is none of that name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [found.name for found in pkgutil.iter_modules(commands.__path__)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{commands.__name__}.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        is_typo = args and not ctx.resilient_parsing and not args[0].startswith("-")
        if is_typo and self.get_command(ctx, args[0]) is None:
            from harness.errors import unknown_name

            raise unknown_name("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="streamproof")
def cli() -> None:
    """Chaos testing for LLM streaming clients: run scenarios, and see what a client's user would have seen."""
