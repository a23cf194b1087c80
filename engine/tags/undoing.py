"""One undo for whatever users did: decisions of the library, and texts in files."""

from __future__ import annotations

from dataclasses import replace

from engine.progress import Control
from engine.store import Library, history
from engine.store.history import RUN, Restored, settle_run
from engine.tags.run import Undone, undo_run


def undo_texts(library: Library, run: Restored, control: Control) -> Restored | None:
    """Restore the files of a step of kind :data:`RUN`; None if that was done already.

    Those that were changed since stay as they are.  It cannot be done again.

    :raises Cancelled: the user asked to stop; the rest can be undone later.
    """
    undone: Undone | None = undo_run(library, run.step.name, control)
    settle_run(library, run.step.name, 0)
    if undone is None:
        return None
    reasons = tuple(reason for _, reason in undone.refused)
    return replace(run, step=replace(run.step, name=""), left=len(reasons), refused=reasons)


def undo_now(library: Library, control: Control) -> Restored | None:
    """Take the latest step back, whatever it was; None if there is none.

    :raises InputError: its record is damaged.
    :raises Cancelled: the user asked to stop.
    """
    while (found := history.undo(library)) is not None and found.step.kind == RUN:
        restored = undo_texts(library, found, control)
        if restored is not None:
            return restored
    return found
