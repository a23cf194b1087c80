"""``soundsift library``: copy a library elsewhere, bring one on a server up to date."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.arguments import COMMON, LIBRARY, Command, Family, everywhere, with_options
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from app.cli.report import counted
from engine.errors import InputError
from engine.plain_text import one_line


@click.group(cls=Family)
@with_options(*COMMON)
def library() -> None:
    """Copy a library to another file or server."""


@library.command("copy", cls=Command)
@click.argument("source", type=LIBRARY, metavar="FROM")
@click.argument("target", type=LIBRARY, metavar="TO")
@everywhere
def copy(invocation: Invocation, source: Path | str, target: Path | str) -> None:
    """Copy a library FROM one file or server TO another, and compare them (again: go on)."""
    from engine.store.copying import copy_library

    with progress_bar() as control:
        done = copy_library(source, target, control)
    document = {"from": str(source), "to": str(target), "rows": done.rows, "texts": done.texts}
    counts = done.rows
    said = [
        one_line(
            f"{counted(counts['sounds'], 'sound')}, {counted(counts['windows'], 'window')} and "
            f"{counted(counts['tags'], 'tag')} copied to {target}; all rows were compared"
        ),
        "not copied: what `soundsift tag undo` takes back stays with the old library",
    ]
    if done.texts:
        said.append(
            f"{counted(done.texts, 'text')} held a character that a server cannot keep (NUL): "
            "it was left out"
        )
    invocation.answer(document, "\n".join(said))


@library.command("upgrade", cls=Command)
@everywhere
def upgrade(invocation: Invocation) -> None:
    """Bring a library on a server up to this Soundsift's schema; older ones cannot use it then."""
    from engine.store.server import upgrade as run

    if isinstance(invocation.place, Path):
        raise InputError("only a library on a server is upgraded so: a file is when it is opened")
    changed = run(invocation.place)
    said = "brought up to date" if changed else "up to date already"
    invocation.answer({"upgraded": changed}, one_line(f"{invocation.place} is {said}"))
