"""The tables of a library, as SQLAlchemy Core sees them.

Migrations do not import this module: they describe the schema of their own time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from engine.store.dialects import TEXT, WHOLE, each_id
from engine.store.portable import PATH

COPYING = "copying"  # a setting of a library that is not copied wholly yet
# Settings of a copy that follows a library on a server: up to where, and whose it is.
FOLLOWING, MEMBER = "following", "member"
# A sound's state; offline: its whole drive is away; broken: it is among the skipped files.
PRESENT, MISSING, OFFLINE, BROKEN = 0, 1, 2, 3

metadata = MetaData()


def _author() -> Column[str]:
    """Return who decided that: a name of the server's, which writes it; nothing in a file."""
    return Column("author", TEXT, nullable=False, server_default="")


def _shared() -> Column[int]:
    """Return whether others see it, too (1); in a file nobody else is there."""
    return Column("shared", WHOLE, nullable=False, server_default="0")


roots = Table(  # named places, which each computer mounts where it likes
    "roots",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("key", TEXT, nullable=False, unique=True),  # given once, whatever its name
    Column("name", TEXT, nullable=False, unique=True),
)

folders = Table(
    "folders",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("path", PATH, nullable=False, unique=True),
)

sounds = Table(
    "sounds",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("path", PATH, nullable=False, unique=True),
    Column("size", WHOLE, nullable=False),
    Column("mtime_ns", WHOLE, nullable=False),
    Column("content_hash", TEXT, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("rate_hz", WHOLE, nullable=False),
    Column("channels", WHOLE, nullable=False),
    Column("bits", WHOLE),
    Column("format", TEXT, nullable=False),
    Column("state", WHOLE, nullable=False, default=0),  # PRESENT, MISSING, OFFLINE or BROKEN
    Column("added_ns", WHOLE, nullable=False),  # when the library first saw it
    Column("heard_s", Float, nullable=False, default=0.0),  # how far it has been listened to
    Column("description", TEXT),
    Column("category", TEXT),  # UCS CatID
    Column("category_words", TEXT),
    Column("details", TEXT),  # JSON of what the header says; null: not read yet
    Column("damage", TEXT),  # what of it could not be heard; null: nothing is wrong
    Column("lufs", Float),  # integrated loudness; null: not measured yet
    Column("range_lu", Float),  # null: too short to have one
    Column("peak_db", Float),  # true peak
    Column("layout", TEXT),  # what its channels are for; empty: not said; null: not looked yet
    Index("sounds_content_hash", "content_hash"),
    Index("sounds_by_rate", "state", "rate_hz", "duration_s", "channels", "bits", "added_ns"),
    Index("sounds_by_duration", "state", "duration_s", "channels", "bits", "added_ns"),
    Index("sounds_by_age", "state", "added_ns"),
    Index("sounds_by_loudness", "state", "lufs", "peak_db", "added_ns"),
    Index(
        "sounds_waiting",
        "heard_s",
        "mtime_ns",
        sqlite_where=text("state = 0 AND content_hash = ''"),  # on a server, too
    ),
)

windows = Table(
    "windows",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), nullable=False),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Column("features", LargeBinary, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("potential", Float, nullable=False),
    Index("windows_sound_id", "sound_id"),
    sqlite_autoincrement=True,  # the vectors' cache relies on ids that never come twice
)

skipped = Table(
    "skipped",
    metadata,
    Column("path", PATH, primary_key=True),
    Column("size", WHOLE, nullable=False),
    Column("mtime_ns", WHOLE, nullable=False),
    Column("ctime_ns", WHOLE, nullable=False),
    Column("reason", TEXT, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), nullable=False),
    Column("label", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),  # suggested, accepted, rejected or edited
    Column("said_by", TEXT, nullable=False),  # a model's id, "file" or "person"
    Column("probability", Float),  # that a model gave it
    Column("start_s", Float),  # the part of the sound that it was said of, if not the whole
    Column("end_s", Float),
    _author(),
    UniqueConstraint("sound_id", "label"),
    Index("tags_by_state", "state", "label", "sound_id"),
)

interest = Table(
    "interest",
    metadata,
    Column("folder", PATH, primary_key=True),
    Column("searches", WHOLE, nullable=False),
)

thumbnails = Table(
    "thumbnails",
    metadata,
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), primary_key=True),
    Column("peaks", LargeBinary, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("name", TEXT, nullable=False),
    _author(),
    _shared(),
    UniqueConstraint("author", "name"),
    sqlite_autoincrement=True,  # what can be undone names them by ids, which never come twice
)

collected = Table(
    "collected",
    metadata,
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), primary_key=True),
    Index("collected_sound_id", "sound_id"),
)

regions = Table(
    "regions",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), nullable=False),
    Column("name", TEXT, nullable=False),
    Column("words", TEXT, nullable=False),  # of the name, as they are searched
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Index("regions_sound_id", "sound_id", "start_s"),
)

marks = Table(
    "marks",
    metadata,
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), primary_key=True),
    Column("stars", WHOLE, nullable=False),  # 0: none
    Column("colour", TEXT),
    Column("note", TEXT),
    Column("note_words", TEXT),  # as they are searched, apart and in lower case
    Index("marks_by_stars", "stars"),
    Index("marks_by_colour", "colour"),
)

uses = Table(
    "uses",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), nullable=False),
    Column("used_ns", WHOLE, nullable=False),
    Column("project", TEXT, nullable=False),  # may be empty
    Column("target", TEXT, nullable=False),  # the program or folder that it went to
    Index("uses_by_sound", "sound_id", "used_ns"),
    Index("uses_by_project", "project"),
    sqlite_autoincrement=True,
)

saved_searches = Table(
    "saved_searches",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),  # in the grammar of the search bar
    _author(),
    _shared(),
    UniqueConstraint("author", "name"),
    sqlite_autoincrement=True,
)

history = Table(
    "history",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("done_ns", WHOLE, nullable=False),
    Column("undone", WHOLE, nullable=False),  # 1: can be done again
    Column("kind", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("count", WHOLE, nullable=False),
    Column("change", LargeBinary, nullable=False),
    _author(),
    sqlite_autoincrement=True,
)

workers = Table(  # that listen to a library on a server; moments by the server's clock
    "workers",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("name", TEXT, nullable=False),  # of its machine
    Column("began_ms", WHOLE, nullable=False),
    Column("until_ms", WHOLE, nullable=False),  # its lease: later it counts as dead
    Column("sounds", WHOLE, nullable=False),  # heard
    Column("audio_s", Float, nullable=False),
    Column("busy_s", Float, nullable=False),  # how long it took
    sqlite_autoincrement=True,  # what a dead worker says late must not be another one's
)

claims = Table(  # sounds that a worker is at, or that one died of
    "claims",
    metadata,
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), primary_key=True),
    Column("worker_id", ForeignKey("workers.id", ondelete="SET NULL")),  # null: nobody's now
    Column("size", WHOLE, nullable=False),  # of the file that is heard, as the library knew it
    Column("mtime_ns", WHOLE, nullable=False),
    Column("heard_s", Float, nullable=False),
    Column("deaths", WHOLE, nullable=False),  # of workers that were at it
    Index("claims_by_worker", "worker_id"),
)

changes = Table(  # of a library on a server, by the transactions that made them
    "changes",
    metadata,
    Column("transaction_id", WHOLE, primary_key=True),  # 0: up to which these are gone (row_key)
    Column("table_name", TEXT, primary_key=True),
    Column("row_key", TEXT, primary_key=True),  # of the table's key, see changes.py
)

removed = Table(  # of what others made in a library on a server, so that it comes back as theirs
    "removed",
    metadata,
    Column("table_name", TEXT, primary_key=True),
    Column("row_id", WHOLE, primary_key=True),
    Column("author", TEXT, nullable=False),
    Column("shared", WHOLE, nullable=False),
    Column("remover", TEXT, nullable=False),
)

words = table(  # of full text; on a server with a column ``vector``
    "words",
    column("rowid", WHOLE),
    *(column(name, TEXT) for name in ("name", "folders", "details", "category", "tags")),
)


def replacing(table: Table, keys: Iterable[str], changed: Iterable[str]) -> Insert:
    """Return an insertion that changes some columns of rows that are there, found by their keys."""
    statement = insert(table)
    new = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def chosen(ids: Collection[int]) -> Select[Any]:
    """Return a selection of any number of ids, as one parameter."""
    listed = bindparam("ids", json.dumps([int(i) for i in ids]), String, unique=True)
    values = each_id(listed).table_valued("value")
    return select(values.c.value)
