"""A journal of files that were changed: every change can be taken back, byte for byte.

What a file was is kept as what differs from what it became, which for tags is little.  A temporary
file is announced before it is made, so that one which a killed process left is found again.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import InputError
from engine.metadata.copying import copy_bytes

_BLOCK = 1 << 20
TEMPORARY = ".soundsift-"


@dataclass(frozen=True)
class Change:
    """One changed file: the bytes that begin and end alike, and what it is now."""

    path: str
    alike_first: int
    alike_last: int
    size: int
    mtime_ns: int
    old_mtime_ns: int


class Journal:
    """The changes of one run, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._count = len(list(folder.glob("*.json")))

    def replace(self, path: Path, write: Callable[[BinaryIO], None], keep_time: bool) -> None:
        """Replace a file by what ``write`` makes, at once or not at all, and remember what it was.

        :raises OSError: it cannot be written; the old file stays.
        """
        old_mtime_ns = path.stat().st_mtime_ns
        with self._replacing(path, write, old_mtime_ns if keep_time else None) as made:
            self._remember(path, made, old_mtime_ns)

    def undo(self) -> Iterator[tuple[str, str | None]]:
        """Take every change back, the latest first; yield paths, and why one could not be.

        A file that was changed since is left alone.
        """
        for record in sorted(self.folder.glob("*.json"), reverse=True):
            change = Change(**json.loads(record.read_text(encoding="utf-8")))
            try:
                self._restore(change, record.with_suffix(".old"))
            except (OSError, InputError) as error:
                yield change.path, str(error)
                continue
            record.unlink()
            record.with_suffix(".old").unlink()
            yield change.path, None

    def _remember(self, path: Path, new: Path, old_mtime_ns: int) -> None:
        """Keep what differs; the record that makes it count comes last."""
        first = _alike(path, new)
        last = _alike(path, new, backwards=True, most=min(_sizes(path, new)) - first)
        kept = self.folder / f"{self._count:08d}.old"
        self._count += 1
        with path.open("rb") as source, kept.open("wb") as out:
            source.seek(first)
            copy_bytes(source, out, path.stat().st_size - first - last)
            os.fsync(out.fileno())
        state = new.stat()
        change = Change(str(path), first, last, state.st_size, state.st_mtime_ns, old_mtime_ns)
        write_record(kept.with_suffix(".json"), asdict(change))

    def _restore(self, change: Change, kept: Path) -> None:
        path = Path(change.path)
        state = path.stat()
        kept_time = change.mtime_ns == change.old_mtime_ns
        if state.st_mtime_ns == change.old_mtime_ns and not (
            kept_time and state.st_size == change.size
        ):
            return  # it was never replaced; where that cannot be told, restoring changes nothing
        if (state.st_size, state.st_mtime_ns) != (change.size, change.mtime_ns):
            raise InputError(f"{path.name} was changed since, and is left as it is")

        def write(out: BinaryIO) -> None:
            with path.open("rb") as now, kept.open("rb") as old:
                copy_bytes(now, out, change.alike_first)
                copy_bytes(old, out, kept.stat().st_size)
                now.seek(state.st_size - change.alike_last)
                copy_bytes(now, out, change.alike_last)

        with self._replacing(path, write, change.old_mtime_ns):
            pass

    @contextmanager
    def _replacing(
        self, path: Path, write: Callable[[BinaryIO], None], mtime_ns: int | None
    ) -> Iterator[Path]:
        """Give the file that ``write`` makes, which takes the place of ``path`` in the end."""
        state = path.stat()
        with self._temporary(path.parent) as temporary:
            with temporary.open("wb") as out:
                write(out)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(temporary, state.st_mode)  # noqa: PTH101 - as the file was
            if mtime_ns is not None:
                os.utime(temporary, ns=(state.st_atime_ns, mtime_ns))
            yield temporary
            temporary.replace(path)
            _sync_folder(path.parent)

    @contextmanager
    def _temporary(self, folder: Path) -> Iterator[Path]:
        """Give a name in ``folder`` that is announced, and gone in the end."""
        path = folder / f"{TEMPORARY}{secrets.token_hex(8)}.part"
        announced = self.folder / f"{path.name}.pending"
        with announced.open("w", encoding="utf-8") as file:
            file.write(str(path))
            file.flush()
            os.fsync(file.fileno())
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            announced.unlink()


def clean_up(folder: Path) -> int:
    """Remove temporary files that killed processes left, of all journals below ``folder``."""
    removed = 0
    for announced in folder.rglob("*.pending"):
        path = Path(announced.read_text(encoding="utf-8"))
        if path.name.startswith(TEMPORARY) and path.is_file():
            path.unlink()
            removed += 1
        announced.unlink()
    return removed


def write_record(path: Path, document: Mapping[str, object]) -> None:
    """Write a JSON document at once or not at all."""
    partial = path.with_suffix(".part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _sizes(one: Path, other: Path) -> tuple[int, int]:
    return one.stat().st_size, other.stat().st_size


def _alike(one: Path, other: Path, backwards: bool = False, most: int | None = None) -> int:
    """Return how many bytes two files have in common at their beginning, or at their end."""
    sizes = _sizes(one, other)
    left = min(sizes) if most is None else most
    alike = 0
    with one.open("rb") as a, other.open("rb") as b:
        while left > 0:
            count = min(_BLOCK, left)
            if backwards:
                a.seek(sizes[0] - alike - count)
                b.seek(sizes[1] - alike - count)
            x, y = a.read(count), b.read(count)
            if backwards:
                x, y = x[::-1], y[::-1]
            if x != y:
                return alike + next(n for n, (p, q) in enumerate(zip(x, y, strict=True)) if p != q)
            alike += count
            left -= count
    return alike


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
