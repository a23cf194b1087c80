"""One library: the sounds that are known, what was heard in them, and what was skipped."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.paths import is_under
from engine.progress import Control
from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.lineage import insert_windows
from engine.store.mounts import mounts_of
from engine.store.opening import database_at
from engine.store.portable import mapped_by
from engine.store.records import (
    FileFacts,
    Header,
    Known,
    Skipped,
    SoundRow,
    Statistics,
    StoredWindow,
)
from engine.store.sound_rows import (
    indexed_folders,
    read_sounds,
)
from engine.store.tables import BROKEN, MISSING, OFFLINE, PRESENT, replacing
from engine.store.words import index_words

LOUDNESS = ("lufs", "range_lu", "peak_db")  # columns of sounds
_KNOWN: Select[Any] = select(
    *(tables.sounds.c[n] for n in ("path", "id", "size", "mtime_ns", "content_hash", "state")),
    tables.sounds.c.heard_s,
    and_(tables.sounds.c.details.is_not(None), tables.sounds.c.layout.is_not(None)).label(
        "has_header"
    ),
)


class Library:
    """An open library database.

    Methods are short transactions; none of what they return is tied to a connection.  ``name``,
    ``path`` and ``file`` are those of its :class:`engine.store.database.Database`.

    :param place: a file, or the address of a database on a server.
    :param make: create the library if there is none.
    :param following: read a server's library from a copy near its user: see
        :func:`engine.store.opening.database_at`.
    :raises LibraryError: from every method, when the database cannot be used.
    """

    def __init__(
        self, place: Path | str, make: bool = True, following: Control | None = None
    ) -> None:
        self.database = database_at(place, make, following)
        self.name, self.path = self.database.name, self.database.path
        self.file = self.database.file

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def __enter__(self) -> Library:
        """Give the open library."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the library."""
        self.close()

    @contextmanager
    def reading(self, whole: bool = False) -> Iterator[Connection]:
        """Give a connection in one consistent read transaction.

        :param whole: to read also what a copy near its user leaves out: features of windows.
        """
        database = self.database
        with (
            database.sentences(),
            database.reading_all() if whole else database.reading() as connection,
            mapped_by(mounts_of(connection)),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a write transaction: all of it is kept, or nothing."""
        with (
            self.database.sentences(),
            self.database.writing() as connection,
            mapped_by(mounts_of(connection)),
        ):
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
            return indexed_folders(connection)

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

    def known(self, roots: Collection[str], waiting: bool = False) -> dict[str, Known]:
        """Return what is known of every path under ``roots`` (folders or files).

        :param waiting: only of sounds that are present and not wholly heard.
        """
        s = tables.sounds.c
        statement = _KNOWN
        if waiting:
            statement = statement.where(s.state == PRESENT, s.content_hash == "")
        with self.reading() as connection:
            rows = connection.execute(statement)
            return {row.path: _known(row) for row in rows if is_under(row.path, roots)}

    def missing_by_hash(self) -> dict[str, Known]:
        """Return the missing sounds that were wholly heard, by content hash."""
        s = tables.sounds.c
        with self.reading() as connection:
            rows = connection.execute(_KNOWN.where(s.state == MISSING, s.content_hash != ""))
            return {row.content_hash: _known(row) for row in rows}

    def put_sounds(self, heard: Sequence[tuple[FileFacts, Sequence[StoredWindow]]]) -> None:
        """Store sounds with their windows in one transaction, replacing earlier ones."""
        if not heard:
            return
        values = [{**asdict(facts), "heard_s": facts.duration_s} for facts, _ in heard]
        with self.writing() as connection:
            ids = _put_rows(connection, values)
            rows = [
                {"sound_id": ids[facts.path], **asdict(window)}
                for facts, stored in heard
                for window in stored
            ]
            insert_windows(connection, rows)

    def put_headers(
        self, read: Sequence[tuple[FileFacts, Header]], unchanged: bool = False
    ) -> None:
        """Store what headers say; sounds lose their windows unless their files are unchanged."""
        if not read:
            return
        with self.writing() as connection:
            if unchanged:
                write_headers(connection, {facts.path: header for facts, header in read})
                _write_layouts(connection, [facts for facts, _ in read])
                return
            _put_rows(
                connection,
                [{**asdict(facts), **_columns(header), "heard_s": 0.0} for facts, header in read],
            )

    def move_sound(self, sound_id: int, path: str, mtime_ns: int) -> None:
        """Give a sound its new path, with everything that is known of it."""
        with self.writing() as connection:
            connection.execute(delete(tables.sounds).where(tables.sounds.c.path == path))
            connection.execute(
                update(tables.sounds)
                .where(tables.sounds.c.id == sound_id)
                .values(path=path, mtime_ns=mtime_ns, state=PRESENT)
            )
            index_words(connection, [sound_id])
            _delete_skipped(connection, [path])

    def touch_sound(self, sound_id: int, mtime_ns: int) -> None:
        """Record a new modification time of unchanged content."""
        with self.writing() as connection:
            connection.execute(
                update(tables.sounds)
                .where(tables.sounds.c.id == sound_id)
                .values(mtime_ns=mtime_ns, state=PRESENT)
            )

    def set_state(self, sound_ids: Iterable[int], state: int) -> None:
        """Mark sounds as missing, offline, or there again; nothing is erased."""
        ids = list(sound_ids)
        if not ids:
            return
        statement = (
            update(tables.sounds)
            .where(tables.sounds.c.id == bindparam("sound"))
            .values(state=state)
        )
        with self.writing() as connection:
            connection.execute(statement, [{"sound": sound_id} for sound_id in ids])

    def sounds(self, ids: Collection[int] | None = None) -> dict[int, SoundRow]:
        """Return sounds by id; all of them if ``ids`` is None."""
        with self.reading() as connection:
            return read_sounds(connection, ids)

    def has_sounds(self) -> bool:
        """Return whether any sound is known."""
        with self.reading() as connection:
            return connection.scalar(select(tables.sounds.c.id).limit(1)) is not None

    # Skipped files

    def put_skipped(self, rows: Sequence[Skipped]) -> None:
        """Record files that could not be heard; sounds that were known become broken."""
        if not rows:
            return
        with self.writing() as connection:
            write_skipped(connection, rows)

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
        counted = select(s.state, func.count(), func.coalesce(func.sum(s.duration_s), 0.0))
        there = select(s.id).where(s.state == PRESENT)
        wholly = select(func.count()).where(s.state == PRESENT, s.content_hash != "")
        damaged = select(func.count()).where(s.state == PRESENT, s.damage.is_not(None))
        with self.reading() as connection:
            states = {row[0]: row[1:] for row in connection.execute(counted.group_by(s.state))}
            windows = select(func.count()).where(w.sound_id.in_(there))
            skipped = select(func.count()).select_from(tables.skipped)
            sounds, seconds = states.get(PRESENT, (0, 0.0))
            return Statistics(
                sounds=sounds,
                windows=connection.scalar(windows) or 0,
                embedded=connection.scalar(wholly) or 0,
                missing=states.get(MISSING, (0, 0.0))[0],
                offline=states.get(OFFLINE, (0, 0.0))[0],
                skipped=connection.scalar(skipped) or 0,
                hours=seconds / 3600,
                damaged=connection.scalar(damaged) or 0,
            )


def _columns(header: Header) -> dict[str, Any]:
    values = asdict(header)
    values["details"] = json.dumps(dict(values.pop("fields")), ensure_ascii=False)
    return values


def write_headers(connection: Connection, headers: Mapping[str, Header]) -> None:
    """Write what headers say, by path, within a transaction."""
    statement = update(tables.sounds).where(tables.sounds.c.path == bindparam("of"))
    values = [{"of": path, **_columns(header)} for path, header in headers.items()]
    connection.execute(statement.values(state=PRESENT), values)  # their keys are columns, too
    index_words(connection, _ids(connection, list(headers)).values())


def _write_layouts(connection: Connection, files: Sequence[FileFacts]) -> None:
    statement = update(tables.sounds).where(tables.sounds.c.path == bindparam("of"))
    values = [{"of": facts.path, "said": facts.layout} for facts in files]
    connection.execute(statement.values(layout=bindparam("said")), values)


def _put_rows(connection: Connection, values: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Insert or replace sounds, without their windows; return their ids by path."""
    now = time.time_ns()
    unknown = dict.fromkeys(("damage", *LOUDNESS))
    statement = replacing(tables.sounds, ["path"], (*values[0], "state", *unknown))
    rows = [{**row, **unknown, "state": PRESENT, "added_ns": now} for row in values]
    connection.execute(statement, rows)
    ids = _ids(connection, [row["path"] for row in values])
    w = tables.windows.c
    old = [{"sound": sound_id} for sound_id in ids.values()]
    connection.execute(delete(tables.windows).where(w.sound_id == bindparam("sound")), old)
    drawn = tables.thumbnails.c.sound_id == bindparam("sound")
    connection.execute(delete(tables.thumbnails).where(drawn), old)
    index_words(connection, ids.values())
    _delete_skipped(connection, list(ids))
    return ids


def _ids(connection: Connection, paths: Sequence[str]) -> dict[str, int]:
    s = tables.sounds.c
    chosen = select(s.path, s.id).where(s.path.in_(SOME))
    return {row.path: row.id for row in rows_of_some(connection, chosen, paths)}


def write_settings(connection: Connection, values: Mapping[str, bytes]) -> None:
    """Write settings within a transaction."""
    rows = [{"name": name, "value": value} for name, value in values.items()]
    if rows:
        connection.execute(replacing(tables.settings, ["name"], ["value"]), rows)


def write_skipped(connection: Connection, rows: Sequence[Skipped]) -> None:
    """Record files that could not be heard, within a transaction."""
    changed = ("size", "mtime_ns", "ctime_ns", "reason")
    statement = replacing(tables.skipped, ["path"], changed)
    connection.execute(statement, [asdict(row) for row in rows])
    gone = update(tables.sounds).where(tables.sounds.c.path == bindparam("gone"))
    connection.execute(gone.values(state=BROKEN), [{"gone": row.path} for row in rows])


def _delete_skipped(connection: Connection, paths: Sequence[str]) -> None:
    statement = delete(tables.skipped).where(tables.skipped.c.path == bindparam("gone"))
    connection.execute(statement, [{"gone": path} for path in paths])


def _known(row: Row[Any]) -> Known:
    return Known(
        row.id,
        row.size,
        row.mtime_ns,
        row.content_hash,
        row.state,
        row.heard_s,
        bool(row.has_header),
    )
