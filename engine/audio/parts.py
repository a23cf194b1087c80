"""Parts of sounds as lasting files: prepared out of sight, put in place when they are wanted.

What was put in place is never overwritten and never deleted here.
"""

from __future__ import annotations

import filecmp
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.audio.render import part_name, render_part
from engine.errors import AudioError
from engine.progress import Control

Stamp = tuple[int, int]


@dataclass(frozen=True)
class CutPart:
    """A rendered part of ``source``: ``file`` holds it, ``wanted`` is where it should lie.

    ``stamps`` are sizes and times of change of both, as they were when it was rendered.
    """

    source: Path
    file: Path
    wanted: Path
    stamps: tuple[Stamp, Stamp]

    @property
    def is_kept(self) -> bool:
        """Return whether it lies where it stays."""
        return self.file.parent == self.wanted.parent


def prepare_part(
    path: Path, start_s: float, end_s: float, folder: Path, room: Path, control: Control
) -> CutPart:
    """Render a part of ``path`` into ``room``, from where it can be moved into ``folder`` at once.

    Where ``folder`` holds the same part already, that file is given and none is made.

    :param room: a folder of ours on the same file system.
    :raises AudioError: the file cannot be read, or the part not be written.
    :raises InputError: the part does not lie in it.
    :raises Cancelled: the user asked to stop; nothing is left behind.
    """
    wanted = folder / part_name(path, start_s, end_s)
    made = room / wanted.name
    before = _stamp(path) if path.exists() else (0, 0)
    render_part(path, start_s, end_s, made, control)
    try:
        for there in itertools.takewhile(Path.exists, _names(wanted)):
            if there.is_file() and filecmp.cmp(made, there, shallow=False):
                made.unlink()
                return CutPart(path, there, wanted, (before, _stamp(there)))
    except OSError:
        pass  # one that cannot be read is another one
    return CutPart(path, made, wanted, (before, _stamp(made)))


def keep_part(part: CutPart) -> CutPart:
    """Put a part in its place, under the next number where its name is taken.

    :raises FileNotFoundError: it or its source changed or went away: prepare it again.
    :raises AudioError: it cannot be put there.
    """
    if (_stamp(part.source), _stamp(part.file)) != part.stamps:
        raise FileNotFoundError(part.file)
    if part.is_kept:
        return part
    try:
        for place in _names(part.wanted):
            if _moved(part.file, place):
                return replace(part, file=place)
    except FileNotFoundError:
        raise
    except OSError as error:
        folder = part.wanted.parent
        raise AudioError(
            f"the range cannot be saved in {folder} ({error.strerror or error}): choose another "
            "folder in Preferences"
        ) from None
    raise AssertionError("numbers do not end")


def _stamp(path: Path) -> Stamp:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in itertools.count(2):
        yield wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")


def _moved(file: Path, place: Path) -> bool:
    """Move a file to a place unless another one is there, without ever overwriting that."""
    try:
        os.link(file, place)  # unlike a rename it refuses what exists
    except FileExistsError:
        return False
    except FileNotFoundError:
        raise
    except OSError:  # no second names there, as on FAT
        try:
            place.open("xb").close()
        except FileExistsError:
            return False
        file.replace(place)
    else:
        file.unlink()
    return True
