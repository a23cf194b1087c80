"""One library: the sounds that are known, what was heard in them, and what was skipped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.paths import is_under
from engine.store import tables
from engine.store.connection import open_database, told
from engine.store.connection import reading as connection_for_reading
from engine.store.connection import writing as connection_for_writing
from engine.store.records import (
    FileFacts,
    Known,
    Skipped,
    SoundRow,
    Statistics,
    StoredWindow,
)
from engine.store.words import search_words

_CHUNK = 500  # bound parameters in one statement
_KNOWN = select(
    *(tables.sounds.c[n] for n in ("path", "id", "size", "mtime_ns", "content_hash", "missing"))
)


class Library:
    """An open library database.

    Methods are short transactions; none of what they return is tied to a connection.

    :raises LibraryError: from every method, when the database cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = open_database(path)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Library:
        """Give the open library."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the library."""
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection in one consistent read transaction."""
        with told(self.path), connection_for_reading(self._engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a write transaction: all of it is kept, or nothing."""
        with told(self.path), connection_for_writing(self._engine) as connection:
            yield connection

    # Folders and settings

    def add_folder(self, path: str) -> None:
        """Remember an indexed folder."""
        with self.writing() as connection:
            statement = upsert(tables.folders).values(path=path).on_conflict_do_nothing()
            connection.execute(statement)

    def folders(self) -> list[str]:
        """Return the indexed folders, sorted."""
        with self.reading() as connection:
            return list(connection.scalars(select(tables.folders.c.path).order_by("path")))

    def setting(self, name: str) -> bytes | None:
        """Return a setting, or None."""
        with self.reading() as connection:
            statement = select(tables.settings.c.value).where(tables.settings.c.name == name)
            return connection.scalar(statement)

    def set_settings(self, values: Mapping[str, bytes]) -> None:
        """Write settings."""
        with self.writing() as connection:
            write_settings(connection, values)

    # Sounds

    def known(self, roots: Collection[str]) -> dict[str, Known]:
        """Return what is known of every path under ``roots`` (folders or files)."""
        with self.reading() as connection:
            rows = connection.execute(_KNOWN)
            return {row.path: _known(row) for row in rows if is_under(row.path, roots)}

    def missing_by_hash(self) -> dict[str, Known]:
        """Return the missing sounds by content hash."""
        with self.reading() as connection:
            rows = connection.execute(_KNOWN.where(tables.sounds.c.missing == 1))
            return {row.content_hash: _known(row) for row in rows}

    def put_sounds(self, heard: Sequence[tuple[FileFacts, Sequence[StoredWindow]]]) -> None:
        """Store sounds with their windows in one transaction, replacing earlier ones."""
        if not heard:
            return
        with self.writing() as connection:
            for facts, stored in heard:
                sound_id = _put_sound(connection, facts)
                rows = [{"sound_id": sound_id, **asdict(window)} for window in stored]
                connection.execute(insert(tables.windows), rows)
            paths = [facts.path for facts, _ in heard]
            _delete_skipped(connection, paths)

    def move_sound(self, sound_id: int, path: str, mtime_ns: int) -> None:
        """Give a sound its new path, with everything that is known of it."""
        with self.writing() as connection:
            connection.execute(delete(tables.sounds).where(tables.sounds.c.path == path))
            connection.execute(
                update(tables.sounds)
                .where(tables.sounds.c.id == sound_id)
                .values(path=path, mtime_ns=mtime_ns, missing=0)
            )
            _index_name(connection, sound_id, path)
            _delete_skipped(connection, [path])

    def touch_sound(self, sound_id: int, mtime_ns: int) -> None:
        """Record a new modification time of unchanged content."""
        with self.writing() as connection:
            connection.execute(
                update(tables.sounds)
                .where(tables.sounds.c.id == sound_id)
                .values(mtime_ns=mtime_ns, missing=0)
            )

    def set_missing(self, sound_ids: Iterable[int], missing: bool) -> None:
        """Mark sounds as missing from disk, or as there again; nothing is erased."""
        ids = list(sound_ids)
        if not ids:
            return
        statement = (
            update(tables.sounds)
            .where(tables.sounds.c.id == bindparam("sound"))
            .values(missing=int(missing))
        )
        with self.writing() as connection:
            connection.execute(statement, [{"sound": sound_id} for sound_id in ids])

    def sounds(self, ids: Collection[int] | None = None) -> dict[int, SoundRow]:
        """Return sounds by id; all of them if ``ids`` is None."""
        s = tables.sounds.c
        columns = (s.id, s.path, s.duration_s, s.rate_hz, s.channels, s.bits, s.format, s.missing)
        found = {}
        with self.reading() as connection:
            for statement in _in_chunks(select(*columns), s.id, ids):
                for row in connection.execute(statement):
                    found[row.id] = _sound(row)
        return found

    # Skipped files

    def put_skipped(self, rows: Sequence[Skipped]) -> None:
        """Record files that could not be heard; what was known of them is marked missing."""
        if not rows:
            return
        with self.writing() as connection:
            statement = upsert(tables.skipped)
            changes = {c: statement.excluded[c] for c in ("size", "mtime_ns", "ctime_ns", "reason")}
            statement = statement.on_conflict_do_update(index_elements=["path"], set_=changes)
            connection.execute(statement, [asdict(row) for row in rows])
            gone = update(tables.sounds).where(tables.sounds.c.path == bindparam("gone"))
            connection.execute(gone.values(missing=1), [{"gone": row.path} for row in rows])

    def drop_skipped(self, paths: Iterable[str]) -> None:
        """Forget skipped files that are no longer there."""
        listed = list(paths)
        if listed:
            with self.writing() as connection:
                _delete_skipped(connection, listed)

    def skipped(self) -> list[Skipped]:
        """Return the skipped files, by path."""
        with self.reading() as connection:
            rows = connection.execute(select(tables.skipped).order_by("path"))
            return [Skipped(**row._mapping) for row in rows]

    def statistics(self) -> Statistics:
        """Count what is in the library."""
        s, w = tables.sounds.c, tables.windows.c
        present = select(func.count(), func.coalesce(func.sum(s.duration_s), 0.0)).where(
            s.missing == 0
        )
        there = select(s.id).where(s.missing == 0)
        with self.reading() as connection:
            sounds, seconds = connection.execute(present).one()
            count = select(func.count(), func.count(w.sound_id.distinct()))
            windows, embedded = connection.execute(count.where(w.sound_id.in_(there))).one()
            missing = connection.scalar(select(func.count()).where(s.missing == 1)) or 0
            skipped = connection.scalar(select(func.count()).select_from(tables.skipped)) or 0
        return Statistics(sounds, windows, embedded, missing, skipped, seconds / 3600)


def _put_sound(connection: Connection, facts: FileFacts) -> int:
    values = {**asdict(facts), "missing": 0}
    statement = upsert(tables.sounds).values(values)
    statement = statement.on_conflict_do_update(index_elements=["path"], set_=values)
    sound_id = connection.execute(statement.returning(tables.sounds.c.id)).scalar_one()
    connection.execute(delete(tables.windows).where(tables.windows.c.sound_id == sound_id))
    _index_name(connection, sound_id, facts.path)
    return int(sound_id)


def _index_name(connection: Connection, sound_id: int, path: str) -> None:
    connection.execute(text("DELETE FROM names WHERE rowid = :id"), {"id": sound_id})
    connection.execute(
        text("INSERT INTO names (rowid, words) VALUES (:id, :words)"),
        {"id": sound_id, "words": search_words(Path(path).stem)},
    )


def write_settings(connection: Connection, values: Mapping[str, bytes]) -> None:
    """Write settings within a transaction."""
    for name, value in values.items():
        statement = upsert(tables.settings).values(name=name, value=value)
        statement = statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
        connection.execute(statement)


def _delete_skipped(connection: Connection, paths: Sequence[str]) -> None:
    statement = delete(tables.skipped).where(tables.skipped.c.path == bindparam("gone"))
    connection.execute(statement, [{"gone": path} for path in paths])


def _in_chunks(
    statement: Select[Any], column: Any, ids: Collection[int] | None
) -> Iterator[Select[Any]]:
    if ids is None:
        yield statement
        return
    listed = list(ids)
    for start in range(0, len(listed), _CHUNK):
        yield statement.where(column.in_(listed[start : start + _CHUNK]))


def _known(row: Row[Any]) -> Known:
    return Known(row.id, row.size, row.mtime_ns, row.content_hash, bool(row.missing))


def _sound(row: Row[Any]) -> SoundRow:
    return SoundRow(
        row.id,
        row.path,
        row.duration_s,
        row.rate_hz,
        row.channels,
        row.bits,
        row.format,
        bool(row.missing),
    )
