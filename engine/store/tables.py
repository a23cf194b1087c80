"""The tables of a library, as SQLAlchemy Core sees them.

Migrations do not import this module: they describe the schema of their own time.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.sqlite import Insert, insert

# A sound's state; offline: its whole drive is away; broken: it is among the skipped files.
PRESENT, MISSING, OFFLINE, BROKEN = 0, 1, 2, 3

metadata = MetaData()

folders = Table(
    "folders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", String, nullable=False, unique=True),
)

sounds = Table(
    "sounds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("rate_hz", Integer, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("bits", Integer),
    Column("format", String, nullable=False),
    Column("state", Integer, nullable=False, default=0),  # PRESENT, MISSING, OFFLINE or BROKEN
    Column("added_ns", Integer, nullable=False),  # when the library first saw it
    Column("heard_s", Float, nullable=False, default=0.0),  # how far it has been listened to
    Column("description", String),
    Column("category", String),  # UCS CatID
    Column("category_words", String),
    Column("details", String),  # JSON of what the header says; null: not read yet
    Column("damage", String),  # what of it could not be heard; null: nothing is wrong
    Index("sounds_content_hash", "content_hash"),
    Index("sounds_by_rate", "state", "rate_hz", "duration_s", "channels", "bits", "added_ns"),
    Index("sounds_by_duration", "state", "duration_s", "channels", "bits", "added_ns"),
    Index("sounds_by_age", "state", "added_ns"),
)

windows = Table(
    "windows",
    metadata,
    Column("id", Integer, primary_key=True),
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
    Column("path", String, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("ctime_ns", Integer, nullable=False),
    Column("reason", String, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), nullable=False),
    Column("label", String, nullable=False),
    Column("state", String, nullable=False),  # suggested, accepted, rejected or edited
    Column("said_by", String, nullable=False),  # a model's id, "file" or "person"
    Column("probability", Float),  # that a model gave it
    Column("start_s", Float),  # the part of the sound that it was said of, if not the whole
    Column("end_s", Float),
    UniqueConstraint("sound_id", "label"),
    Index("tags_by_state", "state", "label", "sound_id"),
)

interest = Table(
    "interest",
    metadata,
    Column("folder", String, primary_key=True),
    Column("searches", Integer, nullable=False),
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
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)

collected = Table(
    "collected",
    metadata,
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("sound_id", ForeignKey("sounds.id", ondelete="CASCADE"), primary_key=True),
    Index("collected_sound_id", "sound_id"),
)


def replacing(table: Table, keys: Iterable[str], changed: Iterable[str]) -> Insert:
    """Return an insertion that changes some columns of rows that are there, found by their keys."""
    statement = insert(table)
    new = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)
