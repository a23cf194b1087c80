"""Put another database in a library's place, so that there is the old one or the new at any time.

The new one is made ready in ``<library>.repair/``.  From when it has the name ``ready-…`` there,
whoever opens the library finishes what a killed process began: the log must not stay beside
another database than its own, and two files cannot be moved at once.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from engine import durable
from engine.errors import BusyError, LibraryError
from engine.paths import is_own_folder, remove_own_folder

_READY = "ready-"
_ASIDE = r"damaged-\d{4}-\d{2}-\d{2}-\d{6}(~\d+)?"
_MADE = r"(raw|fresh|salvaged|restored)\.db(\.before-\w+)?(\.\d+\.part)?(-journal|-wal|-shm)?"
_WHOLE = re.compile(_READY + _ASIDE)
_WORK = re.compile(rf"{_MADE}|aside|{_WHOLE.pattern}(-journal|-wal|-shm)?")
_LOCKS, _LOCKS_BYTES = 0x40000000, 512  # where SQLite locks a file


def work_folder(path: Path) -> Path:
    """Return where a library is repaired."""
    return Path(f"{path}.repair")


def make_work_folder(path: Path) -> Path:
    """Return a new, empty folder to repair a library in.

    :raises LibraryError: there is something else, which is not ours to remove.
    """
    work = work_folder(path)
    clear_work(path)
    try:
        work.mkdir()
    except FileExistsError:
        raise LibraryError(
            f"{path} cannot be repaired: {work} was not made by Soundsift, or holds files "
            "that were not: move it away"
        ) from None
    return work


def clear_work(path: Path) -> None:
    """Remove the folder in which a library was repaired, and nothing that is not ours."""
    remove_own_folder(work_folder(path), _WORK)


def made_ready(path: Path) -> list[Path]:
    """Return what is ready to become the library."""
    work = work_folder(path)
    if not is_own_folder(work):
        return []
    ready = (p for p in work.iterdir() if _WHOLE.fullmatch(p.name))
    return [p for p in ready if p.is_file() and not p.is_symlink()]


@contextmanager
def alone(path: Path) -> Iterator[BinaryIO | None]:
    """Keep every other process from a library; give its open file, None if there is none.

    The file must not be opened and closed by other means meanwhile: that gives its locks back.

    :raises BusyError: another process uses it.
    """
    busy = f"another program uses the library {path}: close it, then try again"
    try:
        with FileLock(f"{path}.lock", timeout=0):
            if not path.exists():
                yield None
                return
            with path.open("r+b") as file:
                try:
                    _lock(file)
                except OSError:
                    raise BusyError(busy) from None
                yield file
    except Timeout:
        raise BusyError(busy) from None
    except OSError as error:
        raise LibraryError(f"{path} cannot be repaired: {error.strerror or error}") from error


def _lock(file: BinaryIO) -> None:
    """Take SQLite's locks, which every open library holds a share of.

    Windows lets nobody move a file that another process has open.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKS_BYTES, _LOCKS)


def put_in_place(path: Path, made: Path, aside: str) -> Path:
    """Let ``made``, in the work folder, become the library; the old one is kept as ``aside``."""
    durable.sync_file(made)
    ready = made.with_name(f"{_READY}{aside}")
    durable.replace(made, ready)
    return _swap(path, ready)


def finish(path: Path) -> None:
    """Finish what a killed process began.

    :raises BusyError: a process is at it.
    """
    if not made_ready(path):
        return
    with alone(path):
        for ready in made_ready(path):
            _swap(path, ready)


def _swap(path: Path, ready: Path) -> Path:
    aside = path.with_name(f"{path.name}.{ready.name.removeprefix(_READY)}")
    if path.exists() and not aside.exists():
        _link(path, aside)
    for ending in ("-wal", "-journal"):
        log = path.with_name(path.name + ending)
        if log.exists():
            log.replace(aside.with_name(aside.name + ending))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    durable.sync_folder(path.parent)
    durable.replace(ready, path)
    clear_work(path)
    return aside


def _link(path: Path, aside: Path) -> None:
    try:
        os.link(path, aside)
    except OSError:  # not on every file system
        part = work_folder(path) / "aside"
        shutil.copyfile(path, part)
        durable.sync_file(part)
        part.replace(aside)
