"""Commands that make a library, keep it in step with its folders, count, check and mend it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import report
from app.cli.arguments import FILE, MODEL, Command, everywhere, flag, option, several
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from engine.plain_text import one_line
from engine.torch_setup import AUTO

if TYPE_CHECKING:
    from engine.index.build import IndexReport

_WHERE = "device to run the model on: auto, cpu, cuda or mps (auto: a GPU if there is one)"


@click.command(cls=Command)
@several("paths", "PATH", required=True, help="folders or files")
@option(
    "--model", "name or folder (default: the library's, or the best available)", "MODEL", type=MODEL
)
@option(
    "--device",
    "device to run the model on: auto, cpu, cuda or mps (auto: a GPU if there is one)",
    "NAME",
    default=AUTO,
)
@flag("--watch", "keep running and index changes as they happen")
@everywhere
def index(
    invocation: Invocation,
    paths: tuple[Path, ...],
    model: str | None,
    device: str,
    watch: bool,
) -> None:
    """Index folders."""
    from engine.session import open_to_index

    opened = open_to_index(paths, invocation.place, model, device)
    with opened as session, progress_bar() as control:
        library, name = str(session.library.path), session.model_name

        def show(done: IndexReport) -> None:
            document = {"library": library, "model": name, **done.to_dict()}
            invocation.answer(document, report.indexed(done, name))

        if watch:
            print("watching for changes; press Ctrl-C to stop", file=sys.stderr)
            session.watch(paths, show, control)
        else:
            show(session.index(paths, control))


@click.command(cls=Command)
@click.argument(
    "folder",
    type=FILE,
    required=False,
    metavar="FOLDER",
    help="where to write them (default: with the library)",
)
@everywhere
def demo(invocation: Invocation, folder: Path | None) -> None:
    """Make the demo sounds."""
    from app.demo import make_demo_sounds
    from engine.paths import data_folder

    folder = folder or data_folder() / "demo"
    with progress_bar() as control:
        made = make_demo_sounds(folder, control)
    said = f"{made} demo sounds made in {folder}" if made else f"the demo sounds are in {folder}"
    invocation.answer({"folder": str(folder), "made": made}, one_line(said))


@click.command(cls=Command)
@click.argument("old", type=FILE, metavar="OLD", help="where the folder was")
@click.argument("new", type=FILE, metavar="NEW", help="where it is")
@everywhere
def relink(invocation: Invocation, old: Path, new: Path) -> None:
    """Tell the library that a folder moved."""
    from engine.index.drives import relink as change

    with invocation.session() as session:
        count = change(session.library, old, new)
    invocation.answer({"relinked": count}, one_line(f"{count} sounds are now under {new}"))


@click.command(cls=Command)
@everywhere
def status(invocation: Invocation) -> None:
    """Count what is in the library."""
    from engine.index.drives import note_drives
    from engine.store.adopted import adopted_model
    from engine.store.copies import damage_of, damaged

    with invocation.session() as session:
        library = session.library
        away = note_drives(library)
        counts = library.statistics()
        model = adopted_model(library)
        path = library.path
    trouble = damage_of(path)
    document = {
        "library": str(path),
        "model": model.name if model is not None else "",
        "sounds": counts.sounds,
        "windows": counts.windows,
        "embedded": counts.embedded,
        "missing": counts.missing,
        "offline": counts.offline,
        "skipped": counts.skipped,
        "damaged": counts.damaged,
        "hours": counts.hours,
        "damage": trouble,
    }
    said = [report.table({name: value for name, value in document.items() if name != "damage"})]
    if trouble:
        said.append(damaged(path))
    for folder in away:
        told = f"{folder} is offline: connect its drive, or run `soundsift relink` if it moved"
        said.append(one_line(told))
    invocation.answer(document, "\n".join(said))


@click.command(cls=Command)
@flag("--restore", "restore the newest good copy")
@flag("--dry-run", "show what would be done, without doing it")
@everywhere
def repair(invocation: Invocation, restore: bool, dry_run: bool) -> None:
    """Check the library, and save what can be saved of it."""
    from engine.store.repair import repair as run

    path = invocation.place
    with progress_bar() as control:
        done = run(path, control, restore, dry_run)
    document = {"library": str(path), "dry_run": dry_run, **done.to_dict()}
    invocation.answer(document, report.repaired(done, path, dry_run))


@click.command(cls=Command)
@everywhere
def skipped(invocation: Invocation) -> None:
    """List files that could not be read, or only in part."""
    from engine.store.listing import damaged_sounds

    with invocation.session() as session:
        rows = [{"path": row.path, "reason": row.reason} for row in session.library.skipped()]
        damaged = [{"path": path, "reason": why} for path, why in damaged_sounds(session.library)]
    invocation.answer({"skipped": rows, "damaged": damaged}, report.skipped(rows, damaged))
