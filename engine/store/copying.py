"""Copy a library into a new one, of the other kind or of the same: row by row, compared in the end.

Rows go in the order of their keys, some at a time, so that a copy that was stopped or killed goes
on behind the last.  What has changed meanwhile is found by the comparison and copied anew.  Words
are cut anew; vectors' caches and other files beside a library stay where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    true,
)

from engine import durable
from engine.errors import InputError, LibraryError
from engine.paths import is_server
from engine.progress import Control, Progress
from engine.store import tables
from engine.store.copies import damage_of, damaged
from engine.store.database import Database, File
from engine.store.dialects import SERVER
from engine.store.opening import database_at, is_library
from engine.store.portions import rows_behind
from engine.store.tables import COPYING
from engine.store.words import index_words

_AT_ONCE = 1000  # rows in a transaction
_SOUNDS = 500  # whose words are cut at once
# Who listens where, and what those who follow have yet to see, are nothing of a copy's.
_ITS_OWN = (tables.workers, tables.claims, tables.changes)
_TABLES = [table for table in tables.metadata.sorted_tables if table not in _ITS_OWN]
_ENDING = ".copying"  # of a file until it is whole


@dataclass(frozen=True)
class Copied:
    """How many rows of each table were copied, and how many texts lost a character (NUL)."""

    rows: dict[str, int] = field(default_factory=dict)
    texts: int = 0


@dataclass
class _Content:
    """What a table holds: rows, their digest, and texts that a server cannot keep as they are."""

    rows: int = 0
    digest: str = ""
    texts: int = 0


def copy_library(source: Path | str, target: Path | str, control: Control) -> Copied:
    """Copy a library; again after it was stopped, it goes on.

    :param target: a file that is not there yet, or the address of an empty database.
    :raises InputError: there is a library at ``target``.
    :raises LibraryError: one of the two cannot be used.
    :raises Cancelled: the user asked to stop.
    """
    if not is_library(source):
        raise LibraryError(f"there is no library at {source} to copy")
    if not is_server(source) and damage_of(Path(source), control):
        raise LibraryError(damaged(Path(source)))
    old = database_at(source, make=False)
    try:
        with _new(target) as new:
            done = _copied(old, new, control)
    finally:
        old.engine.dispose()
    if not is_server(target):
        _put_in_place(Path(target), control)
    return done


@contextmanager
def _new(target: Path | str) -> Iterator[Database]:
    """Give the database to copy into, which nobody takes for a library before it is whole."""
    new: Database
    if is_server(target):
        from engine.store.server import Server

        new = Server(str(target), for_copying=True)
    else:
        if Path(target).exists():
            raise InputError(f"there is already a file {target}: choose another name for the copy")
        new = File(_unfinished(Path(target)))
    try:
        with new.sentences():
            _claim(new, str(target), begun=not is_server(target))
        with new.alone():
            yield new
    finally:
        new.engine.dispose()


def _unfinished(target: Path) -> Path:
    return target.with_name(target.name + _ENDING)


def _claim(new: Database, name: str, begun: bool) -> None:
    """Mark a database as one that is copied into.

    :param begun: it has our ending: a copy, which may have been killed when its mark was gone.
    :raises InputError: it is a library, and no unfinished copy.
    """
    s = tables.settings.c
    with new.writing() as connection:
        if connection.scalar(select(s.value).where(s.name == COPYING)) is not None:
            return
        for table in _TABLES if not begun else ():
            if connection.execute(select(table).limit(1)).first() is not None:
                raise InputError(f"there is already a library at {name}: copy into an empty one")
        connection.execute(insert(tables.settings).values(name=COPYING, value=b"1"))


def _copied(old: Database, new: Database, control: Control) -> Copied:
    with old.sentences(), old.reading() as source:  # one snapshot, to copy and to compare
        for _ in range(2):
            for table in _TABLES:
                _copy(source, new, table, control)
            found, differing = _compared(source, new, control)
            if not differing:
                break
            with new.sentences(), new.writing() as connection:
                connection.execute(delete(tables.words))  # which may be of other texts, too
                for table in reversed(differing):
                    connection.execute(delete(table).where(_but_mark(table)))
        else:
            raise LibraryError(
                f"the copy in {new.name} is not what was written to it: check its disk"
            )
        _cut_words(new, control)
        _finish(source, new)
    rows = {name: content.rows for name, content in found.items()}
    return Copied(rows, sum(content.texts for content in found.values()))


def _copy(source: Connection, new: Database, table: Table, control: Control) -> None:
    """Copy the rows of a table behind the last one that is there."""
    keys = list(table.primary_key.columns)
    total = source.scalar(select(func.count()).select_from(table)) or 0
    with new.sentences(), new.reading() as connection:
        held = select(*keys).where(_but_mark(table))
        newest = connection.execute(held.order_by(*(k.desc() for k in keys)).limit(1)).first()
        done = connection.scalar(select(func.count()).select_from(table)) or 0
    rows = select(table).where(_but_mark(table))
    control.report(Progress(f"copying {table.name}", min(done, total), total))
    for some in rows_behind(source, rows, keys, newest, _AT_ONCE):
        with new.sentences(), new.writing() as connection:
            connection.execute(insert(table), [dict(row._mapping) for row in some])
        done += len(some)
        control.report(Progress(f"copying {table.name}", min(done, total), total))


def _but_mark(table: Table) -> Any:
    """Return which rows are of the library: all but our own mark."""
    if table is tables.settings:
        return table.c.name != COPYING
    return true()


def _compared(
    source: Connection, new: Database, control: Control
) -> tuple[dict[str, _Content], list[Table]]:
    """Return what is in the source, and the tables of which the copy holds something else."""
    found, differing = {}, []
    with new.sentences(), new.reading() as target:
        clean = target.dialect.name == SERVER
        for table in _TABLES:
            control.report(Progress(f"comparing {table.name}", 0))
            theirs = _content(source, table, clean, control)
            ours = _content(target, table, clean, control)
            found[table.name] = theirs
            if (theirs.rows, theirs.digest) != (ours.rows, ours.digest):
                differing.append(table)
    return found, differing


def _content(connection: Connection, table: Table, clean: bool, control: Control) -> _Content:
    """Read a table as a whole."""
    found, digest = _Content(), hashlib.blake2b(digest_size=20)
    ordered = select(table).where(_but_mark(table)).order_by(*table.primary_key.columns)
    with connection.execute(ordered.execution_options(yield_per=_AT_ONCE)) as result:
        for part in result.partitions():
            for row in part:
                values = list(row)
                found.texts += _cleaned(values) if clean else 0
                digest.update(repr(values).encode("utf-8", "surrogatepass"))
            found.rows += len(part)
            control.report(Progress(f"comparing {table.name}", found.rows))
    found.digest = digest.hexdigest()
    return found


def _cleaned(values: list[Any]) -> int:
    """Leave out of a row what a server cannot keep; return of how many texts."""
    changed = 0
    for place, value in enumerate(values):
        if isinstance(value, str) and "\0" in value:
            values[place] = value.replace("\0", "")
            changed += 1
    return changed


def _cut_words(new: Database, control: Control) -> None:
    """Index the words of sounds behind the last one that has them."""
    s, words = tables.sounds.c, tables.words.c
    with new.sentences(), new.reading() as connection:
        last = connection.scalar(select(func.max(words.rowid))) or 0
        total = connection.scalar(select(func.count()).select_from(tables.sounds)) or 0
        done = connection.scalar(select(func.count()).where(s.id <= last)) or 0
    while True:
        control.report(Progress("indexing words", done, total))
        with new.sentences(), new.writing() as connection:
            behind = select(s.id).where(s.id > last).order_by(s.id).limit(_SOUNDS)
            some = list(connection.scalars(behind))
            if not some:
                return
            index_words(connection, some)
        last = some[-1]
        done += len(some)


def _finish(source: Connection, new: Database) -> None:
    """Let ids count on from where they are in the source, and take the mark away."""
    with new.sentences(), new.writing() as connection:
        for table in _TABLES:
            if [column.name for column in table.primary_key] == ["id"]:
                highest = connection.scalar(select(func.max(table.c.id))) or 0
                _count_on(connection, table, max(highest, _counted(source, table)))
        s = tables.settings.c
        connection.execute(delete(tables.settings).where(s.name == COPYING))


_SEQUENCE = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
_FORGET_SEQUENCE = text("DELETE FROM sqlite_sequence WHERE name = :name")
_SET_SEQUENCE = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :highest)")
_LAST_VALUE = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, 'id')::regclass)")
_SET_VALUE = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)")


def _counted(source: Connection, table: Table) -> int:
    """Return the highest id that a table ever had, as far as that is known."""
    asked = _LAST_VALUE if source.dialect.name == SERVER else _SEQUENCE
    return int(source.scalar(asked, {"name": table.name}) or 0)


def _count_on(connection: Connection, table: Table, highest: int) -> None:
    """Let new ids of a table be higher."""
    values = {"name": table.name, "highest": highest}
    if connection.dialect.name == SERVER:
        if highest:
            connection.execute(_SET_VALUE, values)
    elif table.dialect_options["sqlite"]["autoincrement"]:
        connection.execute(_FORGET_SEQUENCE, {"name": table.name})
        connection.execute(_SET_SEQUENCE, values)


def _put_in_place(target: Path, control: Control) -> None:
    """Give a file that is whole and on the disk its name."""
    made = _unfinished(target)
    checking = Progress("checking the copy", 0)
    try:
        control.report(checking)
        if damage_of(made, control):
            raise LibraryError(f"the copy in {made} is damaged: check its disk")
        control.report(checking)  # who was stopped has not checked it
        durable.sync_file(made)
        durable.replace(made, target)
        Path(f"{made}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise LibraryError(f"{target} cannot be written: {error.strerror or error}") from error
