"""Copies of a library, kept beside it in ``<library>.copies/``: the newest three.

A copy is made by SQLite's backup from one snapshot, so that what stands only in the log is in
it and writers are not kept waiting; it is checked before it gets its name, and so a damaged
library replaces no good copy.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from engine import durable
from engine.errors import LibraryError
from engine.paths import make_own_folder, remove_own
from engine.progress import Control, Progress

KEPT = 3
_AGE_S = 24 * 3600.0  # a copy that is younger is new enough
_PAGES = 4096  # copied between two looks at whether the user wants to stop
_STEPS = 100_000  # of SQLite's machine between two such looks
_RESERVE_BYTES = 256 << 20  # that a copy leaves free on its disk
_COPY = re.compile(r"\d{6}-\d{4}-\d{2}-\d{2}\.db")
_LOGS = "(-journal|-wal|-shm)?"
_PART = re.compile(rf"{_COPY.pattern}\.\d+\.part{_LOGS}")


def damage_of(path: Path, control: Control | None = None) -> str:
    """Return what SQLite's quick check finds first in a database, nothing if it is whole.

    It reads every page, and finds nothing when ``control`` asks it to stop.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            if control is not None:
                connection.set_progress_handler(control.cancel, _STEPS)
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            return "" if found == "ok" else found
    except sqlite3.DatabaseError as error:
        if any(words in str(error) for words in ("locked", "unable to open", "interrupted")):
            return ""
        return str(error)


def damaged(path: Path) -> str:
    """Return the sentence about a library that is damaged."""
    return (
        f"{path} is not a Soundsift library, or it is damaged: to save what can be saved, run "
        f'`soundsift repair --library "{path}"`'
    )


def copies(path: Path) -> list[Path]:
    """Return the copies of a library, the newest first."""
    found = (p for p in _folder(path).glob("*.db") if _COPY.fullmatch(p.name) and p.is_file())
    return sorted(found, reverse=True)


def keep_copy(path: Path, control: Control | None = None) -> str:
    """Copy a library if its newest copy is a day old; return a sentence if that cannot be.

    :raises Cancelled: the user asked to stop; no part of the copy is left.
    """
    folder = _folder(path)
    newest = next(iter(copies(path)), None)
    try:
        if newest is not None and 0 <= time.time() - newest.stat().st_mtime < _AGE_S:
            return ""
        make_own_folder(folder)
        with FileLock(folder / "lock", timeout=0):
            remove_own(folder, _PART)  # by a process that was killed
            number = 1 + (int(newest.name.split("-")[0]) if newest is not None else 0)
            today = datetime.now(UTC).strftime("%Y-%m-%d")
            copy_database(path, folder / f"{number:06d}-{today}.db", control or Control())
            for old in copies(path)[KEPT:]:
                old.unlink(missing_ok=True)
    except Timeout:
        return ""  # another process is copying it
    except LibraryError as error:
        return str(error)
    except OSError as error:
        return f"no copy of the library could be saved in {folder}: {error.strerror or error}"
    return ""


def copy_database(path: Path, target: Path, control: Control) -> None:
    """Copy a database to ``target``: whole, checked and on the disk, or not at all.

    :raises LibraryError: it is damaged, or the disk has not room for it.
    :raises Cancelled: the user asked to stop.
    """
    _refuse_without_room(path, target.parent)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        _back_up(path, part, control)
        if damage_of(part):
            raise LibraryError(damaged(path))
        durable.sync_file(part)
        durable.replace(part, target)
    except sqlite3.Error as error:
        if "full" in str(error) or "I/O" in str(error):
            raise LibraryError(
                f"no copy of the library could be saved in {target.parent}: {error}"
            ) from None
        raise LibraryError(damaged(path)) from None
    except OSError as error:
        raise LibraryError(
            f"no copy of the library could be saved in {target.parent}: {error.strerror or error}"
        ) from None
    finally:
        remove_own(target.parent, re.compile(re.escape(part.name) + _LOGS))


def _back_up(path: Path, part: Path, control: Control) -> None:
    def look(status: int, left: int, total: int) -> None:
        control.report(Progress("copying the library", total - left, total))

    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
        source.isolation_level = None
        target.execute("PRAGMA journal_mode = OFF")  # nobody needs half a copy
        target.execute("PRAGMA synchronous = OFF")  # it is flushed as a whole
        source.execute("BEGIN")  # one snapshot: who writes meanwhile neither waits nor disturbs
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(target, pages=_PAGES, progress=look)
        source.execute("COMMIT")
        target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def _refuse_without_room(path: Path, folder: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    if shutil.disk_usage(folder).free < size + _RESERVE_BYTES:
        raise LibraryError(
            f"no copy of the library was made: {folder} has no room for another "
            f"{max(1, size >> 20)} MB: free some space"
        )


def _folder(path: Path) -> Path:
    return Path(f"{path}.copies")
