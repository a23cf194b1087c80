"""A journal of files that were changed: every change can be taken back, byte for byte.

What a file was is kept as what differs from what it became, which for tags is little.  A temporary
file is announced before it is made, so that one which a killed process left is found again.

Every step is on the disk before the next one: after a loss of power a file is the old or the new
one, and where it is the new one the journal knows how to take it back.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from engine import durable
from engine.errors import AudioError, InputError
from engine.metadata.attributes import copy_attributes
from engine.metadata.copying import copy_bytes
from engine.metadata.records import a_time, is_digest, is_path, read_record, whole
from engine.metadata.seen import Seen
from engine.metadata.seen import digest_of as _digest
from engine.paths import is_away, is_own_folder, why_no_file

_BLOCK = 1 << 20
TEMPORARY = ".soundsift-"
_LONGEST_SUFFIX = 8
_TEMPORARY_NAME = re.compile(re.escape(TEMPORARY) + r"[0-9a-f]+\.part(\.\w*)?")
_RECORD_NAME = re.compile(r"\d{8}\.json")
_PENDING_NAME = re.compile(_TEMPORARY_NAME.pattern + r"\.pending")
FILES = re.compile(  # of a journal
    rf"\d{{8}}\.(json(\.\d+\.part)?|old|damaged)|{_PENDING_NAME.pattern}"
)
_FIELDS = {
    "path": is_path,
    "alike_first": whole(),
    "alike_last": whole(),
    "old_digest": is_digest,
    "new_digest": is_digest,
    "old_mtime_ns": a_time,
}
_DAMAGED = "the record of its previous state is damaged, so it is left as it is"


@dataclass(frozen=True)
class Change:
    """One changed file: the bytes that begin and end alike, and digests of what it was and is."""

    path: str
    alike_first: int
    alike_last: int
    old_digest: str
    new_digest: str
    old_mtime_ns: int


class Journal:
    """The changes of one run, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        durable.make_folder(folder)
        numbers = [int(p.name[:8]) for p in folder.iterdir() if p.name[:8].isdigit()]
        self._count = max(numbers, default=-1) + 1

    def replace(
        self,
        path: Path,
        write: Callable[[BinaryIO], None],
        keep_time: bool,
        seen: Seen | None = None,
    ) -> None:
        """Replace a file by what ``write`` makes, at once or not at all, and remember what it was.

        :param seen: the file before anything was read of it; without one, as it is now.
        :raises InputError: it has several names, which this would part.
        :raises AudioError: another program changed it meanwhile; it is as that left it.
        :raises OSError: it cannot be written; the old file stays.
        """
        seen = seen or Seen.now(path)
        with self._replacing(path, write, seen.mtime_ns if keep_time else None) as made:
            self._remember_unedited(seen, made)

    def undo(
        self,
        is_known: Callable[[str], bool],
        elsewhere: Callable[[Change], str | None] = lambda change: None,
        other: Journal | None = None,
    ) -> Iterator[tuple[str, str | None]]:
        """Take every change back, the latest first; yield paths, and why one could not be.

        A file that was changed since is left alone, and so is one that ``is_known`` denies: whoever
        damages a journal must not be able to name files.

        :param elsewhere: is asked where a file is that is not known by its name any more.
        :param other: remembers what files were before that: its undo does all of it again.
        """
        for record in self.records():
            try:
                change = Change(**read_record(record, _FIELDS))
            except ValueError:
                yield record.name, "this record of a change is damaged, and was set aside"
                durable.replace(record, record.with_suffix(".damaged"))
                continue
            except OSError as error:
                yield record.name, f"this record of a change cannot be read: {error.strerror}"
                continue
            path = change.path
            try:
                if not is_known(path):
                    path = elsewhere(change) or path
                    if path == change.path:
                        raise InputError("it is not in the library, so it is left as it is")
                self._restore(replace(change, path=path), record.with_suffix(".old"), other)
            except (InputError, AudioError) as error:
                yield path, str(error)
                continue
            except OSError as error:
                yield path, f"{Path(path).name} cannot be restored: {error.strerror or error}"
                continue
            record.unlink()
            durable.sync_folder(self.folder)
            record.with_suffix(".old").unlink(missing_ok=True)
            yield path, None

    def records(self) -> list[Path]:
        """Return the records of changes, the latest first."""
        if not is_own_folder(self.folder):
            return []
        found = (p for p in self.folder.iterdir() if _RECORD_NAME.fullmatch(p.name))
        return sorted(found, reverse=True)

    def _remember_unedited(self, seen: Seen, new: Path) -> None:
        """Remember what a file was, as the last thing before the new one takes its place.

        :raises AudioError: another program changed it meanwhile; nothing is remembered.
        """
        seen.refuse_changed()
        record = self._remember(seen, new)
        try:
            seen.refuse_edited()
        except (OSError, AudioError):
            record.unlink()
            durable.sync_folder(self.folder)
            record.with_suffix(".old").unlink()
            raise

    def _remember(self, seen: Seen, new: Path) -> Path:
        """Keep what differs; the record that makes it count comes last, and is returned."""
        path = seen.path
        first = _alike(path, new)
        last = _alike(path, new, backwards=True, most=min(_sizes(path, new)) - first)
        kept = self.folder / f"{self._count:08d}.old"
        self._count += 1

        def write(out: BinaryIO) -> None:
            with path.open("rb") as source:
                source.seek(first)
                copy_bytes(source, out, path.stat().st_size - first - last)

        durable.write_file(kept, write)
        change = Change(str(path), first, last, seen.digest, _digest(new), seen.mtime_ns)
        write_record(kept.with_suffix(".json"), asdict(change))
        return kept.with_suffix(".json")

    def _restore(self, change: Change, kept: Path, other: Journal | None) -> None:
        path = Path(change.path)
        unfit = why_no_file(path, follow=False)
        if unfit is not None:
            raise InputError(f"{path.name} {unfit} now, not the file, so it is left as it is")
        seen = Seen.now(path)
        if seen.digest == change.old_digest:
            return  # it was never replaced, or is what it was again
        if seen.digest != change.new_digest:
            raise InputError(f"{path.name} has been changed since, so it is left as it is")
        if not kept.is_file():
            raise InputError(_DAMAGED)

        def write(out: BinaryIO) -> None:
            size = path.stat().st_size
            with path.open("rb") as changed, kept.open("rb") as old:
                copy_bytes(changed, out, change.alike_first)
                copy_bytes(old, out, kept.stat().st_size)
                changed.seek(max(0, size - change.alike_last))
                copy_bytes(changed, out, change.alike_last)

        with self._replacing(path, write, change.old_mtime_ns) as made:
            if _digest(made) != change.old_digest:
                raise InputError(_DAMAGED)
            if other is not None:
                other._remember_unedited(seen, made)
            else:
                seen.refuse_edited()

    @contextmanager
    def _replacing(
        self, path: Path, write: Callable[[BinaryIO], None], mtime_ns: int | None
    ) -> Iterator[Path]:
        """Give the file that ``write`` makes, which takes the place of ``path`` in the end."""
        state = path.stat()
        if state.st_nlink > 1:
            raise InputError(
                f"{path.name} has {state.st_nlink} hard links, which writing would separate: "
                "it is unchanged; write into a copy of it"
            )
        with self._temporary(path.parent, path.suffix[:_LONGEST_SUFFIX]) as temporary:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            durable.write_file(temporary, write)  # nobody else reads it before it has its rights
            copy_attributes(path, temporary)
            if mtime_ns is not None:
                os.utime(temporary, ns=(state.st_atime_ns, mtime_ns))
            durable.sync_file(temporary)
            yield temporary
            durable.replace(temporary, path)

    @contextmanager
    def _temporary(self, folder: Path, suffix: str) -> Iterator[Path]:
        """Give a name in ``folder`` that is announced, and gone in the end.

        Its suffix is the file's, since readers go by it; its name is short, however long that is.
        """
        path = folder / f"{TEMPORARY}{secrets.token_hex(8)}.part{suffix}"
        announced = self.folder / f"{path.name}.pending"
        durable.write_file(announced, lambda out: _write_text(out, str(path)))
        durable.sync_folder(self.folder)
        try:
            yield path
        finally:
            try:
                path.unlink()
                is_gone = True
            except FileNotFoundError:  # where its drive is away, it may be there with it
                is_gone = not is_away(str(path.parent))
            if is_gone:
                announced.unlink()


def clean_up(folder: Path) -> int:
    """Remove temporary files that killed processes left, of all journals below ``folder``.

    One whose folder is away stays announced, and goes when that is back.
    """
    removed = 0
    for announced in folder.rglob("*.pending"):
        if not _PENDING_NAME.fullmatch(announced.name) or why_no_file(announced, follow=False):
            continue  # not ours
        with suppress(OSError, ValueError):  # a damaged announcement names nothing
            path = Path(announced.read_text(encoding="utf-8"))
            own = announced.name == f"{path.name}.pending"
            if own and is_away(str(path.parent)):
                continue
            if own and path.is_file() and not path.is_symlink():
                path.unlink()
                removed += 1
        announced.unlink(missing_ok=True)
    return removed


def write_record(path: Path, document: Mapping[str, object]) -> None:
    """Write a JSON document at once or not at all, on the disk when this returns."""
    durable.put_file(path, json.dumps(document).encode())


def _write_text(out: BinaryIO, text: str) -> None:
    out.write(text.encode())


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
            if not len(x) == len(y) == count:
                raise OSError("the file became shorter while it was compared")
            if backwards:
                x, y = x[::-1], y[::-1]
            if x != y:
                return alike + next(n for n, (p, q) in enumerate(zip(x, y, strict=True)) if p != q)
            alike += count
            left -= count
    return alike
