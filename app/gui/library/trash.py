"""Files that go to the system's trash: moved there or left alone, never deleted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QFile

from app.gui.kit.text import tr
from engine.progress import Cancelled, Control, Progress
from engine.store import Library, SoundRow
from engine.store.tables import MISSING


@dataclass(frozen=True)
class Unwanted:
    """A file that should go, as the library saw it: size in bytes, and time of change.

    One of the files in ``copies`` has to be there; none are needed where the user was told that no
    copy stays.
    """

    sound: SoundRow
    size: int
    mtime_ns: int
    copies: tuple[str, ...] = ()


@dataclass
class Trashed:
    """What became of them: the sounds that are in the trash, and why others are not."""

    sounds: list[SoundRow] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def move_to_trash(
    library: Library, files: Sequence[Unwanted], trashed: Trashed, control: Control
) -> None:
    """Move files to the trash and mark their sounds missing; ``trashed`` says what was done."""
    try:
        for done, file in enumerate(files):
            control.report(Progress("moving", done, len(files)))
            problem = _why_not(file)
            if problem is None and not _to_trash(file.sound.path):
                said = tr("{} was not moved: there is no trash on its drive.")
                problem = said.format(file.sound.path)
            if problem is None:
                trashed.sounds.append(file.sound)
            else:
                trashed.problems.append(problem)
    except Cancelled:
        pass  # what was moved is told like any other
    finally:
        library.set_state((sound.id for sound in trashed.sounds), MISSING)


def _to_trash(path: str) -> bool:
    """Move a file to the trash; return whether it could be."""
    moved: object = QFile.moveToTrash(path)
    # PySide6 promises (whether, where to), and gives a plain truth value.
    return bool(moved[0] if isinstance(moved, tuple) else moved)


def _why_not(file: Unwanted) -> str | None:
    """Return why a file may not go, or None: it must be the one that was compared."""
    path = file.sound.path
    try:
        found = os.stat(path)  # noqa: PTH116 - its size and time together
    except OSError:
        return tr("{} no longer exists.").format(path)
    if (found.st_size, found.st_mtime_ns) != (file.size, file.mtime_ns):
        said = tr("{} was not moved: it has changed since it was indexed. Look for changes first.")
        return said.format(path)
    if file.copies and not any(Path(copy).is_file() for copy in file.copies):
        return tr("{} was not moved: its copies no longer exist.").format(path)
    return None
