"""Which folders people search in: those are listened to first."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.store import tables
from engine.store.library import Library


def note_interest(library: Library, folders: Iterable[str]) -> None:
    """Count a search in each of ``folders`` (names or paths)."""
    rows = [{"folder": folder, "searches": 1} for folder in folders]
    if not rows:
        return
    statement = upsert(tables.interest)
    more = {"searches": tables.interest.c.searches + 1}
    statement = statement.on_conflict_do_update(index_elements=["folder"], set_=more)
    with library.writing() as connection:
        connection.execute(statement, rows)


def folder_interest(library: Library) -> dict[str, int]:
    """Return how often each folder was searched in."""
    with library.reading() as connection:
        rows = connection.execute(select(tables.interest.c.folder, tables.interest.c.searches))
        return {row.folder: row.searches for row in rows}
