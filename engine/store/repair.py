"""Repair a library: salvage what can be read of it, or take its newest good copy.

People's decisions count most (they cannot be made again), then sounds, then windows (they are
heard again).  Everything happens on a copy in ``<library>.repair/``; the library itself is
touched only when the new one is ready, and is kept as ``<library>.damaged-<date>``.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from engine.errors import LibraryError
from engine.progress import Control, Progress
from engine.store import tables
from engine.store.connection import (
    REVISION,
    make_schema,
    open_database,
    refuse_newer,
    sentences_for_errors,
    writing,
)
from engine.store.copies import copies, copy_database, damage_of
from engine.store.lineage import begin_lineage
from engine.store.salvage import Lost, Salvage, counts, mend_head, revision_of, salvage
from engine.store.swap import (
    alone,
    clear_work,
    finish,
    made_ready,
    make_work_folder,
    put_in_place,
)
from engine.store.words import index_words

Action = Literal["nothing", "salvaged", "restored", "begun anew"]
_SHOWN = 5  # troubles that are told
_RESERVE_BYTES = 64 << 20


@dataclass(frozen=True)
class RepairReport:
    """What was wrong, what was done, and how many rows of each table were kept and lost.

    ``lost`` counts rows that are known to have been there: read, or named by an index that could
    be read, or in the newest copy.  ``damaged`` is where the old file is.
    """

    troubles: tuple[str, ...]
    action: Action
    kept: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    damaged: Path | None = None
    copy: Path | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values."""
        paths = {name: str(p) if (p := getattr(self, name)) else None for name in _PATHS}
        return {**asdict(self), **paths, "troubles": list(self.troubles)}


_PATHS = ("damaged", "copy")


def repair(
    path: Path, control: Control, restore: bool = False, dry_run: bool = False
) -> RepairReport:
    """Check a library, and if it is damaged, or ``restore`` asks for it, put a sound one there.

    :param restore: take the newest good copy, whatever the library is like.
    :param dry_run: only tell what would be done.
    :raises LibraryError: there is no library, no copy to restore, or not room for the work.
    :raises BusyError: another process uses the library.
    """
    finish(path)
    if not path.exists() and not copies(path):
        raise LibraryError(f"there is no library at {path}, and no copy of one")
    with alone(path) as file:
        work = make_work_folder(path)
        try:
            return _repaired(path, file, work, control, restore, dry_run)
        except OSError as error:
            raise LibraryError(f"{path} cannot be repaired: {error.strerror or error}") from error
        finally:
            if not made_ready(path):
                clear_work(path)


def troubles_of(path: Path) -> list[str]:
    """Return what is wrong with a database: its pages and indexes, what rows refer to, words."""
    if not path.exists() or not path.stat().st_size:
        return ["the file is empty"]
    try:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(f"PRAGMA integrity_check({_SHOWN})").fetchall()
            found = [str(row[0]) for row in rows if row[0] != "ok"]
            found += _refused(connection, "SELECT version_num FROM alembic_version")
            orphans = len(connection.execute("PRAGMA foreign_key_check").fetchall())
            if orphans:
                found.append(f"{orphans} rows refer to nothing")
            check = "INSERT INTO words (words) VALUES ('integrity-check')"
            if _refused(connection, check):
                found.append("the word index is damaged")
            return found
    except sqlite3.DatabaseError as error:
        return [str(error)]


def _refused(connection: sqlite3.Connection, statement: str) -> list[str]:
    try:
        connection.execute(statement).fetchall()
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return []


def _repaired(
    path: Path, file: BinaryIO | None, work: Path, control: Control, restore: bool, dry_run: bool
) -> RepairReport:
    raw = work / "raw.db"
    _refuse_without_room(path)
    _copy(path, file, raw)
    raw_bytes = raw.stat().st_size
    control.report(Progress("checking", 0))
    troubles = troubles_of(raw)
    if not troubles and not restore:
        return RepairReport((), "nothing", counts(raw))
    copy = next((c for c in copies(path) if not damage_of(c)), None)
    if restore and copy is None:
        raise LibraryError(f"there is no good copy of {path} to restore")
    control.report(Progress("reading what is left", 0))
    made, saved = work / "salvaged.db", _salvaged(raw, work, copies(path))
    action: Action = "salvaged" if any(saved.kept.values()) else "begun anew"
    if copy is not None:
        theirs = work / "restored.db"
        copy_database(copy, theirs, control)
        _settle(theirs, path, lambda connection: None)
        if restore or _worth(theirs) > _worth(made):
            made, action = theirs, "restored"
    if action == "begun anew" and raw_bytes:
        raise LibraryError(
            f"nothing can be read from {path}, and there is no good copy of it: if it is a "
            "library, move it away and index its folders again"
        )
    kept, known = counts(made), dict(saved.known)
    if copy is not None:
        known = {name: max(count, known.get(name, 0)) for name, count in counts(copy).items()}
    lost = {name: count - kept.get(name, 0) for name, count in known.items()}
    lost = {name: count for name, count in lost.items() if count > 0}
    aside = _aside(path)
    if not dry_run:
        control.report(Progress("putting it in place", 0))
        put_in_place(path, made, aside)
    there = None if dry_run or file is None else path.with_name(f"{path.name}.{aside}")
    used = copy if action == "restored" else None
    return RepairReport(tuple(troubles[:_SHOWN]), action, kept, lost, there, used)


def _aside(path: Path) -> str:
    name = f"damaged-{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    number = 1
    while path.with_name(f"{path.name}.{name}").exists():
        number += 1
        name = f"{name.split('~')[0]}~{number}"
    return name


def _copy(path: Path, file: BinaryIO | None, raw: Path) -> None:
    """Copy the bytes of a library and its log: SQLite would change what it opens."""
    with raw.open("wb") as target:
        if file is not None:
            shutil.copyfileobj(file, target)
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        shutil.copyfile(log, raw.with_name(f"{raw.name}-wal"))


def _salvaged(raw: Path, work: Path, known: list[Path]) -> Salvage:
    """Salvage into ``salvaged.db``; first pages of known copies, or of a new library, may help."""
    fresh, made = work / "fresh.db", work / "salvaged.db"
    make_schema(fresh, REVISION)
    good = [copy for copy in known if not damage_of(copy)]
    mend_head(raw, [*good, fresh])
    revision = revision_of(raw) or REVISION
    refuse_newer(raw, revision)
    make_schema(made, revision)
    saved = salvage(raw, made)

    def mark(connection: Connection) -> None:
        _unhear(connection, saved.lost_windows)

    _settle(made, raw, mark)
    return saved


def _settle(made: Path, path: Path, change: Callable[[Connection], None]) -> None:
    """Bring a new library up to date, so that nothing that was derived of another is taken."""
    with sentences_for_errors(path):
        engine = open_database(made)
        try:
            with writing(engine) as connection:
                change(connection)
                index_words(connection, list(connection.scalars(select(tables.sounds.c.id))))
                begin_lineage(connection)
        finally:
            engine.dispose()
    trouble = troubles_of(made)
    if trouble:
        raise LibraryError(f"what was saved of {path} is still damaged: {trouble[0]}")


def _unhear(connection: Connection, lost: Lost) -> None:
    """Let sounds be heard again that may have lost a window."""
    w, s = tables.windows.c, tables.sounds.c
    if not lost:
        return
    touched = {
        sound_id
        for first, last in lost
        for sound_id in connection.scalars(
            select(w.sound_id).where(or_(w.id == first, w.id == last))
        )
    }
    spans = "SELECT sound_id FROM windows GROUP BY sound_id HAVING min(id) <= ? AND max(id) >= ?"
    for span in lost:
        touched.update(row[0] for row in connection.exec_driver_sql(spans, span))
    bare = select(s.id).where(s.id.not_in(select(w.sound_id)))
    rows = [{"sound": i} for i in sorted(touched | set(connection.scalars(bare)))]
    if rows:
        connection.execute(delete(tables.windows).where(w.sound_id == bindparam("sound")), rows)
        unheard = update(tables.sounds).where(s.id == bindparam("sound"))
        connection.execute(unheard.values(heard_s=0.0, content_hash=""), rows)


def _worth(path: Path) -> tuple[int, ...]:
    """Return what a library is worth, what matters most first."""
    found = counts(path)
    names = ("decisions", "tags", "sounds", "folders", "windows", "settings")
    return tuple(found.get(name, 0) for name in names)


def _refuse_without_room(path: Path) -> None:
    size = path.stat().st_size if path.exists() else 0
    if shutil.disk_usage(path.parent).free < 3 * size + _RESERVE_BYTES:
        raise LibraryError(
            f"{path.parent} has no room to repair the library: free {(3 * size >> 20) + 64} MB"
        )
