"""``soundsift saved``: searches that are kept by name, as the window has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from engine.store.sharing import Whose

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
        known, owners = session.keeping.searches(), session.keeping.searches_of()
    rows: list[dict[str, object]] = [{"name": n, "text": text} for n, text in known.items()]
    for row, name in zip(rows, known, strict=True):
        if name in owners and owners[name].author:  # in a file nobody else is there
            row |= {"author": owners[name].author, "shared": owners[name].is_shared}
    lines = [one_line(f"{name}: {text}{_seen_by(owners, name)}") for name, text in known.items()]
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


@saved.command("share", cls=Command)
@_name
@everywhere
def share(invocation: Invocation, name: str) -> None:
    """Let all who use a team's library see a saved search of yours."""
    with invocation.session() as session:
        session.keeping.share_search(name, True)
    invocation.answer({"shared": {"name": name}}, one_line(f"{name} is shared with the team"))


@saved.command("keep", cls=Command)
@_name
@everywhere
def keep(invocation: Invocation, name: str) -> None:
    """Keep a saved search that you shared to yourself again."""
    with invocation.session() as session:
        session.keeping.share_search(name, False)
    invocation.answer({"kept": {"name": name}}, one_line(f"{name} is yours alone"))


def _seen_by(owners: Mapping[str, Whose], name: str) -> str:
    """Return whose a search is and who sees it, as the end of its line; nothing in a file."""
    found = owners.get(name)
    if found is None or not found.author:
        return ""
    if not found.is_mine:
        return f"  ({found.author}'s, shared)"
    return "  (shared)" if found.is_shared else "  (yours alone)"


def _known(searches: dict[str, str], name: str) -> str:
    """Return the text of a saved search.

    :raises InputError: there is none of that name.
    """
    if name not in searches:
        there = ", ".join(searches) or "none yet"
        raise InputError(f"there is no saved search {name}: there are {there}")
    return searches[name]
