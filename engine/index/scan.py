"""Compare disk and library: which sounds are new, changed, moved or gone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.audio.decode import EXTENSIONS
from engine.errors import InputError
from engine.paths import is_under, is_unicode, refuse_odd_name, spelled_out
from engine.progress import Control, Progress
from engine.store import Known, Skipped
from engine.store.tables import MISSING, PRESENT


@dataclass(frozen=True)
class FoundFile:
    """A sound file on disk; times in nanoseconds since the epoch."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass
class Scan:
    """What a walk over folders found; ``refused`` could not even be looked at."""

    files: list[FoundFile] = field(default_factory=list)
    refused: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class Difference:
    """What has to be done to bring the library in step with the disk."""

    unchanged: tuple[FoundFile, ...]
    back: tuple[int, ...]  # ids of sounds that were away and are there again, unchanged
    to_read: tuple[FoundFile, ...]  # new or changed
    to_describe: tuple[FoundFile, ...]  # unchanged, but of their headers not all was read
    gone: tuple[int, ...]  # ids of sounds that are no longer there
    skipped_again: int
    skipped_gone: tuple[str, ...]


def roots_of(paths: Iterable[Path]) -> list[str]:
    """Return the absolute paths to index, without those that lie inside another.

    :raises InputError: one of them does not exist, or has a name that is no text.
    """
    roots: list[str] = []
    for path in paths:
        absolute = spelled_out(path)
        if not Path(absolute).exists():
            raise InputError(f"{path} does not exist: check the path, or connect the drive")
        refuse_odd_name(absolute)
        roots.append(absolute)
    kept: list[str] = []
    for root in sorted(set(roots), key=len):
        if not is_under(root, kept):
            kept.append(root)
    return kept


def scan(
    roots: Iterable[str], control: Control, spelled: Callable[[str], str] | None = None
) -> Scan:
    """Walk ``roots`` and list the sound files, by extension and sorted by path.

    Hidden files and folders are passed over, folder links are not followed.

    :param spelled: how the library spells a path, where that is not as the system lists it.
    """
    result = Scan()
    for root in roots:
        if Path(root).is_file():
            _look_at(root, result)
            continue
        for path in _walk(root, result):
            _look_at(path, result)
            if len(result.files) % 1000 == 0:
                control.report(Progress("scanning", len(result.files)))
    if spelled is not None:
        result.files = [replace(file, path=spelled(file.path)) for file in result.files]
    result.files.sort(key=lambda file: file.path)
    return result


def difference(
    found: Scan, known: Mapping[str, Known], skipped: Mapping[str, Skipped]
) -> Difference:
    """Compare a scan with what the library knows under the same roots."""
    unchanged, back, to_read, to_describe = [], [], [], []
    skipped_again = 0
    for file in found.files:
        sound, refusal = known.get(file.path), skipped.get(file.path)
        if refusal is not None and _same_refusal(file, refusal):
            skipped_again += 1
        elif sound is None or (sound.size, sound.mtime_ns) != (file.size, file.mtime_ns):
            to_read.append(file)
        elif not sound.has_header:
            to_describe.append(file)
        elif sound.state != PRESENT:
            back.append(sound.id)
        else:
            unchanged.append(file)
    there = {file.path for file in found.files}
    gone = [s.id for path, s in known.items() if path not in there and s.state != MISSING]
    refused = {row.path for row in found.refused}
    vanished = [path for path in skipped if path not in there and path not in refused]
    return Difference(
        tuple(unchanged),
        tuple(back),
        tuple(to_read),
        tuple(to_describe),
        tuple(gone),
        skipped_again,
        tuple(vanished),
    )


def _same_refusal(file: FoundFile, refusal: Skipped) -> bool:
    return (file.size, file.mtime_ns, file.ctime_ns) == (
        refusal.size,
        refusal.mtime_ns,
        refusal.ctime_ns,
    )


def _walk(folder: str, result: Scan) -> Iterator[str]:
    """Yield the paths of visible files with a sound's extension under ``folder``."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            result.refused.append(_refusal(current, error.strerror or str(error)))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS:  # noqa: PTH122 - hot loop
                yield entry.path


def _look_at(path: str, result: Scan) -> None:
    if not is_unicode(path):
        result.refused.append(_refusal(path, "its name is not valid Unicode: rename it"))
        return
    try:
        facts = os.stat(path)  # noqa: PTH116 - hot loop
    except OSError as error:
        result.refused.append(_refusal(path, error.strerror or str(error)))
        return
    if stat.S_ISREG(facts.st_mode):
        file = FoundFile(path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        result.files.append(file)


def _refusal(path: str, reason: str) -> Skipped:
    shown = path.encode("utf-8", "backslashreplace").decode()
    return Skipped(shown, 0, 0, 0, reason)
