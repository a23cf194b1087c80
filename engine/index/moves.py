"""Recognise moved, renamed and merely touched files by their content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import AudioError
from engine.index.embed import content_hash
from engine.index.scan import FoundFile
from engine.progress import Control, Progress
from engine.store import Known, Library


def follow_moves(
    library: Library, files: Sequence[FoundFile], known: Mapping[str, Known], control: Control
) -> tuple[list[FoundFile], int]:
    """Return the files that are really new or changed, and how many were moved.

    Only files as large as a missing or changed sound are hashed here.
    """
    candidates = library.missing_by_hash()
    sizes = {sound.size for sound in candidates.values()}
    changed, moved = [], 0
    for number, file in enumerate(files):
        control.report(Progress("comparing", number, len(files)))
        own = known.get(file.path)
        same_size = own is not None and own.size == file.size and bool(own.content_hash)
        if file.size not in sizes and not same_size:
            changed.append(file)
            continue
        try:
            digest = content_hash(Path(file.path))
        except AudioError:
            changed.append(file)
            continue
        if own is not None and own.content_hash == digest:
            library.touch_sound(own.id, file.mtime_ns)
        elif own is None and digest in candidates:
            library.move_sound(candidates.pop(digest).id, file.path, file.mtime_ns)
            moved += 1
        else:
            changed.append(file)
    return changed, moved
