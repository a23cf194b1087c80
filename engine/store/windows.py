"""The windows of a library: features, mapped vectors and potentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update

from engine.store import tables
from engine.store.library import Library, write_settings


def window_rows(library: Library, *columns: str, present: bool = True) -> list[Row[Any]]:
    """Return the named columns of all windows by id, of present sounds only if asked."""
    chosen = [tables.windows.c[name] for name in columns]
    statement = select(*chosen).order_by(tables.windows.c.id)
    if present:
        statement = statement.join(tables.sounds).where(tables.sounds.c.missing == 0)
    with library.reading() as connection:
        return list(connection.execute(statement))


def sample_features(library: Library, count: int) -> bytes:
    """Return the features of ``count`` evenly spread windows, in an order set by content.

    The order does not depend on when a sound was indexed, so that an interrupted run
    samples what an undisturbed one does.
    """
    w = tables.windows.c
    ordered = (
        select(w.id)
        .join(tables.sounds)
        .where(tables.sounds.c.missing == 0)
        .order_by(tables.sounds.c.content_hash, tables.sounds.c.path, w.start_s)
    )
    one = select(w.features).where(w.id == bindparam("window"))
    with library.reading() as connection:
        ids = list(connection.scalars(ordered))
        step = max(1, -(-len(ids) // count))
        return b"".join(connection.execute(one, {"window": i}).scalar_one() for i in ids[::step])


def remap_windows(
    library: Library,
    rows: Iterable[tuple[int, bytes, float]],
    settings: Mapping[str, bytes],
) -> None:
    """Replace (id, vector, potential) of windows, and settings, in one transaction."""
    statement = (
        update(tables.windows)
        .where(tables.windows.c.id == bindparam("window"))
        .values(vector=bindparam("new_vector"), potential=bindparam("new_potential"))
    )
    values = [{"window": i, "new_vector": v, "new_potential": p} for i, v, p in rows]
    with library.writing() as connection:
        if values:
            connection.execute(statement, values)
        write_settings(connection, settings)


def forget_windows(library: Library, settings: Mapping[str, bytes]) -> None:
    """Drop all windows, so that every sound is heard anew, and write settings."""
    with library.writing() as connection:
        connection.execute(delete(tables.windows))
        connection.execute(update(tables.sounds).values(mtime_ns=-1, content_hash=""))
        connection.execute(delete(tables.skipped))
        write_settings(connection, settings)
