"""Lists of a library's sounds without a search, and counts of what is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    case,
    func,
    select,
)

from engine.arrays import Integers
from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.conditions import Condition, where_all
from engine.store.dialects import joined, utf8
from engine.store.library import Library
from engine.store.marks import COLOURS
from engine.store.portable import as_stored, folder_of, is_at
from engine.store.regions import region_names
from engine.store.sound_rows import indexed_folders, latest_use, root_of_sound
from engine.store.tables import OFFLINE, PRESENT
from engine.store.uses import projects

_AT_ONCE = 100_000  # sounds whose names are joined to one text
Order = Literal[
    "added",
    "name",
    "duration",
    "format",
    "channels",
    "category",
    "description",
    "folder",
    "loudness",
    "stars",
    "colour",
    "used",
    "note",
    "root",
]
_EMPTY_LAST = frozenset({"stars", "colour", "used", "note", "root"})  # in both directions


@dataclass(frozen=True)
class FolderCounts:
    """How many sounds of an indexed folder are there, wait to be listened to, or are away."""

    sounds: int
    waiting: int
    offline: int


@dataclass(frozen=True)
class Facets:
    """Counts of present sounds: by UCS CatID, by accepted tag, and by indexed folder.

    A tag that only says what a sound's header says as its category does not count.  ``projects``
    are those that sounds were used for, the latest first, ``regions`` what parts of sounds are
    called.
    """

    categories: Mapping[str, int]
    tags: Mapping[str, int]
    folders: Mapping[str, FolderCounts]
    projects: Sequence[str] = ()
    regions: Sequence[str] = ()


def ordered_sounds(
    library: Library,
    conditions: Sequence[Condition],
    order: Order = "added",
    descending: bool = False,
) -> Integers:
    """Return the ids of present sounds that fulfil every condition, in order, as int64."""
    s = tables.sounds.c
    columns = [c.desc() if descending else c.asc() for c in _ORDERS[order]()]
    last = descending or order in _EMPTY_LAST  # as SQLite has it, but where that is told
    columns = [column.nulls_last() if last else column.nulls_first() for column in columns]
    with library.reading() as connection:  # as one text: much faster than a row for each
        chosen = select(s.id).where(where_all(conditions)).order_by(*columns, s.id).subquery()
        ids = connection.scalar(select(joined(chosen.c.id)))
    return np.fromstring(ids or "", np.int64, sep=",")


def facets(library: Library) -> Facets:
    """Count what is in a library."""
    s, t = tables.sounds.c, tables.tags.c
    by_category = select(s.category, func.count()).where(s.state == PRESENT)
    told = t.label != func.coalesce(s.category, "")
    by_tag = select(t.label, func.count()).join(tables.sounds, t.sound_id == s.id)
    by_tag = by_tag.where(t.state == "accepted", s.state == PRESENT, told).group_by(t.label)
    with library.reading() as connection:
        categories = connection.execute(by_category.group_by(s.category)).all()
        tags = connection.execute(by_tag.order_by(func.lower(t.label))).all()
        counted = {
            root: connection.execute(_count_of(root)).one() for root in indexed_folders(connection)
        }
    return Facets(
        {row[0]: row[1] for row in categories if row[0]},
        {row[0]: row[1] for row in tags},
        {root: FolderCounts(*row) for root, row in counted.items()},
        tuple(projects(library)),
        tuple(region_names(library)),
    )


def named_sounds(library: Library, most: int) -> list[tuple[int, str, str | None]]:
    """Return id, path and description of present sounds by path, evenly spread if over ``most``."""
    s = tables.sounds.c
    there = s.state == PRESENT
    with library.reading() as connection:
        count = connection.scalar(select(func.count()).where(there)) or 0
        place = func.row_number().over(order_by=s.path) - 1
        ordered = select(s.id, s.path, s.description, place.label("place")).where(there).subquery()
        chosen = select(ordered.c.id, ordered.c.path, ordered.c.description)
        chosen = chosen.where(ordered.c.place % max(1, -(-count // most)) == 0)
        return [(row.id, row.path, row.description) for row in connection.execute(chosen)]


def names_digest(library: Library) -> bytes:
    """Return a digest of what present sounds are called: paths, descriptions, accepted tags."""
    s, t = tables.sounds.c, tables.tags.c
    called = select((as_stored(s.path) + "\n" + func.coalesce(s.description, "")).label("text"))
    tagged = select((t.sound_id.cast(String) + " " + t.label).label("text"))
    digest = hashlib.blake2b(digest_size=20)
    with library.reading() as connection:
        last = connection.scalar(select(func.max(s.id))) or 0
        for start in range(0, last + 1, _AT_ONCE):
            some = s.id.between(start, start + _AT_ONCE - 1)
            digest.update(_joined(connection, called.where(some, s.state == PRESENT), s.id))
            some = t.sound_id.between(start, start + _AT_ONCE - 1)
            accepted = tagged.where(some, t.state == "accepted")
            digest.update(_joined(connection, accepted, t.sound_id, t.label))
    return digest.digest()


def _joined(connection: Connection, texts: Select[Any], *order: ColumnElement[Any]) -> bytes:
    """Return texts in an order as one, in bytes; much faster than a row for each."""
    lines = texts.order_by(*order).subquery()
    return connection.scalar(select(utf8(joined(lines.c.text, "\n")))) or b""


def files_of(library: Library, ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return size in bytes and time of change in nanoseconds of sounds' files, as last seen."""
    s = tables.sounds.c
    chosen = select(s.id, s.size, s.mtime_ns).where(s.id.in_(SOME))
    with library.reading() as connection:
        rows = rows_of_some(connection, chosen, ids)
        return {row.id: (row.size, row.mtime_ns) for row in rows}


def details_of(library: Library, sound_id: int) -> str | None:
    """Return the JSON of what a sound's header says, or None if it was not read."""
    s = tables.sounds.c
    with library.reading() as connection:
        return connection.scalar(select(s.details).where(s.id == sound_id))


def header_fields(library: Library, ids: Collection[int]) -> dict[int, dict[str, str]]:
    """Return the texts of headers by name, of those sounds whose headers were read."""
    s = tables.sounds.c
    chosen = select(s.id, s.details).where(s.details.is_not(None), s.id.in_(SOME))
    with library.reading() as connection:
        rows = rows_of_some(connection, chosen, ids)
        return {row.id: json.loads(row.details) for row in rows}


def damaged_sounds(library: Library) -> list[tuple[str, str]]:
    """Return the paths of present sounds that could be heard in part only, and why; by path."""
    s = tables.sounds.c
    chosen = select(s.path, s.damage).where(s.state == PRESENT, s.damage.is_not(None))
    with library.reading() as connection:
        return [(row.path, row.damage) for row in connection.execute(chosen.order_by(s.path))]


def _count_of(root: str) -> Any:
    s = tables.sounds.c
    there = s.state == PRESENT
    return select(
        func.count().filter(there),
        func.count().filter(there, s.content_hash == ""),
        func.count().filter(s.state == OFFLINE),
    ).where(is_at(s.path, root))


def _name() -> list[ColumnElement[Any]]:
    """Return what follows the last separator of a path, which SQLite has no function for."""
    path = as_stored(tables.sounds.c.path)
    return [func.lower(func.substr(path, func.length(folder_of(path)) + 1))]


def _mark(name: str) -> ColumnElement[Any]:
    """Return a mark of a sound, null if it has none."""
    m = tables.marks.c
    return select(m[name]).where(m.sound_id == tables.sounds.c.id).scalar_subquery()


_ORDERS: dict[Order, Callable[[], list[ColumnElement[Any]]]] = {
    "added": lambda: [tables.sounds.c.added_ns],
    "name": _name,
    "duration": lambda: [tables.sounds.c.duration_s],
    "format": lambda: [tables.sounds.c[n] for n in ("rate_hz", "bits", "channels")],
    "channels": lambda: [tables.sounds.c.channels, func.coalesce(tables.sounds.c.layout, "")],
    "category": lambda: [tables.sounds.c.category.is_(None), tables.sounds.c.category],
    "description": lambda: [
        tables.sounds.c.description.is_(None),
        func.lower(tables.sounds.c.description),
    ],
    "folder": lambda: [tables.sounds.c.path],
    "loudness": lambda: [tables.sounds.c.lufs.is_(None), tables.sounds.c.lufs],
    "stars": lambda: [func.nullif(_mark("stars"), 0)],
    "colour": lambda: [case({c: n for n, c in enumerate(COLOURS)}, value=_mark("colour"))],
    "used": lambda: [latest_use()],
    "note": lambda: [func.lower(_mark("note"))],
    "root": lambda: [func.lower(root_of_sound())],
}
