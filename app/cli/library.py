"""Commands that make a library, keep it in step with its folders, count, check and mend it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import report
from app.cli.arguments import FILE, GIVEN, MODEL, Command, everywhere, flag, option, several
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from app.cli.work import at_work
from engine.errors import InputError
from engine.plain_text import one_line
from engine.roots import not_mounted
from engine.torch_setup import AUTO

if TYPE_CHECKING:
    from engine.index.build import IndexReport
    from engine.index.embedder import Embedder


@click.command(cls=Command)
@several("paths", "PATH", required=True, help="folders or files")
@option(
    "--model", "name or folder (default: the library's, or the best available)", "MODEL", type=MODEL
)
@option(
    "--device",
    "device to run the model on: auto, cpu, cuda or mps (auto: a GPU if there is one)",
    "NAME",
    type=GIVEN,
    default=AUTO,
)
@option(
    "--cluster",
    "listen on the nodes of a Ray cluster: auto, or host:port (auto: the one of this machine)",
    "ADDRESS",
)
@flag("--watch", "keep running and index changes as they happen")
@flag("--for-workers", "read headers only, and leave the listening to `soundsift work`")
@everywhere
def index(
    invocation: Invocation,
    paths: tuple[Path, ...],
    model: str | None,
    device: str,
    cluster: str | None,
    watch: bool,
    for_workers: bool,
) -> None:
    """Index folders."""
    from engine.session import open_to_index

    if for_workers:
        _refuse_without_workers(invocation, cluster, watch)
    with (
        _embedder(cluster, device, watch, for_workers) as embedder,
        open_to_index(paths, invocation.place, model, device) as session,
        progress_bar() as control,
    ):
        session.embedder = embedder
        library, name = session.library.name, session.model_name

        def show(done: IndexReport) -> None:
            document = {"library": library, "model": name, **done.to_dict()}
            invocation.answer(document, report.indexed(done, name))
            if watch:
                print("watching for changes; press Ctrl-C to stop", file=sys.stderr)

        if watch:
            session.watch(paths, show, control)
        else:
            show(session.index(paths, control))


def _refuse_without_workers(invocation: Invocation, cluster: str | None, watch: bool) -> None:
    """Refuse to leave the listening to workers where there are none, or somebody else listens.

    :raises InputError: the library is a file, or other options say who listens.
    """
    if not isinstance(invocation.place, str):
        raise InputError(
            "--for-workers is for a library on a server: leave it out, and this computer listens"
        )
    if cluster is not None or watch:
        other = "--watch" if watch else "--cluster"
        raise InputError(f"{other} listens itself: leave it or --for-workers out")


@contextmanager
def _embedder(
    cluster: str | None, device: str, watch: bool, for_workers: bool
) -> Iterator[Embedder | None]:
    """Connect to a cluster, if one is named.

    :raises InputError: there is none, or what else was asked for needs this machine.
    """
    if for_workers:
        from engine.index.embedder import LeftToWorkers

        yield LeftToWorkers()
        return
    if cluster is None:
        yield None
        return
    if watch:
        raise InputError("--watch listens on this machine: leave it or --cluster out")
    if device != AUTO:
        raise InputError(
            "--device is for this machine: leave it or --cluster out, a cluster's workers run on "
            "the GPUs that Ray knows"
        )
    from engine.index.cluster.connection import open_cluster

    with open_cluster(cluster) as embedder:
        yield embedder


@click.command(cls=Command)
@click.argument(
    "folder",
    type=FILE,
    required=False,
    metavar="[FOLDER]",
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

    with invocation.session(at_server=True) as session:
        count = change(session.library, old, new)
    invocation.answer(
        {"relinked": count}, one_line(f"relinked {report.counted(count, 'sound')}, now under {new}")
    )


@click.command(cls=Command)
@everywhere
def status(invocation: Invocation) -> None:
    """Count what is in the library."""
    from engine.index.drives import note_drives
    from engine.store.adopted import adopted_model
    from engine.store.claims import workers
    from engine.store.copies import damage_of, damaged
    from engine.store.marks import mark_counts
    from engine.store.roots import list_roots
    from engine.store.saved_searches import saved_searches

    with invocation.session() as session:
        library = session.library
        away = note_drives(library)
        counts, marked = library.statistics(), mark_counts(library)
        searches = len(saved_searches(library))
        model = adopted_model(library)
        behind = library.database.behind()
        working = workers(library) if behind is None else []
        roots = list_roots(library)
    trouble = damage_of(library.file) if library.file is not None else ""
    document = {
        "library": library.name,
        "model": model.name if model is not None else "",
        "sounds": counts.sounds,
        "windows": counts.windows,
        "embedded": counts.embedded,
        "missing": counts.missing,
        "offline": counts.offline,
        "skipped": counts.skipped,
        "damaged": counts.damaged,
        "hours": counts.hours,
        "starred": marked.starred,
        "coloured": marked.coloured,
        "noted": marked.noted,
        "used": marked.used,
        "saved_searches": searches,
        "damage": trouble,
        "roots": [root.to_dict() for root in roots],
        "workers": [worker.to_dict() for worker in working],
    }
    if behind is not None:
        document["behind"] = behind.to_dict()
    apart = ("damage", "roots", "workers", "behind")
    shown = {name: value for name, value in document.items() if name not in apart}
    said = [report.table(shown)]
    if working:
        said.append(at_work(working))
    if trouble:
        said.append(damaged(library.path))
    for folder in away:
        told = f"{folder} is offline: connect its drive, or run `soundsift relink` if it moved"
        said.append(one_line(told))
    said += [one_line(not_mounted(root.name)) for root in roots if root.folder is None]
    invocation.answer(document, "\n".join(said))


@click.command(cls=Command)
@flag("--restore", "restore the newest good copy")
@flag("--dry-run", "show what would be done, without doing it")
@everywhere
def repair(invocation: Invocation, restore: bool, dry_run: bool) -> None:
    """Check the library, and save what can be saved of it."""
    from engine.store.repair import repair as run

    path = invocation.file("its server's backups are what mends it")
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
