"""`streamproof completion`."""

from __future__ import annotations

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> None:
    r"""Print the script with which a shell completes commands, options, scenarios, clients, laws and reports.

    \b
    bash   eval "$(streamproof completion bash)"     in ~/.bashrc
    zsh    eval "$(streamproof completion zsh)"      in ~/.zshrc
    fish   streamproof completion fish | source      in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    root = click.get_current_context().find_root()
    click.echo(found(root.command, {}, "streamproof", "_STREAMPROOF_COMPLETE").source())
