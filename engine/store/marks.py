"""What a user thinks of sounds: stars, colours, notes.  Every change is a step that can be undone.

Marks belong to a sound by its id, which follows its content when files are moved or renamed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, and_, delete, func, literal, select
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.errors import InputError
from engine.store import tables
from engine.store.history import Kind, recording
from engine.store.library import Library
from engine.store.records import MarkCounts
from engine.store.words import search_words

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "grey")
MOST_STARS = 5
_LONGEST_NOTE = 10_000  # characters


def set_stars(library: Library, ids: Collection[int], stars: int) -> None:
    """Give sounds stars, 0 to 5.

    :raises InputError: there are no such stars.
    """
    if not 0 <= stars <= MOST_STARS:
        raise InputError(f"a sound has 0 to {MOST_STARS} stars, not {stars}")
    _set(library, "stars", ids, {"stars": stars})


def set_colour(library: Library, ids: Collection[int], colour: str | None) -> None:
    """Give sounds a colour, or none.

    :raises InputError: it is none of :data:`COLOURS`.
    """
    _set(library, "colour", ids, {"colour": None if colour is None else colour_named(colour)})


def set_note(library: Library, ids: Collection[int], note: str) -> None:
    """Give sounds a note in the place of theirs; an empty one takes it away.

    :raises InputError: it is too long.
    """
    text = " ".join(note.split())
    if len(text) > _LONGEST_NOTE:
        raise InputError(f"the note has {len(text)} characters; {_LONGEST_NOTE} is the most")
    values = {"note": text or None, "note_words": search_words(text) or None}
    _set(library, "note", ids, values)


def colour_named(name: str) -> str:
    """Return the colour that a name stands for.

    :raises InputError: it stands for none.
    """
    found = {"gray": "grey"}.get(name.lower(), name.lower())
    if found not in COLOURS:
        raise InputError(f"there is no colour {name}: use {', '.join(COLOURS)}")
    return found


def mark_counts(library: Library) -> MarkCounts:
    """Count what is marked."""
    m, u = tables.marks.c, tables.uses.c
    counted = select(
        func.count().filter(m.stars > 0), func.count(m.colour), func.count(m.note)
    ).select_from(tables.marks)
    with library.reading() as connection:
        starred, coloured, noted = connection.execute(counted).one()
        used = connection.scalar(select(func.count(u.sound_id.distinct()))) or 0
    return MarkCounts(starred, coloured, noted, used)


def _set(library: Library, kind: Kind, ids: Collection[int], values: dict[str, Any]) -> None:
    m = tables.marks.c
    scope = m.sound_id.in_(tables.chosen(ids))
    name = str(next(iter(values.values())) or "")[:80]
    with recording(library, kind, {"marks": scope}, name) as connection:
        given: dict[str, Any] = {"stars": 0, **values}
        known = select(tables.sounds.c.id, *(literal(value) for value in given.values()))
        rows: Select[Any] = known.where(tables.sounds.c.id.in_(tables.chosen(ids)))
        statement = upsert(tables.marks).from_select(["sound_id", *given], rows)
        new = {column: statement.excluded[column] for column in values}
        connection.execute(statement.on_conflict_do_update(index_elements=["sound_id"], set_=new))
        bare = and_(m.stars == 0, m.colour.is_(None), m.note.is_(None))
        connection.execute(delete(tables.marks).where(scope, bare))
