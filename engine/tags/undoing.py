"""One undo and redo for whatever users did: decisions of the library, and what is in files."""

from __future__ import annotations

from dataclasses import replace

from engine.progress import Control
from engine.store import Library, history
from engine.store.history import RUNS, Restored, settle_run
from engine.tags.run import restore_run

_GONE = "its record is gone, or lies on another computer or where the library was before"


def undo_now(library: Library, control: Control) -> Restored | None:
    """Take the latest step back, whatever it was; None if there is none.

    Nothing older is taken back in its place: where none of its files can be restored, that is its
    ``outcome``.  Those that were changed since stay as they are.

    :raises InputError: its record is damaged.
    :raises Cancelled: the user asked to stop; the rest can be restored later.
    """
    return _restored(library, history.undo(library), False, control)


def redo_now(library: Library, control: Control) -> Restored | None:
    """Do again what was taken back last, whatever it was; None if there is nothing.

    :raises InputError: its record is damaged.
    :raises Cancelled: the user asked to stop; the rest can be restored later.
    """
    return _restored(library, history.redo(library), True, control)


def _restored(
    library: Library, found: Restored | None, forth: bool, control: Control
) -> Restored | None:
    """Restore the files of a step of :data:`RUNS`; all others have been."""
    if found is None or found.step.kind not in RUNS:
        return found
    unnamed = replace(found.step, name="")
    done = restore_run(library, found.step.name, forth, control)
    if done is None:
        settle_run(library, found.step.name, 0)
        return replace(found, step=unnamed, refused=(_GONE,), outcome="passed")
    reasons = tuple(reason for _, reason in done.refused)
    return replace(found, step=unnamed, left=len(reasons), refused=reasons, outcome=done.outcome)
