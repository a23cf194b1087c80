"""How loud sounds are: what was measured, and what still waits for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict

from sqlalchemy import bindparam, select, update

from engine.paths import is_under
from engine.store import tables
from engine.store.library import Library
from engine.store.records import MeasuredLoudness
from engine.store.tables import PRESENT


def unmeasured(
    library: Library,
    roots: Collection[str] | None = None,
    behind: int = 0,
    most: int | None = None,
) -> dict[int, str]:
    """Return the paths of present sounds that were wholly heard but not measured, by id.

    :param roots: only of those under these folders.
    :param behind: only of those with a higher id.
    :param most: how many are looked at.
    """
    s = tables.sounds.c
    is_waiting = (s.state == PRESENT, s.lufs.is_(None), s.content_hash != "", s.id > behind)
    waiting = select(s.id, s.path).where(*is_waiting).order_by(s.id).limit(most)
    with library.reading() as connection:
        rows = connection.execute(waiting).all()
    return {row.id: row.path for row in rows if roots is None or is_under(row.path, roots)}


def put_loudness(library: Library, measured: Mapping[int, MeasuredLoudness]) -> None:
    """Store what was measured of sounds, by id, where they have not changed meanwhile."""
    if not measured:
        return
    s = tables.sounds.c
    statement = update(tables.sounds).where(
        s.id == bindparam("sound"), s.content_hash != "", s.lufs.is_(None)
    )
    rows = [{"sound": sound_id, **asdict(found)} for sound_id, found in measured.items()]
    with library.writing() as connection:
        connection.execute(statement, rows)
