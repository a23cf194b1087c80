"""``soundsift mark``: stars, colours, notes and uses of sounds, shown, set, written and undone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import report
from app.cli.arguments import TEXT, Command, Family, everywhere, flag, option, several
from app.cli.invocation import Invocation, ids_of
from app.cli.progress_bar import progress_bar
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.store.history import Restored


@click.group(
    cls=Family,
    default="set",
    takes_paths=True,
    subcommand_metavar="COMMAND | PATH... [ARGS]...",
)
def mark() -> None:
    """Give sounds stars, colours and notes, note their use, or undo that."""


@mark.command("set", cls=Command)
@several("paths", "PATH", required=True, help="files or folders of the library")
@option("--stars", "0 to 5", "N", type=click.IntRange(0, 5))
@option("--colour", "red, orange, yellow, green, blue, purple, grey or none", "NAME", type=TEXT)
@option("--color", "", "NAME", type=TEXT, hidden=True)
@option("--note", "a note in the place of the old one; an empty one removes it", "TEXT", type=TEXT)
@option("--used", "note that they were used now, for this project", "PROJECT", type=TEXT)
@flag("--unused", "forget that they were used")
@everywhere
def set_marks(
    invocation: Invocation,
    paths: tuple[Path, ...],
    stars: int | None,
    colour: str | None,
    color: str | None,
    note: str | None,
    used: str | None,
    unused: bool,
) -> None:
    """Mark sounds; without options, show their marks (so does `mark PATH`)."""
    from engine.tags.keeping import MarkOrder

    order = MarkOrder(stars, colour if colour is not None else color, note, used, unused)
    order.check()
    with invocation.session() as session:
        ids = ids_of(session, paths)
        if not order.is_empty:
            session.keeping.mark(ids, order)
        rows = session.library.sounds(ids)
    shown = [rows[sound_id] for sound_id in ids]
    marks = [{"path": row.path, **row.marks.to_dict()} for row in shown]
    invocation.answer({"sounds": marks}, report.marks(shown, not order.is_empty))


@mark.command("write", cls=Command)
@several("paths", "PATH", required=True, help="files or folders of the library")
@flag("--keep-time", "keep modification times")
@everywhere
def write(invocation: Invocation, paths: tuple[Path, ...], keep_time: bool) -> None:
    """Write stars and notes into the files (`tag undo` takes it back)."""
    from engine.tags.run import TagRun
    from engine.tags.writing import marks_to_write

    with invocation.session() as session, progress_bar() as control:
        wanted = marks_to_write(session.library, ids_of(session, paths))
        if not wanted:
            raise InputError("none of these sounds has stars or a note: there is nothing to write")
        with TagRun.begin(session.library, "write", len(wanted)) as run:
            written = run.write(wanted, control, keep_time)
    refused = [{"path": path, "reason": reason} for path, reason in written.refused]
    document = {"written": list(written.done), "refused": refused}
    invocation.answer(document, report.marks_written(written))
    if refused and not written.done:
        raise report.none_written(written.refused)


@mark.command("undo", cls=Command)
@everywhere
def undo(invocation: Invocation) -> None:
    """Undo what was done last: marks, tags, regions, collections, searches, files."""
    with invocation.session() as session:
        _tell(invocation, session.keeping.undo(), "undone")


@mark.command("redo", cls=Command)
@everywhere
def redo(invocation: Invocation) -> None:
    """Do again what was undone last."""
    with invocation.session() as session:
        _tell(invocation, session.keeping.redo(), "done again")


def _tell(invocation: Invocation, done: Restored, how: str) -> None:
    if done.outcome != "done":
        raise report.not_restored(done, how)
    step = done.step
    document = {"kind": step.kind, "name": step.name, "sounds": step.count, "left": done.left}
    invocation.answer({how.replace(" ", "_"): document}, report.restored(done, how))
