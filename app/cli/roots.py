"""``soundsift roots``: folders of a library that lie elsewhere on other computers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import report
from app.cli.arguments import COMMON, FILE, TEXT, Command, Family, everywhere, with_options
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from engine.plain_text import one_line

if TYPE_CHECKING:
    from engine.store.roots import Root, RootChange

_name = click.argument("name", type=TEXT, metavar="NAME", help="what the root is called")
_folder = click.argument("folder", type=FILE, metavar="FOLDER", help="where it is here")


@click.group(cls=Family, default="list")
@with_options(*COMMON)
def roots() -> None:
    """Name folders that lie elsewhere on other computers, and say where they are here."""


@roots.command("list", cls=Command)
@everywhere
def listed(invocation: Invocation) -> None:
    """List the roots (so does `roots` alone)."""
    from engine.store.roots import list_roots

    with invocation.session() as session:
        known = list_roots(session.library)
    none = "there are no roots: make one with `soundsift roots add NAME FOLDER`"
    rows = [root.to_dict() for root in known]
    invocation.answer({"roots": rows}, "\n".join(_lines(known)) or none)


@roots.command("add", cls=Command)
@_name
@_folder
@everywhere
def add(invocation: Invocation, name: str, folder: Path) -> None:
    """Make a folder a root, with all sounds below it, for everybody who has the library."""
    from engine.store.roots import add_root

    with invocation.session() as session, progress_bar() as control:
        done = add_root(session.library, name, folder, control)
    _tell(invocation, "added", done, f"{done.root.name} is a root now, and {_moved(done)} under it")


@roots.command("mount", cls=Command)
@_name
@_folder
@everywhere
def mount(invocation: Invocation, name: str, folder: Path) -> None:
    """Say where a root is on this computer."""
    from engine.store.roots import mount_root

    with invocation.session() as session, progress_bar() as control:
        done = mount_root(session.library, name, folder, control)
    said = f"{done.root.name} is in {done.root.folder} on this computer"
    _tell(invocation, "mounted", done, said + (f"; {_moved(done)} under it" if done.moved else ""))


@roots.command("unmount", cls=Command)
@_name
@everywhere
def unmount(invocation: Invocation, name: str) -> None:
    """Say that a root is not on this computer; its sounds stay in the library."""
    from engine.store.roots import unmount_root

    with invocation.session() as session:
        root = unmount_root(session.library, name)
    said = f"{root.name} is not mounted on this computer any more"
    invocation.answer({"unmounted": root.to_dict()}, one_line(said))


@roots.command("rename", cls=Command)
@_name
@click.argument("new", type=TEXT, metavar="NEW", help="its new name")
@everywhere
def rename(invocation: Invocation, name: str, new: str) -> None:
    """Give a root another name, for everybody."""
    from engine.store.roots import rename_root

    with invocation.session() as session, progress_bar() as control:
        done = rename_root(session.library, name, new, control)
    _tell(invocation, "renamed", done, f"the root is called {done.root.name} now")


@roots.command("remove", cls=Command)
@_name
@everywhere
def remove(invocation: Invocation, name: str) -> None:
    """Let a root be a folder of this computer again, for everybody."""
    from engine.store.roots import remove_root

    with invocation.session() as session, progress_bar() as control:
        done = remove_root(session.library, name, control)
    said = f"{done.root.name} is no root any more; {_moved(done)} in {done.root.folder}"
    _tell(invocation, "removed", done, said)


def _tell(invocation: Invocation, what: str, done: RootChange, said: str) -> None:
    document = {what: done.root.to_dict(), "moved": done.moved, "remark": done.remark}
    remark = f"\n{one_line(done.remark)}" if done.remark else ""
    invocation.answer(document, one_line(said) + remark)


def _moved(done: RootChange) -> str:
    return f"{report.counted(done.moved, 'sound')} lie{'s' if done.moved == 1 else ''}"


def _lines(known: list[Root]) -> list[str]:
    """Return a line for each root: its name, its sounds, and where it is."""
    names = [one_line(root.name) for root in known]
    width = max(map(len, names), default=0)
    counts = [report.counted(root.sounds, "sound") for root in known]
    wide = max(map(len, counts), default=0)
    return [
        f"{name:{width}}  {count:>{wide}}  "
        + (one_line(root.folder) if root.folder is not None else "not mounted on this computer")
        for name, count, root in zip(names, counts, known, strict=True)
    ]
