"""``soundsift completion``: what a shell needs to complete commands, options, names and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from app.cli.arguments import COMPLETE, Command, everywhere
from app.cli.invocation import Invocation

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    epilog="""\b
where to put it, once:
  bash  soundsift completion bash > ~/.local/share/bash-completion/completions/soundsift
  zsh   soundsift completion zsh > ~/.zfunc/_soundsift
        and in ~/.zshrc, before compinit: fpath+=~/.zfunc
  fish  soundsift completion fish > ~/.config/fish/completions/soundsift.fish
Make the folder first if it is not there; a new shell knows it.""",
)
@click.argument("shell", type=click.Choice(_SHELLS))
@everywhere
def completion(invocation: Invocation, shell: str) -> None:
    """Print a completion script for your shell."""
    known = get_completion_class(shell)
    assert known is not None  # click knows all three
    program = click.get_current_context().find_root().command
    script = known(program, {}, "soundsift", COMPLETE).source()
    invocation.answer({"shell": shell, "script": script}, script)


def complete(program: click.Command, invocation: str) -> int:
    """Answer a shell that asks for completions, such as ``bash_complete``; return an exit code."""
    shell, _, what = invocation.partition("_")
    known = get_completion_class(shell)
    if known is None or what != "complete":
        return 1
    found = known(program, {}, "soundsift", COMPLETE).complete()
    if found:
        print(found)
    return 0
