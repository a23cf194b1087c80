"""Read what can be read of a damaged database, row by row, into a new one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_HEAD_BYTES = 100
_TYPES: dict[str, type | tuple[type, ...]] = {
    "INTEGER": int,
    "VARCHAR": str,
    "FLOAT": (int, float),
    "BLOB": bytes,
}
_OF_PEOPLE = ("collections", "collected", "regions", "marks", "uses", "saved_searches")
_STEP, _PATIENCE = 64, 20_000  # ids that are tried one by one, and how many times in vain
_LAST = 1 << 40
_AT_ONCE = 500

Lost = list[tuple[int, int]]


@dataclass
class Salvage:
    """What was read: rows by table, those that were known and are not there, and windows' ids."""

    kept: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    lost_windows: Lost = field(default_factory=list)


def revision_of(path: Path) -> str | None:
    """Return the revision of a damaged database, if it can be read."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    except sqlite3.DatabaseError:
        return None


def mend_head(path: Path, like: Sequence[Path]) -> None:
    """Give a database whose first page is damaged that of another library, which fits best.

    The first page says where tables begin; in libraries of one history that is the same.
    """
    if path.stat().st_size < _HEAD_BYTES or _tables_found(path) > 0:
        return
    own = _first_page(path)
    best, most = own, 0
    for other in like:
        page = bytearray(_first_page(other))
        page[18:20] = b"\2\2"  # with a log
        page[28:40] = bytes(12)  # as long as the file is, no free pages
        page[92:96] = bytes(4)
        _put_first_page(path, bytes(page))
        found = _tables_found(path)
        if found > most:
            best, most = bytes(page), found
        _put_first_page(path, own)
    _put_first_page(path, best)


def salvage(damaged: Path, target: Path) -> Salvage:
    """Copy every row that can be read and makes sense from ``damaged`` into ``target``.

    ``target`` is an empty library of the same revision.  Indexes of the damaged one are not
    relied on, and rows that belong to nothing are dropped.
    """
    done = Salvage()
    with closing(sqlite3.connect(damaged)) as old, closing(sqlite3.connect(target)) as new:
        new.execute("PRAGMA foreign_keys = OFF")
        new.execute("PRAGMA synchronous = OFF")
        tables = _tables(new)
        for table in tables:
            lost: Lost = []
            done.known[table] = _copy_table(old, new, table, lost)
            if table == "windows":
                done.lost_windows = lost
        _drop_odd_windows(new)
        _drop_orphans(new)
        new.commit()
        for table in tables:
            done.kept[table] = new.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608
    return done


def counts(path: Path) -> dict[str, int]:
    """Return how many rows the tables of a sound database hold; ``decisions`` are people's."""
    with closing(sqlite3.connect(path)) as connection:
        found = {
            table: int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608
            for table in _tables(connection)
        }
        said = connection.execute("SELECT count(*) FROM tags WHERE said_by = 'person'").fetchone()
    people = sum(found.get(name, 0) for name in _OF_PEOPLE)
    return {**found, "decisions": int(said[0]) + people}


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str, lost: Lost) -> int:
    """Copy a table; return how many rows it is known to have had."""
    columns = {row[1]: row for row in new.execute(f'PRAGMA table_info("{table}")')}
    try:
        theirs = {row[1] for row in old.execute(f'PRAGMA table_info("{table}")')}
    except sqlite3.DatabaseError:
        return 0
    names = [name for name in columns if name in theirs]
    if not names:
        return 0
    listed = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" * len(names))
    put = f'INSERT OR IGNORE INTO "{table}" ({listed}) VALUES ({marks})'  # noqa: S608
    read, rows = 0, []
    for row in _rows(old, table, listed, lost):
        read += 1
        mended = _mended(names, row)
        if all(_fits(columns[name], value) for name, value in zip(names, mended, strict=True)):
            rows.append(mended)
        if len(rows) >= _AT_ONCE:
            new.executemany(put, rows)
            rows.clear()
    new.executemany(put, rows)
    return max(read, _counted(old, table))


def _rows(
    connection: sqlite3.Connection, table: str, columns: str, lost: Lost
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table, and go on behind those that cannot be read."""
    statement = f'SELECT rowid, {columns} FROM "{table}" NOT INDEXED WHERE rowid > ? ORDER BY rowid'  # noqa: S608
    last, vain = -1, 0
    after = last
    while after < _LAST and vain < _PATIENCE:
        before = last
        try:
            for row in connection.execute(statement, (after,)):
                if row[0] <= after:  # the order is damaged, too
                    break
                if last < after:
                    lost.append((last, row[0]))
                last = after = row[0]
                vain = 0
                yield row[1:]
            else:
                if after > last:
                    lost.append((last, _LAST))
                return
        except (sqlite3.DatabaseError, OverflowError):
            pass
        vain = 0 if last > before else vain + 1
        after += 1 if vain <= 2 * _STEP else _STEP * max(1, vain // 1000)
    lost.append((last, _LAST))


def _mended(names: Sequence[str], row: Sequence[Any]) -> list[Any]:
    """Return a row whose header's texts, if damaged, will be read from its file again."""
    values = list(row)
    if "details" in names:
        place = names.index("details")
        try:
            sound = values[place] is None or isinstance(json.loads(values[place]), dict)
        except (ValueError, TypeError):
            sound = False
        if not sound:
            values[place] = None
    return values


def _fits(column: Sequence[Any], value: Any) -> bool:
    _, _, kind, is_needed, _, key = column
    if value is None:
        return not is_needed and not key
    return isinstance(value, _TYPES.get(kind.split("(")[0], object))


def _counted(connection: sqlite3.Connection, table: str) -> int:
    """Return how many entries the fullest index has that can be read."""
    most = 0
    try:
        indexes = [row[1] for row in connection.execute(f'PRAGMA index_list("{table}")')]
    except sqlite3.DatabaseError:
        return 0
    for index in indexes:
        try:
            statement = f'SELECT count(*) FROM "{table}" INDEXED BY "{index}"'  # noqa: S608
            most = max(most, int(connection.execute(statement).fetchone()[0]))
        except sqlite3.DatabaseError:
            continue
    return most


def _drop_odd_windows(new: sqlite3.Connection) -> None:
    """Drop windows whose vector or features are not as long as most."""
    for column in ("vector", "features"):
        new.execute(
            f"DELETE FROM windows WHERE length({column}) != (SELECT length({column}) "  # noqa: S608
            f"FROM windows GROUP BY length({column}) ORDER BY count(*) DESC LIMIT 1)"
        )


def _drop_orphans(new: sqlite3.Connection) -> None:
    while found := new.execute("PRAGMA foreign_key_check").fetchall():
        for table, rowid, *_ in found:
            new.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,))  # noqa: S608


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Return the tables that hold what is known; full-text tables are made anew."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    )
    skipped = ("sqlite_", "alembic_", "words", "names")
    return [row[0] for row in rows if not row[0].startswith(skipped)]


def _tables_found(path: Path) -> int:
    """Return in how many tables a first row can be read, if the list of tables can."""
    found = 0
    try:
        with closing(sqlite3.connect(path)) as connection:
            for table in _tables(connection):
                try:
                    connection.execute(f'SELECT * FROM "{table}" LIMIT 1').fetchone()  # noqa: S608
                    found += 1
                except sqlite3.DatabaseError:
                    continue
    except sqlite3.DatabaseError:
        return 0
    return found


def _first_page(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _put_first_page(path: Path, page: bytes) -> None:
    with path.open("r+b") as file:
        file.write(page)
