"""``soundsift tag``: suggest, apply, write, rename, undo and audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli import report
from app.cli.arguments import (
    COMMON,
    POSITIVE,
    PROBABILITY,
    Command,
    Family,
    NamedOrFile,
    everywhere,
    flag,
    option,
    several,
    with_options,
)
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.tags.restoring import Undone

_PATTERN = "{catid}_{fxname}_{creator}_{source}[_{user}]"
_BUILT_IN = NamedOrFile(lambda: ("ucs", "audioset"))
_SUGGESTING = (
    option(
        "--taxonomy",
        "labels: UCS categories, AudioSet classes, or your own CSV or text file (ucs)",
        "ucs|audioset|FILE",
        type=_BUILT_IN,
        default="ucs",
    ),
    option("--least", "lowest probability to show (0.3)", "P", type=PROBABILITY, default=0.3),
    option("--most", "most labels per sound (5)", "N", type=POSITIVE, default=5),
    flag("--per-clip", "consider every sound by itself"),
    flag("--no-words", "ignore words in names and headers"),
)
_ACCEPTING = (
    option("--accept", "lowest probability to accept (0.5)", "P", type=PROBABILITY, default=0.5),
    flag("--dry-run", "show what would be done, without doing it"),
)
_KEEP_TIME = flag("--keep-time", "keep modification times")
_NAMING = (
    option(
        "--pattern",
        "pattern of new names; parts in brackets are left out where empty",
        "PATTERN",
        default=_PATTERN,
    ),
    option("--creator", "in new names: who made the sounds", "ID", default=""),
    option("--source", "in new names: what they belong to", "ID", default=""),
    option("--user", "in new names: further data", "ID", default=""),
)
_OLD = ("apply", "write", "rename", "undo", "audit")  # as flags of `tag PATH`
_PATHS = several("paths", "PATH", required=True, help="files or folders")


@click.group(
    cls=Family,
    default="flags",
    takes_paths=True,
    subcommand_metavar="COMMAND | PATH... [ARGS]...",
)
@with_options(*COMMON)
def tag() -> None:
    """Suggest tags, write them, rename files, compare names with sounds, or undo a run."""


@tag.command("suggest", cls=Command)
@with_options(_PATHS, *_SUGGESTING, everywhere)
def suggest(invocation: Invocation, paths: tuple[Path, ...], **given: Any) -> None:
    """Suggest tags; nothing is changed (so does `tag PATH`)."""
    _tag(invocation, paths, given)


@tag.command("apply", cls=Command)
@with_options(_PATHS, *_SUGGESTING, *_ACCEPTING, everywhere)
def apply(invocation: Invocation, paths: tuple[Path, ...], **given: Any) -> None:
    """Accept sure suggestions in the library."""
    _tag(invocation, paths, given, apply=True)


@tag.command("write", cls=Command)
@_PATHS
@flag("--rename", "and rename the files by --pattern, in the same run")
@with_options(_KEEP_TIME, *_SUGGESTING, *_ACCEPTING, *_NAMING, everywhere)
def write(invocation: Invocation, paths: tuple[Path, ...], rename: bool, **given: Any) -> None:
    """Accept sure suggestions, and write accepted tags into the files."""
    _tag(invocation, paths, given, write=True, rename=rename)


@tag.command("rename", cls=Command)
@with_options(_PATHS, *_SUGGESTING, *_ACCEPTING, *_NAMING, everywhere)
def rename(invocation: Invocation, paths: tuple[Path, ...], **given: Any) -> None:
    """Accept sure suggestions, and rename the files by --pattern."""
    _tag(invocation, paths, given, rename=True)


@tag.command("undo", cls=Command)
@everywhere
def undo(invocation: Invocation) -> None:
    """Undo everything the latest run did."""
    with invocation.session(at_server=True) as session, progress_bar() as control:
        undone = session.undo_tags(control)
    _tell_restored(invocation, undone, "restored")


@tag.command("redo", cls=Command)
@everywhere
def redo(invocation: Invocation) -> None:
    """Do the run again that was undone last."""
    with invocation.session() as session, progress_bar() as control:
        redone = session.redo_tags(control)
    _tell_restored(invocation, redone, "done again")


def _tell_restored(invocation: Invocation, done: Undone, how: str) -> None:
    refused = [{"path": path, "reason": reason} for path, reason in done.refused]
    counts = {"tags": done.tags, "files": done.files, "names": done.names}
    invocation.answer({**counts, "refused": refused}, report.undone(done, how))


@tag.command("audit", cls=Command)
@with_options(_PATHS, everywhere)
def audit(invocation: Invocation, paths: tuple[Path, ...]) -> None:
    """Find files whose names seem wrong."""
    from engine.session import open_to_index

    with open_to_index(paths, invocation.place) as session:
        with progress_bar() as control:
            found = session.audit(paths, control)
        document = {"model": session.model_name, **found.to_dict()}
        invocation.answer(document, report.audit(found))


@tag.command("flags", cls=Command, hidden=True)
@with_options(
    several("paths", "PATH", help="files or folders"),
    *_SUGGESTING,
    *(flag(f"--{name}", "", hidden=True) for name in _OLD),
    *_ACCEPTING,
    _KEEP_TIME,
    *_NAMING,
    everywhere,
)
def by_flags(invocation: Invocation, paths: tuple[Path, ...], **given: Any) -> None:
    """Do what was a flag of `tag PATH` before it was a command of its own."""
    ctx = click.get_current_context()
    if given["undo"]:
        ctx.invoke(undo)
    elif not paths:
        raise InputError("tag which sounds? Name files or folders")
    elif given["audit"]:
        ctx.invoke(audit, paths=paths)
    else:
        does = {name: given[name] for name in _OLD[:3]}
        _tag(invocation, paths, given, **does)


def _tag(
    invocation: Invocation,
    paths: tuple[Path, ...],
    given: dict[str, Any],
    apply: bool = False,
    write: bool = False,
    rename: bool = False,
) -> None:
    from engine.session import open_to_index
    from engine.tags.suggest import Rules
    from engine.tags.tagging import Naming, TagOrder

    naming = None
    if rename:
        naming = Naming(given["pattern"], given["creator"], given["source"], given["user"])
        naming.check()
    order = TagOrder(
        Rules(given["least"], given["most"], not given["per_clip"], not given["no_words"]),
        apply=apply,
        accept=given.get("accept", 0.5),
        write=write,
        keep_time=given.get("keep_time", False),
        rename=naming,
        dry_run=given.get("dry_run", False),
    )
    with open_to_index(paths, invocation.place) as session:
        with progress_bar() as control:
            outcome = session.tag(paths, order, given["taxonomy"], control)
        invocation.answer(outcome.to_dict(), report.tags(outcome))
    written = outcome.written
    if written is not None and written.refused and not written.done:
        raise report.none_written(written.refused)
