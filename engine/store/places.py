"""Folders of a library: the sounds below one, their states, and where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import (
    bindparam,
    delete,
    false,
    func,
    not_,
    or_,
    select,
    update,
)

from engine.paths import is_under, is_unicode
from engine.store import tables
from engine.store.library import Library, write_settings
from engine.store.portable import is_at, mounts_in_effect
from engine.store.sound_rows import indexed_folders
from engine.store.tables import PRESENT
from engine.store.words import index_words


def sound_at(library: Library, path: str) -> int | None:
    """Return the id of the sound at a path, or None."""
    if not is_unicode(path):
        return None
    with library.reading() as connection:
        return connection.scalar(select(tables.sounds.c.id).where(tables.sounds.c.path == path))


def spelling(library: Library) -> Callable[[str], str] | None:
    """Return how a library spells absolute paths; None: as the system lists them."""
    with library.reading():
        mounts = mounts_in_effect()
    return mounts.spelled if mounts.respells else None


def spelled(library: Library, path: str) -> str:
    """Return an absolute path as a library spells it."""
    respelled = spelling(library)
    return path if respelled is None else respelled(path)


def same_content(library: Library) -> dict[str, list[int]]:
    """Return the ids of present sounds by the hash of their files."""
    s = tables.sounds.c
    known = select(s.content_hash, s.id).where(s.state == PRESENT, s.content_hash != "")
    found: dict[str, list[int]] = {}
    with library.reading() as connection:
        for digest, sound_id in connection.execute(known.order_by(s.path)):
            found.setdefault(digest, []).append(sound_id)
    return found


def paths_of_content(library: Library, content_hash: str) -> list[str]:
    """Return the paths of present sounds whose files had a hash when they were last read."""
    s = tables.sounds.c
    known = select(s.path).where(s.state == PRESENT, s.content_hash == content_hash)
    with library.reading() as connection:
        return list(connection.scalars(known.order_by(s.path)))


def set_state_under(library: Library, root: str, before: int, after: int) -> int:
    """Change the state of every sound at or below ``root``; return how many there were."""
    s = tables.sounds.c
    with library.writing() as connection:
        statement = update(tables.sounds).where(is_at(s.path, root), s.state == before)
        return connection.execute(statement.values(state=after)).rowcount


def has_state(library: Library, state: int) -> bool:
    """Return whether any sound is in a state."""
    s = tables.sounds.c
    with library.reading() as connection:
        return connection.scalar(select(s.id).where(s.state == state).limit(1)) is not None


def count_under(library: Library, root: str, state: int) -> int:
    """Count the sounds at or below ``root`` that are in a state."""
    s = tables.sounds.c
    with library.reading() as connection:
        counted = select(func.count()).where(is_at(s.path, root), s.state == state)
        return connection.scalar(counted) or 0


def count_waiting(library: Library) -> dict[str, int]:
    """Return how many present sounds of each indexed folder were not wholly heard, if any."""
    s = tables.sounds.c
    waiting = select(func.count()).where(s.state == PRESENT, s.content_hash == "")
    with library.reading() as connection:
        if not connection.scalar(waiting):
            return {}
        roots = indexed_folders(connection)
        counts = {r: connection.scalar(waiting.where(is_at(s.path, r))) or 0 for r in roots}
    return {root: count for root, count in counts.items() if count}


def paths_under(library: Library, root: str) -> list[str]:
    """Return the paths of all sounds at or below ``root``."""
    s = tables.sounds.c
    with library.reading() as connection:
        return list(connection.scalars(select(s.path).where(is_at(s.path, root))))


def ids_under(library: Library, root: str) -> list[int]:
    """Return the ids of the present sounds at or below ``root``."""
    s = tables.sounds.c
    with library.reading() as connection:
        chosen = select(s.id).where(is_at(s.path, root), s.state == PRESENT).order_by(s.id)
        return list(connection.scalars(chosen))


def change_root(library: Library, old: str, new: str) -> None:
    """Rewrite the paths of sounds, skipped files and folders under ``old`` in one transaction.

    A sound that the library already knows at a new path gives way to the one that moves there.
    """
    s, f, k = tables.sounds.c, tables.folders.c, tables.skipped.c
    with library.writing() as connection:
        rows = connection.execute(select(s.id, s.path).where(is_at(s.path, old))).all()
        moves = [{"sound": row.id, "to": new + row.path[len(old) :]} for row in rows]
        connection.execute(
            delete(tables.sounds).where(s.path == bindparam("to"), s.id != bindparam("sound")),
            moves,
        )
        moved = update(tables.sounds).where(s.id == bindparam("sound"))
        connection.execute(moved.values(path=bindparam("to")), moves)
        index_words(connection, [row.id for row in rows])
        for path in connection.scalars(select(k.path).where(is_at(k.path, old))).all():
            to = new + path[len(old) :]
            connection.execute(delete(tables.skipped).where(k.path == to))
            connection.execute(update(tables.skipped).where(k.path == path).values(path=to))
        for row in connection.execute(select(f.id, f.path).where(is_at(f.path, old))).all():
            path = new + row.path[len(old) :]
            connection.execute(delete(tables.folders).where(f.path == path))
            connection.execute(update(tables.folders).where(f.id == row.id).values(path=path))


def rename_sounds(
    library: Library,
    moves: Sequence[tuple[str, str]],
    settings: Mapping[str, bytes] | None = None,
) -> int:
    """Let sounds follow their files to other names, (old, new), all in one transaction.

    Return how many the library knew.  Files may trade places.

    :param settings: written in the same transaction.
    """
    s = tables.sounds.c
    with library.writing() as connection:
        known = {}
        for old, new in moves:
            sound_id = connection.scalar(select(s.id).where(s.path == old))
            if sound_id is not None:
                known[sound_id] = new
        for sound_id in known:  # a path that nobody has, for those that trade places
            parked = update(tables.sounds).where(s.id == sound_id)
            connection.execute(parked.values(path=f":{sound_id}"))
        for sound_id, new in known.items():
            connection.execute(delete(tables.sounds).where(s.path == new))
            connection.execute(update(tables.sounds).where(s.id == sound_id).values(path=new))
        index_words(connection, known)
        write_settings(connection, settings or {})
    return len(known)


def forget_folder(library: Library, root: str) -> int:
    """Take a folder out of the library with all that is known below it; files are left alone.

    What also lies in another indexed folder stays.  Return how many sounds were forgotten.
    """
    s, f, k = tables.sounds.c, tables.folders.c, tables.skipped.c
    with library.writing() as connection:
        connection.execute(delete(tables.folders).where(f.path == root))
        others = list(connection.scalars(select(f.path)))
        if is_under(root, others):
            return 0
        kept = [is_at(s.path, other) for other in others if is_under(other, [root])]
        gone = connection.execute(
            delete(tables.sounds).where(is_at(s.path, root), not_(or_(false(), *kept)))
        )
        kept = [is_at(k.path, other) for other in others if is_under(other, [root])]
        connection.execute(
            delete(tables.skipped).where(is_at(k.path, root), not_(or_(false(), *kept)))
        )
        return gone.rowcount
