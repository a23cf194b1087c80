"""``soundsift saved``: searches that are kept by name, as the window has them."""

from __future__ import annotations

import click

from app.cli import report
from app.cli.arguments import (
    COMMON,
    POSITIVE,
    TEXT,
    Command,
    Family,
    everywhere,
    flag,
    option,
    several,
    with_options,
)
from app.cli.invocation import Invocation, as_of
from engine.errors import InputError
from engine.plain_text import one_line

_name = click.argument("name", type=TEXT, metavar="NAME", help="what the search is called")


@click.group(cls=Family, default="list")
@with_options(*COMMON)
def saved() -> None:
    """List, run, add, rename and remove saved searches."""


@saved.command("list", cls=Command)
@everywhere
def list_saved(invocation: Invocation) -> None:
    """List the saved searches (so does `saved` alone)."""
    with invocation.session() as session:
        known = session.keeping.searches()
    rows = [{"name": name, "text": text} for name, text in known.items()]
    lines = [one_line(f"{name}: {text}") for name, text in known.items()]
    none = "there are no saved searches yet: add one with `soundsift saved add NAME TEXT`"
    invocation.answer({"searches": rows}, "\n".join(lines) or none)


@saved.command("run", cls=Command)
@_name
@flag("--names", "search words only, not sounds")
@option("-n", "how many results (20)", "N", type=POSITIVE, default=20)
@everywhere
def run(invocation: Invocation, name: str, names: bool, n: int) -> None:
    """Search as a saved search says."""
    from engine.search.answer import to_dict

    with invocation.session_to_search() as session:
        answer = session.search(_known(session.keeping.searches(), name), n, names)
        invocation.answer(to_dict(answer) | as_of(session), report.answer(answer))


@saved.command("add", cls=Command)
@_name
@several("text", "TEXT", TEXT, required=True, help="what it searches, as `search` takes it")
@everywhere
def add(invocation: Invocation, name: str, text: tuple[str, ...]) -> None:
    """Save a search under a name."""
    wanted = " ".join(text)
    with invocation.session() as session:
        session.keeping.save_search(name, wanted)
    invocation.answer({"saved": {"name": name, "text": wanted}}, one_line(f"{name} is saved"))


@saved.command("rename", cls=Command)
@_name
@click.argument("new", type=TEXT, metavar="NEW", help="its new name")
@everywhere
def rename(invocation: Invocation, name: str, new: str) -> None:
    """Give a saved search another name."""
    with invocation.session() as session:
        _known(session.keeping.searches(), name)
        session.keeping.rename_search(name, new)
    invocation.answer({"renamed": {"name": name, "new": new}}, one_line(f"{name} is {new} now"))


@saved.command("remove", cls=Command)
@_name
@everywhere
def remove(invocation: Invocation, name: str) -> None:
    """Remove a saved search (`mark undo` takes it back)."""
    with invocation.session() as session:
        text = _known(session.keeping.searches(), name)
        session.keeping.drop_search(name)
    invocation.answer({"removed": {"name": name, "text": text}}, one_line(f"{name} is removed"))


def _known(searches: dict[str, str], name: str) -> str:
    """Return the text of a saved search.

    :raises InputError: there is none of that name.
    """
    if name not in searches:
        there = ", ".join(searches) or "none yet"
        raise InputError(f"there is no saved search {name}: there are {there}")
    return searches[name]
