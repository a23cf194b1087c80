"""Searches that a user keeps by name, told apart by labels (:mod:`engine.store.sharing`).

Every change is a step that can be undone.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from engine.errors import InputError
from engine.store import tables
from engine.store.history import recording
from engine.store.library import Library
from engine.store.sharing import find, labels, mine

_TABLE = tables.saved_searches
_S = tables.saved_searches.c


def saved_searches(library: Library) -> dict[str, str]:
    """Return every saved search that one sees by its label: its text, as one searches."""
    with library.reading() as connection:
        texts = {row.id: row.text for row in connection.execute(select(_S.id, _S.text))}
        return {label: texts[at] for at, label in labels(connection, _TABLE).items()}


def save_search(library: Library, name: str, text: str) -> None:
    """Keep a search under a name.

    :raises InputError: the name or the search is empty, or one's own search has the name.
    """
    clean = _usable(name)
    if not text.strip():
        raise InputError("the search is empty: describe a sound first, then save the search")
    own = {"saved_searches": mine(_TABLE, clean)}
    with recording(library, "save search", own, clean) as connection:
        _refuse_taken(connection, clean)
        connection.execute(insert(_TABLE).values(name=clean, text=text.strip()))


def rename_search(library: Library, label: str, new: str) -> None:
    """Give a saved search another name.

    :raises InputError: it is empty, or another search of one's own has it.
    """
    clean, at = _usable(new), find(library, _TABLE, label)
    with recording(library, "rename search", {"saved_searches": _S.id == at}, clean) as connection:
        if clean != label:
            _refuse_taken(connection, clean)
        connection.execute(update(_TABLE).where(_S.id == at).values(name=clean))


def drop_search(library: Library, label: str) -> None:
    """Forget a saved search."""
    which = _S.id == find(library, _TABLE, label)
    with recording(library, "drop search", {"saved_searches": which}, label) as connection:
        connection.execute(delete(_TABLE).where(which))


def _usable(name: str) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise InputError("a saved search needs a name, such as Short wooden doors")
    return clean


def _refuse_taken(connection: Connection, name: str) -> None:
    if connection.scalar(select(_S.id).where(mine(_TABLE, name))) is not None:
        raise InputError(f"there is already a saved search named {name}: choose another name")
