"""Searches that a user keeps by name.  Every change is a step that can be undone."""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select, update

from engine.errors import InputError
from engine.store import tables
from engine.store.history import recording
from engine.store.library import Library

_S = tables.saved_searches.c


def saved_searches(library: Library) -> dict[str, str]:
    """Return every saved search by its name: its text, in the grammar of the search bar."""
    with library.reading() as connection:
        rows = connection.execute(select(_S.name, _S.text).order_by(func.lower(_S.name)))
        return {row.name: row.text for row in rows}


def save_search(library: Library, name: str, text: str) -> None:
    """Keep a search under a name.

    :raises InputError: the name or the search is empty, or another search has the name.
    """
    clean = _usable(name)
    if not text.strip():
        raise InputError("the search is empty: describe a sound first, then save the search")
    with recording(library, "save search", {"saved_searches": _S.name == clean}, clean) as made:
        if made.scalar(select(_S.id).where(_S.name == clean)) is not None:
            raise _taken(clean)
        made.execute(insert(tables.saved_searches).values(name=clean, text=text.strip()))


def rename_search(library: Library, name: str, new: str) -> None:
    """Give a saved search another name.

    :raises InputError: it is empty, or another search has it.
    """
    clean = _usable(new)
    scope = {"saved_searches": _S.name.in_((name, clean))}
    with recording(library, "rename search", scope, clean) as connection:
        if clean != name and connection.scalar(select(_S.id).where(_S.name == clean)) is not None:
            raise _taken(clean)
        renamed = update(tables.saved_searches).where(_S.name == name)
        connection.execute(renamed.values(name=clean))


def drop_search(library: Library, name: str) -> None:
    """Forget a saved search."""
    scope = _S.name == name
    with recording(library, "drop search", {"saved_searches": scope}, name) as connection:
        connection.execute(delete(tables.saved_searches).where(scope))


def _usable(name: str) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise InputError("a saved search needs a name, such as Short wooden doors")
    return clean


def _taken(name: str) -> InputError:
    return InputError(f"there is already a saved search named {name}: choose another name")
