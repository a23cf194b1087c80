"""What people keep by name for themselves until they share it: collections and saved searches.

Names are unique for each author, and so two people may have one of the same name.  What one sees is
told apart by *labels*: one's own has its name, and another one of that name its author behind it,
as in ``Doors (mia)``.  In a file there are no authors, and a label is a name.

On a server its policies hide what is private, but from who owns the tables; :func:`seen` leaves it
out for them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Table,
    and_,
    case,
    func,
    or_,
    select,
    update,
)

from engine.errors import InputError
from engine.store import tables
from engine.store.dialects import is_own
from engine.store.history import recording
from engine.store.library import Library

What = Literal["collections", "saved_searches"]
NOTHING = -1  # an id that nothing has
_TABLES = {"collections": tables.collections, "saved_searches": tables.saved_searches}


@dataclass(frozen=True)
class Whose:
    """Who made something (nobody in a file), whether that is who asks, and whether all see it."""

    author: str
    is_mine: bool
    is_shared: bool


def seen(table: Table) -> ColumnElement[bool]:
    """Return which rows are of who asks, of the team, or of nobody."""
    return or_(table.c.shared == 1, table.c.author == "", is_own(table.c.author))


def mine(table: Table, name: str) -> ColumnElement[bool]:
    """Return which row of who asks has a name."""
    return and_(table.c.name == name, is_own(table.c.author))


def order(table: Table) -> Sequence[ColumnElement[Any]]:
    """Return the order in which rows of one name get it as their label."""
    return (case((is_own(table.c.author), 0), else_=1), table.c.author, table.c.id)


def id_of(table: Table, label: str) -> ScalarSelect[int]:
    """Return, as an expression, the id of what has a label, as it is or but for case."""
    c = table.c
    alike = or_(*(func.lower(said) == label.lower() for said in (c.name, _full(table))))
    exact = case((_has(table, label), 0), else_=1)
    chosen = select(c.id).where(seen(table), alike).order_by(exact, *order(table))
    return chosen.limit(1).scalar_subquery()


def find(library: Library, table: Table, label: str) -> int:
    """Return the id of what has exactly a label, :data:`NOTHING` if nothing has."""
    chosen = select(table.c.id).where(seen(table), _has(table, label)).order_by(*order(table))
    with library.reading() as connection:
        found = connection.scalar(chosen.limit(1))
    return NOTHING if found is None else int(found)


def labels(connection: Connection, table: Table) -> dict[int, str]:
    """Return the labels of what one sees, by id, in the order of names."""
    c = table.c
    rows = connection.execute(
        select(c.id, c.name, c.author)
        .where(seen(table))
        .order_by(func.lower(c.name), c.name, *order(table))
    ).all()
    taken: set[str] = set()
    found = {}
    for row in rows:
        found[row.id] = f"{row.name} ({row.author})" if row.name in taken else row.name
        taken.add(row.name)
    return found


def whose(library: Library, what: What) -> dict[str, Whose]:
    """Return by label who made what one sees, and who else sees it."""
    table = _TABLES[what]
    c = table.c
    own = case((is_own(c.author), 1), else_=0).label("own")
    with library.reading() as connection:
        named = labels(connection, table)
        rows = connection.execute(select(c.id, c.author, c.shared, own).where(seen(table)))
        known = {r.id: Whose(r.author, bool(r.own), bool(r.shared)) for r in rows}
    return {label: known[at] for at, label in named.items() if at in known}


def share(library: Library, what: What, label: str, shared: bool) -> None:
    """Let all who use the library see something of one's own, or nobody else.

    :raises InputError: there is none of that label, or the library is a file.
    :raises RefusedError: it is another person's.
    """
    if library.file is not None:
        raise InputError(
            f"{library.name} is one person's library: there is nobody to share {label} with"
        )
    table = _TABLES[what]
    at = find(library, table, label)
    if at == NOTHING:
        raise InputError(f"there is nothing called {label} to share")
    scope: dict[str, ColumnElement[bool]] = {what: table.c.id == at}
    with recording(library, "share" if shared else "keep", scope, label) as connection:
        connection.execute(update(table).where(table.c.id == at).values(shared=int(shared)))


def _full(table: Table) -> ColumnElement[str]:
    return table.c.name + " (" + table.c.author + ")"


def _has(table: Table, label: str) -> ColumnElement[bool]:
    return or_(table.c.name == label, _full(table) == label)
