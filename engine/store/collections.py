"""Collections: sounds that a user put together by hand, wherever their files are."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError

from engine.errors import InputError
from engine.store import tables
from engine.store.library import Library


def collections(library: Library) -> dict[str, int]:
    """Return every collection by name, with how many sounds it holds."""
    c, m = tables.collections.c, tables.collected.c
    counted = select(c.name, func.count(m.sound_id)).outerjoin_from(
        tables.collections, tables.collected, m.collection_id == c.id
    )
    with library.reading() as connection:
        rows = connection.execute(counted.group_by(c.id).order_by(func.lower(c.name)))
        return {row[0]: row[1] for row in rows}


def collect(library: Library, name: str, sound_ids: Iterable[int]) -> int:
    """Put sounds into a collection, which is made if there is none; return how many are new.

    :raises InputError: the name is empty, or holds a quotation mark.
    """
    clean = _refuse_unusable(name)
    c = tables.collections.c
    with library.writing() as connection:
        connection.execute(upsert(tables.collections).values(name=clean).on_conflict_do_nothing())
        own = connection.scalars(select(c.id).where(c.name == clean)).one()
        rows = [{"collection_id": own, "sound_id": sound_id} for sound_id in sound_ids]
        if not rows:
            return 0
        added = connection.execute(upsert(tables.collected).on_conflict_do_nothing(), rows)
        return max(0, added.rowcount)


def take_out(library: Library, name: str, sound_ids: Iterable[int]) -> None:
    """Take sounds out of a collection."""
    c, m = tables.collections.c, tables.collected.c
    own = select(c.id).where(c.name == name).scalar_subquery()
    statement = delete(tables.collected).where(
        m.collection_id == own, m.sound_id == bindparam("sound")
    )
    rows = [{"sound": sound_id} for sound_id in sound_ids]
    if rows:
        with library.writing() as connection:
            connection.execute(statement, rows)


def rename_collection(library: Library, name: str, new: str) -> None:
    """Give a collection another name.

    :raises InputError: there is one of that name, or it cannot be used.
    """
    clean = _refuse_unusable(new)
    c = tables.collections.c
    statement = update(tables.collections).where(c.name == name).values(name=clean)
    with library.writing() as connection:
        try:
            connection.execute(statement)
        except IntegrityError:
            raise InputError(
                f"there is already a collection named {clean}: choose another name"
            ) from None


def drop_collection(library: Library, name: str) -> None:
    """Forget a collection; its sounds stay where they are."""
    with library.writing() as connection:
        connection.execute(delete(tables.collections).where(tables.collections.c.name == name))


def _refuse_unusable(name: str) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise InputError("a collection needs a name, such as Doors for scene 12")
    if '"' in clean:
        raise InputError(f"the name {clean} holds a quotation mark: leave it out")
    return clean
