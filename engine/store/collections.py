"""Collections: sounds that a user put together by hand, wherever their files are.

They are told apart by labels, see :mod:`engine.store.sharing`.  Every change is a step that can be
undone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError

from engine.errors import InputError
from engine.store import tables
from engine.store.history import Kind, recording
from engine.store.library import Library
from engine.store.sharing import NOTHING, find, labels, mine

_TABLE = tables.collections
_C, _M = tables.collections.c, tables.collected.c


def collections(library: Library) -> dict[str, int]:
    """Return every collection that one sees by its label, with how many sounds it holds."""
    counted = select(_M.collection_id, func.count(_M.sound_id)).group_by(_M.collection_id)
    with library.reading() as connection:
        held = {row[0]: row[1] for row in connection.execute(counted)}
        return {label: held.get(at, 0) for at, label in labels(connection, _TABLE).items()}


def collections_of(library: Library, sound_id: int) -> list[str]:
    """Return the labels of the collections that a sound is in, sorted."""
    chosen = select(_M.collection_id).where(_M.sound_id == sound_id)
    with library.reading() as connection:
        among = set(connection.scalars(chosen))
        return [label for at, label in labels(connection, _TABLE).items() if at in among]


def collect(library: Library, label: str, sound_ids: Iterable[int]) -> int:
    """Put sounds into a collection, which is made if there is none; return how many are new.

    Without sounds, one of one's own is made, unless one has it.

    :raises InputError: the name is empty, or holds a quotation mark.
    """
    clean, ids = _refuse_unusable(label), list(sound_ids)
    kind: Kind = "collect" if ids else "new collection"
    there = find(library, _TABLE, clean) if ids else NOTHING
    which = mine(_TABLE, clean) if there == NOTHING else _C.id == there
    with recording(library, kind, _scope(which, ids), clean) as connection:
        own = connection.scalar(select(_C.id).where(which))
        if own is None:
            made = insert(_TABLE).values(name=clean).returning(_C.id)
            own = connection.execute(made).scalar_one()
        rows = [{"collection_id": own, "sound_id": sound_id} for sound_id in ids]
        if not rows:
            return 0
        held = select(func.count()).where(_M.collection_id == own)
        before = connection.scalar(held) or 0
        connection.execute(upsert(tables.collected).on_conflict_do_nothing(), rows)
        return (connection.scalar(held) or 0) - before


def take_out(library: Library, label: str, sound_ids: Iterable[int]) -> None:
    """Take sounds out of a collection."""
    which, ids = _C.id == find(library, _TABLE, label), list(sound_ids)
    statement = delete(tables.collected).where(
        _M.collection_id.in_(select(_C.id).where(which)), _M.sound_id.in_(tables.chosen(ids))
    )
    with recording(library, "take out", _scope(which, ids), label) as connection:
        connection.execute(statement)


def rename_collection(library: Library, label: str, new: str) -> None:
    """Give a collection another name.

    :raises InputError: there is one of that name, or it cannot be used.
    """
    clean = _refuse_unusable(new)
    which = _C.id == find(library, _TABLE, label)
    with recording(library, "rename collection", {"collections": which}, clean) as connection:
        try:
            connection.execute(update(_TABLE).where(which).values(name=clean))
        except IntegrityError:
            raise InputError(
                f"there is already a collection named {clean}: choose another name"
            ) from None


def drop_collection(library: Library, label: str) -> None:
    """Forget a collection; its sounds stay where they are."""
    which = _C.id == find(library, _TABLE, label)
    with recording(library, "drop collection", _scope(which), label) as connection:
        connection.execute(delete(_TABLE).where(which))


def _scope(
    which: ColumnElement[bool], ids: Collection[int] | None = None
) -> dict[str, ColumnElement[bool]]:
    """Return the rows of a collection and of what it holds, of some sounds only if asked."""
    members: ColumnElement[bool] = _M.collection_id.in_(select(_C.id).where(which))
    if ids is not None:
        members = and_(members, _M.sound_id.in_(tables.chosen(ids)))
    return {"collections": which, "collected": members}


def _refuse_unusable(name: str) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise InputError("a collection needs a name, such as Doors for scene 12")
    if '"' in clean:
        raise InputError(f"the name {clean} holds a quotation mark: leave it out")
    return clean
