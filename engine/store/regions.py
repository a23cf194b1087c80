"""Regions: parts of sounds that people named, beside the files, which stay as they are.

Every change is a step that can be undone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from engine.errors import InputError
from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.history import recording
from engine.store.library import Library
from engine.store.words import index_words, search_words

_LONGEST_NAME = 200  # characters


@dataclass(frozen=True)
class Region:
    """A part of a sound, in seconds."""

    id: int
    sound_id: int
    name: str
    start_s: float
    end_s: float


def regions_of(library: Library, sound_ids: Collection[int]) -> dict[int, list[Region]]:
    """Return the regions of sounds by id, in the order in which they begin."""
    r = tables.regions.c
    columns = (r.id, r.sound_id, r.name, r.start_s, r.end_s)
    chosen = select(*columns).where(r.sound_id.in_(SOME)).order_by(r.start_s, r.id)
    found: dict[int, list[Region]] = {}
    with library.reading() as connection:
        for row in rows_of_some(connection, chosen, sound_ids):
            found.setdefault(row.sound_id, []).append(Region(**row._mapping))
    return found


def add_region(library: Library, sound_id: int, name: str, start_s: float, end_s: float) -> Region:
    """Name a part of a sound.

    :raises InputError: the name is empty, or the part is.
    """
    clean = _clean(name)
    if not 0 <= start_s < end_s:
        raise InputError(f"the region {clean} has no length: mark a range first")
    values = {"name": clean, "words": search_words(clean), "start_s": start_s, "end_s": end_s}
    scope = tables.regions.c.sound_id == sound_id
    with recording(library, "add region", {"regions": scope}, clean) as connection:
        made = connection.execute(insert(tables.regions).values(sound_id=sound_id, **values))
        index_words(connection, [sound_id])
    (region_id,) = made.inserted_primary_key or (0,)
    return Region(int(region_id), sound_id, clean, start_s, end_s)


def rename_region(library: Library, region: Region, name: str) -> None:
    """Give a region another name.

    :raises InputError: it is empty.
    """
    clean = _clean(name)
    values = {"name": clean, "words": search_words(clean)}
    mine = tables.regions.c.id == region.id
    with recording(library, "rename region", {"regions": mine}, clean) as connection:
        connection.execute(update(tables.regions).where(mine).values(**values))
        index_words(connection, [region.sound_id])


def remove_region(library: Library, region: Region) -> None:
    """Forget a region."""
    mine = tables.regions.c.id == region.id
    with recording(library, "remove region", {"regions": mine}, region.name) as connection:
        connection.execute(delete(tables.regions).where(mine))
        index_words(connection, [region.sound_id])


def region_names(library: Library, most: int = 1000) -> list[str]:
    """Return what regions are called, the names of most of them first."""
    r = tables.regions.c
    counted = select(r.name).group_by(r.name).order_by(func.count().desc(), r.name).limit(most)
    with library.reading() as connection:
        return list(connection.scalars(counted))


def _clean(name: str) -> str:
    clean = " ".join(name.split())[:_LONGEST_NAME]
    if not clean:
        raise InputError("a region needs a name, such as slow creak")
    return clean
