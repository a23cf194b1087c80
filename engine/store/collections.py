"""Collections: sounds that a user put together by hand, wherever their files are.

Every change is a step that can be undone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError

from engine.errors import InputError
from engine.store import tables
from engine.store.history import Kind, recording
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


def collections_of(library: Library, sound_id: int) -> list[str]:
    """Return the names of the collections that a sound is in, sorted."""
    c, m = tables.collections.c, tables.collected.c
    chosen = select(c.name).join(tables.collected, m.collection_id == c.id)
    with library.reading() as connection:
        named = chosen.where(m.sound_id == sound_id).order_by(func.lower(c.name))
        return list(connection.scalars(named))


def collect(library: Library, name: str, sound_ids: Iterable[int]) -> int:
    """Put sounds into a collection, which is made if there is none; return how many are new.

    :raises InputError: the name is empty, or holds a quotation mark.
    """
    clean, ids = _refuse_unusable(name), list(sound_ids)
    c = tables.collections.c
    kind: Kind = "collect" if ids else "new collection"
    with recording(library, kind, _scope(clean, ids), clean) as connection:
        connection.execute(upsert(tables.collections).values(name=clean).on_conflict_do_nothing())
        own = connection.scalars(select(c.id).where(c.name == clean)).one()
        rows = [{"collection_id": own, "sound_id": sound_id} for sound_id in ids]
        if not rows:
            return 0
        held = select(func.count()).where(tables.collected.c.collection_id == own)
        before = connection.scalar(held) or 0
        connection.execute(upsert(tables.collected).on_conflict_do_nothing(), rows)
        return (connection.scalar(held) or 0) - before


def take_out(library: Library, name: str, sound_ids: Iterable[int]) -> None:
    """Take sounds out of a collection."""
    c, m = tables.collections.c, tables.collected.c
    own, ids = select(c.id).where(c.name == name).scalar_subquery(), list(sound_ids)
    statement = delete(tables.collected).where(
        m.collection_id == own, m.sound_id.in_(tables.chosen(ids))
    )
    with recording(library, "take out", _scope(name, ids), name) as connection:
        connection.execute(statement)


def rename_collection(library: Library, name: str, new: str) -> None:
    """Give a collection another name.

    :raises InputError: there is one of that name, or it cannot be used.
    """
    clean = _refuse_unusable(new)
    c = tables.collections.c
    statement = update(tables.collections).where(c.name == name).values(name=clean)
    scope = {"collections": c.name.in_((name, clean))}
    with recording(library, "rename collection", scope, clean) as connection:
        try:
            connection.execute(statement)
        except IntegrityError:
            raise InputError(
                f"there is already a collection named {clean}: choose another name"
            ) from None


def drop_collection(library: Library, name: str) -> None:
    """Forget a collection; its sounds stay where they are."""
    with recording(library, "drop collection", _scope(name), name) as connection:
        connection.execute(delete(tables.collections).where(tables.collections.c.name == name))


def _scope(name: str, ids: Collection[int] | None = None) -> dict[str, ColumnElement[bool]]:
    """Return the rows of a collection and of what it holds, of some sounds only if asked."""
    c, m = tables.collections.c, tables.collected.c
    members: ColumnElement[bool] = m.collection_id.in_(select(c.id).where(c.name == name))
    if ids is not None:
        members = and_(members, m.sound_id.in_(tables.chosen(ids)))
    return {"collections": c.name == name, "collected": members}


def _refuse_unusable(name: str) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise InputError("a collection needs a name, such as Doors for scene 12")
    if '"' in clean:
        raise InputError(f"the name {clean} holds a quotation mark: leave it out")
    return clean
