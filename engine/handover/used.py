"""What was handed over is marked as used: when, for which project, and where it went."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from engine.errors import LibraryError
from engine.log import logger, named
from engine.store import Library
from engine.store.uses import note_uses

DRAGGED, COPIED = "drag and drop", "clipboard"  # which program took it is not told
_log = logger(__name__)


def note_handed(library: Library, ids: Collection[int], target: str, project: str = "") -> bool:
    """Mark sounds as used just now; return whether there was anything to mark, and it was kept.

    The sounds have left by then: a library that cannot be written to is logged, and no error.
    """
    if not ids:
        return False
    try:
        note_uses(library, ids, project, target, as_step=False)
    except LibraryError as error:
        _log.warning("sounds were not marked as used: %s", named(error))
        return False
    return True


def project_of(folder: Path, project: str = "") -> str:
    """Return what files in a folder are for: the project that was named, else its own name."""
    return project.strip() or folder.name
