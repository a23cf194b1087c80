"""A hidden folder beside the files that last, in which they are made out of sight.

Its lock tells that whoever works in it lives; what a killed program left is removed by the next.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import InputError, reason

HIDDEN = ".soundsift-prepared"
_ROOM = re.compile(r"\d+-[0-9a-f]{16}")


@dataclass(frozen=True)
class Room:
    """A folder of one program; ``may_go``: the folder it is in was our idea."""

    target: Path
    place: Path
    lock: FileLock
    may_go: bool

    def clear(self) -> None:
        """Remove what was prepared in it."""
        for path in self.place.iterdir():
            path.unlink()

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.place, ignore_errors=True)
        _drop(self.lock)
        with suppress(OSError):
            self.place.parent.rmdir()  # unless another one's is left
            if self.may_go:
                self.target.rmdir()


def make_room(folder: Path, may_create: bool) -> Room:
    """Make a room in a folder, which is made only if it ``may_create``.

    :raises OSError: nothing can be written there.
    """
    if may_create:
        folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / HIDDEN
    hidden.mkdir(exist_ok=True)  # not its parents: a drive that is away must not be made up
    remove_leftovers(hidden)
    hidden.mkdir(exist_ok=True)
    place = hidden / f"{os.getpid()}-{secrets.token_hex(8)}"
    lock = FileLock(f"{place}.lock", timeout=0, thread_local=False)
    lock.acquire()  # before the room is there, so that nobody takes it for a left-over
    try:
        place.mkdir()
    except OSError:
        _drop(lock)
        raise
    return Room(folder, place, lock, may_create)


@contextmanager
def opened_room(folder: Path) -> Iterator[Room]:
    """Give a room in a folder, which is made if it is not there, but not what it lies in.

    :raises InputError: nothing can be written there.
    """
    try:
        if not folder.parent.is_dir():
            raise FileNotFoundError(2, f"{folder.parent} does not exist")
        room = make_room(folder, may_create=not folder.is_dir())
    except OSError as error:
        raise InputError(
            f"nothing can be saved in {folder} ({reason(error)}): choose another folder"
        ) from None
    try:
        yield room
    finally:
        room.close()


def remove_leftovers(hidden: Path) -> None:
    """Remove the rooms of programs that are no more; one that lives holds its lock."""
    if hidden.is_symlink() or not hidden.is_dir():
        return
    with suppress(OSError):
        for place in list(hidden.iterdir()):
            if not _ROOM.fullmatch(place.stem) or place.is_symlink():
                continue
            lock = FileLock(f"{place.with_suffix('')}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            shutil.rmtree(place.with_suffix(""), ignore_errors=True)
            _drop(lock)
        hidden.rmdir()


def _drop(lock: FileLock) -> None:
    """Let a lock go, and its file."""
    with suppress(OSError):
        if os.name == "posix":  # elsewhere what is open cannot be removed
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
