"""Sounds as results show them, with what their user keeps of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from engine.paths import is_under
from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.portable import as_stored, is_below
from engine.store.records import UNMARKED, Marks, SoundRow
from engine.store.tables import BROKEN, MISSING, OFFLINE


@cache
def select_rows() -> Select[Any]:
    """Return the selection of every sound's row; :func:`row_of` reads one."""
    s, m = tables.sounds.c, tables.marks.c
    facts = (s.id, s.path, s.duration_s, s.rate_hz, s.channels, s.bits, s.format, s.state)
    texts = (
        s.description,
        s.category,
        s.damage,
        s.added_ns,
        s.lufs,
        s.range_lu,
        s.peak_db,
        s.layout,
    )
    marks = (m.stars, m.colour, m.note, latest_use(), _project())
    columns = select(*facts, *texts, *marks)
    return columns.outerjoin_from(tables.sounds, tables.marks, m.sound_id == s.id)


@cache
def _select_some() -> Select[Any]:
    s = tables.sounds.c
    return select_rows().where(s.id.in_(SOME)).order_by(s.id)


def read_sounds(connection: Connection, ids: Collection[int] | None = None) -> dict[int, SoundRow]:
    """Return sounds by id; all of them if ``ids`` is None."""
    roots = innermost_first(connection)
    if ids is None:
        rows = iter(connection.execute(select_rows().order_by(tables.sounds.c.id)))
    else:
        rows = rows_of_some(connection, _select_some(), ids)
    return {row.id: row_of(row, roots) for row in rows}


def indexed_folders(connection: Connection) -> list[str]:
    """Return the indexed folders, sorted as they are called here."""
    return sorted(connection.scalars(select(tables.folders.c.path)))


def innermost_first(connection: Connection) -> list[str]:
    """Return the indexed folders, the innermost first."""
    return sorted(indexed_folders(connection), key=len, reverse=True)


def row_of(row: Sequence[Any], roots: Sequence[str]) -> SoundRow:
    """Return a sound of a row of the selection; ``roots`` are the indexed folders.

    A list has hundreds of them, so that columns are taken by their places.
    """
    cells: tuple[Any, ...] = tuple(row)
    sound_id, path, duration_s, rate_hz, channels, bits, kind, state = cells[:8]
    description, category, damage, added_ns, lufs, range_lu, peak_db, layout, *marks = cells[8:]
    return SoundRow(
        sound_id,
        path,
        duration_s,
        rate_hz,
        channels,
        bits,
        kind,
        missing=state in (MISSING, BROKEN),
        offline=state == OFFLINE,
        description=description,
        category=category,
        damage=damage,
        lufs=lufs,
        range_lu=range_lu,
        peak_db=peak_db,
        layout=layout,
        marks=_marks(*marks),
        added_ns=added_ns,
        root=next((root for root in roots if is_under(path, [root])), ""),
    )


def _marks(
    stars: int | None,
    colour: str | None,
    note: str | None,
    used_ns: int | None,
    project: str | None,
) -> Marks:
    if stars is None and used_ns is None:
        return UNMARKED
    return Marks(stars or 0, colour, note or "", used_ns, project or "")


def latest_use() -> ColumnElement[Any]:
    """Return when a sound was used last, null if it never was."""
    u = tables.uses.c
    return select(func.max(u.used_ns)).where(u.sound_id == tables.sounds.c.id).scalar_subquery()


def _project() -> ColumnElement[Any]:
    """Return the project that a sound was used for last."""
    u = tables.uses.c
    uses = select(u.project).where(u.sound_id == tables.sounds.c.id)
    return uses.order_by(u.used_ns.desc(), u.id.desc()).limit(1).scalar_subquery()


def root_of_sound() -> ColumnElement[Any]:
    """Return the indexed folder that a sound lies in, the innermost if there are several."""
    path, root = as_stored(tables.sounds.c.path), as_stored(tables.folders.c.path)
    roots = select(root).where(is_below(path, root))
    return roots.order_by(func.length(root).desc()).limit(1).scalar_subquery()
