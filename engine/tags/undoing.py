"""One undo and redo for whatever users did: decisions of the library, and what is in files."""

from __future__ import annotations

from dataclasses import replace

from engine.progress import Control
from engine.store import Library, history
from engine.store.history import RUNS, Restored, settle_run
from engine.tags.run import redo_run, undo_run


def restore_files(
    library: Library, run: Restored, forth: bool, control: Control
) -> Restored | None:
    """Take the files of a step of :data:`RUNS` back, or do them again; None if it is not kept.

    Those that were changed since stay as they are.

    :raises Cancelled: the user asked to stop; the rest can be restored later.
    """
    done = (redo_run if forth else undo_run)(library, run.step.name, control)
    if done is None:
        settle_run(library, run.step.name, 0)
        return None
    reasons = tuple(reason for _, reason in done.refused)
    return replace(run, step=replace(run.step, name=""), left=len(reasons), refused=reasons)


def undo_now(library: Library, control: Control) -> Restored | None:
    """Take the latest step back, whatever it was; None if there is none.

    :raises InputError: its record is damaged.
    :raises Cancelled: the user asked to stop.
    """
    return _go(library, False, control)


def redo_now(library: Library, control: Control) -> Restored | None:
    """Do again what was taken back last, whatever it was; None if there is nothing.

    :raises InputError: its record is damaged.
    :raises Cancelled: the user asked to stop.
    """
    return _go(library, True, control)


def _go(library: Library, forth: bool, control: Control) -> Restored | None:
    act = history.redo if forth else history.undo
    while (found := act(library)) is not None and found.step.kind in RUNS:
        restored = restore_files(library, found, forth, control)
        if restored is not None:
            return restored
    return found
